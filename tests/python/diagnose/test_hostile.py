"""Submissions that do what they should not: the report is whole, and nothing else is harmed."""

import os
from pathlib import Path

import pytest

import deepnet
from deepnet.diagnose import Limits, assert_correct, diagnose_file, diagnose_files
from diagnose.course_code import FUNCTIONS, IMPORTS, submission

LIMITS = Limits(time=18.0, memory=256)  # a call may take 1.5 s
CHECKED = ("sigmoid", "relu", "linear_forward", "linear_backward")

# In a function: body of `relu`, and what the finding must say.
IN_A_FUNCTION = {
    "endless loop": ("while True: pass", "did not end"),
    "endless loop that catches everything": (
        "while True:\n        try:\n            while True: pass\n        except BaseException: pass",
        "did not end",
    ),
    "endless recursion": ("return relu(Z)", "RecursionError"),
    "endless recursion without Python's limit": (
        "import sys\n    sys.setrecursionlimit(10**9)\n    return list(map(relu, [Z]))",
        "",
    ),
    "endless list": ("rows = []\n    while True: rows.append(np.ones(10**6))", "MemoryError"),
    "huge array": ("return np.ones((10**6, 10**6)), Z", "emory"),
    "sleep": ("import time; time.sleep(1000)", "did not end"),
    "stop": ("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", "did not end"),
    "sys.exit": ("import sys; sys.exit(0)", "SystemExit"),
    "exit": ("exit()", "SystemExit"),
    "keyboard interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "os._exit": ("import os; os._exit(0)", "ended the process"),
    "abort": ("import os; os.abort()", "SIGABRT"),
    "kill": ("import os; os.kill(os.getpid(), 9)", "SIGKILL"),
    "segmentation fault": ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
    "input": ("return input('Z = '), Z", "input"),
    "standard input": ("import sys; return float(sys.stdin.readline()), Z", "could not convert"),
    "fork": ("import os; os.fork(); return np.maximum(0, Z), Z", "other processes"),
    "shell": ("import os; os.system('true'); return np.maximum(0, Z), Z", "other processes"),
    "program": ("import subprocess; subprocess.run(['true']); return np.maximum(0, Z), Z", "other processes"),
    "network": ("import socket; socket.create_connection(('127.0.0.1', 9), 1)", "network"),
    "kill the parent": ("import os; os.kill(os.getppid(), 9)", "signals"),
    "remove the submission": ("import os; os.remove(__file__)", "temporary folder"),
    "write beside the submission": (
        "open(__file__ + '.txt', 'w'); return np.maximum(0, Z), Z",
        "temporary folder",
    ),
    "half a character": ("raise ValueError('\\ud800 \\x1b[31m [red]')", "ValueError: ?"),
    "strange exception": ("class E(Exception):\n        def __str__(self): raise self\n    raise E", ""),
    "strange result": (
        "class A:\n        def __array__(self, *_, **__): raise SystemExit\n    return A(), Z",
        "",
    ),
    "result that never ends": (
        "class A:\n        shape = (1, 1)\n        def __array__(self, *_, **__):\n"
        "            while True: pass\n"
        "    return A(), Z",
        "",
    ),
    "closed files": ("import os; os.closerange(0, 100); return np.maximum(0, Z), Z", ""),
}

# In a function that stays right.
HARMLESS = {
    "print": "print('Z =', Z, file=__import__('sys').stderr); print('x' * 10**6)",
    "print to the terminal": "import os; os.write(1, b'x' * 100); os.write(2, b'x' * 100)",
    "plot": "plt.plot([1, 2]); plt.show()",
    "file": "open('costs.txt', 'w').write('1'); np.save('Z.npy', Z)",
    "folder": "import os, tempfile; os.makedirs('a/b', exist_ok=True); tempfile.NamedTemporaryFile().close()",
    "thread": "import threading, time; threading.Thread(target=time.sleep, args=(1000,)).start()",
    "numpy replaced": "np.maximum_ = np.dot; np.dot = np.exp = np.sum = None",
    "builtins replaced": "import builtins; builtins.len = builtins.isinstance = None",
    "system replaced": "import json, os, time; os._exit = os.write = json.dumps = time.monotonic = None",
    "strict numpy": "np.seterr(all='raise'); np.set_printoptions(precision=1)",
    "warning": "import warnings; warnings.warn('careful')",
    "other folder": "import os; os.chdir('/')",
    "seed": "np.random.seed(0)",
    "junk in all files": "import os\n    for number in range(50):\n        try: os.write(number, b'}{\\n')\n"
    "        except OSError: pass",
}

# Before the functions.
AT_THE_START = {
    "exit": "import sys\nsys.exit(3)",
    "os._exit": "import os\nos._exit(0)",
    "crash": "import ctypes\nctypes.string_at(0)",
    "endless import": "class A:\n    while True: pass",
    "error": "np.no_such_function()",
    "missing package": "import no_such_package_anywhere",
    "strict warnings": "import warnings\nwarnings.simplefilter('error')\nnp.seterr(all='raise')",
    "numpy replaced": "np.dot = np.exp = np.matmul = None",
    "system replaced": "import json, os, time\nos._exit = os.write = json.dumps = time.monotonic = print",
    "alarm": "import signal\nsignal.alarm(1)",
    "trace": "import sys\nsys.settrace(lambda *_: 1 / 0)",
    "exit handler": "import atexit, os\natexit.register(os._exit, 7)",
    "recursion limit": "import sys\nsys.setrecursionlimit(60)",
    "standard output closed": "import sys\nsys.stdout = sys.stderr = None",
    "thread that works": "from threading import Thread\nThread(target=lambda: list(iter(int, 1))).start()",
    "no modules": "import sys\nsys.path.clear()",
    "training": "for _ in iter(int, 1): pass",
}


