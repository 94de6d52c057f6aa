"""How fast several machines would train: docs/scaling.md derives the formula."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepnet._numbers import real
from deepnet._validation import options as option

OPERATIONS = 6  # of each parameter and example in a step: 2 forward, 4 back
WANTED = 0.9
MEASURED_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Scaling:
    """What :func:`plan` expects of one training step.

    Attributes
    ----------
    nodes, batch : int
        As given.
    compute_seconds : float
        For the gradients of a node's part of the batch.
    sum_seconds : float
        For the sum of the gradients of all nodes.
    efficiency : float
        The examples per second of all nodes, divided by those of one times `nodes`.
    smallest_batch : int
        Of all nodes, for an efficiency of 90 %.
    """

    nodes: int
    batch: int
    compute_seconds: float
    sum_seconds: float
    efficiency: float
    smallest_batch: int

    @property
    def speedup(self) -> float:
        """The examples per second of all nodes, divided by those of one."""
        return self.efficiency * self.nodes


def plan(
    net: Any,
    batch: Any,
    nodes: Any,
    bandwidth: Any,
    *,
    latency: Any = 20e-6,
    flops: Any = None,
) -> Scaling:
    """Compute how efficiently so many machines would train a network together.

    Parameters
    ----------
    net : Network
    batch : int
        Examples per step, of all nodes.
    nodes : int
    bandwidth : float
        Of the network between them, in Gbit/s.
    latency : float
        Seconds that a short message takes.
    flops : float, optional
        Floating-point operations per second of one node when it trains this network; measured here, in about
        a quarter of a second, if it is not given.

    Returns
    -------
    scaling : Scaling

    Raises
    ------
    ValueError, TypeError
        For example ``nodes is 0, but must be 1 or more``, or ``batch is 3, but must be at least one example
        for each of 4 nodes``.

    Notes
    -----
    The sum takes 2 (N - 1) / N times the bytes of the parameters through each node's link, and 2 log2(N)
    messages one after another. Nothing overlaps.

    Examples
    --------
    >>> net = deepnet.Network([784, 256, 128, 10])
    >>> at_10_gbit = deepnet.distributed.plan(net, 2048, nodes=4, bandwidth=10, flops=50e9)
    >>> round(at_10_gbit.efficiency, 2)
    0.92
    >>> at_10_gbit.smallest_batch
    1544
    """
    nodes, batch = option.whole("nodes", nodes, 1), option.whole("batch", batch, 1)
    if batch < nodes:
        raise ValueError(f"batch is {batch}, but must be at least one example for each of {nodes} nodes")
    gigabits = real("bandwidth", bandwidth, above=0)
    latency = real("latency", latency, low=0)
    parameters = list(net.parameters.values())
    count, size = sum(p.size for p in parameters), parameters[0].dtype.itemsize
    speed = real("flops", flops, above=0) if flops is not None else _measured(net, count, batch // nodes)
    of_example = OPERATIONS * count / speed
    compute = of_example * batch / nodes
    passed = 2 * (nodes - 1) / nodes * count * size
    sums = passed / (gigabits * 1e9 / 8) + 2 * math.ceil(math.log2(nodes)) * latency
    smallest = math.ceil(WANTED / (1 - WANTED) * sums / of_example) * nodes if nodes > 1 else 1
    return Scaling(nodes, batch, compute, sums, compute / (compute + sums), max(smallest, nodes))


def _measured(net: Any, count: int, examples: int) -> float:
    """Return the operations per second of the gradients of so many random examples."""
    X = np.random.default_rng(0).standard_normal((net.layer_dims[0], examples)).astype(np.float32)
    Y = np.zeros((net.layer_dims[-1], examples))
    Y[0] = 1  # one-hot, or any other target
    best, end = math.inf, time.perf_counter() + MEASURED_SECONDS
    while True:
        begin = time.perf_counter()
        net.loss_and_grads(X, Y)
        best = min(best, time.perf_counter() - begin)
        if time.perf_counter() > end:
            return OPERATIONS * count * examples / best
