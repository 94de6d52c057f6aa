"""Week 4, part 1 of *Neural Networks and Deep Learning*: an L-layer network, step by step.

Shapes: X (n_0, m), W_l (n_l, n_{l-1}), b_l (n_l, 1), A_l and Z_l (n_l, m), Y and AL (n_L, m): one column per
example. Arrays are float64 or float32, all of one dtype; results have that dtype and are new arrays. Any
strides work, and no function writes to its inputs.

A function passes its arguments to the extension as they are. If the extension declines them, they are
checked, which raises the error or makes them usable, and passed again. Custom activations and the losses
that the extension has no function for are computed in NumPy.
"""

# The backends' functions return Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np

from deepnet import _validation as check
from deepnet import reference
from deepnet._validation.custom import activation_backward, activation_forward, checked
from deepnet.activations import Activation, AnyActivation, Array, entry_of
from deepnet.backends import compute, direct, is_built_in
from deepnet.caches import (
    AnyLayerCache,
    AnyLinearCache,
    LayerCache,
    LinearCache,
    Parameters,
    Real,
    Sizes,
    Whole,
)
from deepnet.losses import Loss

__all__ = [
    "L_model_backward",
    "L_model_forward",
    "compute_cost",
    "initialize_parameters",
    "initialize_parameters_deep",
    "linear_activation_backward",
    "linear_activation_forward",
    "linear_backward",
    "linear_forward",
    "relu",
    "relu_backward",
    "sigmoid",
    "sigmoid_backward",
    "update_parameters",
]

Number = float | np.floating[Any]


# --- initial parameters -------------------------------------------------------------------------------------


def initialize_parameters(
    n_x: Whole, n_h: Whole, n_y: Whole, *, seed: Whole | None = 1, dtype: Any = np.float64
) -> Parameters:
    """Initialise a two-layer network: W = 0.01 N(0, 1), b = 0.

    Parameters
    ----------
    n_x, n_h, n_y : int
        Number of inputs, hidden units and outputs.
    seed : int or None
        Draws the numbers that ``np.random.seed(seed)`` gives, without touching NumPy's global state. None:
        different draws on each call.
    dtype : dtype
        float64 or float32; draws are made in float64 and rounded.

    Returns
    -------
    parameters : dict of ndarray
        ``W1`` (n_h, n_x), ``b1`` (n_h, 1), ``W2`` (n_y, n_h), ``b2`` (n_y, 1).

    Raises
    ------
    ValueError
        If a size is below 1, for example ``n_h is 0: zero units``.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.

    Examples
    --------
    >>> deepnet.initialize_parameters(3, 2, 1)["W1"].round(4)
    array([[ 0.0162, -0.0061, -0.0053],
           [-0.0107,  0.0087, -0.023 ]])
    """
    for name, size in (("n_x", n_x), ("n_h", n_h), ("n_y", n_y)):
        check.layer_size(name, size)
    return reference.initialize_parameters(n_x, n_h, n_y, seed=seed, dtype=check.initialization(seed, dtype))


def initialize_parameters_deep(
    layer_dims: Sizes, *, seed: Whole | None = 3, dtype: Any = np.float64
) -> Parameters:
    """Initialise an L-layer network: W_l = 0.01 N(0, 1), b_l = 0.

    :func:`deepnet.course.dnn_app_utils.initialize_parameters_deep`, the application's, scales by
    1 / sqrt(n_{l-1}) instead; networks of more than two layers train far better from it.

    Parameters
    ----------
    layer_dims : sequence of int
        Units of each layer, from the input: ``[12288, 20, 7, 5, 1]`` has four layers of weights.
    seed, dtype
        As in :func:`deepnet.initialize_parameters`.

    Returns
    -------
    parameters : dict of ndarray
        ``W1..WL`` with shapes (n_l, n_{l-1}) and ``b1..bL`` with shapes (n_l, 1).

    Raises
    ------
    ValueError
        If a size is below 1, for example ``layer_dims[1] is 0: zero units``.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.

    Examples
    --------
    >>> parameters = deepnet.initialize_parameters_deep([5, 4, 3])
    >>> {name: p.shape for name, p in parameters.items()}
    {'W1': (4, 5), 'b1': (4, 1), 'W2': (3, 4), 'b2': (3, 1)}
    """
    dims = check.layer_dims("layer_dims", layer_dims)
    return reference.initialize_parameters_deep(dims, seed=seed, dtype=check.initialization(seed, dtype))


