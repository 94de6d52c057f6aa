"""The documentation is complete: the API reference has every public name, and the examples of diffs apply."""

import importlib
import re
import subprocess
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


def test_the_diffs_of_the_guide_for_contributors_apply():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    diffs = re.findall(r"^```diff\n(.*?)^```", text, re.M | re.S)
    assert len(diffs) == 6  # activation, loss, optimizer, kernel, estimator, mistake
    for diff in diffs:
        git = ["git", "apply", "--check", "--unidiff-zero", "-"]
        try:
            ended = subprocess.run(git, input=diff, cwd=ROOT, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            pytest.skip("git is not installed")
        assert ended.returncode == 0, ended.stderr + diff
