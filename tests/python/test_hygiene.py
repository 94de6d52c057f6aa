"""The extension leaves the process as it is, runs on every CPU, and exports and needs very little."""

import json
import os
import platform
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from deepnet import backends

ROOT = Path(__file__).resolve().parents[2]
EXTENSION = backends.native.__file__
LOADER = f"ld-linux-{platform.machine().replace('_', '-')}"


def run(*command, **environment):
    """Run a command and return its output; a failure shows its error output."""
    env = {**os.environ, **environment}
    result = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def python(program, **environment):
    return run(sys.executable, "-c", program, **environment)


# --- import -------------------------------------------------------------------------------------------------

OPTIONAL = [
    "sklearn",
    "scipy",
    "matplotlib",
    "PIL",
    "h5py",
    "typer",
    "click",
    "rich",
    "pandas",
    "onnx",
    "torch",
    "keras",
    "ctypes.util",
]

STATE = """
import ctypes, json, os, signal, sys
import numpy as np

def floating_point_control():
    # glibc's fenv_t: 28 bytes of x87, then MXCSR (x86-64), or FPCR (AArch64). Sticky flags do not count.
    env = (ctypes.c_uint32 * 16)()
    assert ctypes.CDLL("libm.so.6").fegetenv(env) == 0
    return env[7] & ~0x3F if os.uname().machine == "x86_64" else env[0]

def state():
    with open("/proc/self/status") as file:
        status = dict(line.split(":\\t", 1) for line in file)
    return {
        "threads": len(os.listdir("/proc/self/task")),
        "floating-point control": floating_point_control(),
        "denormals": [float(np.float32(1e-40) * np.float32(1)), float(np.float64(1e-310) * np.float64(1))],
        # Not SigQ: it counts the queued signals of all processes of the user.
        "signal masks": [status[name] for name in ("SigPnd", "SigBlk", "SigIgn", "SigCgt")],
        "signal handlers": [str(signal.getsignal(number)) for number in signal.valid_signals()],
        "environment": dict(os.environ),
    }
"""


@pytest.fixture(scope="module")
def first_use():
    """The state of a process before and after its first use of deepnet, and the modules that came with it."""
    program = """
before, modules = state(), set(sys.modules)
import deepnet
after_import, imported = state(), sorted(set(sys.modules) - modules)
deepnet.linear_forward(np.ones((8, 40)), np.ones((3, 8)), np.ones((3, 1)))
print(json.dumps({"before": before, "import": after_import, "use": state(), "modules": imported}))
"""
    return json.loads(python(STATE + program))


@pytest.mark.parametrize("moment", ["import", "use"])
@pytest.mark.parametrize(
    "aspect",
    ["threads", "floating-point control", "denormals", "signal masks", "signal handlers", "environment"],
)
def test_import_and_use_leave_the_process_as_it_was(first_use, moment, aspect):
    assert first_use[moment][aspect] == first_use["before"][aspect]


def test_denormals_stay_numbers(first_use):
    assert all(first_use["use"]["denormals"])


def test_import_needs_numpy_alone(first_use):
    assert "deepnet" in first_use["modules"]
    assert not [name for name in first_use["modules"] if name.split(".")[0] in OPTIONAL]


def test_import_takes_no_longer_than_that_of_numpy(tmp_path):
    """The best ratio of 5, in CPU time, with bytecode: 0.6 to 1 was measured (50 ms on a quiet machine)."""
    program = """
import time
start = time.process_time()
import numpy
between = time.process_time()
import deepnet
print((time.process_time() - between) / (between - start))
"""
    ratios = [
        float(python(program, PYTHONDONTWRITEBYTECODE="", PYTHONPYCACHEPREFIX=str(tmp_path)))
        for _ in range(5)
    ]
    assert min(ratios) < 1.25


# --- instruction sets ---------------------------------------------------------------------------------------

CONFIG = backends.native.config()
FORWARD = (
    "import numpy as np, deepnet; deepnet.linear_forward(np.ones((4, 5)), np.ones((3, 4)), np.ones((3, 1)));"
)


@pytest.mark.parametrize("isa", CONFIG["isas_supported"])
def test_deepnet_isa_pins_the_instruction_set(isa):
    program = FORWARD + "print(deepnet.backends.native.config()['isa'])"
    assert python(program, DEEPNET_ISA=isa).strip() == isa


