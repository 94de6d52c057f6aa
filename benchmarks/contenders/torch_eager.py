"""PyTorch, eager: autograd, and one call that updates all parameters.

torch.autograd.grad with _foreach_add_ was the fastest of the usual ways on small networks: torch.optim.SGD
(foreach or fused) took 1.4 to 2.1 times as long; on bigbatch, SGD was up to a tenth faster.
"""

import torch
import torch.nn.functional as F

from tasks import Job

NAME = "PyTorch"


def versions():
    return {"torch": torch.__version__}


def start(threads):
    torch.set_num_threads(threads)


def tensors_of(parameters, **options):
    """[W1, b1, ...] with 1-d biases."""
    return [torch.tensor(p if name[0] == "W" else p[:, 0], **options) for name, p in parameters.items()]


def result_of(tensors):
    """A function that returns [W1, b1, ...] as the course's dict."""
    return lambda: {
        f"{'bW'[p.ndim - 1]}{i // 2 + 1}": p.detach().numpy().reshape(len(p), -1).copy()
        for i, p in enumerate(tensors)
    }


def rows_of(task):
    X, Y, parameters = task.data()
    return torch.tensor(X.T.copy()), torch.tensor(Y.T.copy()), parameters


def logits(X, tensors):
    A = X
    for l in range(0, len(tensors) - 2, 2):
        A = torch.relu(F.linear(A, tensors[l], tensors[l + 1]))
    return F.linear(A, tensors[-2], tensors[-1])


def loss(X, Y, tensors):
    return F.binary_cross_entropy_with_logits(logits(X, tensors), Y)


def step(X, Y, tensors, learning_rate):
    grads = torch.autograd.grad(loss(X, Y, tensors), tensors)
    with torch.no_grad():
        torch._foreach_add_(tensors, grads, alpha=-learning_rate)


def steps(task):
    X, Y, parameters = rows_of(task)
    tensors = tensors_of(parameters, requires_grad=True)

    def run(n):
        for _ in range(n):
            step(X, Y, tensors, task.learning_rate)

    return Job(run, result_of(tensors))


calls = steps


def classes_loss(X, Y, tensors, dropout):
    A = X
    for l in range(0, len(tensors) - 2, 2):
        A = F.dropout(torch.relu(F.linear(A, tensors[l], tensors[l + 1])), dropout, training=dropout > 0)
    return F.cross_entropy(F.linear(A, tensors[-2], tensors[-1]), Y)


def optimizer_of(task, tensors):
    """L2 applies to the weights only, which are a group of their own."""
    groups = [{"params": tensors[::2], "weight_decay": task.l2}, {"params": tensors[1::2]}]
    kind = torch.optim.Adam if task.adam else torch.optim.SGD
    return kind(groups, lr=task.learning_rate, fused=True)


def recipes(task):
    X, Y, parameters = rows_of(task)
    tensors = tensors_of(parameters, requires_grad=True)
    optimizer = optimizer_of(task, tensors)

    def run(n):
        for _ in range(n):
            optimizer.zero_grad()
            classes_loss(X, Y, tensors, task.dropout).backward()
            optimizer.step()

    return Job(run, result_of(tensors))


def predict(task):
    X, _, parameters = rows_of(task)
    tensors = tensors_of(parameters)
    last = []

    @torch.inference_mode()
    def run(n):
        for _ in range(n):
            last[:] = [torch.sigmoid(logits(X, tensors))]

    return Job(run, lambda: last[0].numpy().T)


def fit(task):
    X, Y = (torch.tensor(table) for table in task.table())
    if X.dtype == torch.uint8:
        X = X.float().div_(255)  # four times the memory, but faster than converting every batch
    tensors = tensors_of(task.parameters(), requires_grad=True)

    def run(n):
        for _ in range(n):
            for rows in torch.randperm(len(X)).split(task.batch):
                step(X[rows], Y[rows], tensors, task.learning_rate)

    return Job(run, result_of(tensors))
