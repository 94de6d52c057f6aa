"""PyTorch without autograd: the backward pass written out, with every update in place.

Nobody writes PyTorch like this, but it shows the least time that its kernels need.
"""

import torch
import torch.nn.functional as F

from contenders import torch_eager
from tasks import Job

NAME = "PyTorch, backward by hand"
versions, start = torch_eager.versions, torch_eager.start


def step(X, Y, tensors, rate):
    """rate: learning rate / m."""
    weights, biases = tensors[::2], tensors[1::2]
    A = [X]
    for W, b in zip(weights[:-1], biases[:-1], strict=True):
        A.append(F.linear(A[-1], W, b).relu_())
    dZ = F.linear(A[-1], weights[-1], biases[-1]).sigmoid_().sub_(Y)
    for l in reversed(range(len(weights))):
        dA = dZ @ weights[l] if l else None
        weights[l].addmm_(dZ.t(), A[l], alpha=-rate)
        biases[l].sub_(dZ.sum(0), alpha=rate)
        if l:
            dZ = torch.ops.aten.threshold_backward(dA, A[l], 0)


def steps(task):
    X, Y, parameters = torch_eager.rows_of(task)
    tensors = torch_eager.tensors_of(parameters)
    rate = task.learning_rate / task.m

    @torch.inference_mode()
    def run(n):
        for _ in range(n):
            step(X, Y, tensors, rate)

    return Job(run, torch_eager.result_of(tensors))
