"""`deepnet diagnose`: text, JSON, pages, tables and exit codes."""

import csv
import json
import re

import pytest

pytest.importorskip("typer", reason="needs typer (extra cli)")

from cli.data import command
from deepnet.cli import diagnosis
from deepnet.diagnose import FUNCTIONS as NAMES
from diagnose.course_code import FUNCTIONS, IMPORTS, submission

MISTAKES = {
    "linear_forward": FUNCTIONS["linear_forward"].replace("+ b", "- b"),
    "linear_backward": FUNCTIONS["linear_backward"].replace("dZ @ A_prev.T / m", "dZ @ A_prev.T"),
    "relu": FUNCTIONS["relu"].replace("maximum(0, Z)", "abs(Z)"),
}
FINDING = {
    "type": "object",
    "properties": {
        "function": {"enum": list(NAMES["c1w4"])},
        "severity": {"enum": ["wrong", "fragile", "style"]},
        "mistake": {"type": ["string", "null"]},
        **{
            key: {"type": "string"}
            for key in ("message", "given", "expected", "actual", "pattern", "formula")
        },
        "hints": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
    },
    "additionalProperties": False,
    "minProperties": 10,
}
OBJECT = {
    "type": "object",
    "properties": {
        "course": {"enum": list(NAMES)},
        "file": {"type": "string"},
        "correct": {"type": "boolean"},
        "findings": {"type": "array", "items": FINDING},
        "checked": {"type": "array", "items": {"enum": list(NAMES["c1w4"])}},
        "missing": {"type": "array", "items": {"enum": list(NAMES["c1w4"])}},
        "problem": {"type": ["string", "null"]},
        "seconds": {"type": "number", "minimum": 0},
        "notes": {"type": "array", "items": {"type": "string"}},
    },
    "additionalProperties": False,
    "required": ["course", "file", "correct", "findings", "checked", "missing", "problem", "seconds"],
}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command in a folder with a right and a wrong submission; it never shows a traceback."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DEEPNET_TRACEBACK", raising=False)
    (tmp_path / "right.py").write_text(submission())
    (tmp_path / "wrong.py").write_text(submission(**MISTAKES))

    def of(*arguments):
        result = command("diagnose", *arguments)
        assert "Traceback" not in result.output
        assert "a bug" not in result.output
        return result

    return of


def test_a_wrong_submission_as_json(run):
    jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema (extra test)")
    result = run("wrong.py", "--json", "--only", "relu,linear_forward", "--hint", 2)
    assert result.exit_code == 1
    assert result.stderr == ""
    said = json.loads(result.stdout)
    jsonschema.validate(said, OBJECT)
    assert not said["correct"]
    assert {finding["function"] for finding in said["findings"]} == {"relu", "linear_forward"}
    assert all(len(finding["hints"]) == 2 for finding in said["findings"])


@pytest.mark.slow
def test_text_and_page_of_a_wrong_submission(run, tmp_path):
    result = run("wrong.py", "--hint", 1, "--html", "page.html")
    assert result.exit_code == 1
    assert "The code of wrong.py is executed, in a process of its own" in result.output
    for name in MISTAKES:
        assert re.search(rf"^Wrong     {name}: ", result.output, re.M)
    findings = re.findall(r"^(?:Wrong|Fragile|Style) ", result.output, re.M)
    assert len(re.findall(r"^ +hint 1 ", result.output, re.M)) == len(findings) >= len(MISTAKES)
    assert "hint 2" not in result.output
    assert "3 of 8 functions wrong" in result.output
    page = (tmp_path / "page.html").read_text()
    assert not re.search(r"<script|<link|https?:|src=", page)
    for name in MISTAKES:
        assert f"<h2>Wrong: {name}</h2>" in page
    again = run("wrong.py", "--html", "page.html")
    assert again.exit_code == 1
    assert "hint 1" not in (tmp_path / "page.html").read_text()


@pytest.mark.slow
def test_a_right_submission(run, tmp_path):
    result = run("right.py")
    assert result.exit_code == 0
    assert "no mistake found in 8 functions" in result.output
    (tmp_path / "other.py").write_text(IMPORTS + "def plus(A, W, b): return W @ A + b, (A, W, b)\n")
    assert run("other.py", "--map", "linear_forward=plus").exit_code == 0
    assert run("other").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument 'FILE'"),
        (["wrong.py", "--only", "linear_foward"], "no such function; did you mean linear_forward?"),
        (["wrong.py", "--map", "forward=f"], "course c1w4 has no such function"),
        (["wrong.py", "--map", "linear_forward"], "should be pairs such as linear_forward=VALUE"),
        (["wrong.py", "--course", "c9"], "course is 'c9', but should be one of 'c1w4', 'c2'"),
        (["wrong.py", "--hint", "4"], "Invalid value for '--hint'"),
        (["wrong.py", "--time-limit", "0"], "--time-limit 0 should be from 1 to"),
        (["wrong.py", "--html", "page.txt"], "--html page.txt should end in .htm or .html"),
        (["wrong.py", "--html", "no/page.html"], "the folder no does not exist"),
        (["wrong.py", "-o", "table.csv"], "-o is for a folder, but wrong.py is none"),
        ([".", "--html", "page.html"], "--html is for one submission"),
        ([".", "--points", "relu=-1"], "--points relu=-1 should be a number"),
        (["empty"], "empty has no .py files and no notebooks"),
    ],
)
def test_wrong_calls(run, tmp_path, arguments, message):
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.iterdir())
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("deepnet: ")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.slow
def test_what_is_not_there_or_no_code(run, tmp_path):
    """The input is wrong, not the learner's function."""
    (tmp_path / "notes.ipynb").write_text("{")
    for name, message in {
        "nowhere.py": "nowhere.py: No such file or directory",
        "no_such_module": "no_such_module is neither a file nor a module",
        "notes.ipynb": "notes.ipynb is not a notebook: it is not valid JSON",
    }.items():
        result = run(name)
        assert result.exit_code == 2
        assert result.stderr.startswith("deepnet: ")
        assert message in result.stderr


