"""The command: what it prints, what it writes, and how it ends."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import deepnet
from deepnet import backends, io
from deepnet.cli import speed, training
from deepnet.cli.app import app

DATA = Path(os.environ.get("DEEPNET_DATA") or Path(__file__).parents[3] / "shared" / "data")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command in an empty folder, with the timing kept short."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(speed, "SECONDS", 0.01)

    def command(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)

    return command


@pytest.fixture
def photos(tmp_path):
    """Ten bright and ten dark pictures; one is no picture, one lies about what it shows."""
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
    assert "64-64-32-10" in result.output
    assert "359 held out" in result.output
    assert ("the NumPy reference" in result.output) == (backends.backend_name() == "native")
    assert is_png(tmp_path / "deepnet-demo.png")
    assert is_png(tmp_path / "deepnet-demo-mislabeled.png")


def test_the_options_of_the_demo(run, tmp_path):
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


def test_the_demo_on_a_folder_of_images(run, photos, tmp_path):
    result = run("demo", "--data", photos, "--size", "8", "--epochs", "200", "--output", "run.png")
    assert result.exit_code == 0
    assert "192-64-32-1" in result.output
    assert "Classes   bright, dark" in result.output
    assert "1 file that is no usable image" in result.output
    assert "[red]\ufffd[31mnotes.txt: not an image" in result.output.replace("\n", "")
    assert held_out_accuracy(result.output) == 1
    assert is_png(tmp_path / "run.png")


def test_a_run_without_mistakes_leaves_no_older_picture_of_mistakes(run, photos, tmp_path):
    stale = tmp_path / "deepnet-demo-mislabeled.png"
    stale.write_bytes(b"of an earlier run")
    result = run("demo", "--data", photos, "--size", "8", "--epochs", "200")
    assert held_out_accuracy(result.output) == 1
    assert not stale.exists()


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
        (("--output", "nowhere/a.png"), "does not exist"),
        (("--output", "a.jpg"), "end in .png"),
        (("--seed", "-1"), "--seed"),
    ],
)
def test_wrong_options_are_explained_before_any_work(run, arguments, message):
    result = run("demo", *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.output.replace("│", " ").split())


def test_data_that_cannot_be_used_is_one_line_and_exit_code_1(run, tmp_path):
    for path, message in [("nowhere", "does not exist"), (".", "no sub-folders")]:
        result = run("demo", "--data", path)
        assert result.exit_code == 1
        assert message in result.stderr
        assert result.stderr.count("\n") == 1


def test_a_run_that_diverges_says_so(run, tmp_path):
    x = 1e150 * np.random.default_rng(0).normal(size=(30, 5))
    np.savez(tmp_path / "data.npz", train_x=x, train_y=np.arange(30) % 2)
    result = run("demo", "--data", "data.npz")
    assert result.exit_code == 1
    assert "smaller --learning-rate" in result.stderr


@pytest.mark.parametrize(
    ("module", "package"),
    [("sklearn", "scikit-learn"), ("matplotlib", "matplotlib"), ("plotille", "plotille")],
)
def test_a_missing_package_is_named(run, monkeypatch, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    result = run("demo")
    assert result.exit_code == 1
    assert f"deepnet demo needs {package}: pip install typer rich" in result.stderr
    assert package in result.stderr.partition("pip install")[2].split()


def test_pillow_is_needed_only_for_a_folder(run, photos, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    result = run("demo", "--data", photos)
    assert result.exit_code == 1
    assert "needs pillow" in result.stderr


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_its_extra_the_command_says_what_to_install(missing):
    code = f"import sys; sys.modules[{missing!r}] = None; from deepnet.cli import main; main()"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith(f"deepnet: the deepnet command needs {missing}: pip install typer rich ")
    assert result.stderr.count("\n") == 1


def test_help_and_info(run):
    for arguments in (["--help"], ["demo", "--help"]):
        result = run(*arguments)
        assert result.exit_code == 0
        assert "demo" in result.output
    result = run("info")
    assert result.exit_code == 0
    assert "backend" in result.output


def test_an_instruction_set_that_is_not_there_is_one_line():
    result = subprocess.run(
        [sys.executable, "-m", "deepnet.cli", "info"],
        capture_output=True,
        text=True,
        env=os.environ | {"DEEPNET_ISA": "no_such_thing"},
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("deepnet: DEEPNET_ISA is 'no_such_thing'")


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


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_ctrl_c_ends_politely(tmp_path):
    command = [sys.executable, "-m", "deepnet.cli", "demo", "--epochs", "1000000"]
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


def test_rows_are_trained_on_as_they_are_stored():
    x = np.random.default_rng(0).integers(0, 256, (100, 4, 3), dtype=np.uint8)
    data = io.Dataset(x, np.arange(100) % 3, x, np.arange(100) % 3, ("a", "b", "c"), scale=255)
    plan = training.Plan((5,), 0.1, 2, batch_size=32)
    net, other = (training.network(data, plan, seed=1) for _ in range(2))
    costs = training.train(data, plan, net, 1, progress=lambda done, total: None)
    X, Y = io.as_columns(x, 255), io.as_targets(data.train_y, 3)
    history = other.fit(X, Y, epochs=2, batch_size=32, optimizer=deepnet.SGD(0.1), seed=1)
    np.testing.assert_allclose(costs, history.loss, rtol=1e-12)
    np.testing.assert_array_equal(training.predict(x, data, net), other.predict(X).argmax(axis=0))
    batch_X, batch_Y = training.some_batch(data, plan)
    np.testing.assert_array_equal(batch_X, X[:, :32])
    np.testing.assert_array_equal(batch_Y, Y[:, :32])


def test_the_speed_is_not_told_when_the_answers_differ(monkeypatch):
    parameters = {"W1": np.ones((1, 2)), "b1": np.zeros((1, 1))}
    X, Y = np.ones((2, 3)), np.ones((1, 3))
    monkeypatch.setattr(speed, "SECONDS", 0.01)
    assert speed.measure(X, Y, parameters, 0.1).difference <= speed.TOLERANCE
    monkeypatch.setattr(speed, "TOLERANCE", -1.0)
    with pytest.raises(RuntimeError, match="differs from NumPy's"):
        speed.measure(X, Y, parameters, 0.1)


@pytest.mark.data
@pytest.mark.slow
def test_the_courses_cats_come_out_as_published(run):
    if not (DATA / "catvnoncat.npz").exists():
        pytest.skip("catvnoncat.npz is not in the data folder (DEEPNET_DATA, else ../shared/data)")
    result = run("demo", "--data", DATA / "catvnoncat.npz")
    assert result.exit_code == 0
    assert "12288-20-7-5-1" in result.output
    assert held_out_accuracy(result.output) == 0.8
    assert "0.9856 in training" in result.output
