"""The house: which room may know which, what a kernel may use, how long a file may be, which names are none.

Nothing is run here: the tests read the sources. The functions that find offences are shown some, too.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CPP = ROOT / "cpp"
PACKAGE = ROOT / "python" / "deepnet"


def ids(paths):
    return [path.relative_to(ROOT).as_posix() for path in paths]


def files(*folders, suffixes):
    found = (path for folder in folders for path in (ROOT / folder).rglob("*"))
    return sorted(path for path in found if path.suffix in suffixes and "__pycache__" not in path.parts)


# --- C++ rooms ----------------------------------------------------------------------------------------------

CPP_ROOMS = ["simd", "kernels", "runtime", "nn", "train", "bindings"]  # each knows those before it
CONTRACT = "kernels/kernels.h"  # plain structs and pointers, which every room may include
PER_ISA = {"simd", "kernels"}
PER_ISA_INCLUDES = {"cstddef", "cstdint", "cstring", "immintrin.h", "arm_neon.h"}
MACROS = {"DEEPNET_INLINE", "DEEPNET_CHECK"}  # and DEEPNET_ISA, which CMake defines
CPP_SOURCES = files("cpp", suffixes={".h", ".cpp"})


def includes(text):
    return re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', text, re.M)


def without_comments(text):
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)


def include_offences(room, text):
    """Yield each include that `room` must not have; the room "include" holds the public headers."""
    for target in includes(text):
        owner = target.split("/")[0] if "/" in target else None
        if room in PER_ISA:
            if owner not in PER_ISA and target not in PER_ISA_INCLUDES:
                yield f"{room} is compiled per instruction set and must not include {target}"
            elif room == "simd" and owner == "kernels" and target != CONTRACT:
                yield f"simd must not know {target}"
        elif owner in CPP_ROOMS and room == "include":
            yield f"a public header must not include {target}"
        elif owner in PER_ISA and target != CONTRACT:
            yield f"{target} is compiled per instruction set: {room} may include {CONTRACT} alone"
        elif owner in CPP_ROOMS and CPP_ROOMS.index(owner) > CPP_ROOMS.index(room):
            yield f"{room} must not know {target}"


@pytest.mark.parametrize("path", CPP_SOURCES, ids=ids(CPP_SOURCES))
def test_a_room_includes_only_itself_and_the_rooms_before_it(path):
    room = path.relative_to(CPP).parts[0]
    assert room in [*CPP_ROOMS, "include"], f"{room} is no room of the house"
    assert not list(include_offences(room, path.read_text()))


@pytest.mark.parametrize("path", CPP_SOURCES, ids=ids(CPP_SOURCES))
def test_project_includes_are_written_from_the_room(path):
    for target in re.findall(r'^#include "([^"]+)"', path.read_text(), re.M):
        places = [CPP / target, CPP / "include" / target, ROOT / "cmake" / f"{target}.in"]
        assert any(place.is_file() for place in places), f'write "room/file.h", not {target}'


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


KERNEL_SOURCES = [path for path in CPP_SOURCES if path.relative_to(CPP).parts[0] in PER_ISA]


@pytest.mark.parametrize("path", KERNEL_SOURCES, ids=ids(KERNEL_SOURCES))
def test_kernels_use_nothing_of_std(path):
    """An inline function of std emitted by the AVX-512 object may replace the copy that an older CPU runs."""
    assert "std::" not in without_comments(path.read_text())


@pytest.mark.parametrize("path", KERNEL_SOURCES, ids=ids(KERNEL_SOURCES))
def test_kernels_live_in_the_namespace_of_their_instruction_set(path):
    spaces = set(re.findall(r"^namespace\s+([\w:]+)", without_comments(path.read_text()), re.M))
    is_contract = path == CPP / CONTRACT
    assert spaces <= ({"deepnet", "deepnet::DEEPNET_ISA"} if is_contract else {"deepnet::DEEPNET_ISA"})
    assert spaces


@pytest.mark.parametrize("path", CPP_SOURCES, ids=ids(CPP_SOURCES))
def test_there_is_no_fourth_macro(path):
    assert set(re.findall(r"^\s*#\s*define\s+(\w+)", path.read_text(), re.M)) <= MACROS


# --- Python rooms -------------------------------------------------------------------------------------------

# Each row may know the rows above it, and a room its own files. `import deepnet` loads down to course.
PYTHON_ROWS = [
    {"_names", "_numbers", "_curves", "_files"},  # leaves: they know NumPy
    {"activations", "_extras"},
    {"schedules", "layers"},
    {"optimizers", "caches", "losses", "initializers", "plotting"},
    {"plan"},
    {"reference", "_core", "_validation", "io"},
    {"backends"},
    {"network", "threads"},
    {"callbacks", "gradient_checking"},
    {"course"},
    {"sklearn", "diagnose"},
    {"cli"},
]
ROW_OF = {room: row for row, rooms in enumerate(PYTHON_ROWS) for room in rooms}
OUTSIDE = {"sklearn", "diagnose", "cli"}  # these may use deepnet as its users do: `import deepnet`
PYTHON_SOURCES = files("python", suffixes={".py"})


def imported_rooms(text, package):
    """Yield the rooms of deepnet that a module imports, at the top or inside a function.

    `package` is the dotted package that the module is in: ``deepnet.course`` for course/step_by_step.py.
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
            yield f"only backends.py imports _core, not {room}"
        elif target not in ROW_OF and room not in OUTSIDE:
            yield f"{room} must import {target} from the module that defines it"
        elif target in ROW_OF and ROW_OF[target] >= ROW_OF[room]:
            yield f"{room} must not know {target}"