# --- activations --------------------------------------------------------------------------------------------


@overload
def sigmoid(Z: Array) -> tuple[Array, Array]: ...
@overload
def sigmoid(Z: Number) -> tuple[np.floating[Any], Number]: ...
def sigmoid(Z: Any) -> tuple[Any, Any]:
    """Sigmoid: A = 1 / (1 + exp(-Z)).

    Parameters
    ----------
    Z : ndarray of float32 or float64, any shape, or a float

    Returns
    -------
    A : ndarray, shape of Z; for a float a NumPy scalar
    cache : ndarray or float
        Z itself, for :func:`sigmoid_backward`.

    Raises
    ------
    TypeError
        If Z is not floating-point, for example ``Z is int64, but must be float32 or float64:
        Z.astype(np.float64)``. This includes int numbers: write 0.0 instead of 0.

    Notes
    -----
    No Z overflows. In float64 A is exactly 1 from Z = 37, in float32 from Z = 17.
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 2.

    Examples
    --------
    >>> A, cache = deepnet.sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    >>> A
    array([0. , 0.5, 1. ])
    >>> float(deepnet.sigmoid(0.0)[0])
    0.5
    """
    return _forward(Z, "sigmoid"), Z


@overload
def sigmoid_backward(dA: Array, cache: Array) -> Array: ...
@overload
def sigmoid_backward(dA: Number, cache: Number) -> np.floating[Any]: ...
def sigmoid_backward(dA: Any, cache: Any) -> Any:
    """Sigmoid, backward: dZ = dA * s (1 - s) with s = 1 / (1 + exp(-Z)).

    Parameters
    ----------
    dA : ndarray of float32 or float64, any shape, or a float
        Gradient of the cost with respect to A.
    cache : ndarray, shape and dtype of dA, or a float
        Z, from :func:`sigmoid`.

    Returns
    -------
    dZ : ndarray, shape of Z; for a float a NumPy scalar

    Raises
    ------
    ValueError
        If the shapes differ, for example ``dA has shape (1, 3), but must be (1, 4): the shape of Z, the
        cache``.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.

    Examples
    --------
    >>> deepnet.sigmoid_backward(np.array([4.0, 4.0]), np.array([0.0, 1000.0]))
    array([1., 0.])
    """
    return _backward(dA, cache, "sigmoid")


@overload
def relu(Z: Array) -> tuple[Array, Array]: ...
@overload
def relu(Z: Number) -> tuple[np.floating[Any], Number]: ...
def relu(Z: Any) -> tuple[Any, Any]:
    """Rectified linear unit: A = max(0, Z).

    Parameters
    ----------
    Z : ndarray of float32 or float64, any shape, or a float

    Returns
    -------
    A : ndarray, shape of Z; for a float a NumPy scalar
    cache : ndarray or float
        Z itself, for :func:`relu_backward`.

    Raises
    ------
    TypeError
        If Z is not floating-point, as in :func:`sigmoid`.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 3.

    Examples
    --------
    >>> A, cache = deepnet.relu(np.array([-2.0, 0.0, 3.0]))
    >>> A
    array([0., 0., 3.])
    """
    return _forward(Z, "relu"), Z


@overload
def relu_backward(dA: Array, cache: Array) -> Array: ...
@overload
def relu_backward(dA: Number, cache: Number) -> np.floating[Any]: ...
def relu_backward(dA: Any, cache: Any) -> Any:
    """Rectified linear unit, backward: dZ = dA where Z > 0, else 0 (also where Z is exactly 0).

    Parameters
    ----------
    dA : ndarray of float32 or float64, any shape, or a float
        Gradient of the cost with respect to A.
    cache : ndarray, shape and dtype of dA, or a float
        Z, from :func:`relu`.

    Returns
    -------
    dZ : ndarray, shape of Z; for a float a NumPy scalar

    Raises
    ------
    ValueError
        If the shapes differ, for example ``dA has shape (1, 3), but must be (1, 4): the shape of Z, the
        cache``.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.

    Examples
    --------
    >>> deepnet.relu_backward(np.array([5.0, 5.0, 5.0]), np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 5.])
    """
    return _backward(dA, cache, "relu")


