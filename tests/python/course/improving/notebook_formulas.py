"""The formulas of the second course in NumPy, as its notebooks write them, to compare deepnet with."""

import numpy as np


def forward(X, p, masks=(1, 1), keep_prob=1.0):
    Z1 = p["W1"] @ X + p["b1"]
    A1 = np.maximum(0, Z1) * masks[0] / keep_prob
    Z2 = p["W2"] @ A1 + p["b2"]
    A2 = np.maximum(0, Z2) * masks[1] / keep_prob
    Z3 = p["W3"] @ A2 + p["b3"]
    A3 = 1 / (1 + np.exp(-Z3))
    return Z1, A1, p["W1"], p["b1"], Z2, A2, p["W2"], p["b2"], Z3, A3, p["W3"], p["b3"]


def backward(X, Y, cache, *, lambd=0.0, masks=(1, 1), keep_prob=1.0):
    """As in reg_utils: upper-case names, 1/m in dW and db."""
    _, A1, W1, _, _, A2, W2, _, _, A3, W3, _ = cache
    m = X.shape[1]
    g = {"dZ3": A3 - Y}
    g["dW3"] = g["dZ3"] @ A2.T / m + lambd / m * W3
    g["db3"] = g["dZ3"].sum(axis=1, keepdims=True) / m
    g["dA2"] = W3.T @ g["dZ3"] * masks[1] / keep_prob
    g["dZ2"] = g["dA2"] * (A2 > 0)
    g["dW2"] = g["dZ2"] @ A1.T / m + lambd / m * W2
    g["db2"] = g["dZ2"].sum(axis=1, keepdims=True) / m
    g["dA1"] = W2.T @ g["dZ2"] * masks[0] / keep_prob
    g["dZ1"] = g["dA1"] * (A1 > 0)
    g["dW1"] = g["dZ1"] @ X.T / m + lambd / m * W1
    g["db1"] = g["dZ1"].sum(axis=1, keepdims=True) / m
    return g


def lower_case_backward(X, Y, cache):
    """As in init_utils and opt_utils: lower-case names, 1/m in dz3."""
    _, a1, _, _, _, a2, W2, _, _, a3, W3, _ = cache
    g = {"dz3": (a3 - Y) / X.shape[1]}
    g["dW3"], g["db3"] = g["dz3"] @ a2.T, g["dz3"].sum(axis=1, keepdims=True)
    g["da2"] = W3.T @ g["dz3"]
    g["dz2"] = g["da2"] * (a2 > 0)
    g["dW2"], g["db2"] = g["dz2"] @ a1.T, g["dz2"].sum(axis=1, keepdims=True)
    g["da1"] = W2.T @ g["dz2"]
    g["dz1"] = g["da1"] * (a1 > 0)
    g["dW1"], g["db1"] = g["dz1"] @ X.T, g["dz1"].sum(axis=1, keepdims=True)
    return g


def adam(p, g, v, s, t, rate, beta1, beta2, epsilon, *, inside):
    """Return the new value, v and s of one array."""
    v = beta1 * v + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    v_corrected, s_corrected = v / (1 - beta1**t), s / (1 - beta2**t)
    size = np.sqrt(s_corrected + epsilon) if inside else np.sqrt(s_corrected) + epsilon
    return p - rate * v_corrected / size, v, s
