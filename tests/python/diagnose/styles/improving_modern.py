"""The second course with modern NumPy: other generators, masks of bool, batches by array_split, new dicts."""

import numpy as np

RANDOM = np.random.default_rng(5)


def initialize_parameters_he(layers_dims):
    pairs = list(zip(layers_dims[:-1], layers_dims[1:], strict=True))
    weights = {f"W{l}": RANDOM.normal(0, np.sqrt(2 / k), (n, k)) for l, (k, n) in enumerate(pairs, 1)}
    return weights | {f"b{l}": np.zeros((n, 1)) for l, (_, n) in enumerate(pairs, 1)}


def compute_cost(A3, Y):
    return np.mean(-np.log(np.where(Y > 0.5, A3, 1 - A3)))


def compute_cost_with_regularization(A3, Y, parameters, lambd):
    penalty = sum(np.linalg.norm(parameters[f"W{l}"]) ** 2 for l in (1, 2, 3))
    return compute_cost(A3, Y) + lambd * penalty / (2 * Y.shape[1])


def backward_propagation_with_regularization(X, Y, cache, lambd):
    Z1, A1, W1, _, Z2, A2, W2, _, _, A3, W3, _ = cache
    m = X.shape[1]
    dZ3 = A3 - Y
    dZ2 = (W3.T @ dZ3) * (Z2 > 0)
    dZ1 = (W2.T @ dZ2) * (Z1 > 0)
    grads = {}
    for l, dZ, A, W in ((1, dZ1, X, W1), (2, dZ2, A1, W2), (3, dZ3, A2, W3)):
        grads[f"dW{l}"] = (dZ @ A.T + lambd * W) / m
        grads[f"db{l}"] = dZ.mean(axis=1, keepdims=True)
    return grads


def forward_propagation_with_dropout(X, parameters, keep_prob=0.5):
    A, cache = X, []
    for l in (1, 2):
        W, b = parameters[f"W{l}"], parameters[f"b{l}"]
        Z = W @ A + b
        D = RANDOM.random(Z.shape) < keep_prob
        A = np.maximum(Z, 0) * D / keep_prob
        cache += [Z, D, A, W, b]
    Z = parameters["W3"] @ A + parameters["b3"]
    A3 = 1 / (1 + np.exp(-Z))
    return A3, (*cache, Z, A3, parameters["W3"], parameters["b3"])


def backward_propagation_with_dropout(X, Y, cache, keep_prob):
    Z1, D1, A1, W1, b1, Z2, D2, A2, W2, b2, Z3, A3, W3, b3 = cache
    m = X.shape[1]
    dZ3 = A3 - Y
    dA2 = W3.T @ dZ3 * D2 / keep_prob
    dZ2 = dA2 * (Z2 > 0)
    dA1 = W2.T @ dZ2 * D1 / keep_prob
    dZ1 = dA1 * (Z1 > 0)
    pairs = {3: (dZ3, A2), 2: (dZ2, A1), 1: (dZ1, X)}
    grads = {f"dW{l}": dZ @ A.T / m for l, (dZ, A) in pairs.items()}
    return grads | {f"db{l}": dZ.sum(axis=1, keepdims=True) / m for l, (dZ, _) in pairs.items()}


def random_mini_batches(X, Y, mini_batch_size=64, seed=0):
    order = np.random.default_rng(seed).permutation(X.shape[1])
    cuts = range(mini_batch_size, X.shape[1], mini_batch_size)
    return [(X[:, part], Y[:, part]) for part in np.split(order, cuts)]


def update_parameters(parameters, grads, learning_rate):
    return {key: p - learning_rate * grads[f"d{key}"] for key, p in parameters.items()}


def initialize_adam(parameters):
    zeros = {f"d{key}": np.zeros_like(p) for key, p in parameters.items()}
    return zeros, {key: z.copy() for key, z in zeros.items()}


def update_parameters_with_adam(
    parameters, grads, v, s, t, learning_rate=0.01, beta1=0.9, beta2=0.999, epsilon=1e-8
):
    v = {key: beta1 * v[key] + (1 - beta1) * g for key, g in grads.items()}
    s = {key: beta2 * s[key] + (1 - beta2) * g * g for key, g in grads.items()}
    v_hat = {key: value / (1 - beta1**t) for key, value in v.items()}
    s_hat = {key: value / (1 - beta2**t) for key, value in s.items()}
    new = {
        key: p - learning_rate * v_hat[f"d{key}"] / (s_hat[f"d{key}"] ** 0.5 + epsilon)
        for key, p in parameters.items()
    }
    return new, v, s, v_hat, s_hat


def update_lr(learning_rate0, epoch_num, decay_rate):
    return learning_rate0 * (1 + decay_rate * epoch_num) ** -1


def schedule_lr_decay(learning_rate0, epoch_num, decay_rate, time_interval=1000):
    return update_lr(learning_rate0, epoch_num // time_interval, decay_rate)