def _forward(Z: Any, name: str) -> Any:
    A = direct.activation_forward(Z, name)
    if A is None:
        A = compute("activation_forward", check.activation_forward(Z, name))
    return A if isinstance(Z, np.ndarray) else A[()]  # a number for a number, as NumPy's functions return


def _backward(dA: Any, Z: Any, name: str) -> Any:
    dZ = direct.activation_backward(dA, Z, name)
    if dZ is None:
        dZ = compute("activation_backward", check.activation_backward(dA, Z, name))
    return dZ if isinstance(Z, np.ndarray) else dZ[()]


# --- one layer ----------------------------------------------------------------------------------------------


def linear_forward(A: Array, W: Array, b: Array) -> tuple[Array, LinearCache]:
    """Linear part of a layer: Z = W A + b.

    Parameters
    ----------
    A : ndarray of float32 or float64, shape (n_prev, m)
        Activations of the previous layer; one column per example.
    W : ndarray, shape (n, n_prev)
    b : ndarray, shape (n, 1)

    Returns
    -------
    Z : ndarray, shape (n, m)
    cache : tuple
        (A, W, b), for :func:`linear_backward`.

    Raises
    ------
    ValueError
        If the shapes do not fit, for example ``W has 4 columns, but A has 5 rows``.
    TypeError
        If the arrays mix float32 and float64, or have another dtype.

    Notes
    -----
    2 m n n_prev floating-point operations.
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.

    Examples
    --------
    >>> Z, cache = deepnet.linear_forward(np.ones((3, 2)), np.ones((1, 3)), np.ones((1, 1)))
    >>> Z
    array([[4., 4.]])
    """
    Z = direct.linear_forward(A, W, b)
    if Z is None:
        Z = compute("linear_forward", check.linear_forward(A, W, b))
    return Z, (A, W, b)


def linear_backward(dZ: Array, cache: AnyLinearCache) -> tuple[Array, Array, Array]:
    """Linear part, backward: dW = dZ A_prev^T / m, db = (row sums of dZ) / m, dA_prev = W^T dZ.

    Parameters
    ----------
    dZ : ndarray of float32 or float64, shape (n, m)
        Gradient of the cost with respect to Z.
    cache : tuple or list
        (A_prev, W, b), from :func:`linear_forward`.

    Returns
    -------
    dA_prev : ndarray, shape (n_prev, m)
    dW : ndarray, shape (n, n_prev)
    db : ndarray, shape (n, 1)

    Raises
    ------
    ValueError
        If the shapes do not fit, for example ``dZ has shape (4, 3), but must be (3, 4): (rows of W,
        columns of A_prev); transposed?``.
    TypeError
        If the arrays mix float32 and float64, or have another dtype.

    Notes
    -----
    Only dW and db are divided by m: they are means over the examples, dA_prev is not.
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.

    Examples
    --------
    >>> cache = np.ones((3, 2)), np.ones((1, 3)), np.ones((1, 1))
    >>> dA_prev, dW, db = deepnet.linear_backward(np.ones((1, 2)), cache)
    >>> dA_prev.shape, dW, db
    ((3, 2), array([[1., 1., 1.]]), array([[1.]]))
    """
    A_prev, W, b = check.linear_cache(cache)
    gradients = direct.linear_backward(dZ, A_prev, W, b)
    if gradients is None:
        gradients = compute("linear_backward", check.linear_backward(dZ, A_prev, W, b))
    return gradients


