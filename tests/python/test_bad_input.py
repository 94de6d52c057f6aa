"""Invalid input of the step-by-step functions: the right error, a helpful message, and nothing changed."""

import copy
import re

import numpy as np
import pandas
import pytest

import deepnet
from bad_input_cases import CALLS, FLOATS, ROWS, good, refused, replaced
from deepnet import backends
from networks import Unchanged, arrays_in

pytestmark = pytest.mark.usefixtures("backend")

LABELS = {
    "compute_cost": "Y",
    "L_model_backward": "Y",
    "two_layer_model": "Y",
    "L_layer_model": "Y",
}


def label(call, path):
    """Return the name of the array at `path` in messages."""
    if path in ("linear_cache.0", "cache.0.0", "caches.0.0.0"):
        return "A_prev"
    return {"cache.1": "Z", "caches.0.1": "Z"}.get(path) or (
        {"1": "W", "2": "b"}[path[-1]] if "cache" in path else path.split(".")[-1]
    )


ARRAYS = [(call, path) for call, paths in FLOATS.items() for path in paths]


KINDS = {
    "list": (lambda a: a.tolist(), ["is a list", "np.array("]),
    "None": (lambda a: None, ["is None"]),
    "masked": (np.ma.masked_array, ["masked array", ".filled(0)"]),
    "matrix": (np.matrix, ["np.matrix", "np.asarray("]),
    "DataFrame": (pandas.DataFrame, ["is a pandas DataFrame", ".to_numpy()"]),
    "Series": (lambda a: pandas.Series(a.ravel()), ["is a pandas Series", ".to_numpy()"]),
    "int64": (lambda a: a.astype(np.int64), ["is int64", ".astype(np.float64)"]),
    "uint8": (lambda a: a.astype(np.uint8), ["is uint8", ".astype(np.float64)", "/ 255"]),
    "bool": (lambda a: a > 0, ["is bool", ".astype(np.float64)"]),
    "object": (lambda a: a.astype(object), ["is object", ".astype(np.float64)"]),
    "complex": (lambda a: a.astype(complex), ["is complex128", ".real.astype(np.float64)"]),
    "float16": (lambda a: a.astype(np.float16), ["is float16", ".astype(np.float64)"]),
    "longdouble": (
        lambda a: a.astype(np.longdouble),
        ["longdouble" if np.longdouble(0).itemsize == 8 else "float128"],
    ),
}


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("call", "path"), ARRAYS)
def test_other_types_and_dtypes_are_type_errors(call, path, kind):
    change, words = KINDS[kind]
    refused(call, replaced(good(), path.split("."), change), TypeError, label(call, path), *words)


@pytest.mark.parametrize(
    ("call", "name", "words"),
    [
        ("L_model_forward", "X", ["one column per example: X.to_numpy().T"]),
        ("linear_backward", "dZ", ["one column per example: dZ.to_numpy().T"]),
        ("linear_forward", "W", ["but must be a NumPy array: W.to_numpy()"]),
        ("linear_forward", "b", ["but must be a NumPy array: b.to_numpy()"]),
        ("update_parameters", "grads.dW1", ["but must be a NumPy array: dW1.to_numpy()"]),
    ],
)
def test_only_arrays_with_examples_get_advice_about_columns(call, name, words):
    message = refused(call, replaced(good(), name.split("."), pandas.DataFrame), TypeError, *words)
    assert message.endswith(words[0])


@pytest.mark.parametrize(
    ("call", "path"), [(c, p) for c, p in ARRAYS if len(FLOATS[c]) > 1 and c != "predict"]
)
def test_one_dtype_throughout(call, path):
    arguments = replaced(good(), path.split("."), lambda a: a.astype(np.float32))
    refused(call, arguments, TypeError, "float32", "float64", "use one dtype, as in")


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(("call", "path"), ARRAYS)
def test_empty_arrays_are_value_errors(call, path, axis):
    arguments = replaced(good(), path.split("."), lambda a: a.take([], axis))
    refused(
        call, arguments, ValueError, label(call, path), "zero examples" if axis else "zero units", "shape ("
    )


@pytest.mark.parametrize(
    ("call", "path"), [(c, p) for c, p in ARRAYS if "relu" not in c and "sigmoid" not in c]
)
def test_flat_arrays_are_value_errors(call, path):
    arguments = replaced(good(), path.split("."), np.ravel)
    refused(call, arguments, ValueError, label(call, path), "has shape (")


@pytest.mark.parametrize(("call", "change", "error", "words"), ROWS, ids=[f"{r[0]}-{r[3][0]}" for r in ROWS])
def test_rows(call, change, error, words):
    refused(call, change(good()), error, *words)


