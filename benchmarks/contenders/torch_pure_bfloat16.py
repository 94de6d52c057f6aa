"""PyTorch with parameters, activations and updates in bfloat16: faster, but most updates are rounded away."""

from contenders import torch_eager
from tasks import Job

NAME = "PyTorch, pure bfloat16"
versions, start = torch_eager.versions, torch_eager.start


def bfloat16_steps(task):
    X, Y, parameters = torch_eager.rows_of(task)
    X, Y = X.bfloat16(), Y.bfloat16()
    tensors = [p.bfloat16().requires_grad_() for p in torch_eager.tensors_of(parameters)]

    def run(n):
        for _ in range(n):
            torch_eager.step(X, Y, tensors, task.learning_rate)

    return Job(run, lambda: torch_eager.result_of([p.detach().float() for p in tensors])())
