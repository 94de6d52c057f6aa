"""Week 4, part 1, step by step: the functions of an L-layer network.

Shapes: X (n_0, m), W_l (n_l, n_{l-1}), b_l (n_l, 1), A_l and Z_l (n_l, m), Y and AL (n_L, m): one column
per example. float64 and float32, one of them throughout; results come in the same dtype, in new arrays.
Any strides are fine, and no input is ever written to.
"""

from ._activations import relu, relu_backward, sigmoid, sigmoid_backward
from ._initialize import initialize_parameters, initialize_parameters_deep
from ._layers import linear_activation_backward, linear_activation_forward, linear_backward, linear_forward
from ._network import L_model_backward, L_model_forward, compute_cost, update_parameters

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