def linear_activation_forward(
    A_prev: Array, W: Array, b: Array, activation: AnyActivation
) -> tuple[Array, LayerCache]:
    """One layer: A = g(W A_prev + b).

    Parameters
    ----------
    A_prev : ndarray of float32 or float64, shape (n_prev, m)
        Activations of the previous layer; one column per example.
    W : ndarray, shape (n, n_prev)
    b : ndarray, shape (n, 1)
    activation : str or Activation
        A name from :data:`deepnet.ACTIVATIONS`, or a custom :class:`deepnet.Activation`.

    Returns
    -------
    A : ndarray, shape (n, m)
    cache : LayerCache
        ((A_prev, W, b), Z), for :func:`linear_activation_backward`; it also stores the activation.

    Raises
    ------
    ValueError
        If the shapes do not fit, for example ``W has 4 columns, but A_prev has 5 rows``, the activation is
        unknown, for example ``unknown activation 'rlu': did you mean 'relu'? ...``, or a custom one returns
        another shape.
    TypeError
        If the arrays mix float32 and float64, or have another dtype.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.

    Examples
    --------
    >>> A_prev, W, b = np.ones((3, 2)), np.ones((1, 3)), np.ones((1, 1))
    >>> A, cache = deepnet.linear_activation_forward(A_prev, W, b, "relu")
    >>> A, cache.activation
    (array([[4., 4.]]), 'relu')
    """
    layer = direct.linear_activation_forward(A_prev, W, b, activation)
    if layer is None:
        layer = _layer_forward(check.linear_activation_forward(A_prev, W, b, activation))
    return layer


def linear_activation_backward(
    dA: Array, cache: AnyLayerCache, activation: AnyActivation
) -> tuple[Array, Array, Array]:
    """One layer, backward: dZ = dA * g'(Z), then :func:`linear_backward`.

    Parameters
    ----------
    dA : ndarray of float32 or float64, shape (n, m)
        Gradient of the cost with respect to A.
    cache : tuple or list
        ((A_prev, W, b), Z), from :func:`linear_activation_forward`.
    activation : str or Activation
        A name from :data:`deepnet.ACTIVATIONS`, or a custom :class:`deepnet.Activation`.

    Returns
    -------
    dA_prev : ndarray, shape (n_prev, m)
    dW : ndarray, shape (n, n_prev)
    db : ndarray, shape (n, 1)

    Raises
    ------
    ValueError
        If the shapes do not fit, for example ``dA has shape (1, 3), but must be (1, 4): the shape of Z``,
        or the activation is unknown.
    TypeError
        If the arrays mix float32 and float64, or have another dtype.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.

    Examples
    --------
    >>> A_prev, W, b = np.ones((3, 2)), np.ones((1, 3)), np.ones((1, 1))
    >>> A, cache = deepnet.linear_activation_forward(A_prev, W, b, "relu")
    >>> dA_prev, dW, db = deepnet.linear_activation_backward(np.ones((1, 2)), cache, "relu")
    >>> dW
    array([[1., 1., 1.]])
    """
    gradients = direct.linear_activation_backward(dA, cache, activation)
    if gradients is None:
        gradients = _layer_backward(check.linear_activation_backward(dA, cache, activation))
    return gradients


def _layer_forward(given: dict[str, Any]) -> tuple[Array, LayerCache]:
    """One layer with checked arguments; a custom activation runs in NumPy."""
    if not _is_custom(given["activation"]):
        return compute("linear_activation_forward", given)
    A_prev, W, b, activation = given.values()
    Z = compute("linear_forward", {"A": A_prev, "W": W, "b": b})
    cache = LayerCache(((A_prev, W, b), Z))
    cache.activation = activation
    return activation_forward(Z, entry_of(activation)), cache


def _layer_backward(given: dict[str, Any]) -> tuple[Array, Array, Array]:
    """One layer with checked arguments; a custom activation runs in NumPy."""
    if not _is_custom(given["activation"]):
        return compute("linear_activation_backward", given)
    dA, (linear_cache, Z), activation = given.values()
    return _linear_backward(activation_backward(dA, Z, entry_of(activation)), linear_cache)


def _linear_backward(dZ: Array, linear_cache: LinearCache) -> tuple[Array, Array, Array]:
    A_prev, W, b = linear_cache
    return compute("linear_backward", {"dZ": dZ, "A_prev": A_prev, "W": W, "b": b})


