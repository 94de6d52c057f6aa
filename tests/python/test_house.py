"""Which package may import which, in C++ and in Python. Nothing is run: the tests read the sources.

A package that is moved, added or renamed needs its place in CPP_ROOMS or PYTHON_ROWS.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CPP = ROOT / "cpp"
PACKAGE = ROOT / "python" / "deepnet"


def offences_in(paths, find):
    """Return "file: offence" for everything that `find` yields for a path."""
    return [f"{path.relative_to(ROOT)}: {offence}" for path in paths for offence in find(path)]


# --- C++ ----------------------------------------------------------------------------------------------------

CPP_ROOMS = [
    "simd",
    "kernels",
    "runtime",
    "nn",
    "train",
    "api",
    "bindings",
]  # each may include those before it
CONTRACT = "kernels/kernels.h"  # plain structs and pointers, which every room may include
PER_ISA = {"simd", "kernels"}  # compiled once per instruction set
PER_ISA_INCLUDES = {"cassert", "cstddef", "cstdint", "cstring", "immintrin.h", "arm_neon.h"}
MACROS = {"DEEPNET_INLINE"}  # and DEEPNET_ISA, which CMake defines
CPP_SOURCES = sorted(path for path in CPP.rglob("*") if path.suffix in {".h", ".cpp"})


def room_of(path):
    return path.relative_to(CPP).parts[0]


def code_of(path):
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", path.read_text(), flags=re.S)


def include_offences(room, text):
    """Yield each include that `room` must not have; the room "include" holds the public headers."""
    for target in re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', text, re.M):
        owner = target.split("/")[0] if "/" in target else None
        if room in PER_ISA:
            if owner not in PER_ISA and target not in PER_ISA_INCLUDES:
                yield f"{room} is compiled per instruction set and must not include {target}"
            elif room == "simd" and owner == "kernels" and target != CONTRACT:
                yield f"simd must not include {target}"
        elif owner in CPP_ROOMS and room == "include":
            yield f"a public header must not include {target}"
        elif owner in PER_ISA and target != CONTRACT:
            yield f"{target} is compiled per instruction set: {room} may include {CONTRACT} only"
        elif owner in CPP_ROOMS and CPP_ROOMS.index(owner) > CPP_ROOMS.index(room):
            yield f"{room} must not include {target}"


def test_every_cpp_file_is_in_a_known_room():
    assert {room_of(path) for path in CPP_SOURCES} == {*CPP_ROOMS, "include"}


def test_a_room_includes_only_itself_and_the_rooms_before_it():
    assert not offences_in(CPP_SOURCES, lambda path: include_offences(room_of(path), path.read_text()))


def test_project_includes_start_with_the_room():
    def find(path):
        for target in re.findall(r'^#include "([^"]+)"', path.read_text(), re.M):
            places = [CPP / target, CPP / "include" / target, ROOT / "cmake" / f"{target}.in"]
            if not any(place.is_file() for place in places):
                yield f'write "room/file.h", not {target}'

    assert not offences_in(CPP_SOURCES, find)


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("simd", '#include "runtime/cpu.h"'),
        ("simd", '#include "kernels/gemm.h"'),
        ("simd", "#include <cmath>"),
        ("kernels", "#include <algorithm>"),
        ("kernels", '#include "deepnet/network.h"'),
        ("runtime", '#include "nn/linear.h"'),
        ("nn", '#include "kernels/gemm.h"'),
        ("train", '#include "simd/vec.h"'),
        ("train", '#  include "bindings/numpy_view.h"'),
        ("include", '#include "nn/network.h"'),
        ("include", "#include <nn/network.h>"),
    ],
)
def test_include_offences_are_seen(room, line):
    assert list(include_offences(room, f"#include <cstddef>\n{line}\n"))


PER_ISA_SOURCES = [path for path in CPP_SOURCES if room_of(path) in PER_ISA]


def test_kernels_use_nothing_of_std():
    """The linker may replace the inline function that an older CPU runs by the AVX-512 object's copy."""
    assert not offences_in(PER_ISA_SOURCES, lambda path: re.findall(r"std::\w+", code_of(path)))


