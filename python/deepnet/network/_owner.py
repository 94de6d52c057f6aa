"""What a network is: its layers, and its parameters in the engine's memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Self

import numpy as np

from deepnet import reference
from deepnet._validation import learning
from deepnet._validation import options as option
from deepnet._validation.own import checked, checked_loss
from deepnet._validation.structures import network_parameters
from deepnet.activations import ACTIVATIONS, Activation, Array
from deepnet.backends import engine_for_own, knows, new_engine, prepared, unchecked
from deepnet.caches import Parameters, Whole
from deepnet.initializers import Draw
from deepnet.layers import Dense
from deepnet.losses import Loss, loss_for
from deepnet.optimizers import SGD, Optimizer
from deepnet.plan import LayerPlan, Plan

Layers = Sequence[int | np.integer[Any] | Dense] | Array
Names = str | Activation | Sequence[str | Activation]


class ParameterOwner:
    """The layers of a network and their parameters; :class:`deepnet.Network` adds what it does."""

    def __init__(
        self,
        layer_dims: Layers,
        activation: Names = "relu",
        output: str | Activation | None = None,
        *,
        dropout: float = 0.0,
        l2: float = 0.0,
        l1: float = 0.0,
        input_dropout: float = 0.0,
        initializer: str | Draw = "auto",
        dtype: Any = "float32",
        seed: Whole | None = None,
    ) -> None:
        stack = learning.stack(
            layer_dims,
            activation,
            output,
            dropout=dropout,
            l2=l2,
            l1=l1,
            input_dropout=input_dropout,
            initializer=initializer,
        )
        kind = option.float_dtype(dtype)
        rng = np.random.default_rng(option.seed(seed))
        option.room_for(stack.dims, kind)
        self._bind(stack.dims, stack.activations, kind, stack.plans, stack.input_dropout)
        sizes = zip(pairwise(stack.dims), stack.activations, stack.initializers, strict=True)
        for layer, ((n_prev, n), g, draw) in enumerate(sizes, start=1):
            self._parameters[f"W{layer}"][...] = option.first_weights(draw, rng, layer, n, n_prev, g)
        self._dropout_seed = int(rng.integers(2**64, dtype=np.uint64))

    def _bind(
        self,
        dims: tuple[int, ...],
        activations: tuple[Activation, ...],
        dtype: np.dtype[Any],
        plans: tuple[LayerPlan, ...] = (),
        input_dropout: float = 0.0,
    ) -> None:
        """Make the engine, and bind its methods that must be quick to call."""
        self._layer_dims, self._g, self._dtype = dims, activations, dtype
        self._layer_plans, self._input_dropout = plans, input_dropout
        self._activations = tuple(g.name for g in activations)
        self._engine = new_engine(dims, [checked(g) for g in activations], dtype)
        self._predict: Callable[..., Any] = unchecked(self._engine, "predict")
        self._train: Callable[..., Any] = unchecked(self._engine, "train_on_batch")
        self._views = tuple(self._engine.parameters())
        self._parameters: Parameters = dict(zip(parameter_keys(len(activations)), self._views, strict=True))
        self._stand_in: reference.Engine | None = None
        self._updates, self._batches, self._dropout_seed = 0, 0, fresh_seed()
        self.optimizer = SGD()

    def _plan(self, loss: Loss, optimizer: Optimizer | None = None) -> Plan:
        chosen = self._optimizer if optimizer is None else optimizer
        return Plan(loss, chosen, self._layer_plans, self._input_dropout)

    def _engine_for(self, plan: Plan) -> tuple[reference.Engine, Any]:
        """Who follows this plan, and the plan as they take it: NumPy stands in for what is a user's own."""
        engine = self._engine
        if not knows(engine, plan):
            if self._stand_in is None:
                self._stand_in = engine_for_own(self._layer_dims, self._g, self._dtype, self._engine)
            engine = self._stand_in
        if isinstance(engine, reference.Engine):
            plan = replace(plan, loss=checked_loss(plan.loss))
        return engine, prepared(engine, plan)

    @classmethod
    def from_parameters(
        cls,
        parameters: Parameters,
        activations: Names = "relu",
        output: str | Activation | None = None,
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
        g = learning.activations(activations, output, len(arrays) // 2, "activations")
        net = cls.__new__(cls)
        kind = arrays["W1"].dtype if dtype is None else option.float_dtype(dtype)
        net._bind(_dims_of(arrays), g, kind)
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
    def layers(self) -> tuple[Dense, ...]:
        """Each layer with its options, from the first hidden one."""
        plans = self._layer_plans or (LayerPlan(),) * len(self._g)
        return tuple(
            Dense(n, g.name if ACTIVATIONS.get(g.name) is g else g, *plan)
            for n, g, plan in zip(self._layer_dims[1:], self._g, plans, strict=True)
        )

    @property
    def input_dropout(self) -> float:
        """The share of the inputs that is dropped while it learns."""
        return self._input_dropout

    @property
    def optimizer(self) -> Optimizer:
        """What fit and train_on_batch take where they are not told; ``SGD(0.01)`` at first."""
        return self._optimizer

    @optimizer.setter
    def optimizer(self, value: Optimizer | str) -> None:
        before, self._optimizer = vars(self).get("_optimizer"), learning.optimizer(value, self._dtype)
        if self._optimizer != before:
            self._updates = 0  # where its schedule begins
        self._default: tuple[Any, float] | None = None
        rate = self._optimizer.learning_rate
        engine, plan = self._engine_for(self._plan(loss_for(self._activations[-1])))
        if engine is self._engine and not callable(rate):
            self._default = plan, rate

    def __getstate__(self) -> tuple[dict[str, Any], tuple[Array, ...]]:
        attributes = {key: value for key, value in vars(self).items() if key not in _OF_THIS_ENGINE}
        attributes["_g"] = tuple(layer.activation for layer in self.layers)  # names hold what no pickle can
        return attributes, self._views

    def __setstate__(self, state: tuple[dict[str, Any], tuple[Array, ...]]) -> None:
        attributes, values = state
        g = tuple(ACTIVATIONS[g] if isinstance(g, str) else g for g in attributes["_g"])
        attributes = attributes | {"_g": g}
        self._bind(
            *(attributes[key] for key in ("_layer_dims", "_g", "_dtype", "_layer_plans", "_input_dropout"))
        )
        vars(self).update(attributes)
        self.optimizer = self._optimizer
        for p, value in zip(self._views, values, strict=True):
            p[...] = value

    def __repr__(self) -> str:
        count, names = sum(p.size for p in self._views), ", ".join(self.activations)
        return (
            f"<{type(self).__name__} {_joined(self.layer_dims)} ({names}): {self.dtype}, {count} parameters>"
        )


# What copies and pickles make anew.
_OF_THIS_ENGINE = {
    *("_engine", "_predict", "_train", "_views", "_parameters"),
    *("_stand_in", "_default", "_updates", "_batches"),
}


def fresh_seed() -> int:
    """Draw a seed that nobody chose."""
    return int(np.random.SeedSequence().generate_state(1, np.uint64)[0])


def parameter_keys(layers: int) -> list[str]:
    """W1, b1, ..., WL, bL."""
    return [f"{kind}{layer}" for layer in range(1, layers + 1) for kind in "Wb"]


def _dims_of(parameters: Parameters) -> tuple[int, ...]:
    arrays = list(parameters.values())
    return (arrays[0].shape[1], *(b.shape[0] for b in arrays[1::2]))


def _joined(dims: Sequence[int]) -> str:
    return "-".join(map(str, dims))
