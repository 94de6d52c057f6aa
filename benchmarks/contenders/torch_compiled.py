"""torch.compile: forward, backward and update in one graph for one shape. Needs a C++ compiler.

Compiling only the loss took about three times as long on tiny and rl, and mode max-autotune 1.2 to 1.3 times;
on bigbatch both were about a tenth faster, but JAX is faster still. The C++ wrapper was slower everywhere.
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


def recipes(task):
    """The loss and its gradients are compiled; the optimizer is the fused one."""
    X, Y, parameters = torch_eager.rows_of(task)
    tensors = torch_eager.tensors_of(parameters, requires_grad=True)
    optimizer = torch_eager.optimizer_of(task, tensors)
    torch.compiler.reset()
    loss = torch.compile(torch_eager.classes_loss, fullgraph=True, dynamic=False)

    def run(n):
        for _ in range(n):
            optimizer.zero_grad()
            loss(X, Y, tensors, task.dropout).backward()
            optimizer.step()

    return Job(run, torch_eager.result_of(tensors))