def test_kernels_are_in_the_namespace_of_their_instruction_set():
    for path in PER_ISA_SOURCES:
        spaces = set(re.findall(r"^namespace\s+([\w:]+)", code_of(path), re.M))
        allowed = {"deepnet::DEEPNET_ISA"} | ({"deepnet"} if path == CPP / CONTRACT else set())
        assert spaces, path
        assert spaces <= allowed, path


def test_no_other_macros_are_defined():
    def find(path):
        return set(re.findall(r"^\s*#\s*define\s+(\w+)", path.read_text(), re.M)) - MACROS

    assert not offences_in(CPP_SOURCES, find)


# --- Python -------------------------------------------------------------------------------------------------

# Each row may import from the rows above it, and a package from itself.
PYTHON_ROWS = [
    {"_distribution", "_names", "_numbers", "_curves", "_system", "engine_errors"},  # leaves: NumPy alone
    {"_arguments", "_files"},
    {"_immutable", "_extras"},
    {"activations"},
    {"schedules", "layers"},
    {"optimizers", "caches", "losses", "initializers", "plotting"},
    {"plan"},
    {"reference", "_core", "_validation", "io"},
    {"backends"},
    {"threads"},
    {"distributed"},
    {"network"},
    {"callbacks", "explaining", "gradient_checking"},
    {"course", "sklearn"},
    {"exchange", "diagnose"},
    {"cli"},
    {"__main__"},
]
ROW_OF = {room: row for row, rooms in enumerate(PYTHON_ROWS) for room in rooms}
OUTSIDE = {"cli"}  # may use deepnet as its users do: `import deepnet`
PYTHON_SOURCES = sorted(PACKAGE.rglob("*.py"))


def imported_by(text, package):
    """Yield the packages and modules directly under deepnet that a module imports, anywhere in it.

    `package` is the dotted package of the module: ``deepnet.course`` for course/step_by_step.py.
    """
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = parts[: len(parts) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            targets = [f"{stem}.{alias.name}" for alias in node.names] if stem == "deepnet" else [stem]
        else:
            continue
        for target in targets:
            if target.split(".")[0] == "deepnet":
                yield target.partition(".")[2].split(".")[0] or "deepnet"


def import_offences(room, imported):
    for target in imported - {room}:
        if target == "_core" and room != "backends":
            yield f"only backends.py may import _core, not {room}"
        elif target not in ROW_OF and room not in OUTSIDE:
            yield f"{room} must import {target} from the module that defines it; a new module needs a row"
        elif target in ROW_OF and ROW_OF[target] >= ROW_OF[room]:
            yield f"{room} must not import {target}"


def test_a_module_imports_only_from_the_rows_above():
    def find(path):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        imported = set(imported_by(path.read_text(), ".".join(["deepnet", *parts[:-1]])))
        if parts == ("__init__",):
            return [f"import deepnet must not load {name}" for name in imported & OUTSIDE]
        return import_offences(parts[0], imported)

    assert not offences_in(PYTHON_SOURCES, find)


def test_every_module_has_exactly_one_row():
    modules = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in PYTHON_SOURCES}
    assert modules - {"__init__"} | {"_core"} == set(ROW_OF)
    assert len(ROW_OF) == sum(map(len, PYTHON_ROWS))


@pytest.mark.parametrize(
    ("room", "package", "line"),
    [
        ("course", "deepnet.course", "from deepnet import _core"),
        ("reference", "deepnet.reference", "from .. import backends"),
        ("reference", "deepnet.reference", "import deepnet._core"),
        ("backends", "deepnet", "def late():\n    from deepnet.course import step_by_step"),
        ("activations", "deepnet", "from .reference import relu"),
        ("course", "deepnet.course", "from ..cli import main"),
        ("course", "deepnet.course", "import deepnet"),
        ("network", "deepnet", "from deepnet import relu"),
    ],
)
def test_import_offences_are_seen(room, package, line):
    assert list(import_offences(room, set(imported_by(line, package))))
