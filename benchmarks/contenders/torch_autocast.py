"""PyTorch with torch.autocast("cpu", torch.bfloat16): float32 parameters, products of bfloat16; eager."""

import torch
import torch.nn.functional as F

from contenders import torch_eager
from tasks import Job

NAME = "PyTorch, autocast"
versions, start = torch_eager.versions, torch_eager.start


def loss(X, Y, tensors):
    with torch.autocast("cpu", torch.bfloat16):
        logits = torch_eager.logits(X, tensors)
    return F.binary_cross_entropy_with_logits(logits.float(), Y)


def step(X, Y, tensors, learning_rate):
    grads = torch.autograd.grad(loss(X, Y, tensors), tensors)
    with torch.no_grad():
        torch._foreach_add_(tensors, grads, alpha=-learning_rate)


def job_of(task, step, result_of=torch_eager.result_of):
    X, Y, parameters = torch_eager.rows_of(task)
    tensors = torch_eager.tensors_of(parameters, requires_grad=True)

    def run(n):
        for _ in range(n):
            step(X, Y, tensors, task.learning_rate)

    return Job(run, result_of(tensors))


def bfloat16_steps(task):
    return job_of(task, step)
