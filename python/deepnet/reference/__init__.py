"""The lecture in NumPy: the reference that the tests compare every other implementation with.

The functions have the names, signatures and results of those of :mod:`deepnet`, in as few lines as the
formulas need. They do not check their input, and they call none of the code that is compared with them. The
two plots are the exception: they are the same functions.

`compute_cost` and `L_model_backward` have one more argument: ``literal=True`` evaluates the lecture's
formulas where an activation is exactly 0 or 1, with the nan and inf that NumPy gives.

>>> import numpy as np
>>> AL, Y = np.array([[1.0, 0.5]]), np.array([[1.0, 1.0]])
>>> print(compute_cost(AL, Y), compute_cost(AL, Y, literal=True))
0.34657359027997264 nan
"""

from deepnet.plotting import plot_costs, print_mislabeled_images

from . import dnn_app_utils
from .dnn_app_utils import L_layer_model, predict, two_layer_model
from .engine import Engine
from .random import permutation
from .step_by_step import (
    L_model_backward,
    L_model_forward,
    activation_backward,
    activation_forward,
    compute_cost,
    initialize_parameters,
    initialize_parameters_deep,
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
    "Engine",
    "L_layer_model",
    "L_model_backward",
    "L_model_forward",
    "activation_backward",
    "activation_forward",
    "compute_cost",
    "dnn_app_utils",
    "initialize_parameters",
    "initialize_parameters_deep",
    "linear_activation_backward",
    "linear_activation_forward",
    "linear_backward",
    "linear_forward",
    "permutation",
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
