"""Balance a pole on a cart: deep Q-learning and PPO, with losses written in NumPy.

    python examples/cart_pole.py [--method dqn ppo] [--short] [--seed 0]

A cart is pushed left or right so that the pole on it stays upright; an episode ends when it leans by 12
degrees, the cart is 2.4 m away, or after 500 steps. A random policy keeps it up for about 22 steps. The
physics is that of A. G. Barto, R. S. Sutton and C. W. Anderson, 1983, for many carts at once.
docs/reinforcement_learning.md explains the two methods.
"""

import argparse
import copy
from typing import Any

import numpy as np

import deepnet

Array = np.ndarray[Any, Any]

MOST_STEPS = 500
GAMMA = 0.99  # how much the next step's value counts
REWARD = 1 - GAMMA  # of each step: all that is to come is worth 1 at most


class Carts:
    """Some carts with a pole each. `states` (4, count): position, speed, angle and its speed."""

    def __init__(self, count: int, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.states = self.rng.uniform(-0.05, 0.05, (4, count))
        self.steps = np.zeros(count, int)
        self.lengths: list[int] = []  # of the episodes that have ended

    def step(self, actions: Array) -> tuple[Array, Array, Array]:
        """Push each cart: 0 to the left, 1 to the right.

        Returns the states after it, which poles fell, and which episodes ended. Carts whose episode has ended
        begin another one: their new states are in `states`.
        """
        _, speed, angle, turn = self.states
        force = np.where(actions == 1, 10.0, -10.0)
        push = (force + 0.05 * turn**2 * np.sin(angle)) / 1.1
        pull = (9.8 * np.sin(angle) - np.cos(angle) * push) / (0.5 * (4 / 3 - 0.1 * np.cos(angle) ** 2 / 1.1))
        gain = push - 0.05 * pull * np.cos(angle) / 1.1
        after = self.states + 0.02 * np.array([speed, gain, turn, pull])
        fell = (np.abs(after[0]) > 2.4) | (np.abs(after[2]) > np.deg2rad(12))
        self.steps += 1
        ended = fell | (self.steps >= MOST_STEPS)
        self.lengths += self.steps[ended].tolist()
        self.states = np.where(ended, self.rng.uniform(-0.05, 0.05, after.shape), after)
        self.steps[ended] = 0
        return after, fell, ended


def score(net: deepnet.Network, seed: int) -> float:
    """The mean length of 32 episodes with the best action of each state."""
    carts = Carts(32, seed)
    alive = np.ones(32, bool)
    lengths = np.zeros(32)
    for _ in range(MOST_STEPS):
        lengths += alive
        _, fell, _ = carts.step(net.predict(carts.states)[:2].argmax(axis=0))
        alive &= ~fell
    return float(lengths.mean())


def dqn(steps: int, seed: int) -> deepnet.Network:
    """Deep Q-learning with a target network: the outputs are the values of both actions."""
    rng = np.random.default_rng(seed)
    net = deepnet.Network([4, 64, 64, 2], "tanh", output="identity", seed=seed)
    net.optimizer = deepnet.Adam(1e-3)
    target, best_net, highest = copy.deepcopy(net), copy.deepcopy(net), 0.0
    carts, size = Carts(16, seed), 20_000
    memory: dict[str, Array] = {"S": np.empty((4, size)), "after": np.empty((4, size))}
    memory |= {"action": np.empty(size, int), "fell": np.empty(size)}
    columns = np.arange(64)
    for step in range(steps):
        actions = net.predict(carts.states).argmax(axis=0)
        random = rng.uniform(size=16) < max(0.05, 1 - 2 * step / steps)
        actions[random] = rng.integers(0, 2, random.sum())
        before = carts.states
        after, fell, _ = carts.step(actions)
        at = np.arange(16 * step, 16 * (step + 1)) % size
        for name, values in {"S": before, "after": after, "action": actions, "fell": fell}.items():
            memory[name][..., at] = values
        batch = rng.integers(0, min(size, 16 * (step + 1)), 64)
        best = net.predict(memory["after"][:, batch]).argmax(axis=0)
        following = target.predict(memory["after"][:, batch])[best, columns]
        wanted = REWARD + GAMMA * (1 - memory["fell"][batch]) * following
        taken = memory["action"][batch]
        Q = net.forward(memory["S"][:, batch])
        dA = np.zeros_like(Q)  # of the Huber loss of the value of the action that was taken
        dA[taken, columns] = np.clip(Q[taken, columns] - wanted, -1, 1)
        net.apply_gradients(net.backward(dA=dA))
        target.copy_from(net, tau=0.01)
        if (step + 1) % (steps // 20) == 0 and (
            found := score(net, seed)
        ) > highest:  # Q-learning is unstable
            highest = found
            best_net.copy_from(net)
    return best_net


def ppo(rounds: int, seed: int) -> deepnet.Network:
    """Proximal policy optimisation: two outputs for the actions' logits, one for the value of the state."""
    rng = np.random.default_rng(seed)
    net = deepnet.Network([4, 64, 64, 3], "tanh", output="identity", seed=seed)
    net.optimizer = deepnet.Adam(2e-3, clip_norm=0.5)
    carts, length, grads = Carts(16, seed), 128, None
    for _ in range(rounds):
        shape = length, 16
        S, action = np.empty((4, *shape)), np.empty(shape, int)
        value, logp, following, fell, ended = np.empty((5, *shape))
        for t in range(length):
            out = net.predict(carts.states)
            log = log_softmax(out[:2])
            action[t] = rng.uniform(size=16) > np.exp(log[0])
            S[:, t], value[t], logp[t] = carts.states, out[2], log[action[t], np.arange(16)]
            after, fell[t], ended[t] = carts.step(action[t])
            following[t] = net.predict(after)[2]
        advantage, sum_ = np.empty(shape), 0.0
        for t in reversed(range(length)):
            error = REWARD + GAMMA * (1 - fell[t]) * following[t] - value[t]
            sum_ = advantage[t] = error + GAMMA * 0.95 * (1 - ended[t]) * sum_
        X, a, old = S.reshape(4, -1), action.ravel(), logp.ravel()
        wanted = (advantage + value).ravel()
        weight = ((advantage - advantage.mean()) / (advantage.std() + 1e-8)).ravel()
        for _ in range(4):
            for batch in rng.permutation(X.shape[1]).reshape(-1, 256):
                A = net.forward(X[:, batch])
                grads = net.backward(
                    dA=ppo_slope(A, a[batch], old[batch], weight[batch], wanted[batch]), out=grads
                )
                net.apply_gradients(grads)
    return net


def log_softmax(Z: Array) -> Array:
    Z = Z - Z.max(axis=0)
    logs: Array = Z - np.log(np.exp(Z).sum(axis=0))
    return logs


def ppo_slope(A: Array, action: Array, old: Array, weight: Array, wanted: Array) -> Array:
    """The slope of the clipped objective, of an entropy bonus and of the value's squared error."""
    log = log_softmax(A[:2])
    p, columns = np.exp(log), np.arange(len(action))
    ratio = np.exp(log[action, columns] - old)
    counts = np.where(weight > 0, ratio < 1.2, ratio > 0.8)
    dA = p * (counts * weight * ratio)
    dA[action, columns] -= counts * weight * ratio
    dA += 0.01 * p * (log - (p * log).sum(axis=0))
    return np.vstack([dA, 0.5 * (A[2:] - wanted)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", nargs="+", choices=("dqn", "ppo"), default=["dqn", "ppo"])
    parser.add_argument("--short", action="store_true", help="a fifth or a tenth of the training")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    deepnet.set_num_threads(1)
    for method in given.method:
        if method == "dqn":
            net = dqn(2_000 if given.short else 10_000, given.seed)
        else:
            net = ppo(6 if given.short else 60, given.seed)
        print(f"{method}: the pole stays up for {score(net, given.seed + 1):.0f} of {MOST_STEPS} steps")


if __name__ == "__main__":
    main()