def nan_at_2(a):
    a = a.astype(float)
    a[0, 2] = np.nan
    return a


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda Y: Y[:, :2], ValueError, ["has shape (1, 2), but", "(1, 3)"]),
        (lambda Y: np.vstack([Y, Y]), ValueError, ["has shape (2, 3), but"]),
        (lambda Y: Y[None], ValueError, ["has shape (1, 1, 3), but"]),
        (nan_at_2, ValueError, ["[0, 2] is nan", "labels must be finite"]),
        (lambda Y: Y - np.inf, ValueError, ["[0, 0] is -inf", "labels must be finite"]),
        (lambda Y: Y.tolist(), TypeError, ["is a list"]),
        (lambda Y: None, TypeError, ["is None"]),
        (np.ma.masked_array, TypeError, ["masked array"]),
        (lambda Y: pandas.Series(Y[0]), TypeError, [".to_numpy().reshape(1, -1)"]),
        (lambda Y: Y.astype(object), TypeError, ["is object"]),
        (lambda Y: Y.astype(complex), TypeError, ["is complex128"]),
        (lambda Y: Y.astype(str), TypeError, ["labels must be numbers"]),
    ],
)
@pytest.mark.parametrize("call", LABELS)
def test_labels(call, change, error, words):
    name = LABELS[call]
    arguments = good()
    arguments[name] = change(np.array([[1.0, 0.0, 0.0]]))
    refused(call, arguments, error, name, *words)


def test_a_cache_that_remembers_an_unknown_activation():
    arguments = good()
    arguments["caches"][1].activation = "swosh"
    refused("L_model_backward", arguments, ValueError, "unknown activation 'swosh'", "sigmoid")


def test_labels_are_rounded_to_the_dtype_of_AL():
    AL, Y = np.full((1, 2), 0.5, np.float32), np.array([[0.1, 1.0]])
    assert deepnet.compute_cost(AL, Y) == deepnet.compute_cost(AL, Y.astype(np.float32))


def test_labels_of_several_units():
    AL = np.full((3, 4), 0.5)
    with pytest.raises(ValueError, match=r"Y has shape \(4, 3\), but AL has \(3, 4\); transposed\? Y\.T"):
        deepnet.compute_cost(AL, np.ones((4, 3)))


@pytest.mark.parametrize(
    ("units", "Y", "advice"),
    [
        (3, np.array([0, 2, 1, 0]), "np.eye(3)[:, Y.ravel()]"),
        (3, np.array([[0.0, 2.0, 1.0, 0.0]]), "np.eye(3)[:, Y.ravel().astype(int)]"),
        (3, np.array([[[0, 2, 1, 0]]]), "np.eye(3)[:, Y.ravel()]"),
        (3, np.array([[False, True, True, False]]), "; labels of 0 and 1 need only 1 output"),
        (3, np.array([0, 3, 1, 0]), "np.eye(3)[:, np.unique(Y, return_inverse=True)[1].ravel()]"),
        (3, np.array([0.5, 0.0, 1.0, 0.0]), "but AL has (3, 4)"),
        (3, np.ones((3, 1, 4)), "but AL has (3, 4)"),
        (1, np.array([[[0, 1, 1, 0]]]), "; Y.reshape(1, -1)"),
    ],
)
def test_advice_about_labels_is_advice_that_works(units, Y, advice):
    AL = np.full((units, 4), 0.5)
    with pytest.raises(ValueError, match="Y has shape") as caught:
        deepnet.compute_cost(AL, Y)
    message = str(caught.value)
    assert message.endswith(advice)
    code = re.search(r"(np\.eye|Y\.reshape)[^;]*", message)
    if code:
        deepnet.compute_cost(AL, eval(code[0], {"np": np, "Y": Y}))


def test_as_many_outputs_as_classes_but_one_row_of_labels():
    X, Y = np.ones((5, 4)), np.array([[0, 2, 1, 0]])
    with pytest.raises(
        ValueError, match=r"the network \(3 outputs, 4 examples\) has \(3, 4\); 3 outputs want one-hot"
    ):
        deepnet.L_layer_model(X, Y, [5, 3])