def with_body(body):
    return submission(relu=f"def relu(Z):\n    {body}\n    return np.maximum(0, Z), Z\n")


def wrong_functions(diagnosis):
    return {finding.function for finding in diagnosis.report.findings if finding.severity == "wrong"}


def checked(folder, texts):
    """Write submissions, check them all, and return the diagnoses by name."""
    for number, text in enumerate(texts.values()):
        (folder / f"s{number}.py").write_text(text)
    files = [folder / f"s{number}.py" for number in range(len(texts))]
    found = list(diagnose_files(files, only=CHECKED, limits=LIMITS))
    assert {path.name for path in folder.iterdir()} == {path.name for path in files}
    assert [path.read_text() for path in files] == list(texts.values())
    return dict(zip(texts, found, strict=True))


def test_a_loop_and_a_crash(tmp_path):
    """The quick version of what follows: two bad functions in one file."""
    text = submission(
        relu="def relu(Z):\n    while True: pass\n", sigmoid="def sigmoid(Z): import os; os.abort()\n"
    )
    (tmp_path / "mine.py").write_text(text)
    found = diagnose_file(tmp_path / "mine.py", only=CHECKED, limits=LIMITS)
    said = {finding.function: finding.message for finding in found.report.findings}
    assert said == {"sigmoid": "It crashed the process (SIGABRT).", "relu": "It did not end within 1.5 s."}
    assert not found.correct
    assert found.report.checked == CHECKED


@pytest.mark.slow
def test_functions_that_misbehave(tmp_path):
    """Each is named as wrong, alone, and the other functions are checked."""
    texts = {kind: with_body(body) for kind, (body, _) in IN_A_FUNCTION.items()}
    for kind, found in checked(tmp_path, texts).items():
        assert found.problem is None, (kind, found)
        assert wrong_functions(found) == {"relu"}, (kind, found)
        assert set(found.report.checked) == set(CHECKED), kind
        assert IN_A_FUNCTION[kind][1] in " ".join(f.message for f in found.report.findings), (kind, found)


@pytest.mark.slow
def test_functions_with_harmless_habits(tmp_path):
    texts = {kind: with_body(body) for kind, body in HARMLESS.items()}
    texts["plot"] = "import matplotlib.pyplot as plt\n" + texts["plot"]
    for kind, found in checked(tmp_path, texts).items():
        assert found.correct, (kind, found)
        assert set(found.report.checked) == set(CHECKED), kind
        if "replaced" in kind:
            assert any("undone" in note for note in found.notes), (kind, found.notes)


@pytest.mark.slow
def test_code_that_misbehaves_before_the_functions(tmp_path):
    texts = {kind: f"{IMPORTS}{code}\n{submission()}" for kind, code in AT_THE_START.items()}
    for kind, found in checked(tmp_path, texts).items():
        assert found.correct, (kind, found)
        assert set(found.report.checked) == set(CHECKED), kind
        if kind == "os._exit":
            assert "line 4 ended the process, and was skipped" in found.notes


@pytest.mark.slow
def test_no_process_is_left(tmp_path):
    """A grandchild in a session of its own, which a C function made, is ended as well."""
    name = f"left{os.getpid()}"
    body = (
        "import ctypes\n    library = ctypes.CDLL(None)\n    if library.fork() == 0:\n        "
        f"library.setsid(); library.prctl(15, b'{name}'); library.sleep(1000)"
    )
    (tmp_path / "mine.py").write_text(with_body(body))
    assert diagnose_file(tmp_path / "mine.py", only=CHECKED, limits=LIMITS).correct
    assert name not in {read_name(path) for path in Path("/proc").glob("[0-9]*/comm")}


def read_name(path):
    try:
        return path.read_text().strip()
    except OSError:
        return ""


@pytest.mark.slow
def test_the_time_of_a_whole_submission(tmp_path):
    """Functions that end, but slowly: what was not reached is not called right."""
    slow = "def {}(*arguments):\n    import time\n    time.sleep(0.3)\n"
    names = ("sigmoid", "relu", "linear_forward")
    (tmp_path / "mine.py").write_text(submission(**{name: slow.format(name) for name in names}))
    found = diagnose_file(tmp_path / "mine.py", only=CHECKED, limits=Limits(time=6.0, memory=256))
    assert not found.correct
    assert "time limit of 6 s" in " ".join(finding.message for finding in found.report.findings)
    assert "the other functions were not checked, for lack of time" in found.notes


def test_a_name_is_no_module():
    with pytest.raises(TypeError, match=r"source is 'mine\.py', a name: a file or notebook is checked by"):
        deepnet.diagnose("mine.py")


def test_assert_correct_in_this_process_and_on_a_file(tmp_path):
    (tmp_path / "mine.py").write_text(submission())
    with pytest.raises(AssertionError, match=r"(?s)mine\.py: 1 of 2 .*Wrong: predict: It is not there"):
        assert_correct(tmp_path / "mine.py", only=["relu", "predict"])
    names: dict = {}
    exec(submission(sigmoid=FUNCTIONS["sigmoid"].replace("-Z", "Z")), names)
    assert_correct(names, only=["relu"])
    with pytest.raises(AssertionError, match="Wrong: predict: It is not there"):
        assert_correct(names, only=["relu", "predict"])
    with pytest.raises(AssertionError, match=r"(?s)1 of 1 function wrong: sigmoid.*Wrong: sigmoid: "):
        assert_correct(names, only=["sigmoid"])
