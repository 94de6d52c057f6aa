"""A class whose methods are the course's functions and call each other; caches are dicts of its own."""

import numpy as np


class Network:
    def sigmoid(self, Z):
        return 1 / (1 + np.e ** (-Z)), {"Z": Z}

    def relu(self, Z):
        return Z * (Z > 0), {"Z": Z}

    def linear_forward(self, A, W, b):
        return np.matmul(W, A) + b, {"A": A, "W": W, "b": b}

    def linear_activation_forward(self, A_prev, W, b, activation):
        Z, linear = self.linear_forward(A_prev, W, b)
        A, active = getattr(self, activation)(Z)
        return A, {**linear, **active}

    def L_model_forward(self, X, parameters):
        caches = {}
        L = len(parameters) // 2
        A = X
        for l in range(1, L + 1):
            activation = "relu" if l < L else "sigmoid"
            A, caches[l] = self.linear_activation_forward(
                A, parameters["W" + str(l)], parameters["b" + str(l)], activation
            )
        return A, caches

    def compute_cost(self, AL, Y):
        Y = np.reshape(Y, np.shape(AL))
        return float(np.mean(-Y * np.log(AL) - (1 - Y) * np.log(1 - AL)))

    def relu_backward(self, dA, cache):
        return dA * (cache["Z"] > 0)

    def sigmoid_backward(self, dA, cache):
        s, _ = self.sigmoid(cache["Z"])
        return dA * s * (1 - s)

    def linear_backward(self, dZ, cache):
        m = dZ.shape[1]
        return cache["W"].T @ dZ, dZ @ cache["A"].T / m, np.mean(dZ, axis=1, keepdims=True)

    def linear_activation_backward(self, dA, cache, activation):
        return self.linear_backward(getattr(self, activation + "_backward")(dA, cache), cache)

    def L_model_backward(self, AL, Y, caches):
        grads, L = {}, len(caches)
        Y = np.reshape(Y, np.shape(AL))
        dA = (1 - Y) / (1 - AL) - Y / AL
        for l in range(L, 0, -1):
            activation = "relu" if l < L else "sigmoid"
            dA, grads["dW" + str(l)], grads["db" + str(l)] = self.linear_activation_backward(
                dA, caches[l], activation
            )
        return grads

    def update_parameters(self, parameters, grads, learning_rate):
        for key in parameters:
            parameters[key] = parameters[key] - learning_rate * grads["d" + key]
        return parameters