@pytest.mark.slow
def test_a_function_that_was_asked_for_and_is_not_there(run):
    result = run("right.py", "--only", "relu,predict", "--json")
    assert result.exit_code == 1
    (finding,) = json.loads(result.stdout)["findings"]
    assert finding["function"] == "predict"
    assert finding["message"] == "It is not there."


# --- a folder -----------------------------------------------------------------------------------------------


@pytest.fixture
def few(run, tmp_path):
    """A folder with a right, a wrong, an unfinished and two broken submissions; and what is not one."""
    folder = tmp_path / "class"
    for name, text in {
        "ann/right.py": submission(),
        "bob/wrong.py": submission(relu=MISTAKES["relu"]),
        "cid/half.py": IMPORTS + FUNCTIONS["relu"],
        "<b>/broken.ipynb": "{",
        "dee/other.py": "x = 1",
        "dee/dnn_utils_v2.py": "",
        ".hidden/mine.py": "",
        "dee/.ipynb_checkpoints/other.ipynb": "",
        "dee/notes.txt": "",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.slow
def test_a_table_has_a_row_for_each_submission(run, few, tmp_path):
    result = run(few, "-o", "table.csv", "--points", "relu=3,sigmoid=0.5", "--only", "relu,sigmoid")
    assert result.exit_code == 1
    with open(tmp_path / "table.csv", newline="") as file:
        rows = {row["submission"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["<b>/broken.ipynb", "ann/right.py", "bob/wrong.py", "cid/half.py", "dee/other.py"]
    assert [row["score"] for row in rows.values()] == ["0", "3.5", "0.5", "3", "0"]
    assert {row["of"] for row in rows.values()} == {"3.5"}
    assert [row["relu"] for row in rows.values()] == ["0", "3", "0", "3", "0"]
    assert "not valid JSON" in rows["<b>/broken.ipynb"]["problem"]
    assert "there is no function with a name of course c1w4, such as relu" in rows["dee/other.py"]["problem"]
    assert rows["bob/wrong.py"]["mistakes"].startswith("relu: ")
    assert "1 of 5 have all points; mean 1.40 of 3.5" in result.output
    assert re.search(r"^Mistake   1 of 5: relu: ", result.output, re.M)


@pytest.mark.slow
def test_the_page_of_a_class(run, few, tmp_path):
    assert run(few, "-o", "class.html").exit_code == 1
    page = (tmp_path / "class.html").read_text()
    assert "&lt;b&gt;/broken.ipynb" in page
    assert "<b>" not in page
    assert not re.search(r"<script|<link|https?:|src=", page)
    assert "The most frequent mistakes" in page
    said = json.loads(run(few, "--json").stdout)
    assert [entry["file"] for entry in said["submissions"]][1:3] == ["ann/right.py", "bob/wrong.py"]
    # The functions that two of the three have: cid wrote relu only.
    assert said["submissions"][1]["score"] == said["submissions"][1]["of"] == len(FUNCTIONS)
    assert said["submissions"][3]["points"] == {name: float(name == "relu") for name in FUNCTIONS}
    assert [(entry["function"], entry["count"]) for entry in said["mistakes"]] == [("relu", 1)]


@pytest.mark.slow
def test_a_hundred_submissions(run, tmp_path):
    """Which mistake each has is known, and so are the counts."""
    folder = tmp_path / "class"
    folder.mkdir()
    for number in range(100):
        chosen = [name for name, every in (("relu", 2), ("linear_forward", 3)) if number % every == 0]
        (folder / f"student {number}.py").write_text(submission(**{name: MISTAKES[name] for name in chosen}))
    said = json.loads(run(folder, "--json", "--only", "relu,linear_forward").stdout)
    assert [entry["file"] for entry in said["submissions"]] == [f"student {i}.py" for i in range(100)]
    for number, entry in enumerate(said["submissions"]):
        points = {"relu": float(number % 2 != 0), "linear_forward": float(number % 3 != 0)}
        assert entry["points"] == points
        assert entry["correct"] == all(points.values())
    counts = [(entry["function"], entry["count"]) for entry in said["mistakes"]]
    assert counts == [("relu", 50), ("linear_forward", 34)]


def test_the_order_of_submissions(tmp_path):
    for name in ("s10.py", "s9.py", "a/s1.ipynb"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert diagnosis.submissions_in(tmp_path) == ["a/s1.ipynb", "s9.py", "s10.py"]
