"""The commands for tables, arrays and images: what they write, print and refuse."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser

import numpy as np
import pytest
from typer.testing import CliRunner

import deepnet
from cli.data import write_photos, write_table
from deepnet import io
from deepnet.cli import contest, models, training
from deepnet.cli.app import app


def csv_rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


# --- train --------------------------------------------------------------------------------------------------


def test_train_a_classifier(run, shared):
    result = run("train", shared / "table.csv", "--target", "buys", "--epochs", 3, "-o", "m.safetensors")
    assert result.exit_code == 0
    assert "classification, since 'buys' has 2 different names\n" in result.output
    assert "left out, since their text differs in every row: name" in result.output
    assert re.search(r"72 rows to train on, 18 held out", result.output)
    assert re.search(r"accuracy [\d.]+, log loss [\d.]+", result.output)
    model = deepnet.load("m.safetensors")
    assert model.feature_names_in_.tolist() == ["size", "colour", "price"]
    assert model.classes_.tolist() == ["no", "yes"]


def test_the_score_is_of_the_rows_held_out(results, shared):
    said = results("train", shared / "table.csv", "--target", "price", "--epochs", 2, "-o", "m")
    scores = deepnet.describe("m")["metrics"]
    assert said["scores"] == scores
    assert said["task"] == "regression"
    assert said["held_out"] == 20  # two of each nine
    assert said["columns"] == ["size", "colour", "buys"]
    whole = results("evaluate", "m", shared / "table.csv", "--target", "price")["scores"]
    assert whole != scores
    assert set(whole) == set(scores) == {"r2", "mean_absolute_error", "rms_error"}


def test_the_command_gives_advice(results, tmp_path):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 2)).round(3)
    rows[40:] = rows[:20]
    for name, target in (("coin", np.arange(60) % 7 > 0), ("noise", rng.normal(size=60))):
        lines = ["one,two,target", *(f"{a},{b},{t}" for (a, b), t in zip(rows, target, strict=True))]
        (tmp_path / f"{name}.csv").write_text("\n".join(lines))
    chosen = ("--target", "target", "--epochs", 1, "-o", "m")
    said = results("train", "coin.csv", *chosen)["advice"]
    assert re.match(r"\d of 12 validation examples are also in the training data", said[0])
    assert "the model is right as often as one that always predicts the most frequent class" in said[1]
    assert (
        "the model is as far off as one that always" in results("train", "noise.csv", *chosen)["advice"][-1]
    )


@pytest.mark.slow
def test_the_seed_determines_the_model(results, shared):
    said = [
        results(
            "train", shared / "table.csv", "--target", "buys", "--epochs", 2, "--seed", seed, "-o", f"{i}"
        )
        for i, seed in enumerate((1, 1, 2))
    ]
    assert said[0]["scores"] == said[1]["scores"] != said[2]["scores"]


def test_no_validation_means_no_score(results, shared):
    said = results("train", shared / "table.csv", "--target", "buys", "--epochs", 1, "--validation", 0)
    assert (said["held_out"], said["scores"], said["model"]) == (0, {}, "model.safetensors")
    assert "metrics" not in deepnet.describe("model.safetensors")


def test_images_make_a_network_that_takes_their_bytes(shared):
    model = deepnet.load(shared / "photos.model")
    assert model.layer_dims == (8 * 8 * 3, 128, 1)
    assert model.class_names == ("bright", "dark")
    pixels = np.stack([np.full(192, 200, np.uint8), np.full(192, 50, np.uint8)], axis=1)
    assert (model.predict(pixels)[0] > 0.5).tolist() == [False, True]


@pytest.mark.parametrize("shape", [(8, 8, 3), (33, 50, 3), (20, 20), (7,)])
def test_the_saved_network_computes_what_the_trained_one_does(shape):
    """Means and deviations go into the first layer; what differs is the rounding of sums of n terms."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (30, *shape), dtype=np.uint8)
    data = io.Dataset(x, np.arange(30) % 2, x[:9], np.arange(9) % 2, ("a", "b"), scale=255.0)
    features = training.Features(x)
    X = features(x)
    net = training.network(data, training.recipe_for(data), len(X), seed=1)
    whole = training.taking_rows(net, features, data)
    raw = x.reshape(30, -1).T
    W = np.abs(whole.parameters["W1"].astype(float))
    # Both sums are of n terms: gamma_n |W| |x|, through the layer behind it; sigmoid's slope is 1/4 at most.
    bound = len(raw) * 2.0**-23 * (W @ (raw / 255) + np.abs(whole.parameters["b1"]))
    bound = 0.25 * np.abs(net.parameters["W2"].astype(float)) @ bound + 1e-6
    assert (np.abs(whole.predict(raw).astype(float) - net.predict(X)) <= bound).all()


