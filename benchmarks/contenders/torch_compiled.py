"""torch.compile: forward, backward and update in one graph, made for one shape. Needs a C++ compiler.

Compiling the loss alone, mode max-autotune and the C++ wrapper were slower or no faster.
"""

import torch

from contenders import torch_eager
from tasks import Job

NAME = "torch.compile"
versions, start = torch_eager.versions, torch_eager.start


def steps(task):
    X, Y, parameters = torch_eager.rows_of(task)
    tensors = torch_eager.tensors_of(parameters)
    rate = task.learning_rate

    def step(X, Y, tensors):
        grads = torch.func.grad(lambda p: torch_eager.loss(X, Y, p))(tensors)
        for p, g in zip(tensors, grads, strict=True):
            p.sub_(g, alpha=rate)

    torch.compiler.reset()
    compiled = torch.compile(step, fullgraph=True, dynamic=False)

    @torch.no_grad()
    def run(n):
        for _ in range(n):
            compiled(X, Y, tensors)

    return Job(run, torch_eager.result_of(tensors))
