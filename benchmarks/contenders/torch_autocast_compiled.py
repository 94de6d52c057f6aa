"""The same under torch.compile: the loss and its gradients in one graph. Needs a C++ compiler."""

import torch

from contenders import torch_autocast

NAME = "torch.compile, autocast"
versions, start = torch_autocast.versions, torch_autocast.start


def bfloat16_steps(task):
    torch.compiler.reset()
    compiled = torch.compile(torch_autocast.loss, dynamic=False)

    def step(X, Y, tensors, learning_rate):
        grads = torch.autograd.grad(compiled(X, Y, tensors), tensors)
        with torch.no_grad():
            torch._foreach_add_(tensors, grads, alpha=-learning_rate)

    return torch_autocast.job_of(task, step)