# --- report -------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What a page asks for, its headings and the number of its pictures."""

    def __init__(self):
        super().__init__()
        self.requests, self.pictures, self.headings, self._open = [], 0, [], None

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("src", "href", "action", "data", "srcset"):
                self.pictures += value.startswith("data:image/png;base64,")
                self.requests += [] if value.startswith("data:") else [value]
        assert tag not in ("script", "link", "iframe")
        self._open = tag

    def handle_data(self, data):
        if self._open in ("h1", "h2"):
            self.headings.append(data.strip())
            self._open = None


def page(folder):
    parser = Page()
    parser.feed((folder / "report.html").read_text(encoding="utf-8"))
    return parser


@pytest.mark.parametrize(
    ("data", "target", "headings", "pictures"),
    [
        (
            "table.csv",
            "buys",
            ["Confusion matrix", "Calibration", "Most confident mistakes", "Permutation importance"],
            {"curves", "confusion", "calibration", "importance"},
        ),
        pytest.param(
            "table.csv",
            "price",
            ["Predictions and true values", "Largest errors", "Permutation importance"],
            {"curves", "residuals", "importance"},
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "photos",
            None,
            ["Confusion matrix", "Calibration", "Most confident mistakes", "Weights of the first layer"],
            {"curves", "confusion", "calibration", "mistakes", "first-layer"},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_report_is_one_page_that_asks_for_nothing(
    run, shared, tmp_path, data, target, headings, pictures, monkeypatch
):
    options = ["--target", target] if target else ["--size", 8]
    if target is None:  # labels that no picture shows, so that there are mistakes
        folder = write_photos(tmp_path / "photos", 10)
        (folder / "bright" / "0.png").replace(folder / "dark" / "0.png")
        (folder / "bright" / "1.png").replace(folder / "dark" / "1.png")
        source = folder
    else:
        source = shared / data
    result = run("train", source, *options, "--epochs", 2, "--seed", 3, "--report", "report")
    assert result.exit_code == 0, result.stderr
    found = page(tmp_path / "report")
    assert found.requests == []
    assert [heading for heading in found.headings if heading in headings] == headings
    files = {path.stem for path in (tmp_path / "report").glob("*.png")}
    assert files - {"mistakes"} == pictures - {"mistakes"}
    assert found.pictures == len(files)
    for path in (tmp_path / "report").glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_names_of_the_data_are_quoted_in_the_report(run, tmp_path):
    path = write_table(tmp_path / "t.csv")
    path.write_text(path.read_text().replace("size", "<b>&size").replace("red", "<i>red"))
    assert run("train", path, "--target", "buys", "--epochs", 1, "--report", "r").exit_code == 0
    text = (tmp_path / "r" / "report.html").read_text()
    assert "&lt;b&gt;&amp;size" in text
    assert "<b>" not in text
    assert "<i>" not in text


@pytest.mark.slow
def test_importance_finds_the_columns_that_matter(run, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    lines = [f"{a:.4f},{b:.4f},{c:.4f},{10 * b:.4f}" for a, b, c in x]
    (tmp_path / "t.csv").write_text("one,two,three,y\n" + "\n".join(lines))
    assert run("train", "t.csv", "--target", "y", "--epochs", 20, "--report", "r").exit_code == 0
    rows = re.findall(r"<tr><td>(\w+)</td><td>(-?[\d.]+)</td></tr>", (tmp_path / "r/report.html").read_text())
    falls = {name: float(fall) for name, fall in rows if name in ("one", "two", "three")}
    assert next(iter(falls)) == "two"
    assert falls["two"] > 0.5
    assert max(abs(falls["one"]), abs(falls["three"])) < 0.2


def test_the_file_knows_the_target(run, results, shared, tmp_path):
    assert deepnet.describe(shared / "classes.model")["target"] == "buys"
    assert "target" not in deepnet.describe(shared / "photos.model")
    assert "Target    price\n" in run("inspect", shared / "numbers.model").output
    table = tmp_path / "more.csv"  # in which another column is unknown to the model
    lines = (shared / "table.csv").read_text().splitlines()
    table.write_text("\n".join(f"{line},{'new' if i == 0 else i}" for i, line in enumerate(lines)))
    said = results("evaluate", shared / "classes.model", table)
    assert (
        said["scores"] == results("evaluate", shared / "classes.model", table, "--target", "buys")["scores"]
    )


# --- predict, evaluate, inspect -----------------------------------------------------------------------------


def test_predictions_of_a_classifier(run, shared):
    result = run("predict", shared / "classes.model", shared / "table.csv", "-o", "out.csv")
    assert result.exit_code == 0
    rows = csv_rows("out.csv")
    assert len(rows) == 90
    assert list(rows[0]) == ["buys", "probability_no", "probability_yes"]
    model, table = deepnet.load(shared / "classes.model"), pytest.importorskip("pandas")
    X = table.read_csv(shared / "table.csv", na_values="?")[["size", "colour", "price"]]
    assert [row["buys"] for row in rows] == model.predict(X).tolist()
    np.testing.assert_allclose(
        [float(row["probability_yes"]) for row in rows], model.predict_proba(X)[:, 1], rtol=1e-5
    )


def test_predictions_of_a_regression(run, shared):
    assert run("predict", shared / "numbers.model", shared / "table.csv").exit_code == 0
    rows = csv_rows("predictions.csv")
    assert list(rows[0]) == ["price"]
    assert len(rows) == 90


def test_predictions_of_images_name_their_files(run, shared, tmp_path):
    folder = write_photos(tmp_path / "new", 3)
    (folder / "bright" / "notes.txt").write_text("no picture")
    result = run("predict", shared / "photos.model", folder, "-o", "out.csv")
    assert result.exit_code == 0
    assert "notes.txt: not an image" in result.output.replace("\n", "")
    rows = csv_rows("out.csv")
    assert [os.path.basename(os.path.dirname(row["file"])) for row in rows] == ["bright"] * 3 + ["dark"] * 3
    assert [row["prediction"] for row in rows] == ["bright"] * 3 + ["dark"] * 3
    assert run("predict", shared / "photos.model", folder / "dark" / "1.png").exit_code == 0
    assert [row["prediction"] for row in csv_rows("predictions.csv")] == ["dark"]


def test_predictions_of_arrays(results, shared, tmp_path):
    np.savez(tmp_path / "x.npz", x=np.zeros((4, 5)))
    assert results("predict", shared / "rows.model", tmp_path / "x.npz")["rows"] == 4
    np.savez(tmp_path / "x.npz", x=np.zeros((4, 6)))


def test_evaluate_finds_the_target(results, shared):
    said = results("evaluate", shared / "classes.model", shared / "table.csv", "--target", "buys")
    assert said["classes"] == ["no", "yes"]
    confusion = np.array(said["confusion"])
    assert confusion.sum() == 90
    assert said["scores"]["accuracy"] == pytest.approx(np.trace(confusion) / 90)
    only = results("evaluate", shared / "photos.model", shared / "photos")
    assert only["scores"]["accuracy"] == 1
    arrays = results("evaluate", shared / "rows.model", shared / "rows.npz")
    assert arrays["rows"] == 8


def test_evaluate_takes_the_one_column_that_is_no_feature(results, run, shared, tmp_path):
    table = write_table(tmp_path / "t.csv").read_text().splitlines()
    (tmp_path / "t.csv").write_text(
        "\n".join(",".join(line.split(",")[i] for i in (0, 1, 3, 4)) for line in table)
    )
    assert results("evaluate", shared / "classes.model", "t.csv")["rows"] == 90
    text = (shared / "table.csv").read_text().replace("buys", "bought", 1)  # not the target's name
    (tmp_path / "two.csv").write_text(text)
    result = run("evaluate", shared / "classes.model", "two.csv")
    assert result.exit_code == 2
    assert (
        "name the column of the target with --target: name, bought are not columns of the model"
        in result.stderr
    )
    (tmp_path / "other.csv").write_text("size,price\n1,2\n")
    assert (
        "other.csv lacks the column 'colour'" in run("evaluate", shared / "classes.model", "other.csv").stderr
    )


@pytest.mark.slow
def test_evaluate_writes_a_report(run, shared, tmp_path):
    result = run("evaluate", shared / "photos.model", shared / "photos", "--report", "r")
    assert result.exit_code == 0
    assert "Confusion matrix" in page(tmp_path / "r").headings


@pytest.mark.parametrize(
    ("name", "kind", "inputs"),
    [
        ("classes", "TabularClassifier", "3 columns, encoded as "),
        ("numbers", "TabularRegressor", "2 columns, encoded as "),
        ("photos", "network", "192 values, or images of 8 x 8 x 3, times 0.00392157"),
        ("rows", "network", "5 values, not scaled"),
    ],
)
def test_inspect(results, run, shared, name, kind, inputs):
    path = shared / f"{name}.model"
    said = results("inspect", path)
    assert said["kind"] == kind
    assert said["inputs"].startswith(inputs)
    assert said["networks"] == deepnet.describe(path)["networks"]
    text = run("inspect", path).output
    for topic in ("Model", "Written", "Layers", "Inputs", "Scores"):
        assert re.search(rf"^{topic}\b", text, re.M)
    if name == "classes":
        assert "colour: 3 categories: blue, green, red" in text
        assert re.search(r"size: numbers, median -?[\d.]+, some missing", text)


# --- export -------------------------------------------------------------------------------------------------


def test_export_to_onnx(run, shared):
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs onnxruntime (extra test)")
    assert run("export", shared / "photos.model", "--onnx", "m.onnx").exit_code == 0
    X = np.random.default_rng(0).integers(0, 256, (3, 192)).astype(np.float32)
    outputs = onnxruntime.InferenceSession("m.onnx").run(["output"], {"X": X})[0]
    np.testing.assert_allclose(outputs, deepnet.load(shared / "photos.model").predict(X.T).T, atol=1e-5)


def test_export_to_c(results, shared, tmp_path):
    said = results("export", shared / "rows.model", "--c", "net.c")
    assert said["c"] == ["net.h", "net.c"]
    assert "net_predict" in (tmp_path / "net.h").read_text()


@pytest.mark.slow
def test_export_to_torch(run, shared):
    torch = pytest.importorskip("torch", reason="needs torch (extra torch)")
    assert run("export", shared / "rows.model", "--torch", "net.pt").exit_code == 0
    state = torch.load("net.pt", weights_only=True)
    assert state["0.weight"].shape == (128, 5)


def test_a_missing_package_is_found_before_anything_is_written(run, shared, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    result = run("export", shared / "rows.model", "--c", "net.c", "--torch", "net.pt")
    assert result.exit_code == 2
    assert "--torch needs torch: pip install torch" in result.stderr
    assert os.listdir(".") == []


def test_what_cannot_be_exported_is_one_line(run, shared):
    net = deepnet.Network([2, 1], dtype="float64")
    net.parameters["W1"][0, 1] = 1e40
    net.save("large.model")
    result = run("export", "large.model", "--c", "net.c")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "W1[0, 1] is 1e+40, beyond the range of float32" in result.stderr


# --- tune, bench, completion --------------------------------------------------------------------------------


def test_tune_keeps_the_best_candidate(results, shared):
    said = results(
        "tune", shared / "table.csv", "--target", "buys", "--seconds", 0.01, "--epochs", 2, "-o", "m"
    )
    assert [candidate["parameters"] for candidate in said["candidates"]] == [{}]
    assert deepnet.load("m").get_params()["max_epochs"] == 2


@pytest.mark.slow
def test_tune_searches_for_the_time_given(results, shared):
    said = results("tune", shared / "table.csv", "--target", "buys", "--seconds", 4, "--epochs", 2, "-o", "m")
    errors = [candidate["error"] for candidate in said["candidates"]]
    best = said["candidates"][int(np.argmin(errors))]
    assert len(errors) > 2
    assert said["best"] == best["parameters"]
    parameters = deepnet.load("m").get_params()
    for name, value in best["parameters"].items():
        assert np.array_equal(parameters[name], value)


def interrupting_after(fits, kind, monkeypatch):
    """Let Ctrl-C strike in the fit after so many."""
    fit, left = kind.fit, iter(range(fits))

    def counting(self, *arguments, **options):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return fit(self, *arguments, **options)

    monkeypatch.setattr(kind, "fit", counting)


@pytest.mark.parametrize("fits", [0, 2])
def test_ctrl_c_ends_the_search_with_the_best_so_far(fits, run, shared, monkeypatch):
    interrupting_after(fits, pytest.importorskip("deepnet.sklearn").TabularClassifier, monkeypatch)
    table, settings = shared / "table.csv", ("--target", "buys", "--epochs", 2, "--seconds", 1000)
    result = run("tune", table, *settings, "-o", "m", "--json")
    assert result.exit_code == 130
    if fits == 0:
        assert not os.path.exists("m")
        assert "Stopped." in result.stderr
        return
    said = json.loads(result.stdout)
    assert len(said["candidates"]) == 2
    assert "stopped by Ctrl-C: the best settings so far are kept" in said["notes"]
    errors = [candidate["error"] for candidate in said["candidates"]]
    model = deepnet.load("m")
    best = said["candidates"][int(np.argmin(errors))]["parameters"]
    kept = {name: value for name, value in model.get_params().items() if name in best}
    assert json.loads(json.dumps(kept)) == best


def test_ctrl_c_ends_the_search_on_images_too(run, shared, monkeypatch):
    rounds, fit_many = iter(range(1)), deepnet.fit_many

    def counting(*arguments, **options):
        if next(rounds, None) is None:
            raise KeyboardInterrupt
        return fit_many(*arguments, **options)

    monkeypatch.setattr(deepnet, "fit_many", counting)
    result = run("tune", shared / "photos", "--size", 8, "--seconds", 1000, "--epochs", 2, "-o", "m")
    assert result.exit_code == 130
    assert "stopped by Ctrl-C" in result.output
    assert deepnet.load("m").class_names == ("bright", "dark")


def test_tune_on_images(results, shared):
    said = results("tune", shared / "photos", "--size", 8, "--seconds", 0.01, "--epochs", 3, "-o", "m")
    assert len(said["candidates"]) == deepnet.get_num_threads()
    assert deepnet.load("m").class_names == ("bright", "dark")


def test_bench(results, monkeypatch):
    monkeypatch.setattr(contest, "TASKS", (contest.Task("tiny", (4, 5, 3), 16, 64),))
    monkeypatch.setattr(contest, "find_spec", lambda name: name != "torch")  # which takes long to import
    said = results("bench", "--seconds", 0.01)["results"]
    assert said[0]["library"] == "deepnet"
    assert said[0]["ratio"] == 1
    assert "scikit-learn" in [outcome["library"] for outcome in said]
    assert all(outcome["seconds"] > 0 and outcome["rounds"] >= 3 for outcome in said)


def test_bench_of_a_given_network(results, monkeypatch):
    tasks = []
    monkeypatch.setattr(contest, "measured", lambda task, seconds, threads: tasks.append(task) or [])
    for options in (["--layers", "4,5,3", "--batch", "4096"], ["--layers", "20 1"]):
        assert results("bench", *options)["results"] == []
    assert tasks == [
        contest.Task("yours", (4, 5, 3), 4096, 4096),
        contest.Task("yours", (20, 1), 32, contest.LEAST_ROWS),
    ]


@pytest.mark.slow
def test_the_contenders_train_the_same_network():
    """From the same weights, an epoch of deepnet and one of its NumPy reference end with the same ones."""
    task = contest.Task("tiny", (4, 5, 3), 16, 64)
    X, y = contest.examples(task)
    nets = []
    for backend in ("native", "numpy"):
        with deepnet.use_backend(backend):
            net = deepnet.Network(list(task.sizes), output="softmax", seed=0)
        net.fit(X.T, y, epochs=1, batch_size=task.batch, optimizer=deepnet.SGD(contest.RATE), seed=0)
        nets.append(net)
    for key, value in nets[0].parameters.items():
        np.testing.assert_allclose(value, nets[1].parameters[key], atol=1e-6)


@pytest.mark.parametrize(("typed", "offered"), [("tr", {"train"}), ("train --ta", {"--target", "--task"})])
def test_the_shell_completes_commands_and_options(run, typed, offered):
    words = f"deepnet {typed}"
    variables = {"_DEEPNET_COMPLETE": "complete_bash", "_TYPER_COMPLETE_ARGS": words}
    variables |= {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    result = CliRunner().invoke(app, [], prog_name="deepnet", env=variables)
    assert set(result.output.split()) == offered


def test_completion_is_offered(run):
    assert "--install-completion" in run("--help").output
    assert {command.callback.__name__ for command in app.registered_commands} == {
        *("demo", "info", "train", "predict", "evaluate", "inspect", "export", "tune", "bench", "doctor"),
        "diagnose",
    }


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_ctrl_c_ends_politely(shared, tmp_path):
    arguments = ["train", shared / "table.csv", "--target", "buys", "--epochs", "1000000", "-o", "m"]
    with subprocess.Popen(
        [sys.executable, "-m", "deepnet_command", *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            for line in process.stdout:
                if line.startswith("Model"):
                    break
            time.sleep(0.5)  # into the training
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=600)  # a deadlock, not a busy machine
        finally:
            process.kill()
    assert (process.returncode, errors.strip()) == (130, "Stopped.")
    assert not list(tmp_path.iterdir())


# --- inputs are never overwritten ---------------------------------------------------------------------------


def test_an_input_is_never_overwritten(run, shared, tmp_path):
    table = write_table(tmp_path / "t.data")
    model = tmp_path / "m"
    model.write_bytes((shared / "classes.model").read_bytes())
    os.link(table, tmp_path / "linked")
    os.symlink(model, tmp_path / "pointed.csv")
    photos = write_photos(tmp_path / "photos", 2)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for arguments in (
        ("train", table, "--target", "buys", "-o", "linked"),
        ("predict", model, table, "-o", "linked"),
        ("predict", model, table, "-o", "pointed.csv"),
        ("predict", model, table, "-o", model),
        ("export", model, "--onnx", model),
        ("train", photos, "-o", photos / "dark" / "0.png"),
        ("train", photos, "--report", photos),
        ("train", photos, "--report", photos / "dark"),
    ):
        result = run(*arguments)
        assert result.exit_code == 2, arguments
        assert result.stderr.count("\n") == 1
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_work_that_fails_ends_with_1(run, shared, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device", "m")

    monkeypatch.setattr("deepnet.io.model_file.replace", full)
    result = run("train", shared / "table.csv", "--target", "buys", "--epochs", 1, "-o", "m")
    assert (result.exit_code, os.path.exists("m")) == (1, False)
    assert result.stderr == "deepnet: [Errno 28] No space left on device: 'm'\n"


def test_a_bug_is_one_line_too(run, shared, monkeypatch):
    def broken(*_):
        raise KeyError("x")

    monkeypatch.setattr(models, "score_line", broken)
    monkeypatch.setattr("deepnet.cli.learning.score_line", broken)
    result = run("train", shared / "table.csv", "--target", "buys", "--epochs", 1)
    assert result.exit_code == 1
    assert result.stderr == "deepnet: a bug: KeyError: 'x' (DEEPNET_TRACEBACK=1 shows where)\n"


def test_json_has_no_nan(run, shared, tmp_path):
    (tmp_path / "t.csv").write_text("size,colour,price\n1,red,4\n2,blue,4\n")
    result = run("evaluate", shared / "numbers.model", "t.csv", "--target", "price", "--json")
    assert json.loads(result.stdout)["scores"]["r2"] is None
