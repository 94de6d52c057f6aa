"""No function reads or writes outside an array: each array lies against a page without access.

Run as a program, this file computes with such arrays, so that a crash ends only its own process. It compares
every result bit for bit with that of ordinary arrays. The gaps of a slice hold nan, which no result may show.
"""

import ctypes
import itertools
import mmap
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

pytestmark = pytest.mark.slow

PROT_NONE = 0
PLACES = ["before", "after"]  # where the forbidden page is that an array touches
LAYOUTS = [
    "C",
    "Fortran",
    "reversed",
    "columns of a wider one",
    "every second of every third",
    "one column repeated",
]

# Units before, units, units of a second layer, examples: both sides of each panel, half panel and row group.
SIZES = [1, 2, 3, 7, 12, 13, 24, 25, 31, 32, 33, 64, 65, 100, 257, 513, 600]
LARGE = [(5000, 20, 3, 209), (4100, 24, 2, 96), (1030, 25, 1, 97), (300, 7, 13, 1500)]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mprotect is called as Linux has it")
@pytest.mark.parametrize(
    ("place", "dtype"),
    [
        ("before", "float64"),
        ("after", "float32"),
        pytest.param("before", "float32", marks=pytest.mark.slow),
        pytest.param("after", "float64", marks=pytest.mark.slow),
    ],
)
def test_nothing_outside_the_arrays_is_touched(place, dtype):
    command = [sys.executable, "-X", "faulthandler", __file__, place, dtype]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.endswith(" networks\n")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mprotect is called as Linux has it")
@pytest.mark.parametrize("place", PLACES)
def test_a_single_byte_outside_ends_the_process(place):
    command = [sys.executable, __file__, place, "float64", "astray"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode < 0 or "AddressSanitizer: SEGV" in result.stderr


def fenced(shape, dtype, place):
    """Return an array of nan that touches a page without access before or after it."""
    page = mmap.PAGESIZE
    size = int(np.prod(shape)) * dtype.itemsize
    pages = mmap.mmap(-1, (-(-size // page) + 2) * page)  # freed with the last array that uses it
    first = np.frombuffer(pages, np.uint8).ctypes.data
    libc = ctypes.CDLL(None, use_errno=True)
    for forbidden in (first, first + len(pages) - page):
        if libc.mprotect(ctypes.c_void_p(forbidden), ctypes.c_size_t(page), PROT_NONE) != 0:
            raise OSError(ctypes.get_errno(), "mprotect")
    offset = page if place == "before" else len(pages) - page - size
    array = np.frombuffer(pages, dtype, int(np.prod(shape)), offset).reshape(shape)
    array[...] = np.nan
    return array


def laid_out(array, layout, place):
    """Return the same values between forbidden pages; "one column repeated" needs such an array."""
    rows, columns = array.shape
    if layout == "Fortran":
        result = fenced((columns, rows), array.dtype, place).T
    elif layout == "reversed":
        result = fenced((rows, columns), array.dtype, place)[::-1, ::-1]
    elif layout == "columns of a wider one":
        wide = fenced((rows, columns + 5), array.dtype, place)
        result = wide[:, :columns] if place == "before" else wide[:, 5:]
    elif layout == "every second of every third":
        result = fenced((3 * rows - 2, 2 * columns - 1), array.dtype, place)[::3, ::2]
    elif layout == "one column repeated" and (array == array[:, :1]).all():
        column = fenced((rows, 1), array.dtype, place)
        column[...] = array[:, :1]
        return np.broadcast_to(column, array.shape)
    else:
        result = fenced((rows, columns), array.dtype, place)
    result[...] = array
    return result


def network(random, sizes, dtype):
    *dims, examples = sizes
    arrays = {
        "X": random.standard_normal((dims[0], examples)),
        "dA": random.standard_normal((dims[1], examples)),
    }
    if random.random() < 0.2:
        arrays = {name: np.repeat(array[:, :1], examples, axis=1) for name, array in arrays.items()}
    arrays["Y"] = (random.random((dims[-1], examples)) < 0.5) * 1.0
    for layer, (before, units) in enumerate(pairwise(dims), start=1):
        arrays[f"W{layer}"] = random.standard_normal((units, before)) / np.sqrt(before)
        arrays[f"b{layer}"] = random.standard_normal((units, 1))
    return {name: array.astype(dtype) for name, array in arrays.items()}


def compute(arrays, put, put_result):
    """Yield the results of every function for these arrays, each placed by `put`, in caches as well."""
    import deepnet

    X, Y, dA = (put(arrays[name]) for name in ("X", "Y", "dA"))
    parameters = {name: put(array) for name, array in arrays.items() if name[0] in "Wb"}
    W, b = parameters["W1"], parameters["b1"]

    A, ((_, _, _), Z) = deepnet.linear_activation_forward(X, W, b, "relu")
    yield from (A, Z, deepnet.linear_forward(X, W, b)[0])
    yield from deepnet.linear_backward(dA, (X, W, b))
    yield from deepnet.linear_activation_backward(dA, ((X, W, b), put(Z)), "relu")
    for name in ("relu", "sigmoid"):
        yield getattr(deepnet, name)(put(Z))[0]
        yield getattr(deepnet, f"{name}_backward")(dA, put(Z))

    AL, caches = deepnet.L_model_forward(X, parameters, activations="tanh", output="sigmoid")
    yield from (AL, *(Z for _, Z in caches))
    AL = put(AL)
    caches = [((put(A_prev), put(W), put(b)), put(Z)) for (A_prev, W, b), Z in caches]
    yield deepnet.compute_cost(AL, Y)
    names = ["tanh", "sigmoid"]
    grads = deepnet.L_model_backward(AL, Y, caches, activations=names)
    yield from grads.values()
    out = {name: put_result(grad) for name, grad in grads.items()}
    yield from deepnet.L_model_backward(AL, Y, caches, activations=names, out=out).values()
    grads = {name: put(grad) for name, grad in grads.items()}
    yield from deepnet.update_parameters(parameters, grads, 0.1).values()
    out = {name: put_result(p) for name, p in parameters.items()}
    yield from deepnet.update_parameters(parameters, grads, 0.1, out=out).values()
    yield from deepnet.update_parameters(out, grads, 0.1, out=out).values()


def astray(place, dtype):
    """Read the one byte before or after an array."""
    array = fenced((3, 5), np.dtype(dtype), place)
    ctypes.string_at(array.ctypes.data + (-1 if place == "before" else array.nbytes), 1)


def main(place, dtype):
    random = np.random.default_rng(0)
    nets = [*(4 * LARGE), *(tuple(map(int, random.choice(SIZES, 4))) for _ in range(40))]
    for sizes in nets:
        arrays = network(random, sizes, np.dtype(dtype))
        turns = itertools.cycle(random.permutation([*LAYOUTS, "C"]))

        def put(array, turns=turns):
            return laid_out(array, next(turns), place)

        def put_result(array):
            return laid_out(array, "C", place)

        def copy(array):
            return np.array(array, order="C")

        between = compute(arrays, put, put_result)
        for i, pair in enumerate(zip(between, compute(arrays, copy, copy), strict=True)):
            np.testing.assert_array_equal(*pair, err_msg=f"result {i} of {sizes}")
    print(len(nets), "networks")


if __name__ == "__main__":
    astray(*sys.argv[1:3]) if "astray" in sys.argv else main(*sys.argv[1:])
