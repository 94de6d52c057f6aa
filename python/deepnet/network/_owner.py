"""What a network is: its layers, and its parameters in the engine's memory."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Self

import numpy as np

from deepnet._validation import layer_dims as checked_dims
from deepnet._validation import options as option
from deepnet._validation.structures import activation_names, network_parameters
from deepnet.activations import Array
from deepnet.backends import new_engine, unchecked
from deepnet.caches import Parameters, Sizes, Whole
from deepnet.initializers import Draw
from deepnet.optimizers import SGD


class ParameterOwner:
    """The layers of a network and their parameters; :class:`deepnet.Network` adds what it does."""

    def __init__(
        self,
        layer_dims: Sizes,
        activation: str | Sequence[str] = "relu",
        output: str | None = None,
        *,
        initializer: str | Draw = "auto",
        dtype: Any = "float32",
        seed: Whole | None = None,
    ) -> None:
        dims = checked_dims("layer_dims", layer_dims)
        names = activation_names(activation, output, len(dims) - 1, "activation")
        draw, kind = option.initializer(initializer, names), option.float_dtype(dtype)
        rng = np.random.default_rng(option.seed(seed))
        option.room_for(dims, kind)
        self._bind(dims, names, kind)
        for layer, ((n_prev, n), name) in enumerate(zip(pairwise(dims), names, strict=True), start=1):
            self._parameters[f"W{layer}"][...] = option.first_weights(draw, rng, layer, n, n_prev, name)

    def _bind(self, dims: tuple[int, ...], names: tuple[str, ...], dtype: np.dtype[Any]) -> None:
        """Make the engine, and bind its methods that must be quick to call."""
        self._layer_dims, self._activations, self._dtype = dims, names, dtype
        self._engine = new_engine(dims, names, dtype)
        self._predict: Callable[..., Any] = unchecked(self._engine, "predict")
        self._train: Callable[..., Any] = unchecked(self._engine, "train_on_batch")
        self._loss_id = option.loss_id(option.loss(None, names[-1]))
        self._one_fit, self._process = threading.Lock(), os.getpid()
        self._views = tuple(self._engine.parameters())
        self._parameters: Parameters = dict(zip(parameter_keys(len(names)), self._views, strict=True))
        self.optimizer = SGD()

    @classmethod
    def from_parameters(
        cls,
        parameters: Parameters,
        activations: str | Sequence[str] = "relu",
        output: str | None = None,
        *,
        dtype: Any = None,
    ) -> Self:
        """Make a network with the values of the course's dict, which are copied.

        Parameters
        ----------
        parameters : dict of ndarray
            ``W1..WL`` with shapes (n_l, n_{l-1}) and ``b1..bL`` with shapes (n_l, 1), float32 or float64.
        activations, output
            As in :func:`deepnet.L_model_forward`; relu and sigmoid if not given.
        dtype : dtype, optional
            float32 or float64; that of the arrays if not given.

        Raises
        ------
        ValueError
            If shapes do not chain, for example ``W2 has 4 columns, but layer 1 has 5 units``.
        TypeError
            If arrays mix float32 and float64, or are of another dtype.

        Examples
        --------
        >>> parameters = deepnet.initialize_parameters_deep([3, 4, 1])
        >>> deepnet.Network.from_parameters(parameters, "tanh")
        <Network 3-4-1 (tanh, sigmoid): float64, 21 parameters>
        """
        arrays = network_parameters(parameters)
        names = activation_names(activations, output, len(arrays) // 2)
        net = cls.__new__(cls)
        kind = arrays["W1"].dtype if dtype is None else option.float_dtype(dtype)
        net._bind(_dims_of(arrays), names, kind)
        net.parameters = arrays
        return net

    @property
    def parameters(self) -> Parameters:
        """The course's dict, ``W1``, ``b1``, ..., ``WL``, ``bL``: views of the network's own memory.

        Write into them, ``net.parameters["W1"][...] = W1``, and the network computes with what was written.
        Putting another array in the dict is refused by the next fit. ``net.parameters = parameters`` copies
        the values of a whole dict. The views stay valid when the network is gone.
        """
        return self._parameters

    @parameters.setter
    def parameters(self, values: Parameters) -> None:
        given = network_parameters(values)
        if [p.shape for p in given.values()] != [p.shape for p in self._views]:
            theirs, own = _joined(_dims_of(given)), _joined(self.layer_dims)
            raise ValueError(f"parameters are those of a network {theirs}, but this one is {own}")
        for p, value in zip(self._views, given.values(), strict=True):
            p[...] = value

    def _check_parameters(self) -> None:
        for key, view in zip(parameter_keys(len(self._activations)), self._views, strict=True):
            if self._parameters.get(key) is not view:
                raise ValueError(
                    f"net.parameters[{key!r}] is not the network's own array any more: write into it, "
                    f"as in net.parameters[{key!r}][...] = {key}"
                )

    @property
    def layer_dims(self) -> tuple[int, ...]:
        """Units of each layer, from the input."""
        return self._layer_dims

    @property
    def activations(self) -> tuple[str, ...]:
        """The activation of each layer, from the first hidden one."""
        return self._activations

    @property
    def dtype(self) -> np.dtype[Any]:
        """What the network computes in: float32 or float64."""
        return self._dtype

    @property
    def optimizer(self) -> SGD:
        """What fit and train_on_batch take where they are not told; ``SGD(0.01)`` at first."""
        return self._optimizer

    @optimizer.setter
    def optimizer(self, value: SGD) -> None:
        self._optimizer = option.optimizer(value, self._dtype)
        self._rate = self._optimizer.learning_rate

    def __getstate__(self) -> tuple[dict[str, Any], tuple[Array, ...]]:
        return {key: value for key, value in vars(self).items() if key not in _OF_THIS_ENGINE}, self._views

    def __setstate__(self, state: tuple[dict[str, Any], tuple[Array, ...]]) -> None:
        attributes, values = state
        self._bind(*(attributes[key] for key in ("_layer_dims", "_activations", "_dtype")))
        vars(self).update(attributes)
        for p, value in zip(self._views, values, strict=True):
            p[...] = value

    def __repr__(self) -> str:
        count, names = sum(p.size for p in self._views), ", ".join(self.activations)
        return (
            f"<{type(self).__name__} {_joined(self.layer_dims)} ({names}): {self.dtype}, {count} parameters>"
        )


# What copies and pickles make anew.
_OF_THIS_ENGINE = {"_engine", "_predict", "_train", "_views", "_parameters", "_one_fit", "_process"}


def parameter_keys(layers: int) -> list[str]:
    """W1, b1, ..., WL, bL."""
    return [f"{kind}{layer}" for layer in range(1, layers + 1) for kind in "Wb"]


def _dims_of(parameters: Parameters) -> tuple[int, ...]:
    arrays = list(parameters.values())
    return (arrays[0].shape[1], *(b.shape[0] for b in arrays[1::2]))


def _joined(dims: Sequence[int]) -> str:
    return "-".join(map(str, dims))
