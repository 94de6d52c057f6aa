"""Week 4, part 2, the application: one import for those who had the course's module of this name.

Everything of :mod:`deepnet.course.step_by_step`, with the application's `initialize_parameters_deep`
(seed 1, scaled by 1 / sqrt(n_{l-1})), and the data, the models, the prediction and the plots.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from deepnet import _validation as check
from deepnet import reference
from deepnet._extras import needs
from deepnet.activations import Array
from deepnet.caches import Parameters, Sizes, Whole
from deepnet.plotting import plot_costs, print_mislabeled_images

from ._models import L_layer_model, predict, two_layer_model
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
    seed : int or None
        For the same draws as ``np.random.seed(seed)``, leaving NumPy's global state alone; None: unseeded.
    dtype : dtype
        float64 or float32; draws are rounded from float64.

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


def load_data(folder: str | Path = "datasets") -> tuple[Array, Array, Array, Array, Array]:
    """Read the course's cat images, ``train_catvnoncat.h5`` and ``test_catvnoncat.h5``.

    Parameters
    ----------
    folder : path
        Where the two files are; the course keeps them in ``datasets``. They do not come with deepnet.

    Returns
    -------
    train_x_orig, train_y, test_x_orig, test_y, classes : ndarray
        Images as uint8 (m, 64, 64, 3), labels as integers (1, m), names of the classes as bytes.

    Raises
    ------
    FileNotFoundError
        If a file is not there, naming it.
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
                f"{path} is missing: load_data reads the course's two .h5 files, which do not come with "
                "deepnet; say where they are with load_data(folder)"
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
