"""Week 4, part 2 of *Neural Networks and Deep Learning*: the application, as the course's `dnn_app_utils`.

Everything of :mod:`deepnet.course.step_by_step`, with the application's `initialize_parameters_deep`
(seed 1, scaled by 1 / sqrt(n_{l-1})), and the data, the models, the prediction and the plots.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deepnet import _validation as check
from deepnet import reference
from deepnet._extras import needs
from deepnet._validation import labels
from deepnet.activations import AnyActivation, Array, entry_of, layer_activations
from deepnet.backends import backend_name, is_built_in, new_engine, prepared
from deepnet.caches import Callback, Parameters, Real, Sizes, Whole
from deepnet.engine_errors import NonFinite
from deepnet.losses import LOSSES
from deepnet.plan import Plan
from deepnet.plotting import plot_costs, print_mislabeled_images

from .step_by_step import (
    L_model_backward,
    L_model_forward,
    compute_cost,
    initialize_parameters,
    linear_activation_backward,
    linear_activation_forward,
    linear_backward,
    linear_forward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    update_parameters,
)

__all__ = [
    "L_layer_model",
    "L_model_backward",
    "L_model_forward",
    "compute_cost",
    "initialize_parameters",
    "initialize_parameters_deep",
    "linear_activation_backward",
    "linear_activation_forward",
    "linear_backward",
    "linear_forward",
    "load_data",
    "plot_costs",
    "predict",
    "print_mislabeled_images",
    "relu",
    "relu_backward",
    "sigmoid",
    "sigmoid_backward",
    "two_layer_model",
    "update_parameters",
]


def initialize_parameters_deep(
    layer_dims: Sizes, *, seed: Whole | None = 1, dtype: Any = np.float64
) -> Parameters:
    """Initialise an L-layer network: W_l = N(0, 1) / sqrt(n_{l-1}), b_l = 0.

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
    The scale keeps the variance of Z_l near that of A_{l-1}, whatever n_{l-1} is.
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.

    Examples
    --------
    >>> initialize_parameters_deep([4, 2, 1])["W2"].round(4)
    array([[ 0.2256, -0.1763]])
    """
    dims = check.layer_dims("layer_dims", layer_dims)
    dtype = check.initialization(seed, dtype)
    return reference.dnn_app_utils.initialize_parameters_deep(dims, seed=seed, dtype=dtype)


# --- models -------------------------------------------------------------------------------------------------


def two_layer_model(
    X: Array,
    Y: Array,
    layers_dims: Sizes,
    learning_rate: Real = 0.0075,
    num_iterations: Whole = 3000,
    print_cost: bool = False,
    *,
    seed: Whole | None = 1,
    callback: Callback | None = None,
) -> tuple[Parameters, list[Array]]:
    """Train LINEAR -> RELU -> LINEAR -> SIGMOID by gradient descent.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (n_x, m)
        One column per example. Its dtype is that of the whole run.
    Y : ndarray of bool, integers or floats, shape (n_y, m)
        Labels, usually in [0, 1]; for one output unit also (m,) or (m, 1). Others are used as the formulas
        say.
    layers_dims : sequence of int
        (n_x, n_h, n_y).
    learning_rate : float
    num_iterations : int
        Steps, each over all examples.
    print_cost : bool
        Print the cost before every 100th step, and before the last one.
    seed : int or None
        For the initial parameters, :func:`deepnet.initialize_parameters`.
    callback : callable, optional
        Called after every step as ``callback(iteration, cost)``, with the cost where one is printed, else
        None.

    Returns
    -------
    parameters : dict of ndarray
        ``W1``, ``b1``, ``W2``, ``b2``.
    costs : list of ndarray, shape ()
        The cost before the steps 0, 100, 200, ...

    Raises
    ------
    ValueError
        If sizes do not chain, for example ``layers_dims[0] is 100, but X has 12288 rows``.
    TypeError
        If X is not float32 or float64.

    Notes
    -----
    Reproduces the published run on the cat images: same draws, same costs.
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.

    Examples
    --------
    >>> X, Y = np.array([[0.0, 1.0, 2.0, 3.0]]), np.array([[0, 0, 1, 1]])
    >>> parameters, costs = deepnet.two_layer_model(X, Y, (1, 4, 1), num_iterations=101, print_cost=True)
    Cost after iteration 0: 0.69307...
    Cost after iteration 100: 0.69298...
    """
    X, Y, dims, rate, steps = check.training(X, Y, layers_dims, learning_rate, num_iterations, length=3)
    n_x, n_h, n_y = dims
    dtype = check.initialization(seed, X.dtype)
    parameters = reference.initialize_parameters(n_x, n_h, n_y, seed=seed, dtype=dtype)
    return parameters, _descend(X, Y, parameters, rate, steps, print_cost, callback, "relu", None)


def L_layer_model(
    X: Array,
    Y: Array,
    layers_dims: Sizes,
    learning_rate: Real = 0.0075,
    num_iterations: Whole = 3000,
    print_cost: bool = False,
    *,
    seed: Whole | None = 1,
    activations: AnyActivation | Sequence[AnyActivation] = "relu",
    output: AnyActivation | None = None,
    callback: Callback | None = None,
) -> tuple[Parameters, list[Array]]:
    """Train (LINEAR -> activation) x (L - 1) -> LINEAR -> output by gradient descent.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (n_x, m)
        One column per example. Its dtype is that of the whole run.
    Y : ndarray of bool, integers or floats, shape (n_L, m)
        As in :func:`two_layer_model`.
    layers_dims : sequence of int
        Units of each layer, from the input: ``[12288, 20, 7, 5, 1]``.
    learning_rate, num_iterations, print_cost, callback
        As in :func:`two_layer_model`.
    seed : int or None
        For the initial parameters, which are the application's, N(0, 1) / sqrt(n_{l-1}):
        :func:`deepnet.course.dnn_app_utils.initialize_parameters_deep`.
    activations, output
        As in :func:`deepnet.L_model_forward`; relu and sigmoid by default. The cost is the cross-entropy, so
        the output must be sigmoid, or softmax (then the categorical cross-entropy), and with softmax each
        column of Y must add up to 1.

    Returns
    -------
    parameters : dict of ndarray
        ``W1..WL`` and ``b1..bL``.
    costs : list of ndarray, shape ()
        The cost before the steps 0, 100, 200, ...

    Raises
    ------
    ValueError
        If sizes do not chain, for example ``layers_dims[0] is 100, but X has 12288 rows``.
    TypeError
        If X is not float32 or float64.

    Notes
    -----
    Reproduces the published run on the cat images: same draws, same costs.
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.

    Examples
    --------
    >>> X, Y = np.array([[0.0, 1.0, 2.0, 3.0]]), np.array([[0, 0, 1, 1]])
    >>> parameters, costs = deepnet.L_layer_model(X, Y, [1, 4, 1], learning_rate=1.0, num_iterations=500)
    >>> p = deepnet.predict(X, Y, parameters)
    Accuracy: 1.0
    """
    X, Y, dims, rate, steps = check.training(
        X, Y, layers_dims, learning_rate, num_iterations, activations=activations, output=output
    )
    dtype = check.initialization(seed, X.dtype)
    parameters = reference.dnn_app_utils.initialize_parameters_deep(dims, seed=seed, dtype=dtype)
    return parameters, _descend(X, Y, parameters, rate, steps, print_cost, callback, activations, output)


MOST_AT_ONCE = 10_000  # iterations in one native call, which returns two numbers for each


def _descend(
    X: Array,
    Y: Array,
    parameters: Parameters,
    learning_rate: float,
    num_iterations: int,
    print_cost: bool,
    callback: Callback | None,
    activations: AnyActivation | Sequence[AnyActivation],
    output: AnyActivation | None,
) -> list[Array]:
    """Train `parameters` in place by gradient descent over all examples; return the recorded costs.

    The engine trains where it can: its loss is the lecture's cost, computed from Z so that it stays
    finite where AL has reached 0 or 1. The step-by-step functions do the rest: custom activations, softmax,
    labels outside [0, 1], the steps from where Z is nan or infinite. They also serve a callback after every
    step: called for one step at a time, the engine would lay out X again each time, which takes twice as long
    with the cat images.
    """
    costs: list[Array] = []

    def record(i: int, cost: Any) -> None:
        if i % 100 != 0 and i != num_iterations - 1:
            cost = None
        else:
            cost = np.asarray(cost, X.dtype)
            if i % 100 == 0:
                costs.append(cost)
            if print_cost:
                print(f"Cost after iteration {i}: {cost}")
        if callback is not None:
            callback(i, cost)

    names = layer_activations(len(parameters) // 2, activations, output)
    softmax = entry_of(names[-1]).whole_columns
    built_in = all(is_built_in(entry_of(name)) for name in names)
    is_label = bool(Y.min() >= 0) and bool(Y.max() <= 1)
    done = 0
    if backend_name() == "native" and callback is None and not softmax and built_in and is_label:
        done = _descend_on_the_engine(
            X, Y, parameters, learning_rate, num_iterations, names, record, print_cost=print_cost
        )
    loss = "categorical_cross_entropy" if softmax else "binary_cross_entropy"
    grads: Parameters | None = None
    for i in range(done, num_iterations):
        AL, caches = L_model_forward(X, parameters, activations=activations, output=output)
        cost = compute_cost(AL, Y, loss) if i % 100 == 0 or i == num_iterations - 1 else None
        grads = L_model_backward(AL, Y, caches, compute_dA0=False, out=grads)
        update_parameters(parameters, grads, learning_rate, out=parameters)
        record(i, cost)
    return costs


def _descend_on_the_engine(
    X: Array,
    Y: Array,
    parameters: Parameters,
    learning_rate: float,
    num_iterations: int,
    activations: Sequence[AnyActivation],
    record: Callable[[int, Any], None],
    *,
    print_cost: bool,
) -> int:
    """Train as long as the losses are finite; return the number of iterations done."""
    W = [p for key, p in parameters.items() if key.startswith("W")]
    engine = new_engine([X.shape[0], *map(len, W)], list(map(entry_of, activations)), X.dtype)
    trained = dict(zip(parameters, engine.parameters(), strict=True))
    reference.step_by_step.write_into(trained, parameters)
    plan = prepared(engine, Plan(LOSSES["binary_cross_entropy"]))
    options = {"batch_size": X.shape[1], "learning_rates": np.array([learning_rate])}
    options |= {"shuffle": False, "seed": 0, "first_epoch": 0, "threads": 0, "input_scale": 1.0}
    i, diverged = 0, False
    try:
        while i < num_iterations and not diverged:
            # One call goes as far as the next cost to print, which must not be late.
            most = -(-i // 100) * 100 + 1 if print_cost else i + MOST_AT_ONCE
            end = min(most, num_iterations)
            try:
                costs, _ = engine.fit(
                    engine.begin_training(), X, Y, None, plan, options | {"epochs": end - i}, None
                )
            except NonFinite as failure:
                costs, diverged = failure.losses, True
            for cost in costs:
                record(i, cost)
                i += 1
    finally:
        reference.step_by_step.write_into(parameters, trained)
    return i


# --- prediction and data ------------------------------------------------------------------------------------


def predict(
    X: Array,
    y: Array,
    parameters: Parameters,
    *,
    activations: AnyActivation | Sequence[AnyActivation] = "relu",
    output: AnyActivation | None = None,
) -> Array:
    """Predict 1 where AL > 0.5, else 0, and print the accuracy.

    With a softmax output the prediction is 1 for the largest output of each column, and an example counts as
    right if its whole column is.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (n_x, m)
        One column per example.
    y : array-like of numbers, shape (n_L, m)
        Labels; for one output unit also (m,) or (m, 1). As in the formula below, y may also be anything that
        broadcasts to p, such as ``[1]`` or ``1`` for a single image.
    parameters : dict of ndarray
        ``W1..WL`` and ``b1..bL`` of a trained network.
    activations, output
        As in :func:`deepnet.L_model_forward`, and as in training.

    Returns
    -------
    p : ndarray, shape (n_L, m)
        Zeros and ones in the dtype of X.

    Raises
    ------
    ValueError
        If shapes do not fit, for example ``W1 has 4 columns, but X has 5 rows``.
    TypeError
        If X and parameters mix float32 and float64 or have another dtype, or y is not numeric.

    Notes
    -----
    Prints np.sum((p == y) / m), as the course does: m terms rarely add up to exactly 1.
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.

    Examples
    --------
    >>> parameters = {"W1": np.array([[1.0]]), "b1": np.array([[0.0]])}
    >>> deepnet.predict(np.array([[-2.0, 3.0]]), np.array([[0, 0]]), parameters)
    Accuracy: 0.5
    array([[0., 1.]])
    >>> my_image, my_label_y = np.array([[3.0]]), [1]
    >>> deepnet.predict(my_image, my_label_y, parameters)
    Accuracy: 1.0
    array([[1.]])
    """
    AL, caches = L_model_forward(X, parameters, activations=activations, output=output)
    y = labels.compared("y", y, AL.shape)
    if entry_of(caches[-1].activation or "sigmoid").whole_columns:
        p: Array = (np.arange(len(AL))[:, None] == AL.argmax(axis=0)).astype(AL.dtype)
        right = (p == y).all(axis=0)
    else:
        p = (AL > 0.5).astype(AL.dtype)
        right = p == y
    print("Accuracy: " + str(np.sum(right / right.size)))
    return p


def load_data(folder: str | Path = "datasets") -> tuple[Array, Array, Array, Array, Array]:
    """Read the course's cat images, ``train_catvnoncat.h5`` and ``test_catvnoncat.h5``.

    Parameters
    ----------
    folder : path
        Where the two files are, in the course ``datasets``. They are not part of deepnet.

    Returns
    -------
    train_x_orig, train_y, test_x_orig, test_y, classes : ndarray
        Images as uint8 (m, 64, 64, 3), labels as integers (1, m), names of the classes as bytes.

    Raises
    ------
    FileNotFoundError
        If a file is missing; the message names it.
    ImportError
        If h5py is not installed.

    Notes
    -----
    ``X = train_x_orig.reshape(m, -1).T / 255`` makes one column per image.
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.
    """
    paths = [Path(folder) / f"{part}_catvnoncat.h5" for part in ("train", "test")]
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is missing: load_data reads the course's two .h5 files, which are not part of "
                "deepnet; name their folder with load_data(folder)"
            )
    with needs("data", "load_data"):
        import h5py
    with h5py.File(paths[0], "r") as train, h5py.File(paths[1], "r") as test:
        return (
            np.array(train["train_set_x"]),
            np.array(train["train_set_y"]).reshape(1, -1),
            np.array(test["test_set_x"]),
            np.array(test["test_set_y"]).reshape(1, -1),
            np.array(test["list_classes"]),
        )
