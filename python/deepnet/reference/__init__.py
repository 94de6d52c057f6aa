"""The lecture in NumPy: what every other implementation here is measured against.

Same names, same signatures and same results as the functions of :mod:`deepnet`, in as few lines as the
formulas need. It trusts its input (the checks and their messages live in :mod:`deepnet` itself) and calls
no code that it judges. Where there is nothing to judge, in the two plots, both are one.

`compute_cost` and `L_model_backward` take one argument more: ``literal=True`` is the lecture's own
behaviour where an activation is exactly 0 or 1, nan and inf as NumPy gives them.

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
