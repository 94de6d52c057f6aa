"""Which code of a file or notebook runs, and what is said about the rest."""

import json

import pytest

from deepnet.diagnose import Limits, diagnose_file, diagnose_files
from deepnet.diagnose._reading import SourceError, read
from diagnose.course_code import FUNCTIONS, IMPORTS, notebook, submission

CHECKED = ("sigmoid", "relu", "linear_forward", "linear_backward")

MAGICS = """%matplotlib inline
%load_ext autoreload
!pip install numpy
import numpy as np
files = !ls
np.dot?
here = %pwd
"""
TRAINING = """parameters = update_parameters({}, {}, 0.1)
for i in range(10**12):
    print(sigmoid(i))
"""


def written(tmp_path, content, name="mine.ipynb"):
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


# --- reading ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nbformat", [3, 4])
def test_the_code_of_both_formats(tmp_path, nbformat):
    cells = [MAGICS, "%%time\n" + FUNCTIONS["relu"], "%%bash\nrm -rf /", FUNCTIONS["sigmoid"]]
    source = read(written(tmp_path, notebook(*cells, nbformat=nbformat)))
    assert [piece.place for piece in source.pieces] == ["cell 1", "cell 2", "cell 4"]
    assert source.problems == ()
    assert source.pieces[0].text.splitlines() == [
        *["pass"] * 3,
        "import numpy as np",
        "files = None",
        "pass",
        "here = None",
    ]


def test_cells_of_text_are_counted(tmp_path):
    book = notebook("x = 1")
    book["cells"].insert(0, {"cell_type": "markdown", "source": "# %magic"})
    book["cells"].append({"cell_type": "code", "source": "y = 2"})  # one text instead of lines
    assert [piece.place for piece in read(written(tmp_path, book)).pieces] == ["cell 2", "cell 3"]


def test_percent_signs_of_python_are_no_magics(tmp_path):
    text = 'text = ("%d"\n% 3)\nlong = """\n%matplotlib\n!ls\n"""\n'
    (piece,) = read(written(tmp_path, notebook(text))).pieces
    assert piece.text == text


def test_a_magic_within_a_block(tmp_path):
    (piece,) = read(written(tmp_path, notebook("if True:\n    %time x = 1\n    y = 2\n"))).pieces
    assert piece.text == "if True:\n    pass\n    y = 2\n"


def test_a_syntax_error_leaves_the_functions_around_it(tmp_path):
    text = IMPORTS + "def sigmoid(Z):\n    A = \n    return A, Z\n" + FUNCTIONS["relu"]
    for path in (written(tmp_path, text, "mine.py"), written(tmp_path, notebook("x = 1", text))):
        source = read(path)
        defined = [getattr(node, "name", "") for piece in source.pieces for node in piece.tree.body]
        assert "relu" in defined
        assert "sigmoid" not in defined
        assert len(source.problems) == 1
        assert "line 4: invalid syntax" in source.problems[0]


def test_the_lines_of_a_syntax_error_are_those_of_the_file(tmp_path):
    text = IMPORTS + FUNCTIONS["relu"] + "def sigmoid(Z):\nreturn Z\n"
    (problem,) = read(written(tmp_path, text, "mine.py")).problems
    assert problem == "line 7: expected an indented block after function definition on line 6"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("mine.txt", "x", r"mine.txt should be a .py file or a notebook \(.ipynb\)"),
        ("mine.ipynb", "{", "mine.ipynb is not a notebook: it is not valid JSON"),
        ("mine.ipynb", "[" * 10**5, "mine.ipynb is not a notebook: it is not valid JSON"),
        ("mine.ipynb", "[]", "mine.ipynb is not a notebook: it has no list of cells"),
        ("mine.ipynb", '{"cells": 3}', "mine.ipynb is not a notebook: it has no list of cells"),
        ("mine.ipynb", '{"worksheets": [3]}', "mine.ipynb is not a notebook: it has no list of cells"),
        ("mine.ipynb", "\0\1\2", "mine.ipynb is not a notebook: it is not valid JSON"),
    ],
)
def test_what_is_no_code(tmp_path, name, content, message):
    with pytest.raises(SourceError, match=message):
        read(written(tmp_path, content, name))


@pytest.mark.parametrize("cell", [3, None, {"cell_type": "code"}, {"cell_type": "code", "source": [1, None]}])
def test_strange_cells_are_passed_over(tmp_path, cell):
    book = notebook("x = 1")
    book["cells"].append(cell)
    assert len(read(written(tmp_path, book)).pieces) == 1


def test_other_encodings(tmp_path):
    path = tmp_path / "mine.py"
    path.write_bytes("# -*- coding: latin-1 -*-\n# für\nx = 1\n".encode("latin-1"))
    assert len(read(path).pieces) == 1
    path.write_bytes("# für\nx = 1\n".encode("latin-1"))
    assert len(read(path).pieces) == 1
    path.write_bytes(b"\xef\xbb\xbfx = 1\r\ny = 2\r\n")
    assert len(read(path).pieces[0].tree.body) == 2


