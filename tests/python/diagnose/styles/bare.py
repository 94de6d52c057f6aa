"""Activations without caches, Z kept flat beside A_prev, W and b, and helpers under other names."""

import numpy as np


def sigmoid(Z):
    return 1 / (1 + np.exp(-Z))


def relu(Z):
    return np.maximum(Z, 0)


def relu_backward(dA, Z):
    return np.where(Z > 0, dA, 0)


def sigmoid_backward(dA, Z):
    A = sigmoid(Z)
    return A * (1 - A) * dA


def forward_one(A, W, b, g):
    Z = W @ A + b
    return g(Z), (A, W, b, Z)


def backward_one(dA, memory, backward):
    A, W, _, Z = memory
    dZ = backward(dA, Z)
    return W.T @ dZ, dZ @ A.T / dZ.shape[1], dZ.mean(axis=1)[:, np.newaxis]


def forward_all(X, parameters):
    L = len(parameters) // 2
    memories = []
    for l in range(1, L + 1):
        X, memory = forward_one(X, parameters[f"W{l}"], parameters[f"b{l}"], sigmoid if l == L else relu)
        memories.append(memory)
    return X, memories


def cost_of(AL, Y):
    return np.array(-(Y @ np.log(AL).T + (1 - Y) @ np.log(1 - AL).T) / AL.size).item()


def backward_all(AL, Y, memories):
    Y = Y.reshape(AL.shape)
    dA = (AL - Y) / (AL - AL**2)
    grads = {}
    for l in range(len(memories), 0, -1):
        backward = sigmoid_backward if l == len(memories) else relu_backward
        dA, grads[f"dW{l}"], grads[f"db{l}"] = backward_one(dA, memories[l - 1], backward)
    return grads


NAMES = {"L_model_forward": "forward_all", "compute_cost": "cost_of", "L_model_backward": "backward_all"}
