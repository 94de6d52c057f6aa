"""Inputs of the courses' functions that are not the probes, to see whether a mutant changes anything."""

import contextlib
import copy
import io
import warnings
from itertools import pairwise

import numpy as np

from deepnet.diagnose.lecture import c1w4, c2


def network(random, units):
    parameters = {}
    for l, (n_prev, n) in enumerate(pairwise(units), start=1):
        parameters |= {f"W{l}": random.normal(size=(n, n_prev)), f"b{l}": random.normal(size=(n, 1))}
    return parameters


def grads_of(random, parameters):
    return {f"d{key}": random.normal(size=p.shape) for key, p in parameters.items()}


def inputs(course):
    """Return a list of arguments for each function."""
    random = np.random.default_rng(99)
    normal = random.normal
    cases = {}

    def add(function, *args):
        cases.setdefault(function, []).append(args)

    for n_prev, n, m in ((3, 2, 5), (2, 2, 2), (4, 4, 6), (2, 1, 3), (3, 5, 1)):
        A, W, b, Z, dA = (normal(size=s) for s in ((n_prev, m), (n, n_prev), (n, 1), (n, m), (n, m)))
        Z.flat[0] = 0.0
        if course == "c1w4":
            for name in ("sigmoid", "relu", "softmax"):
                add(name, Z)
            add("linear_forward", A, W, b)
            add("linear_backward", dA, (A, W, b))
            for name in ("relu_backward", "sigmoid_backward"):
                add(name, dA, Z)
            for activation in ("relu", "sigmoid"):
                add("linear_activation_forward", A, W, b, activation)
                add("linear_activation_backward", dA, ((A, W, b), Z), activation)
        else:
            add("sigmoid", Z)
            add("relu", Z)
    for units, m in (((3, 4, 2, 1), 6), ((2, 2, 2, 1), 2), ((4, 3, 1, 1), 5), ((3, 5, 4, 1), 1)):
        X, Y, p = normal(size=(units[0], m)), random.integers(0, 2, size=(1, m)), network(random, units)
        AL = random.uniform(0.05, 0.95, size=(1, m))
        grads, v = grads_of(random, p), grads_of(random, p)
        s = {key: g**2 for key, g in grads_of(random, p).items()}
        if course == "c1w4":
            add("L_model_forward", X, p)
            add("compute_cost", AL, Y)
            al, caches = c1w4.L_model_forward(X, p)
            add("L_model_backward", al, Y, caches)
            add("update_parameters", p, grads, 0.37)
            add("predict", X, Y, p)
            add("initialize_parameters", *units[:3])
            add("initialize_parameters_deep", list(units))
            add("two_layer_model", X, Y, (units[0], 3, 1), 0.2, 102)
            add("L_layer_model", X, Y, list(units), 0.2, 102)
        else:
            for name in ("zeros", "random", "he"):
                add(f"initialize_parameters_{name}", list(units))
            add("initialize_parameters", list(units))
            add("forward_propagation", X, p)
            add("compute_loss", AL, Y)
            add("compute_cost", AL, Y)
            _, cache = c2.forward_propagation(X, p)
            add("backward_propagation", X, Y, cache)
            add("update_parameters", p, grads, 0.37)
            add("update_parameters_with_gd", p, grads, 0.37)
            add("predict", X, Y, p)
            add("predict_dec", p, X)
            add("compute_cost_with_regularization", AL, Y, p, 0.4)
            add("backward_propagation_with_regularization", X, Y, cache, 0.4)
            add("forward_propagation_with_dropout", X, p, 0.8)
            add(
                "backward_propagation_with_dropout",
                X,
                Y,
                c2.forward_propagation_with_dropout(X, p, 0.8)[1],
                0.8,
            )
            add("initialize_velocity", p)
            add("initialize_adam", p)
            add("update_parameters_with_momentum", p, grads, v, 0.8, 0.37)
            add("update_parameters_with_adam", p, grads, v, s, 3, 0.37, 0.7, 0.9, 1e-3)
            add("update_lr", 0.4, 7 + m, 0.3)
            add("schedule_lr_decay", 0.4, 70 + m, 0.3, 20)
    if course == "c2":
        for m, size in ((11, 3), (9, 3), (4, 6), (1, 1)):
            add("random_mini_batches", normal(size=(2, m)), random.integers(0, 2, size=(1, m)), size, 5)
    return cases


def results(function, cases):
    """Return what the function does: results, or the name of the exception, and the arguments afterwards."""
    done = []
    for args in cases:
        args = copy.deepcopy(args)
        np.random.seed(7)  # noqa: NPY002
        try:
            with (
                warnings.catch_warnings(),
                np.errstate(all="ignore"),
                contextlib.redirect_stdout(io.StringIO()),
            ):
                warnings.simplefilter("ignore")
                done.append((function(*args), args))
        except Exception as error:
            done.append((type(error).__name__, args))
    return done


def are_equal(one, two):
    """Whether two results are the same to rounding."""
    if isinstance(one, dict):
        return (
            isinstance(two, dict) and one.keys() == two.keys() and all(are_equal(one[k], two[k]) for k in one)
        )
    if isinstance(one, (list, tuple)):
        return type(one) is type(two) and len(one) == len(two) and all(map(are_equal, one, two))
    if isinstance(one, str) or isinstance(two, str):
        return one is two or (isinstance(one, str) and isinstance(two, str) and one == two)
    if one is None or two is None:
        return one is two
    a, b = np.asarray(one), np.asarray(two)
    return (
        a.shape == b.shape and a.dtype == b.dtype and np.allclose(a, b, rtol=1e-9, atol=1e-11, equal_nan=True)
    )
