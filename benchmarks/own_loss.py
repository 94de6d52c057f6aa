"""One update with a custom loss: deepnet's three calls, and PyTorch's autograd if it is installed.

    python benchmarks/own_loss.py [--rounds 41] [--smoke]

The update is that of Q-learning on 4-64-64-2 with tanh, 32 examples, float32, Adam, one thread: the Huber
loss of the value of each action that was taken, then a soft update of the target network. Both begin with the
same weights; their parameters after ten updates are compared before anything is timed. Medians and quartiles.
"""

import argparse
import copy
import time

import numpy as np

import deepnet
from report import duration, spread

M, RATE, TAU = 32, 1e-3, 0.005


def data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4, M)).astype(np.float32)
    return X, rng.integers(0, 2, M), rng.standard_normal(M).astype(np.float32)


def ours(net):
    """A function that updates once, and one that returns the parameters."""
    X, action, wanted = data()
    net.optimizer, target, columns = deepnet.Adam(RATE), copy.deepcopy(net), np.arange(M)

    def step():
        Q = net.forward(X)
        dA = np.zeros_like(Q)
        dA[action, columns] = np.clip(Q[action, columns] - wanted, -1, 1)
        net.apply_gradients(net.backward(dA=dA))
        target.copy_from(net, TAU)

    return step, lambda: list(net.parameters.values())


def theirs(net):
    import torch

    torch.set_num_threads(1)
    X, action, wanted = (torch.from_numpy(array) for array in data())
    X = X.T.contiguous()
    layers = []
    for W, b in zip(*[iter(net.parameters.values())] * 2, strict=True):
        layer = torch.nn.Linear(W.shape[1], W.shape[0])
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(W.copy()))
            layer.bias.copy_(torch.from_numpy(b.ravel().copy()))
        layers += [layer, torch.nn.Tanh()]
    model = torch.nn.Sequential(*layers[:-1])
    target = copy.deepcopy(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)

    def step():
        optimizer.zero_grad()
        taken = model(X).gather(1, action[:, None])[:, 0]
        torch.nn.functional.smooth_l1_loss(taken, wanted).backward()
        optimizer.step()
        with torch.no_grad():
            for p, q in zip(target.parameters(), model.parameters(), strict=True):
                p.lerp_(q, TAU)

    def parameters():
        arrays = [p.detach().numpy() for p in model.parameters()]
        return [array.reshape(len(array), -1) for array in arrays]

    return step, parameters


def seconds(step, repeats=200):
    begin = time.perf_counter()
    for _ in range(repeats):
        step()
    return (time.perf_counter() - begin) / repeats


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=41)
    parser.add_argument("--smoke", action="store_true", help="a few rounds")
    options = parser.parse_args()
    deepnet.set_num_threads(1)
    net = deepnet.Network([4, 64, 64, 2], "tanh", output="identity", seed=0)
    steps = {"deepnet": ours(copy.deepcopy(net))}
    try:
        steps["PyTorch"] = theirs(net)
    except ImportError:
        print("PyTorch is not installed: not compared.")
    for step, _ in steps.values():
        for _ in range(10):
            step()
    expected = steps["deepnet"][1]()
    for name, (_, parameters) in steps.items():
        for p, q in zip(parameters(), expected, strict=True):
            np.testing.assert_allclose(p, q, atol=1e-4, err_msg=name)
    rounds = 5 if options.smoke else options.rounds
    times = np.array([[seconds(step) for step, _ in steps.values()] for _ in range(rounds)])
    for name, column in zip(steps, times.T, strict=True):
        faster = "" if name == "deepnet" else f": deepnet is {spread(column / times[:, 0])} times as fast"
        print(f"{name}: {duration(np.median(column))} an update{faster}")


if __name__ == "__main__":
    main()