def _is_custom(activation: AnyActivation) -> bool:
    """Whether the extension lacks this activation: an object, or a name that a user added to the list."""
    return isinstance(activation, Activation) or not is_built_in(entry_of(activation))


# --- the whole network --------------------------------------------------------------------------------------


def L_model_forward(
    X: Array,
    parameters: Parameters,
    *,
    activations: AnyActivation | Sequence[AnyActivation] = "relu",
    output: AnyActivation | None = None,
) -> tuple[Array, list[LayerCache]]:
    """Forward propagation: (LINEAR -> activation) x (L - 1), then LINEAR -> output.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (n_x, m)
        One column per example: n_x features, m examples. Scale features first.
    parameters : dict of ndarray
        ``W1..WL`` with shapes (n_l, n_{l-1}) and ``b1..bL`` with shapes (n_l, 1), same dtype as ``X``.
    activations : str or Activation, or sequence of these
        One name from :data:`deepnet.ACTIVATIONS` for all hidden layers, or one for each of the L layers. A
        custom :class:`deepnet.Activation` may replace a name.
    output : str or Activation, optional
        The last layer's activation, "sigmoid" by default; only together with a single `activations`. With
        "softmax" the outputs of an example, one for each class, add up to 1.

    Returns
    -------
    AL : ndarray, shape (n_L, m)
        Last activations; probabilities in [0, 1] for ``output="sigmoid"`` and ``"softmax"``.
    caches : list of LayerCache
        One per layer, for :func:`L_model_backward`; they store the activations.

    Raises
    ------
    ValueError
        If shapes do not chain, for example ``W2 has 4 columns, but layer 1 has 5 units``, or a hidden layer
        would be softmax.
    TypeError
        If arrays mix float32 and float64, or have another dtype.

    Notes
    -----
    2 m sum(n_l n_{l-1}) floating-point operations.
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.

    Examples
    --------
    >>> parameters = deepnet.initialize_parameters_deep([3, 4, 1])
    >>> AL, caches = deepnet.L_model_forward(np.ones((3, 5)), parameters, activations="tanh")
    >>> AL.shape, [cache.activation for cache in caches]
    ((1, 5), ['tanh', 'sigmoid'])
    """
    result = direct.L_model_forward(X, parameters, activations, output)
    if result is not None:
        return result
    given = check.L_model_forward(X, parameters, activations, output)
    if not any(map(_is_custom, given["activations"])):
        return compute("L_model_forward", given)
    A, parameters, caches = given["X"], given["parameters"], []
    for layer, activation in enumerate(given["activations"], start=1):
        W, b = parameters[f"W{layer}"], parameters[f"b{layer}"]
        A, cache = _layer_forward({"A_prev": A, "W": W, "b": b, "activation": activation})
        caches.append(cache)
    return A, caches


