"""Random networks, what ONNX Runtime says of them, and how far that may be from deepnet's outputs."""

import functools

import numpy as np

import deepnet
from deepnet import ACTIVATIONS

ELEMENTWISE = [name for name, entry in ACTIVATIONS.items() if not entry.whole_columns]
# Rounding errors of an activation, in units of u = eps / 2. Ours are at most 4 ulp, which are 8 u. The
# longest formula of operators rounds 14 times, and each of Exp, Log and Tanh up to 5 u.
OWN_ERROR, THEIR_ERROR = 8, 24


def outputs_of(path, X):
    """Return the outputs of a graph by name. X: one row for each example, or a dict of inputs."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    results = session.run(None, X if isinstance(X, dict) else {"X": X})
    return dict(zip([entry.name for entry in session.get_outputs()], results, strict=True))


def random_network(seed, hidden, output, dtype):
    """Return a network of up to 4 layers, with weights N(0, 1/n) and biases, and a batch X (n_0, m)."""
    rng = np.random.default_rng(seed)
    dims = rng.integers(1, 33, rng.integers(2, 6))
    dims[-1] += output == "softmax"
    scale = float(rng.choice([1.0, 1 / 255]))
    net = deepnet.Network(dims, hidden, output, dtype=dtype, input_scale=scale, initializer="zeros", seed=0)
    for p in net.parameters.values():
        p[...] = rng.standard_normal(p.shape) / np.sqrt(p.shape[1])
    X = rng.standard_normal((dims[0], rng.integers(1, 20))) / scale
    return net, X.astype(dtype)


def largest_terms(net, X):
    """Return the largest |W||A| + |b| of all layers: what rounding errors of sums are relative to."""
    A, largest = X * net.input_scale, 0.0
    for layer, name in enumerate(net.activations, start=1):
        W, b = (net.parameters[f"{key}{layer}"].astype(np.float64) for key in "Wb")
        largest = max(largest, (np.abs(W) @ np.abs(A) + np.abs(b)).max())
        A = ACTIVATIONS[name].forward(W @ A + b)
    return largest


@functools.cache
def steepest(name):
    """Return the largest slope; between the points of the grid it is larger by less than 0.1 %."""
    Z = np.linspace(-20, 20, 8001)
    return 1.001 * float(np.abs(ACTIVATIONS[name].backward(np.ones_like(Z), Z)).max())


def bound(net, X):
    """Return how far two computations of the outputs may be apart, for each of them.

    Errors are carried from layer to layer. A sum of k terms in any order is off by gamma_k times the sum of
    their absolute values (Higham, 2002, chapter 3), and by |W| times the error of A; an activation by its
    steepest slope times the error of Z, and by its own rounding.
    """
    u = float(np.finfo(net.dtype).eps) / 2
    A = X * net.input_scale
    error = 2 * u * np.abs(A)  # the product, and the scale as a number of this type
    for layer, name in enumerate(net.activations, start=1):
        W, b = (net.parameters[f"{key}{layer}"].astype(np.float64) for key in "Wb")
        k = W.shape[1] + 2
        gamma = k * u / (1 - k * u)
        Z = W @ A + b
        error = np.abs(W) @ error * (1 + gamma) + gamma * (np.abs(W) @ np.abs(A) + np.abs(b))
        A = ACTIVATIONS[name].forward(Z)
        own = (OWN_ERROR + THEIR_ERROR) / 2 * u  # the mean of the two, which are added below
        if name == "softmax":
            error = np.abs(A) * (np.expm1(2 * error.max(axis=0)) + own + len(Z) * u)
        else:
            error = steepest(name) * error + own * np.abs(A)
        if name == "gelu" and net.dtype == np.float32:  # 1 + erf, which cancels
            error += 2 * u * np.abs(Z)
        error += np.finfo(net.dtype).tiny
    return 2 * error
