"""The whole network: forward, cost, backward and update, each one native call."""

# `run` returns what the backend returns, which mypy cannot know:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from collections.abc import Sequence

from deepnet import _validation as check
from deepnet.activations import AnyActivation, Array
from deepnet.backends import direct, run
from deepnet.caches import AnyLayerCache, LayerCache, Parameters, Real
from deepnet.losses import Loss

from . import _own


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
        :class:`deepnet.Activation` of your own may stand for a name.
    output : str or Activation, optional
        The last layer's activation, "sigmoid" if not given; not beside a sequence of names. With
        "softmax" the units of an example, one for each class, add up to 1.

    Returns
    -------
    AL : ndarray, shape (n_L, m)
        Last activations; probabilities in [0, 1] for ``output="sigmoid"`` and ``"softmax"``.
    caches : list of LayerCache
        One per layer, for :func:`L_model_backward`; they remember the activations.

    Raises
    ------
    ValueError
        If shapes do not chain, for example ``W2 has 4 columns, but layer 1 has 5 units``, or a hidden layer
        would be softmax.
    TypeError
        If arrays mix float32 and float64, or are of another dtype.

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
    if result is None and _own.holds_own(activations, output):
        result = _own.L_model_forward(X, parameters, activations, output)
    if result is None:
        result = run("L_model_forward", check.L_model_forward, X, parameters, activations, output)
    return result


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
    """Backward propagation of a cost, the cross-entropy if no other is named, through all L layers.

    The cost is that of :func:`compute_cost`; behind a softmax output the categorical one.

    Parameters
    ----------
    AL : ndarray of float32 or float64, shape (n_L, m)
        Last activations, from :func:`L_model_forward`.
    Y : ndarray of bool, integers or floats, shape (n_L, m)
        Labels in [0, 1]; for one output unit also (m,) or (m, 1). Behind softmax each column adds up to 1.
    caches : list or tuple
        One ((A_prev, W, b), Z) per layer.
    activations : str or Activation, or sequence of these, optional
        Not needed for the caches of :func:`L_model_forward`, which remember; for plain tuples the default
        is relu, ..., relu, sigmoid. If given it goes before what caches remember: one name is that of the
        hidden layers, and the output is then a sigmoid; a list of L names sets the output, too.
    loss : str or Loss, optional
        A name from :data:`deepnet.LOSSES`, or what :mod:`deepnet.losses` makes; then Y is as in
        :meth:`deepnet.Network.fit`.
    compute_dA0 : bool
        False leaves out ``dA0``, the gradient of the input, which training does not need.
    out : dict of ndarray, optional
        The result of an earlier call of the same kind, to be overwritten and returned. Ctrl-C may leave
        its arrays partly written; without `out` nothing of the caller's is ever touched.

    Returns
    -------
    grads : dict of ndarray
        ``dA{l-1}``, ``dW{l}`` and ``db{l}`` for l = L..1.

    Raises
    ------
    ValueError
        If shapes do not fit, for example ``Y has shape (4, 1), but AL has (1, 3)``; if a label is outside
        [0, 1] or nan, for example ``Y[0, 3] is nan, but labels must lie in [0, 1]``; or if an array of
        `out` shares memory with an input.
    TypeError
        If arrays mix float32 and float64, or are of another dtype.

    Notes
    -----
    dA_L = -(Y / AL - (1 - Y) / (1 - AL)); dZ_l = dA_l * g_l'(Z_l); dW_l = dZ_l A_{l-1}^T / m;
    db_l = (row sums of dZ_l) / m; dA_{l-1} = W_l^T dZ_l. The slopes g' come from the cached Z alone.

    Where AL is exactly 0 or 1 the first formula is 0/0 or infinite. There a term 0/0 counts as 0, and the
    dZ_L of a sigmoid output is its limit, AL - Y: a saturated network keeps its finite gradient. A softmax
    output has dZ_L = AL - Y everywhere. For other outputs the formula stands: a tanh that is 1 where Y is 0
    gives inf * 0, which is nan.
    ``deepnet.reference.L_model_backward(..., literal=True)`` shows what the formula itself gives.

    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.

    Examples
    --------
    >>> parameters = deepnet.initialize_parameters_deep([3, 4, 1])
    >>> AL, caches = deepnet.L_model_forward(np.ones((3, 5)), parameters)
    >>> list(deepnet.L_model_backward(AL, np.array([0, 1, 1, 0, 1]), caches))
    ['dA1', 'dW2', 'db2', 'dA0', 'dW1', 'db1']
    """
    grads = direct.L_model_backward(AL, Y, caches, activations, compute_dA0, out) if loss is None else None
    own = _own.holds_own(activations) or (activations is None and _own.remembers_own(caches))
    if loss is not None or (grads is None and own):
        grads = _own.L_model_backward(AL, Y, caches, activations, compute_dA0, out, loss)
    if grads is None:
        grads = run("L_model_backward", check.L_model_backward, AL, Y, caches, activations, compute_dA0, out)
    return grads if out is None else out


