"""Check a contender's answer before it is timed.

The reference is the course's NumPy code in float64. A parameter after one step may differ from it by the
roundings of a product that is accumulated onto W, one for each of m examples, and by GRADIENT sqrt(m) times
the largest update in its array, since a sum of m random signs grows like sqrt(m). A rounding is uniform
within half an ulp, so that six standard deviations of m of them are less than ROUNDINGS sqrt(m) halves of
an ulp: one entry in 500 million is further away.
"""

import functools

import numpy as np

from contenders import numpy_lecture

GRADIENT = {"float32": 1e-5, "float64": 1e-13}
PREDICTION = {"float32": 1e-5, "float64": 1e-12}
ROUNDINGS = 4
BFLOAT16 = 2.0**-8  # by which rounding to it changes a number at most
# Relative to the reference's loss after an epoch: contenders shuffle differently, and over eight orders of
# the examples the loss of the table varied by 1.8 %.
LOSS = 0.1


class WrongAnswer(Exception):
    """A contender did not compute what the task asks for."""


def check(part, task, result):
    """Raise WrongAnswer unless `result` is right for this part of the benchmark."""
    checks = {
        "steps": check_step,
        "calls": check_step,
        "recipes": check_recipe,
        "predict": check_prediction,
        "fit": check_fit,
        "bfloat16_steps": check_bfloat16_step,
        "bfloat16_predict": check_bfloat16_prediction,
    }
    checks[part](task, result)


def check_step(task, parameters):
    start = task.data()[2]
    for name, expected in _reference_step(task).items():
        rounding = ROUNDINGS * np.sqrt(task.m) * np.finfo(task.dtype).eps / 2 * np.abs(expected)
        update = np.abs(expected - start[name]).max()
        allowed = rounding + GRADIENT[task.dtype] * np.sqrt(task.m) * update
        excess = (np.abs(parameters[name] - expected) / allowed).max()
        if not excess <= 1:  # also catches nan
            raise WrongAnswer(f"{task}: the error of {name} after one step is {excess:.1f} times the bound")


def check_bfloat16_step(task, parameters):
    """Up to 2 L products on the way to a gradient round by BFLOAT16; pure bfloat16 rounds the result, too.

    Where relu's input is closer to 0 than its error, the derivative is another: a share s of other entries
    changes the norm by sqrt(s).
    """
    start = task.data()[2]
    for name, expected in _reference_step(task).items():
        update = np.linalg.norm(expected - start[name])
        rounded = any(np.any(p.view(np.uint32) & 0xFFFF) for p in parameters.values() if p.size > 1)
        allowed = np.sqrt(len(start) * BFLOAT16) * update + (
            0 if rounded else BFLOAT16 * np.linalg.norm(expected)
        )
        excess = np.linalg.norm(parameters[name] - expected) / allowed
        if not excess <= 1:  # also catches nan
            raise WrongAnswer(f"{task}: the error of {name} after one step is {excess:.1f} times the bound")


def check_bfloat16_prediction(task, AL):
    X, _, parameters = task.data()
    error = np.abs(AL - _forward(X, parameters)).max()
    if not error <= len(parameters) * BFLOAT16:
        raise WrongAnswer(f"{task}: the error of a prediction is {error:.1e}")


def check_recipe(task, parameters):
    """Check one step. Adam's first step is the learning rate times the sign of the gradient, except near 0.

    With dropout, every contender draws its own masks: some of W2 must then move differently than without
    dropout, and no weight may move by more than the learning rate.
    """
    X, Y, start = (_as_float64(item) for item in task.data())
    expected, size = _recipe_step(task, X, Y, start)
    for name, value in expected.items():
        moved = np.abs(parameters[name] - start[name])
        if task.dropout:
            different = np.mean(np.abs(parameters[name] - value) > 0.1 * task.learning_rate)
            if moved.max() > 1.01 * task.learning_rate or (name == "W2" and not 0.001 < different < 0.4):
                raise WrongAnswer(
                    f"{task}: {name} moved by up to {moved.max():.1e}, "
                    f"{different:.1%} of it differently than without dropout"
                )
            continue
        certain = size[name] > 1e-6 * size[name].max() if task.adam else np.ones_like(moved, bool)
        excess = np.abs(parameters[name] - value)[certain].max() / task.learning_rate
        if not excess <= 2e-2:
            raise WrongAnswer(f"{task}: the error of {name} after one step is {excess:.1e} learning rates")


def _recipe_step(task, X, Y, parameters):
    """Return the new parameters, and the absolute gradients."""
    layers, A = len(parameters) // 2, [X]
    for l in range(1, layers + 1):
        Z = parameters[f"W{l}"] @ A[-1] + parameters[f"b{l}"]
        A.append(np.maximum(Z, 0) if l < layers else np.exp(Z - Z.max(axis=0)))
    dZ = A[-1] / A[-1].sum(axis=0) - Y
    new, size = {}, {}
    for l in range(layers, 0, -1):
        W = parameters[f"W{l}"]
        grads = {f"W{l}": dZ @ A[l - 1].T / task.m + task.l2 * W, f"b{l}": dZ.mean(axis=1, keepdims=True)}
        dZ = (W.T @ dZ) * (A[l - 1] > 0)
        for name, g in grads.items():
            step = g / (np.abs(g) + 1e-8) if task.adam else g
            new[name], size[name] = parameters[name] - task.learning_rate * step, np.abs(g)
    return new, size


def check_prediction(task, AL):
    X, _, parameters = task.data()
    error = np.abs(AL - _forward(X, parameters)).max()
    if not error <= PREDICTION[task.dtype]:
        raise WrongAnswer(f"{task}: the error of a prediction is {error:.1e}")


def check_fit(task, parameters):
    expected, loss = _reference_fit_loss(task), _loss(task, parameters)
    if not abs(loss - expected) <= LOSS * expected:
        raise WrongAnswer(f"{task}: the loss after an epoch is {loss:.4f}, not {expected:.4f}")


@functools.lru_cache(1)
def _reference_step(task):
    X, Y, parameters = (_as_float64(item) for item in task.data())
    return numpy_lecture.step(X, Y, parameters, task.learning_rate)[0]


@functools.lru_cache(1)
def _reference_fit_loss(task):
    X, Y = _scaled(task.table()[0]), task.table()[1].astype(np.float64)
    parameters = _as_float64(task.parameters())
    for rows in np.random.default_rng(4).permutation(len(X)).reshape(task.batches, task.batch):
        parameters, _ = numpy_lecture.step(X[rows].T, Y[rows].T, parameters, task.learning_rate)
    return _loss(task, parameters)


def _loss(task, parameters):
    """Mean cross-entropy of every 16th example."""
    X, Y = task.table()
    AL = _forward(_scaled(X[::16]).T, parameters)
    return -np.mean(np.log(np.where(Y[::16].T == 1, AL, 1 - AL)))


def _forward(X, parameters):
    return numpy_lecture.L_model_forward(_as_float64(X), _as_float64(parameters))[0]


def _scaled(X):
    return X.astype(np.float32) / 255 if X.dtype == np.uint8 else X


def _as_float64(item):
    if isinstance(item, dict):
        return {name: value.astype(np.float64) for name, value in item.items()}
    return item.astype(np.float64)
