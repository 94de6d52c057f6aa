"""Dense neural networks of any depth on the CPU: whole networks and the course's functions, on a C++ core.

:class:`Network` trains and predicts at full speed. The functions of week 4 of the course are here in their
step-by-step version; :mod:`deepnet.course.dnn_app_utils` has those of the application.
:mod:`deepnet.reference` implements each of them in NumPy, to read and to compare with.

>>> import numpy as np, deepnet
>>> X, Y = np.array([[0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]]), np.array([[0, 1, 1, 0]])
>>> parameters, costs = deepnet.L_layer_model(X, Y, [2, 8, 1], learning_rate=1.0, num_iterations=1000)
>>> p = deepnet.predict(X, Y, parameters)
Accuracy: 1.0
"""

from typing import TYPE_CHECKING

from . import activations as activations
from . import callbacks as callbacks
from . import initializers as initializers
from . import losses as losses
from . import reference as reference
from . import schedules as schedules
from . import threads as threads
from .activations import ACTIVATIONS as ACTIVATIONS
from .activations import Activation as Activation
from .backends import backend_name as backend_name
from .backends import show_config as show_config
from .backends import use_backend as use_backend
from .caches import LayerCache as LayerCache
from .course.dnn_app_utils import L_layer_model, plot_costs, predict, print_mislabeled_images, two_layer_model
from .course.step_by_step import (
    L_model_backward,
    L_model_forward,
    compute_cost,
    initialize_parameters,
    initialize_parameters_deep,
    linear_activation_backward,
    linear_activation_forward,
    linear_backward,
    linear_forward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    update_parameters,
)
from .initializers import INITIALIZERS as INITIALIZERS
from .layers import Dense as Dense
from .losses import LOSSES as LOSSES
from .network import AdviceWarning as AdviceWarning
from .network import History as History
from .network import Network as Network
from .network import describe as describe
from .network import find_learning_rate as find_learning_rate
from .network import fit_many as fit_many
from .network import load as load
from .optimizers import OPTIMIZERS as OPTIMIZERS
from .optimizers import SGD as SGD
from .optimizers import Adagrad as Adagrad
from .optimizers import Adam as Adam
from .optimizers import AdamW as AdamW
from .optimizers import Momentum as Momentum
from .optimizers import Nesterov as Nesterov
from .optimizers import RMSprop as RMSprop
from .threads import get_num_threads as get_num_threads
from .threads import set_num_threads as set_num_threads

__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "LOSSES",
    "OPTIMIZERS",
    "SGD",
    "Activation",
    "Adagrad",
    "Adam",
    "AdamW",
    "AdviceWarning",
    "Dense",
    "History",
    "L_layer_model",
    "L_model_backward",
    "L_model_forward",
    "LayerCache",
    "Momentum",
    "Nesterov",
    "Network",
    "RMSprop",
    "backend_name",
    "callbacks",
    "compute_cost",
    "describe",
    "diagnose",
    "distributed",
    "explain_step",
    "find_learning_rate",
    "fit_many",
    "from_keras",
    "from_onnx",
    "from_torch",
    "get_num_threads",
    "gradient_check",
    "initialize_parameters",
    "initialize_parameters_deep",
    "initializers",
    "linear_activation_backward",
    "linear_activation_forward",
    "linear_backward",
    "linear_forward",
    "load",
    "losses",
    "plot_costs",
    "predict",
    "print_mislabeled_images",
    "relu",
    "relu_backward",
    "schedules",
    "set_num_threads",
    "show_config",
    "sigmoid",
    "sigmoid_backward",
    "to_c",
    "to_keras",
    "to_onnx",
    "to_torch",
    "two_layer_model",
    "update_parameters",
    "use_backend",
]


if TYPE_CHECKING:
    from . import diagnose as diagnose
    from . import distributed as distributed
    from .exchange import from_keras as from_keras
    from .exchange import from_onnx as from_onnx
    from .exchange import from_torch as from_torch
    from .exchange import to_c as to_c
    from .exchange import to_keras as to_keras
    from .exchange import to_onnx as to_onnx
    from .exchange import to_torch as to_torch
    from .explaining import explain_step as explain_step
    from .gradient_checking import gradient_check as gradient_check

    __version__: str
else:
    _EXCHANGE = {"from_keras", "from_onnx", "from_torch", "to_c", "to_keras", "to_onnx", "to_torch"}

    def __getattr__(name):
        # On demand: some of these take longer to import than the rest of deepnet, and few programs need them.
        if name == "__version__":
            from ._distribution import version

            return version()
        if name == "gradient_check":
            from .gradient_checking import gradient_check

            return gradient_check
        if name == "explain_step":
            from .explaining import explain_step

            return explain_step
        if name in _EXCHANGE:
            from . import exchange

            return getattr(exchange, name)
        if name in ("diagnose", "distributed", "exchange", "io", "sklearn"):
            from importlib import import_module

            return import_module(f"deepnet.{name}")
        raise AttributeError(f"module 'deepnet' has no attribute {name!r}")

    def __dir__():
        lazy = {
            "__version__",
            "diagnose",
            "distributed",
            "explain_step",
            "gradient_check",
            "exchange",
            "io",
            "sklearn",
            *_EXCHANGE,
        }
        return sorted({*globals(), *lazy} - {"TYPE_CHECKING", "_EXCHANGE"})