# --- running ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Several submissions, checked together: what each defines, and what was noted."""
    folder = tmp_path_factory.mktemp("notebooks")
    (folder / "neighbour.py").write_text("import numpy as np\n" + FUNCTIONS["sigmoid"])
    parts = [IMPORTS, *FUNCTIONS.values()]
    texts = {
        "cells.ipynb": json.dumps(notebook(MAGICS, *parts[1:], TRAINING)),
        "old.ipynb": json.dumps(notebook(*parts, TRAINING, nbformat=3)),
        "broken cell.ipynb": json.dumps(notebook(*parts, "def helper(X:\n", "raise ValueError('no data')")),
        "script.py": submission() + TRAINING + "if __name__ == '__main__':\n    while True: pass\n",
        "course.py": "from dnn_utils_v2 import *\nfrom testCases_v3 import *\nfrom public_tests import *\n"
        + "from dnn_utils_v2 import sigmoid, relu\n"
        + IMPORTS
        + FUNCTIONS["linear_forward"]
        + FUNCTIONS["linear_activation_forward"],
        "neighbour user.py": "from neighbour import sigmoid\n",
        "guarded.py": "try:\n    import numpy as np\nexcept ImportError:\n    np = None\n"
        + "if True:\n    two = np.float64(2)\n    def relu(Z): return np.maximum(0, Z) * two / 2, Z\n",
        "lambda.py": IMPORTS + "relu = lambda Z: (np.maximum(0, Z), Z)\nrate = 0.1 * 3\n",
        "data.py": submission() + "X = np.load('train.npy')\nY = X > 0\nprint(X)\n",
        "class.py": IMPORTS
        + "class Layer:\n    @staticmethod\n    def forward(A, W, b): return W @ A + b, (A, W, b)\n",
        "syntax.py": submission(relu="def relu(Z):\n    return (1, \n"),
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    files = [folder / name for name in texts]
    return dict(zip(texts, diagnose_files(files, limits=Limits(time=24)), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cells.ipynb", "old.ipynb", "script.py", "data.py"])
def test_definitions_run_and_training_does_not(found, name):
    assert set(found[name].report.checked) == set(FUNCTIONS)
    assert found[name].correct, found[name]
    assert found[name].seconds < 24
    assert any("not run (--run-all runs everything)" in note for note in found[name].notes)


@pytest.mark.slow
def test_what_was_left_out_is_said(found):
    assert found["broken cell.ipynb"].correct
    assert any("cell 10, line 1" in note for note in found["broken cell.ipynb"].notes)
    assert any("cannot be read" in note for note in found["syntax.py"].notes)
    assert any("FileNotFoundError" in note for note in found["data.py"].notes)


@pytest.mark.slow
def test_a_function_with_a_syntax_error_is_wrong_and_no_other(found):
    report = found["syntax.py"].report
    assert not report.correct
    assert report.checked == found["cells.ipynb"].report.checked
    (wrong,) = (finding for finding in report.findings if finding.severity == "wrong")
    assert (wrong.function, wrong.mistake) == ("relu", None)
    assert wrong.message.startswith("It cannot be read: line ")


@pytest.mark.slow
def test_modules_of_the_course_that_are_missing(found):
    """They are replaced by ours, whose functions are not the learner's to check."""
    assert found["course.py"].report.checked == ("linear_forward", "linear_activation_forward")
    assert found["course.py"].correct, found["course.py"]


@pytest.mark.slow
def test_ways_to_define_a_function(found):
    assert found["neighbour user.py"].report.checked == ("sigmoid",)
    assert found["guarded.py"].report.checked == ("relu",)
    assert found["lambda.py"].report.checked == ("relu",)
    assert found["class.py"].problem == "there is no function with a name of course c1w4, such as sigmoid"


@pytest.mark.slow
def test_names_of_the_learner(tmp_path):
    text = (
        IMPORTS + "class Layer:\n    @staticmethod\n    def forward(A, W, b): return W @ A - b, (A, W, b)\n"
    )
    path = written(tmp_path, text + "my_relu = lambda Z: (np.maximum(0, Z), Z)\n", "mine.py")
    names = {"linear_forward": "Layer.forward", "relu": "my_relu"}
    found = diagnose_file(path, names=names)
    assert set(found.report.checked) == set(names)
    assert {finding.function for finding in found.report.findings} == {"linear_forward"}
    found = diagnose_file(path, names={"relu": "Layer.relu"})
    (finding,) = found.report.findings
    assert (finding.function, finding.severity) == ("relu", "wrong")
    assert finding.message == "It is not there under the name Layer.relu."
    assert (found.problem, found.report.checked) == (None, ("relu",))
    path = written(tmp_path, IMPORTS + FUNCTIONS["linear_forward"].replace("linear_f", "linear_F"), "mine.py")
    note = "linear_forward is not there. Is it linear_Forward? --map linear_forward=linear_Forward"
    assert note in diagnose_file(path).notes
    with pytest.raises(ValueError, match="course 'c1w4' has no function 'my_relu'"):
        diagnose_file(path, names={"my_relu": "relu"})


@pytest.mark.slow
def test_everything_runs_on_demand(tmp_path):
    """A cell that fails is skipped, the next one runs; relu is only there because the loop ran."""
    cells = [IMPORTS, "x = 1\nraise ValueError('no data')\nx = 2", "for _ in range(1):\n    two = x + 1"]
    cells += ["relu = [lambda Z: (np.maximum(0, Z) * two / 2, Z) for _ in range(two)][0]"]
    path = written(tmp_path, notebook(*cells))
    found = diagnose_file(path, limits=Limits(run_all=True))
    assert found.report.checked == ("relu",)
    assert found.correct
    assert found.notes == ("cell 2, line 2 failed and was skipped: ValueError: no data",)


@pytest.mark.slow
def test_modules_by_name(tmp_path, monkeypatch):
    package = tmp_path / "homework"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "parts.py").write_text(IMPORTS + FUNCTIONS["relu"])
    (package / "mine.py").write_text(IMPORTS + "from .parts import relu\n" + FUNCTIONS["sigmoid"])
    monkeypatch.chdir(tmp_path)
    targets = ["homework.mine", "homework.nothing", "no_such_module", "math"]
    mine, *others = diagnose_files(targets)
    assert mine.report.checked == ("sigmoid", "relu")
    assert mine.correct
    assert [found.is_readable for found in others] == [False] * 3