def L_model_backward(
    AL: Array,
    Y: Array,
    caches: Sequence[AnyLayerCache],
    *,
    activations: AnyActivation | Sequence[AnyActivation] | None = None,
    loss: str | Loss | None = None,
    compute_dA0: bool = True,
    out: Parameters | None = None,
) -> Parameters:
    """Backward propagation of the cost through all L layers.

    By default the cost is the binary cross-entropy of :func:`compute_cost`, and the categorical one behind a
    softmax output.

    Parameters
    ----------
    AL : ndarray of float32 or float64, shape (n_L, m)
        Last activations, from :func:`L_model_forward`.
    Y : ndarray of bool, integers or floats, shape (n_L, m)
        Labels, usually in [0, 1]; for one output unit also (m,) or (m, 1). With a softmax output they lie in
        [0, 1] and each column adds up to 1.
    caches : list or tuple
        One ((A_prev, W, b), Z) per layer.
    activations : str or Activation, or sequence of these, optional
        Not needed for the caches of :func:`L_model_forward`, which store them; for plain tuples the default
        is relu, ..., relu, sigmoid. If given, it overrides the caches: a single name is that of the hidden
        layers, with a sigmoid output; a list of L names includes the output.
    loss : str or Loss, optional
        A name from :data:`deepnet.LOSSES`, or a loss from :mod:`deepnet.losses`; Y is then as in
        :meth:`deepnet.Network.fit`.
    compute_dA0 : bool
        False omits ``dA0``, the gradient of the input, which training does not need.
    out : dict of ndarray, optional
        The result of an earlier call with the same shapes, to be overwritten and returned. Ctrl-C may leave
        its arrays partly written.

    Returns
    -------
    grads : dict of ndarray
        ``dA{l-1}``, ``dW{l}`` and ``db{l}`` for l = L..1.

    Raises
    ------
    ValueError
        If shapes do not fit, for example ``Y has shape (4, 1), but AL has (1, 3)``; if a label is not finite,
        for example ``Y[0, 3] is nan, but labels must be finite``; or if an array of `out` shares memory with
        an input.
    TypeError
        If arrays mix float32 and float64, or have another dtype.

    Notes
    -----
    dA_L = -(Y / AL - (1 - Y) / (1 - AL)); dZ_l = dA_l * g_l'(Z_l); dW_l = dZ_l A_{l-1}^T / m;
    db_l = (row sums of dZ_l) / m; dA_{l-1} = W_l^T dZ_l. The derivatives g' are computed from the cached Z.

    Where AL is exactly 0 or 1 the first formula is 0/0 or infinite. There a term 0/0 counts as 0, and dZ_L of
    a sigmoid output is its limit, AL - Y, so that a saturated network keeps a finite gradient. A softmax
    output has dZ_L = AL - Y everywhere. For other outputs the formula stands: a tanh that is 1 where Y is 0
    gives inf * 0, which is nan.
    ``deepnet.reference.L_model_backward(..., literal=True)`` evaluates the formula without these limits.

    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.

    Examples
    --------
    >>> parameters = deepnet.initialize_parameters_deep([3, 4, 1])
    >>> AL, caches = deepnet.L_model_forward(np.ones((3, 5)), parameters)
    >>> list(deepnet.L_model_backward(AL, np.array([0, 1, 1, 0, 1]), caches))
    ['dA1', 'dW2', 'db2', 'dA0', 'dW1', 'db1']
    """
    if loss is None:
        grads = direct.L_model_backward(AL, Y, caches, activations, compute_dA0, out)
        if grads is not None:
            return grads
    given = check.L_model_backward(AL, Y, caches, activations, compute_dA0, out, loss)
    if loss is None and not any(map(_is_custom, given["activations"])):
        grads = compute("L_model_backward", given)
    else:
        grads = _backward_by_layers(**given)
    return grads if out is None else out


def _backward_by_layers(
    AL: Array,
    Y: Array,
    caches: list[LayerCache],
    activations: tuple[AnyActivation, ...],
    compute_dA0: bool,
    out: Parameters | None,
    loss: Loss | None = None,
) -> Parameters:
    """Backward propagation with checked arguments, the loss and custom activations in NumPy."""
    linear_cache, Z = caches[-1]
    output = activations[-1]
    with np.errstate(all="ignore"):
        g = checked(entry_of(output)) if _is_custom(output) else output
        gradients = _linear_backward(reference.step_by_step.output_backward(AL, Y, Z, g, loss), linear_cache)
    grads: Parameters = {}
    for layer in range(len(caches), 0, -1):
        grads[f"dA{layer - 1}"], grads[f"dW{layer}"], grads[f"db{layer}"] = gradients
        if layer > 1:
            before, activation = caches[layer - 2], activations[layer - 2]
            gradients = _layer_backward({"dA": gradients[0], "cache": before, "activation": activation})
    if not compute_dA0:
        del grads["dA0"]
    return grads if out is None else reference.step_by_step.write_into(out, grads)