def test_an_unknown_instruction_set_fails_loudly():
    env = {**os.environ, "DEEPNET_ISA": "no_such_isa"}
    result = subprocess.run(
        [sys.executable, "-c", FORWARD], capture_output=True, text=True, env=env, check=False
    )
    assert result.returncode == 1
    assert "RuntimeError" in result.stderr
    assert all(name in result.stderr for name in ["no_such_isa", *CONFIG["isas_supported"]])


# --- the linker ---------------------------------------------------------------------------------------------


def kernel_objects(folder):
    """The kernel objects of a build, by instruction set."""
    found = {}
    for path in folder.glob("CMakeFiles/deepnet_*.dir/cpp/kernels/*.o"):
        isa = path.parts[-4].removeprefix("deepnet_").removesuffix(".dir")
        found.setdefault(isa, []).append(str(path))
    return found


def is_current(objects):
    sources = [path for room in ("simd", "kernels") for path in (ROOT / "cpp" / room).iterdir()]
    newest = max(path.stat().st_mtime for path in sources)
    return bool(objects) and all(
        os.stat(path).st_mtime > newest for paths in objects.values() for path in paths
    )


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    """The kernel objects of the editable install or, if it was another, of a separate build."""
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    system = re.sub(r"\W", "_", sysconfig.get_platform())
    found = kernel_objects(ROOT / "build" / f"{tag}-{tag}-{system}")
    if is_current(found):
        return found
    build = tmp_path_factory.mktemp("kernels")
    options = ["-DDEEPNET_BUILD_PYTHON=OFF", "-DDEEPNET_BUILD_TESTS=OFF", "-DDEEPNET_BUILD_BENCHMARKS=OFF"]
    run("cmake", "-G", "Ninja", "-S", str(ROOT), "-B", str(build), "-DCMAKE_BUILD_TYPE=Release", *options)
    run("cmake", "--build", str(build))
    return kernel_objects(build)


OBJECTS = [*CONFIG["isas_built"], *CONFIG["bfloat16_built"]]


def symbols(*options, objects):
    """The lines of nm, without the names of files."""
    return [line for one in objects for line in run("nm", *options, one).splitlines()]


def test_every_instruction_set_of_the_table_has_its_object(objects):
    assert set(objects) == set(OBJECTS)


@pytest.mark.parametrize("isa", OBJECTS)
def test_a_kernel_object_defines_its_own_names_only(objects, isa):
    """The linker may keep this copy of any other symbol, and crash a CPU without these instructions."""
    defined = symbols("--demangle", "--extern-only", "--defined-only", objects=objects[isa])
    assert defined
    own = re.compile(rf"deepnet::{isa}::| _ZZ?NK?7deepnet{len(isa)}{isa}")  # not all nm demangle every lambda
    assert not [line for line in defined if not own.search(line)]


@pytest.mark.parametrize("isa", OBJECTS)
def test_a_kernel_object_calls_nothing_but_memory_copies(objects, isa):
    undefined, defined = (
        {line.split()[-1] for line in symbols("--extern-only", kind, objects=objects[isa])}
        for kind in ("--undefined-only", "--defined-only")
    )
    assert undefined - defined <= {"memcpy", "memmove", "memset", "_GLOBAL_OFFSET_TABLE_"}


def test_the_extension_exports_its_entry_alone():
    exported = run("nm", "--dynamic", "--defined-only", EXTENSION).splitlines()
    assert any(line.endswith(" T PyInit__core") for line in exported)
    assert len(exported) <= 5


def test_the_extension_needs_system_libraries_alone():
    dynamic = run("readelf", "--dynamic", "--wide", EXTENSION)
    needed = set(re.findall(r"\(NEEDED\).*\[(.+?)\.so", dynamic))
    assert needed <= {"libstdc++", "libm", "libgcc_s", "libc", "libpthread", LOADER}
    assert "RPATH" not in dynamic
    assert "RUNPATH" not in dynamic


def test_the_stack_is_not_executable():
    stack = [
        line for line in run("readelf", "--segments", "--wide", EXTENSION).splitlines() if "GNU_STACK" in line
    ]
    assert stack
    assert " RWE " not in stack[0]