@pytest.mark.parametrize("rate", [1e300, np.float64(1e300), np.longdouble("1e300"), 10**300])
def test_rates_beyond_float32_are_refused_before_they_are_rounded(rate):
    parameters = {"W1": np.ones((1, 1), np.float32), "b1": np.ones((1, 1), np.float32)}
    grads = {f"d{key}": p for key, p in parameters.items()}
    said = r"^learning_rate is (1e\+300|about 1e300), beyond the range of float32"
    with pytest.raises(ValueError, match=said):
        deepnet.update_parameters(parameters, grads, rate)
    with pytest.raises(ValueError, match=said):
        deepnet.two_layer_model(np.ones((1, 2), np.float32), np.ones((1, 2)), (1, 1, 1), rate)


@pytest.mark.skipif(np.finfo(np.longdouble).max == np.finfo(float).max, reason="longdouble is double here")
def test_a_long_double_beyond_double_is_not_called_infinite():
    arguments = good() | {"learning_rate": np.longdouble("1e400")}
    refused("update_parameters", arguments, ValueError, "learning_rate is 1e+400, beyond the range")


@pytest.mark.parametrize("rate", [1, np.float32(0.5), np.longdouble(0.5), np.int64(1), np.array(0.5)])
def test_rates_of_any_kind_of_number(rate):
    arguments = good()
    updated = deepnet.update_parameters(arguments["parameters"], arguments["grads"], rate)
    expected = deepnet.update_parameters(arguments["parameters"], arguments["grads"], float(rate))
    np.testing.assert_array_equal(updated["W1"], expected["W1"])


# --- unusual but valid ---------------------------------------------------------------------------------


def misaligned(array):
    raw = np.zeros(array.nbytes + 1, np.uint8)
    result = raw[1:].view(array.dtype).reshape(array.shape)
    result[...] = array
    assert not result.flags.aligned
    return result


class Tagged(np.ndarray):
    """A subclass without behaviour of its own, like np.memmap."""


@pytest.mark.parametrize("change", [misaligned, lambda a: a.astype(">f8"), lambda a: a.view(Tagged)])
@pytest.mark.parametrize(("call", "path"), ARRAYS)
def test_unusual_but_valid_arrays_are_used(call, path, change, capsys):
    arguments = good()
    expected = CALLS[call](copy.deepcopy(arguments))
    odd = replaced(arguments, path.split("."), change)
    with Unchanged(odd):
        result = CALLS[call](odd)
    for mine, theirs in zip(arrays_in(result), arrays_in(expected), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-13)
    capsys.readouterr()


@pytest.mark.parametrize("m", [2**31, 2**33 + 1])
@pytest.mark.parametrize(
    ("call", "name", "rows", "message"),
    [
        ("L_model_forward", "X", 6, "W1 has 5 columns, but X has 6 rows"),
        ("linear_backward", "dZ", 4, "dZ has shape (4, {m}), but must be (4, 3)"),
        ("relu_backward", "dA", 4, "dA has shape (4, {m}), but must be (4, 3)"),
        ("compute_cost", "Y", 1, "Y has shape (1, {m}), but AL has (1, 3)"),
    ],
)
def test_more_than_2_to_the_31_examples_are_counted_right(call, name, rows, message, m):
    """A view at stride 0 is that large without the memory, and nothing is allocated before the shapes fit."""
    arguments = good() | {name: np.broadcast_to(1.0, (rows, m))}
    with pytest.raises(ValueError, match=re.escape(message.format(m=m))):
        CALLS[call](arguments)


def test_a_disagreement_of_the_checks_and_the_extension_is_reported_as_a_bug(monkeypatch):
    class Declines:
        compute_cost = staticmethod(lambda AL, Y, loss: None)

    monkeypatch.setattr(backends, "_chosen", Declines)
    monkeypatch.setattr(backends.direct, "compute_cost", Declines.compute_cost)
    with pytest.raises(RuntimeError, match=re.escape("deepnet bug: _core.compute_cost declined")):
        deepnet.compute_cost(np.array([[0.5]]), np.array([[1.0]]))


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, "1", True])
def test_seeds(seed):
    with pytest.raises(ValueError, match=r"seed is .* but must be None or a whole number"):
        deepnet.initialize_parameters(3, 2, 1, seed=seed)


def test_sizes_and_dtypes_of_initialisation():
    with pytest.raises(ValueError, match="n_h is 0: zero units"):
        deepnet.initialize_parameters(3, 0, 1)
    with pytest.raises(ValueError, match=r"layer_dims\[2\] is -1: must be 1 or more"):
        deepnet.initialize_parameters_deep([3, 2, -1])
    for dtype, said in ((np.int64, "int64"), ("int64", "'int64'"), ("flaot32", "'flaot32'"), (None, "None")):
        with pytest.raises(TypeError, match=f"^dtype is {said}, but must be float32 or float64$"):
            deepnet.initialize_parameters(3, 2, 1, dtype=dtype)
