"""deepnet's step-by-step functions: three native calls."""

import deepnet

NAME = "deepnet, step by step"


def step(X, Y, parameters, learning_rate):
    """One training step through the three functions; returns the new parameters and the whole grads dict."""
    AL, caches = deepnet.L_model_forward(X, parameters)
    grads = deepnet.L_model_backward(AL, Y, caches)
    return deepnet.update_parameters(parameters, grads, learning_rate), grads