def compute_cost(AL: Array, Y: Array, loss: str | Loss = "binary_cross_entropy") -> Array:
    """Cost of what was predicted: the cross-entropy J = -1/m sum(Y log AL + (1 - Y) log(1 - AL)), or another.

    Parameters
    ----------
    AL : ndarray of float32 or float64, shape (n_L, m)
        From :func:`L_model_forward`; for cross-entropies probabilities in [0, 1].
    Y : ndarray of bool, integers or floats, shape (n_L, m)
        Labels in [0, 1]; for one output unit also (m,) or (m, 1). For other losses as in
        :meth:`deepnet.Network.fit`.
    loss : str or Loss
        A name from :data:`deepnet.LOSSES`, or what :mod:`deepnet.losses` makes. The default is the formula
        above, for independent outputs; "categorical_cross_entropy" is J = -1/m sum(Y log AL), for a softmax
        output, where each column of Y adds up to 1.

    Returns
    -------
    cost : ndarray, shape ()
        Summed in float64, then rounded to the dtype of AL.

    Raises
    ------
    ValueError
        If shapes do not fit, or a probability or label is outside [0, 1], for example
        ``AL[0, 2] is 1.5, but probabilities must lie in [0, 1]``.
    TypeError
        If AL is not float32 or float64.

    Notes
    -----
    0 log 0 counts as 0, so a saturated and right prediction costs nothing; a saturated and wrong one inf.
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
    if isinstance(loss, str) and loss in check.COSTS:
        cost: Array = run("compute_cost", check.compute_cost, AL, Y, loss)
        return cost
    return _own.compute_cost(**check.compute_cost(AL, Y, loss))


def update_parameters(
    parameters: Parameters, grads: Parameters, learning_rate: Real, *, out: Parameters | None = None
) -> Parameters:
    """One step of gradient descent: W_l - learning_rate dW_l and b_l - learning_rate db_l.

    Parameters
    ----------
    parameters : dict of ndarray
        ``W1..WL`` and ``b1..bL``.
    grads : dict of ndarray
        ``dW1..dWL`` and ``db1..dbL``; other entries are not looked at.
    learning_rate : float
    out : dict of ndarray, optional
        Where to write: an earlier result, or ``parameters`` itself for an update in place. The
        extension finishes writing before it answers Ctrl-C; the NumPy backend may leave these arrays
        partly written.

    Returns
    -------
    parameters : dict of ndarray
        `out`, or else a new dict with new arrays.

    Raises
    ------
    ValueError
        If an entry is missing or of the wrong shape, for example ``grads lacks 'db2'``, or the learning
        rate is not finite.
    TypeError
        If arrays mix float32 and float64, or are of another dtype.

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
        updated = run("update_parameters", check.update_parameters, parameters, grads, learning_rate, out)
    return updated if out is None else out
