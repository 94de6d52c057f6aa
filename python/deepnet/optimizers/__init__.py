"""How gradients become updates: one class per optimizer, its textbook form beside its settings.

Each class is the twin of a struct in ``cpp/kernels/optimizers.h`` (AdamW shares Adam's); to add one, write
both. `update` is what the engine in C++ is compared with, and what trains where NumPy does.

`_optimizer` is what they have in common, `_descent` and `_adaptive` are the optimizers.
"""

from ._adaptive import Adagrad as Adagrad
from ._adaptive import Adam as Adam
from ._adaptive import AdamW as AdamW
from ._adaptive import RMSprop as RMSprop
from ._descent import SGD as SGD
from ._descent import Momentum as Momentum
from ._descent import Nesterov as Nesterov
from ._optimizer import Optimizer as Optimizer
from ._optimizer import Rate as Rate

OPTIMIZERS: dict[str, type[Optimizer]] = {
    entry.name: entry for entry in (SGD, Momentum, Nesterov, RMSprop, Adagrad, Adam, AdamW)
}

__all__ = [
    "OPTIMIZERS",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Momentum",
    "Nesterov",
    "Optimizer",
    "RMSprop",
    "Rate",
]
