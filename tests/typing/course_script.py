"""Code as users write it with the course's functions: not run, but checked by mypy --strict."""

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

import deepnet
from deepnet.course import dnn_app_utils, gc_utils, init_utils, opt_utils, reg_utils

X: NDArray[np.float64] = np.ones((3, 4))
Y: NDArray[np.int64] = np.array([[0, 1, 1, 0]])

# sizes, rates and seeds: of Python or NumPy
layers_dims = np.array([X.shape[0], 5, 1])
parameters = deepnet.initialize_parameters_deep(layers_dims, seed=np.int64(3))
parameters = dnn_app_utils.initialize_parameters_deep((X.shape[0], np.int64(5), 1), dtype=np.float32)
trained, costs = deepnet.L_layer_model(X, Y, layers_dims, np.float32(0.1), np.int64(10), seed=None)
trained, costs = deepnet.two_layer_model(X, Y, (3, 5, 1), callback=lambda i, cost: print(i, cost))
deepnet.plot_costs(costs, learning_rate=0.1)
p: NDArray[np.float64] = deepnet.predict(X, Y, trained)

# caches as tuples and as lists
W, b = np.ones((1, 3)), np.zeros((1, 1))
Z, linear_cache = deepnet.linear_forward(X, W, b)
AL, activation_cache = deepnet.sigmoid(Z)
tuples = [(linear_cache, activation_cache)]
grads = deepnet.L_model_backward(AL, Y, tuples, activations=["sigmoid"])
grads = deepnet.L_model_backward(AL, Y, ((linear_cache, Z),), compute_dA0=False, out=grads)
grads = deepnet.L_model_backward(AL, Y, [[[X, W, b], Z]])
deepnet.linear_backward(Z, [X, W, b])
deepnet.linear_activation_backward(Z, ([X, W, b], Z), "relu")
AL, caches = deepnet.L_model_forward(X, {"W1": W, "b1": b}, activations=("tanh",))
grads = deepnet.L_model_backward(AL, Y, tuple(caches))
deepnet.reference.L_model_backward(AL, Y, tuples, literal=True)

# custom activations among names
cube = deepnet.Activation("cube", lambda Z: Z**3, lambda dA, Z: dA * 3 * Z**2)
AL, caches = deepnet.L_model_forward(X, {"W1": W, "b1": b}, activations=cube, output=cube)
AL, caches = deepnet.L_model_forward(X, {"W1": W, "b1": b}, activations=[cube])
AL, caches = deepnet.L_model_forward(X, trained, activations=[cube, "sigmoid"])
AL, caches = deepnet.L_model_forward(X, trained, activations="gelu", output=cube)
AL, layer_cache = deepnet.linear_activation_forward(X, W, b, cube)
deepnet.linear_activation_backward(Z, layer_cache, cube)
cost: NDArray[np.float64] = deepnet.compute_cost(AL, Y, "categorical_cross_entropy")

# any dict, and any rate
typed: dict[str, NDArray[np.float64]] = {"W1": W, "b1": b}
deepnet.update_parameters(typed, grads, np.float64(0.1), out=typed)
deepnet.update_parameters(OrderedDict(typed), grads, 1)
for rate in np.logspace(-3, -1, 3):
    deepnet.update_parameters(parameters, grads, rate)

# a number in, a number out
s, cache = deepnet.sigmoid(0.5)
slope: np.floating = deepnet.sigmoid_backward(1.0, cache)
print(float(s), float(slope))

# the second course: tuples of twelve and fourteen, versions, rates that fall
three = init_utils.model(X, Y, 0.1, num_iterations=np.int64(10), callback=lambda i, cost: print(i, cost))
a3, twelve = init_utils.forward_propagation(X, three)
slopes = opt_utils.backward_propagation(X, Y, tuple(twelve))
three = reg_utils.model(X, Y, lambd=np.float32(0.7))
a3, fourteen = reg_utils.forward_propagation_with_dropout(X, three, 0.5, seed=None)
slopes = reg_utils.backward_propagation_with_dropout(X, Y, fourteen, keep_prob=0.5)
three = opt_utils.model(X, Y, [3, 5, 2, 1], "gd", decay=opt_utils.schedule_lr_decay, version="2018")
mean, square = opt_utils.initialize_adam(three)
three, mean, square = opt_utils.update_parameters_with_adam(three, slopes, mean, square, 1, version="2018")
difference: float = gc_utils.gradient_check_n(three, slopes, X, Y)