@pytest.mark.parametrize("path", PYTHON_SOURCES, ids=ids(PYTHON_SOURCES))
def test_a_module_imports_only_the_rooms_before_it(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    imported = set(imported_rooms(path.read_text(), ".".join(["deepnet", *parts[:-1]])))
    if parts == ("__init__",):
        assert not imported & OUTSIDE, "import deepnet needs NumPy alone"
        return
    assert parts[0] in ROW_OF, f"{parts[0]} has no place in the house: give it a row in PYTHON_ROWS"
    assert not list(import_offences(parts[0], imported))


@pytest.mark.parametrize(
    ("room", "package", "line"),
    [
        ("course", "deepnet.course", "from deepnet import _core"),
        ("reference", "deepnet.reference", "from .. import backends"),
        ("reference", "deepnet.reference", "import deepnet._core"),
        ("backends", "deepnet", "def late():\n    from deepnet.course import step_by_step"),
        ("activations", "deepnet", "from .reference import relu"),
        ("course", "deepnet.course", "from ..cli import main"),
        ("sklearn", "deepnet", "from deepnet import diagnose"),
        ("course", "deepnet.course", "import deepnet"),
        ("network", "deepnet", "from deepnet import relu"),
    ],
)
def test_import_offences_are_seen(room, package, line):
    assert list(import_offences(room, set(imported_rooms(line, package))))


def test_every_row_of_the_house_is_spelt_as_a_file_is():
    """A room renamed on disk but not here would leave its row without meaning."""
    rooms = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in PYTHON_SOURCES}
    assert {"activations", "caches", "reference", "backends", "_validation", "course", "cli"} <= rooms


# --- every file ---------------------------------------------------------------------------------------------

FOLDERS = ("cpp", "python", "tests", "benchmarks", "examples", "cmake")
CODE = files(*FOLDERS, suffixes={".py", ".pyi", ".h", ".cpp", ".cmake"})
BUILD_FILES = [
    *(ROOT / name for name in ("CMakeLists.txt", "CMakePresets.json", "Makefile", "pyproject.toml")),
    *files("cmake", suffixes={".cmake", ".in"}),
]
DOCUMENTS = [*ROOT.glob("*.md"), *files("docs", "examples", suffixes={".md"})]
TEXTS = [*CODE, *BUILD_FILES, *DOCUMENTS, ROOT / ".ci" / "run"]


@pytest.mark.parametrize("path", [*CODE, *BUILD_FILES], ids=ids([*CODE, *BUILD_FILES]))
def test_a_file_is_short_enough_to_read(path):
    limit = 400 if path.is_relative_to(ROOT / "tests") else 300
    assert len(path.read_text().splitlines()) <= limit, "split it by topic"


@pytest.mark.parametrize("path", CODE, ids=ids(CODE))
def test_a_file_opens_with_what_it_is(path):
    """A source file whose header stands beside it is described there."""
    text = path.read_text()
    if path.suffix == ".cpp" and path.with_suffix(".h").is_file():
        path, text = path.with_suffix(".h"), path.with_suffix(".h").read_text()
    opening = {".py": ('"""', 'r"""', "#!"), ".pyi": ('"""', "#"), ".cmake": ("#",)}.get(path.suffix, ("//",))
    assert not text or text.startswith(opening)


NO_NAMES = {"utils", "util", "helper", "helpers", "manager", "common", "misc"}
COURSE_NAMES = re.compile("(dnn_app|init|reg|gc|opt)_utils")  # as learners import them


def words(name):
    """The words of a name: snake_case, CamelCase or both."""
    return {word.lower() for word in re.findall(r"[A-Za-z][a-z0-9]*", name)}


def defined_names(path):
    """The names of a file, its folders and the types, functions and namespaces that it defines."""
    yield from (part.split(".")[0] for part in path.relative_to(ROOT).parts)
    text = path.read_text()
    if path.suffix in {".py", ".pyi"}:
        kinds = (ast.FunctionDef, ast.ClassDef)
        yield from (node.name for node in ast.walk(ast.parse(text)) if isinstance(node, kinds))
    else:
        yield from re.findall(r"\b(?:class|struct|enum|namespace)\s+(\w+)", without_comments(text))


@pytest.mark.parametrize("path", CODE, ids=ids(CODE))
def test_names_say_what_a_thing_does(path):
    for name in defined_names(path):
        assert not words(COURSE_NAMES.sub("", name)) & NO_NAMES, name


@pytest.mark.parametrize("path", TEXTS, ids=ids(TEXTS))
def test_no_path_of_one_machine(path):
    found = re.findall(r"(?<![\w.*{}$)])/(?:home|root|Users|work|mnt|opt|tmp)/\w+", path.read_text())
    assert not found


@pytest.mark.parametrize("path", BUILD_FILES, ids=ids(BUILD_FILES))
def test_no_flag_that_changes_arithmetic_or_needs_this_cpu(path):
    """-ffast-math flips the user's whole process to flush-to-zero; -march=native and LTO break dispatch."""
    text = re.sub(r"#[^\n]*", "", path.read_text())
    assert not re.findall(
        "-ffast-math|-Ofast|-funsafe-math|-m(?:arch|cpu|tune)=native|-flto|INTERPROCEDURAL", text
    )
