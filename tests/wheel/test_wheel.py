"""The sdist and the wheel in dist/, as a user gets them. `make wheel` builds both and then runs this.

`make test` leaves these out: they build it again, and pip must be able to install NumPy.
"""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "deepnet"


def run(*command, cwd=None):
    hidden = {"PYTHONPATH", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"}
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    return subprocess.run([*map(str, command)], capture_output=True, text=True, cwd=cwd, env=env, check=False)


def succeed(*command, cwd=None):
    result = run(*command, cwd=cwd)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def the_only(pattern):
    found = list((ROOT / "dist").glob(pattern))
    assert len(found) == 1, f"`make wheel` leaves one dist/{pattern}, not {found}"
    return found[0]


@pytest.fixture(scope="module")
def sdist():
    return the_only("deepnet_cpu-*.tar.gz")


@pytest.fixture(scope="module")
def wheel():
    return the_only("deepnet_cpu-*.whl")


def test_the_sdist_has_what_a_build_and_its_tests_need_and_no_build(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "CMakeLists.txt", "LICENSE", "README.md", "cpp/kernels/kernels.h"} <= names
    assert {"python/deepnet/__init__.py", "tests/python/test_house.py", "Makefile"} <= names
    assert not [name for name in names if re.search(r"\.(so|o|pyc|whl)$|^(build|dist|\.venv)/", name)]


def test_the_wheel_has_the_package_and_the_extension_alone(wheel):
    packages = [*PACKAGE.rglob("*"), *PACKAGE.with_name("deepnet_command").rglob("*")]
    sources = {p for p in packages if p.suffix in {".py", ".pyi"} or p.name == "py.typed"}
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        licences = [name for name in archive.namelist() if ".dist-info/licenses/" in name]
    package = {path.relative_to(PACKAGE.parent).as_posix() for path in sources}
    assert {name for name in names if not name.endswith(".so")} == package
    assert {"deepnet/py.typed", "deepnet/_core.pyi"} <= package
    extensions = [name for name in names if name.endswith(".so")]
    assert len(extensions) == 1
    assert extensions[0].startswith("deepnet/_core.")
    assert licences


def test_the_wheel_is_under_2_mb(wheel):
    assert wheel.stat().st_size < 2_000_000


def test_the_wheel_names_no_folder_of_the_machine_that_built_it(wheel):
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            assert not re.search(rb"/(?:home|root|tmp|work|build)/[\w.-]+/", archive.read(name)), name


def test_the_sdist_builds_the_same_wheel(sdist, wheel, tmp_path):
    """In another folder, with new build tools, and one year of file times apart.

    So what the other tests say of the wheel in dist/ holds for one that a user builds. Where CMake uses
    ccache, the same source with the same flags is not compiled again.
    """
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = (path for path in tmp_path.iterdir() if path.is_dir())
    for path in source.rglob("*"):
        os.utime(path, (1.7e9, 1.7e9))
    succeed(sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path, source)
    (again,) = tmp_path.glob("*.whl")
    assert again.name == wheel.name
    assert again.read_bytes() == wheel.read_bytes()


@pytest.fixture(scope="module")
def fresh(wheel, tmp_path_factory):
    """Return the bin folder of a new environment with the wheel and its requirement, NumPy."""
    folder = tmp_path_factory.mktemp("fresh")
    succeed(sys.executable, "-m", "venv", folder)
    succeed(folder / "bin" / "python", "-m", "pip", "install", "--quiet", wheel)
    return folder / "bin"


def test_the_wheel_needs_numpy_alone(fresh):
    listed = succeed(fresh / "python", "-m", "pip", "list", "--format=freeze")
    names = {line.partition("==")[0] for line in listed.split()}
    assert names <= {"deepnet-cpu", "numpy", "pip", "setuptools"}


STEP = """
import numpy as np, deepnet
assert deepnet.backend_name() == "native"
X, Y = np.random.default_rng(0).random((4, 50)), np.arange(50).reshape(1, 50) % 2
parameters = deepnet.initialize_parameters_deep([4, 5, 1])
AL, caches = deepnet.L_model_forward(X, parameters)
grads = deepnet.L_model_backward(AL, Y, caches)
after = deepnet.update_parameters(parameters, grads, 0.1)
before, now = (deepnet.compute_cost(deepnet.L_model_forward(X, p)[0], Y) for p in (parameters, after))
assert now < before
print(deepnet.__version__)
"""


def test_a_training_step_runs(fresh, wheel, tmp_path):
    assert succeed(fresh / "python", "-c", STEP, cwd=tmp_path).strip() == wheel.name.split("-")[1]


@pytest.fixture(scope="module")
def with_numpy_1(wheel, tmp_path_factory):
    """Return the Python of an environment with NumPy 1, whose C API has another module name."""
    if sys.version_info >= (3, 13):
        pytest.skip("NumPy 1.26.4 has no wheel for Python 3.13 and later")
    folder = tmp_path_factory.mktemp("numpy-1")
    succeed(sys.executable, "-m", "venv", folder)
    succeed(folder / "bin" / "python", "-m", "pip", "install", "--quiet", wheel, "numpy==1.26.4")
    return folder / "bin" / "python"


LARGE_STEPS = """
import numpy as np, deepnet
assert np.__version__ == "1.26.4" and deepnet.backend_name() == "native"
random = np.random.default_rng(0)
X, Y = random.standard_normal((300, 700)), (random.random((1, 700)) < 0.5) * 1.0
for dtype in (np.float64, np.float32):
    x, y = X.astype(dtype), Y.astype(dtype)
    parameters = deepnet.initialize_parameters_deep([300, 200, 1], dtype=dtype)
    costs, kept = [], []
    for _ in range(20):
        AL, caches = deepnet.L_model_forward(x, parameters)
        assert caches[0][1].nbytes > 128 << 10
        costs.append(float(deepnet.compute_cost(AL, y)))
        grads = deepnet.L_model_backward(AL, y, caches)
        parameters = deepnet.update_parameters(parameters, grads, 0.1)
        kept.append((caches[0][1], caches[0][1].copy()))  # memory in use is not given to another array
    assert costs == sorted(costs, reverse=True), costs
    assert all((used == copy).all() for used, copy in kept)
    with deepnet.use_backend("numpy"):
        expected = deepnet.L_model_backward(AL, y, caches)
    for name, grad in grads.items():
        error = abs(grad - expected[name]).max() / abs(expected[name]).max()
        assert error < {np.float64: 1e-12, np.float32: 1e-5}[dtype], (name, error)
    grads["dW1"].resize((1, 10), refcheck=False)  # by its own allocator
    assert grads["dW1"].shape == (1, 10)
assert np.core.multiarray.get_handler_name(AL) == "default_allocator"  # it is small
print(np.core.multiarray.get_handler_name(caches[0][1]))
"""


def test_training_steps_with_large_arrays_run_on_numpy_1(with_numpy_1, tmp_path):
    assert succeed(with_numpy_1, "-c", LARGE_STEPS, cwd=tmp_path).strip() == "deepnet large arrays"


def test_the_command_says_what_to_install(fresh, tmp_path):
    result = run(fresh / "deepnet", "demo", cwd=tmp_path)
    assert result.returncode != 0
    assert "needs typer: pip install typer, or" in result.stderr
    assert "'deepnet-cpu[cli]'" in result.stderr
    assert "Traceback" not in result.stderr
