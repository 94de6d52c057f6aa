"""The command: its output, its files and its exit codes."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import deepnet
from deepnet import backends, io
from deepnet.cli import demo, speed, training
from deepnet.cli.app import app

DATA = Path(os.environ.get("DEEPNET_DATA") or Path(__file__).parents[3] / "shared" / "data")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command in an empty folder, with the timing kept short."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(speed, "SECONDS", 0.01)
    monkeypatch.setattr(demo, "TIMED_ROWS", 256)

    def command(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)

    return command


@pytest.fixture
def photos(tmp_path):
    """Ten bright and ten dark pictures, and a file that is not a picture."""
    random = np.random.default_rng(0)
    for name, low in (("bright", 150), ("dark", 0)):
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        for i in range(10):
            pixels = random.integers(low, low + 100, (20, 20, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{i}.png")
    (tmp_path / "photos" / "dark" / "[red]\x1b[31mnotes.txt").write_text("no picture")
    return tmp_path / "photos"


def is_png(path):
    return path.read_bytes().startswith(b"\x89PNG")


def held_out_accuracy(output):
    return float(re.search(r"Accuracy +([\d.]+) on", output)[1])


def test_the_demo_learns_the_digits(run, tmp_path):
    result = run("demo")
    assert result.exit_code == 0
    assert held_out_accuracy(result.output) >= 0.96
    assert "64-128-10: relu, dropout 0.2, then softmax" in result.output
    guess, distance = re.search(
        r"Guessing +([\d.]+) by always predicting \d; .* ([\d.]+) standard errors above", result.output
    ).groups()
    assert 0.09 < float(guess) < 0.12
    error = (float(guess) * (1 - float(guess)) / 359) ** 0.5
    assert float(distance) == pytest.approx(
        (held_out_accuracy(result.output) - float(guess)) / error, abs=0.1
    )
    assert "359 held out" in result.output
    assert ("the NumPy reference" in result.output) == (backends.backend_name() == "native")
    assert is_png(tmp_path / "deepnet-demo.png")
    assert is_png(tmp_path / "deepnet-demo-mislabeled.png")


@pytest.mark.slow
def test_the_options_of_the_demo(run, tmp_path, monkeypatch):
    monkeypatch.setattr("deepnet.plotting.save_image_grid", lambda *_, **__: None)  # tested above, and slow
    (tmp_path / "here").mkdir()
    options = ("--layers", "8,4", "--iterations", "3", "--learning-rate", "0.1", "--output", "here")
    first, again, other = (run("demo", *options, "--seed", seed) for seed in (5, 5, 6))
    assert first.exit_code == 0
    assert "64-8-4-10" in first.output
    assert "rate 0.1" in first.output
    assert held_out_accuracy(first.output) == held_out_accuracy(again.output)
    curves = [re.findall(r"\d\.\d+ \|(.*)", result.output) for result in (first, again, other)]
    assert curves[0] == curves[1] != curves[2]
    assert is_png(tmp_path / "here" / "deepnet-demo.png")


@pytest.mark.slow
def test_the_demo_on_a_folder_of_images(run, photos, tmp_path):
    result = run("demo", "--data", photos, "--size", "8", "--epochs", "200", "--output", "run.png")
    assert result.exit_code == 0
    assert "192-128-1" in result.output
    assert "mirror images" in result.output
    assert "Classes   bright, dark" in result.output
    assert "1 file or folder" in result.output
    assert "[red]\ufffd[31mnotes.txt: not an image" in result.output.replace("\n", "")
    assert held_out_accuracy(result.output) == 1
    assert is_png(tmp_path / "run.png")


@pytest.mark.slow
def test_a_run_without_mistakes_leaves_no_older_picture_of_mistakes(run, photos, tmp_path):
    stale = tmp_path / "deepnet-demo-mislabeled.png"
    stale.write_bytes(b"of an earlier run")
    result = run("demo", "--data", photos, "--size", "8", "--epochs", "200")
    assert held_out_accuracy(result.output) == 1
    assert not stale.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "n_classes"), [((30, 5), 2), ((30, 5), 3), ((30, 4, 4, 3), 3), ((30, 6, 6), 2)]
)
def test_the_demo_on_arrays(run, tmp_path, rows, n_classes):
    random = np.random.default_rng(0)
    y = np.arange(30) % n_classes
    x = random.normal(size=rows) + y.reshape(-1, *[1] * (len(rows) - 1))
    if len(rows) > 2:
        x = np.clip(40 * x + 100, 0, 255).astype(np.uint8)
    np.savez(tmp_path / "data.npz", train_x=x, train_y=y)
    result = run("demo", "--data", "data.npz", "--epochs", "5")
    assert result.exit_code == 0
    assert is_png(tmp_path / "deepnet-demo.png")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--layers", "many"), "sizes of the hidden layers"),
        (("--layers", "5,0"), "sizes of the hidden layers"),
        (("--layers", "9" * 20), "each from 1 to 1000000"),
        (("--layers", "8,1000001"), "each from 1 to 1000000"),
        (("--layers", "9" * 5000), "each from 1 to 1000000"),
        (("--learning-rate", "-1"), "positive number"),
        (("--learning-rate", "nan"), "positive number"),
        (("--epochs", "0"), "--epochs"),
        (("--epochs", "9" * 30), "--epochs"),
        (("--output", "n" * 300 + ".png"), "File name too long"),
        (("--output", "n" * 250 + ".png"), "File name too long"),  # of the second picture
        (("--output", "pipe.png"), "not a regular file"),
        (("--output", "nowhere/a.png"), "does not exist"),
        (("--output", "a.jpg"), "end in .png"),
        (("--seed", "-1"), "--seed"),
    ],
)
def test_wrong_options_are_explained_before_any_work(run, tmp_path, arguments, message):
    os.mkfifo(tmp_path / "pipe.png")
    result = run("demo", *arguments)
    assert result.exit_code == 2
    assert message.replace(" ", "") in "".join(result.output.replace("│", " ").split())


def encrypted(path):
    np.savez(path, train_x=np.zeros((4, 2)), train_y=np.arange(4) % 2)
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    path.write_bytes(content)


def of_bytes(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("train_x.npy", b"bytes")
        archive.writestr("train_y.npy", b"bytes")


def not_utf8(path):
    for name in (b"caf\xe9", b"the"):
        folder = path / os.fsdecode(name)
        folder.mkdir(parents=True)
        Image.new("RGB", (9, 9)).save(folder / "a.png")


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("nowhere", None, "does not exist"),
        ("a\nb", None, "does not exist"),
        ("n" * 300, None, "File name too long"),
        (".", None, "no sub-folders"),
        ("/dev/zero", None, "neither a folder"),
        ("fifo.npz", os.mkfifo, "regular file"),
        ("encrypted.npz", encrypted, "train_x is encrypted"),
        ("bytes.npz", of_bytes, "train_x is not an array"),
        ("cut.npz", lambda path: path.write_bytes(b"PK\x03\x04"), "cut.npz: cannot be read"),
        ("photos", not_utf8, r"caf\xe9 is not valid UTF-8"),
    ],
)
def test_data_that_cannot_be_used_is_one_line_and_exit_code_2(run, tmp_path, name, make, message):
    if make:
        make(tmp_path / name)
    result = run("demo", "--data", name)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not list(tmp_path.glob("*.png"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "variables", "message"),
    [
        (("demo",), {"MPLBACKEND": "no_such_thing"}, "MPLBACKEND is 'no_such_thing'"),
        (("info",), {"DEEPNET_ISA": "no_such_thing"}, "DEEPNET_ISA is 'no_such_thing'"),
        (("demo",), {"DEEPNET_ISA": "no_such_thing"}, "DEEPNET_ISA is 'no_such_thing'"),
        (("demo",), {"DEEPNET_BACKEND": "no_such_thing"}, "unknown backend 'no_such_thing'"),
        (("--help",), {"DEEPNET_BACKEND": "no_such_thing"}, "unknown backend 'no_such_thing'"),
        (("info",), {"DEEPNET_NUM_THREADS": "abc"}, "DEEPNET_NUM_THREADS is 'abc'"),
    ],
)
def test_a_variable_that_cannot_be_obeyed_is_one_line(tmp_path, arguments, variables, message):
    result = subprocess.run(
        [sys.executable, "-m", "deepnet_command", *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | variables,
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert message in result.stderr


def limited(which, size):
    """Return a function that a child process calls before it runs a program."""
    resource = pytest.importorskip("resource")
    return lambda: resource.setrlimit(getattr(resource, which), (size, size))


@pytest.mark.parametrize(("arguments", "megabytes"), [(("info",), 100), (("demo",), 500)])
def test_too_little_memory_is_one_line(arguments, megabytes):
    result = subprocess.run(
        [sys.executable, "-m", "deepnet_command", *arguments],
        capture_output=True,
        text=True,
        preexec_fn=limited("RLIMIT_AS", megabytes * 2**20),
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert f"but may use {megabytes} MB (ulimit -v)" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_full_disk_keeps_the_older_picture(tmp_path):
    (tmp_path / "deepnet-demo.png").write_text("older")
    result = subprocess.run(
        [sys.executable, "-m", "deepnet_command", "demo", "--epochs", "1"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        preexec_fn=limited("RLIMIT_FSIZE", 8192),
    )
    assert result.returncode == 2
    assert "File too large: 'deepnet-demo.png'" in result.stderr.splitlines()[-1]
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("deepnet-demo.png", "older")]


@pytest.mark.parametrize(
    "arguments",
    [("info",), *(pytest.param(option, marks=pytest.mark.slow) for option in (("--help",), ("--version",)))],
)
def test_a_full_standard_output_is_one_line(arguments):
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "deepnet_command", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "No space left" in result.stderr


def test_a_closed_standard_output_is_no_traceback():
    command = f"{shlex.quote(sys.executable)} -m deepnet_command --version >&-"
    result = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, text=True)
    assert "Traceback" not in result.stderr


@pytest.mark.slow
def test_a_deleted_working_folder_is_one_line(tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    command = f"rmdir {shlex.quote(str(folder))}; {shlex.quote(sys.executable)} -m deepnet_command demo"
    result = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "deepnet: the current folder does not exist any more: cd to another one\n"


@pytest.mark.parametrize("module", ["deepnet", "deepnet_command"])
def test_the_module_is_the_command(module):
    result = subprocess.run([sys.executable, "-m", module, "--version"], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, f"deepnet {deepnet.__version__}\n")


def test_the_version(run):
    result = run("--version")
    assert (result.exit_code, result.output) == (0, f"deepnet {deepnet.__version__}\n")


def test_a_run_that_diverges_says_so(run, tmp_path):
    x = 1e150 * np.random.default_rng(0).normal(size=(30, 5))
    np.savez(tmp_path / "data.npz", train_x=x, train_y=np.arange(30) % 2)
    result = run("demo", "--data", "data.npz", "--learning-rate", "1e38")
    assert result.exit_code == 2
    assert "smaller --learning-rate" in result.stderr
    assert run("demo", "--data", "data.npz", "--epochs", "2").exit_code == 0  # standardized values train well


@pytest.mark.parametrize(
    ("module", "package"),
    [("sklearn", "scikit-learn"), ("matplotlib", "matplotlib"), ("plotille", "plotille")],
)
def test_a_missing_package_is_named(run, monkeypatch, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    result = run("demo")
    assert result.exit_code == 2
    assert f"deepnet demo needs {package}: pip install {package}, " in result.stderr
    assert "pip install 'deepnet-cpu[cli]'" in result.stderr


def test_pillow_is_needed_only_for_a_folder(run, photos, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    result = run("demo", "--data", photos)
    assert result.exit_code == 2
    assert "needs pillow" in result.stderr


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_its_extra_the_command_says_what_to_install(missing):
    code = f"import sys; sys.modules[{missing!r}] = None; from deepnet_command import main; main()"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"deepnet: the deepnet command needs {missing}: pip install {missing}, ")
    assert "pip install 'deepnet-cpu[cli]'" in result.stderr
    assert result.stderr.count("\n") == 1


def test_help_and_info(run):
    for arguments in (["--help"], ["demo", "--help"]):
        result = run(*arguments)
        assert result.exit_code == 0
        assert "demo" in result.output
    result = run("info")
    assert result.exit_code == 0
    assert "backend" in result.output


def test_a_backend_that_is_not_there_names_its_variable():
    result = subprocess.run(
        [sys.executable, "-c", "import deepnet"],
        capture_output=True,
        text=True,
        env=os.environ | {"DEEPNET_BACKEND": "no_such_thing"},
    )
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith(
        "ValueError: DEEPNET_BACKEND: unknown backend 'no_such_thing'"
    )


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_ctrl_c_ends_politely(tmp_path):
    command = [sys.executable, "-m", "deepnet_command", "demo", "--epochs", "1000000"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
        # A shell's background jobs, this test among them, may have been started with Ctrl-C ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            for line in process.stdout:
                if line.startswith("Network"):
                    break
            time.sleep(0.5)  # into the training
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=600)  # a deadlock, not a busy machine
        finally:
            process.kill()
    assert process.returncode == 130
    assert errors.strip() == "Stopped."
    assert not list(tmp_path.iterdir())


# --- the pieces --------------------------------------------------------------------------------------------


def dataset(shape, n_classes=2, m=30):
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (m, *shape), dtype=np.uint8)
    y = np.arange(m) % n_classes
    return io.Dataset(x, y, x[:9], y[:9], tuple(map(str, range(n_classes))), scale=255.0)


def test_features_are_standardised_by_the_training_rows():
    data = dataset((7,))
    data.train_x[:, 3] = 5  # a constant feature
    features = training.Features(data.train_x)
    X = features(data.train_x)
    assert X.dtype == np.float32
    np.testing.assert_allclose(X.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(np.delete(X, 3, axis=0).std(axis=1), 1, rtol=1e-6)
    mean, deviation = data.train_x.mean(axis=0), data.train_x.std(axis=0)
    deviation[3] = 1
    np.testing.assert_allclose(
        features(data.test_x), ((data.test_x - mean) / deviation).T, rtol=1e-5, atol=1e-6
    )


def test_large_images_are_averaged():
    data = dataset((65, 50, 3), m=12)
    X = training._reduced(data.train_x)
    assert X.shape == (21 * 16 * 3, 12)  # squares of 3 x 3 pixels
    np.testing.assert_allclose(X[0], data.train_x[:, :3, :3, 0].mean((1, 2)), rtol=1e-6)
    np.testing.assert_allclose(X[-1], data.train_x[:, 60:63, 45:48, 2].mean((1, 2)), rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "mirrored"), [((8, 8, 3), True), ((8, 8), False), ((5,), False), ((2, 2, 2), False)]
)
def test_photographs_alone_are_mirrored(shape, mirrored):
    data = dataset(shape)
    recipe = training.recipe_for(data)
    assert recipe.mirrored == mirrored
    features = training.Features(data.train_x)
    X, Y = training.training_examples(data, recipe, features)
    np.testing.assert_array_equal(X[:, :30], features(data.train_x))
    assert X.shape[1] == len(Y) == (60 if mirrored else 30)
    if mirrored:
        np.testing.assert_array_equal(X[:, 30:], features(data.train_x[:, :, ::-1]))
        np.testing.assert_array_equal(Y[30:], Y[:30])


@pytest.mark.parametrize(
    ("n_classes", "outputs", "name"), [(2, 1, "sigmoid"), (3, 3, "softmax"), (10, 10, "softmax")]
)
def test_the_output_suits_the_classes(n_classes, outputs, name):
    data = dataset((5,), n_classes)
    net = training.network(data, training.recipe_for(data), 5, seed=1)
    assert (net.layer_dims[-1], net.activations[-1]) == (outputs, name)
    predicted = training.predict(net, np.ones((5, 4), np.float32))
    assert predicted.shape == (4,)
    assert set(predicted.tolist()) <= set(range(n_classes))


@pytest.mark.parametrize(("wrong", "shown"), [(0, 0), (3, 0), (50, 3), (134, 8), (400, 24)])
def test_the_picture_shows_right_and_wrong_in_true_proportion(wrong, shown):
    right = np.arange(400) >= wrong
    chosen = demo._proportional(right)
    assert len(set(chosen.tolist())) == 24
    assert np.sum(~right[chosen]) == shown
    assert len(demo._proportional(right[:10])) == 10


def test_a_network_that_only_guesses_is_reported_as_such(run, tmp_path):
    random = np.random.default_rng(0)
    np.savez(tmp_path / "data.npz", train_x=random.normal(size=(300, 5)), train_y=random.integers(0, 2, 300))
    result = run("demo", "--data", "data.npz", "--epochs", "3")
    assert result.exit_code == 0
    assert "not clearly better than guessing" in result.output


def test_the_speed_compares_the_training_that_was_run(monkeypatch):
    monkeypatch.setattr(speed, "SECONDS", 0.01)
    data = dataset((5,), 3)
    recipe = replace(training.recipe_for(data), epochs=1)
    X, Y = training.training_examples(data, recipe, training.Features(data.train_x))
    seen = []

    def train():
        seen.append(backends.backend_name())
        return training.train(training.network(data, recipe, 5, 1), X, Y, recipe, 1)[0]

    result = speed.measure(train)
    assert result.rounds >= 3
    assert seen.count("numpy") == seen.count("native") == result.rounds + 1
    assert result.difference <= 1e-6
    monkeypatch.setattr(speed, "TOLERANCE", -1.0)
    with pytest.raises(RuntimeError, match="differs from NumPy's"):
        speed.measure(train)


@pytest.mark.data
@pytest.mark.slow
def test_photographs_are_learned(run):
    if not (DATA / "catsdogs").exists():
        pytest.skip("catsdogs is not in the data folder (DEEPNET_DATA, else ../shared/data)")
    result = run("demo", "--data", DATA / "catsdogs")
    assert result.exit_code == 0
    assert held_out_accuracy(result.output) >= 0.6
    assert float(re.search(r"([\d.]+) standard errors above", result.output)[1]) >= 5
    assert "not clearly better" not in result.output
