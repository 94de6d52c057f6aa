"""The documentation is complete: the API reference has every public name, and the examples of diffs apply."""

import importlib
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = [
    "deepnet",
    "deepnet.losses",
    "deepnet.optimizers",
    "deepnet.schedules",
    "deepnet.network",
    "deepnet.gradient_checking",
    "deepnet.explaining",
    "deepnet.diagnose",
    "deepnet.distributed",
    "deepnet.exchange",
    "deepnet.io",
    "deepnet.plotting",
    "deepnet.sklearn",
    "deepnet.reference",
    "deepnet.course.step_by_step",
    "deepnet.course.dnn_app_utils",
    "deepnet.course.init_utils",
    "deepnet.course.reg_utils",
    "deepnet.course.gc_utils",
    "deepnet.course.opt_utils",
]


def documented():
    """Return the full names in the pages of the API reference."""
    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "api").glob("*.rst"))
    named = set(re.findall(r"^\.\. auto\w+:: (deepnet\.\S+)", pages, re.M))
    data = re.findall(r"^\.\. py:data:: (\w+)\n   :module: (\S+)", pages, re.M)
    return named | {f"{module}.{name}" for name, module in data}


def test_the_api_reference_has_every_public_name():
    """An object with several names is there under one of them; submodules have sections of their own."""
    pytest.importorskip("sklearn")
    named = documented()
    objects = set()
    for name in named:
        module, _, attribute = name.rpartition(".")
        objects.add(id(getattr(importlib.import_module(module), attribute)))
    missing = []
    for module in map(importlib.import_module, MODULES):
        for name in module.__all__:
            thing = getattr(module, name)
            if not isinstance(thing, ModuleType) and id(thing) not in objects:
                missing.append(f"{module.__name__}.{name}")
    assert not missing


def hunks(diff):
    """Return (file, lines before, lines after) of each hunk."""
    found, path = [], None
    for line in diff.splitlines():
        if line.startswith("--- a/"):
            path = line.removeprefix("--- a/")
        elif line.startswith("+++ "):
            assert line == f"+++ b/{path}"
        elif header := re.match(r"@@ -\d+,(\d+) \+\d+,(\d+) @@", line):
            found.append((path, [], [], [int(header[1]), int(header[2])]))
        else:
            before, after = found[-1][1:3]
            if line[:1] != "+":
                before.append(line[1:])
            if line[:1] != "-":
                after.append(line[1:])
    for path, before, after, lengths in found:
        assert [len(before), len(after)] == lengths, f"{path}: the header of a hunk does not count {before}"
    return [hunk[:3] for hunk in found]


def test_the_diffs_of_the_guide_for_contributors_apply():
    """The lines that a hunk keeps or removes are in its file, side by side."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    diffs = re.findall(r"^```diff\n(.*?)^```", text, re.M | re.S)
    assert len(diffs) == 6  # activation, loss, optimizer, kernel, estimator, mistake
    for path, before, after in (hunk for diff in diffs for hunk in hunks(diff)):
        source = (ROOT / path).read_text(encoding="utf-8")
        assert "\n".join(["", *before, ""]) in source, f"{path} lacks these lines:\n" + "\n".join(before)
        assert before != after, path