def compute_cost(AL: Array, Y: Array, loss: str | Loss | None = None) -> Array:
    """Cost of predictions: the cross-entropy J = -1/m sum(Y log AL + (1 - Y) log(1 - AL)), or another loss.

    Parameters
    ----------
    AL : ndarray of float32 or float64, shape (n_L, m)
        From :func:`L_model_forward`; for cross-entropies probabilities in [0, 1].
    Y : ndarray of bool, integers or floats, shape (n_L, m)
        Labels, usually in [0, 1]; for one output unit also (m,) or (m, 1). For other losses as in
        :meth:`deepnet.Network.fit`.
    loss : str or Loss, optional
        A name from :data:`deepnet.LOSSES`, or a loss from :mod:`deepnet.losses`. The default is the formula
        above, "binary_cross_entropy", for independent outputs. "categorical_cross_entropy" is
        J = -1/m sum(Y log AL), for a softmax output, where each column of Y adds up to 1.

    Returns
    -------
    cost : ndarray, shape ()
        Summed in float64, then rounded to the dtype of AL.

    Raises
    ------
    ValueError
        If shapes do not fit; if a probability is outside [0, 1], for example ``AL[0, 2] is 1.5, but
        probabilities must lie in [0, 1]``; if a label is not finite; or if no loss is named and the columns
        of both AL and Y add up to 1, as those of a softmax output and its labels do.
    TypeError
        If AL is not float32 or float64.

    Notes
    -----
    0 log 0 counts as 0, so a saturated and right prediction costs nothing; a saturated and wrong one inf.
    Labels outside [0, 1] are used as the formula says, as in the course; :class:`deepnet.Network` refuses
    them.
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4; softmax: *Improving Deep
    Neural Networks*, week 3.

    Examples
    --------
    >>> cost = deepnet.compute_cost(np.array([[0.8, 0.9, 0.4]]), np.array([[1, 1, 0]]))
    >>> round(float(cost), 12)
    0.279776563579
    >>> AL, Y = np.array([[0.5, 0.2], [0.25, 0.7], [0.25, 0.1]]), np.eye(3)[:, [0, 1]]
    >>> round(float(deepnet.compute_cost(AL, Y, "categorical_cross_entropy")), 12)
    0.524911062249
    >>> float(deepnet.compute_cost(np.array([[1.0, 4.0]]), np.array([[0, 2]]), "mean_squared_error"))
    2.5
    """
    cost = direct.compute_cost(AL, Y, loss)
    if cost is not None:
        return cost
    given = check.compute_cost(AL, Y, loss)
    if not isinstance(given["loss"], Loss):
        return compute("compute_cost", given)
    with np.errstate(all="ignore"):
        return reference.compute_cost(**given)


def update_parameters(
    parameters: Parameters, grads: Parameters, learning_rate: Real, *, out: Parameters | None = None
) -> Parameters:
    """One step of gradient descent: W_l - learning_rate dW_l and b_l - learning_rate db_l.

    Parameters
    ----------
    parameters : dict of ndarray
        ``W1..WL`` and ``b1..bL``.
    grads : dict of ndarray
        ``dW1..dWL`` and ``db1..dbL``; other entries are ignored.
    learning_rate : float
    out : dict of ndarray, optional
        Where to write: an earlier result, or ``parameters`` itself for an update in place. The extension
        finishes writing before it responds to Ctrl-C; the NumPy backend may leave these arrays partly
        written.

    Returns
    -------
    parameters : dict of ndarray
        `out`, or else a new dict with new arrays.

    Raises
    ------
    ValueError
        If an entry is missing or has the wrong shape, for example ``grads lacks 'db2'``, or the learning
        rate is not finite.
    TypeError
        If arrays mix float32 and float64, or have another dtype.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.

    Examples
    --------
    >>> parameters = {"W1": np.array([[1.0, 2.0]]), "b1": np.array([[0.0]])}
    >>> grads = {"dW1": np.array([[0.5, 0.5]]), "db1": np.array([[1.0]])}
    >>> deepnet.update_parameters(parameters, grads, 0.1)
    {'W1': array([[0.95, 1.95]]), 'b1': array([[-0.1]])}
    """
    updated = direct.update_parameters(parameters, grads, learning_rate, out)
    if updated is None:
        updated = compute("update_parameters", check.update_parameters(parameters, grads, learning_rate, out))
    return updated if out is None else out
