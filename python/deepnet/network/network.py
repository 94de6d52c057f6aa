"""The class Network: the layers, parameters and optimizer of a network, and what can be done with them."""

from __future__ import annotations

import copy
import inspect
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Never, Self, overload

import numpy as np

from deepnet import reference
from deepnet._arguments import ForeignAttributes, advice, advised, unknown_argument
from deepnet._validation import examples as check
from deepnet._validation import layers as stacking
from deepnet._validation import options as option
from deepnet._validation.by_hand import gradients_to_write
from deepnet._validation.custom import checked, checked_loss
from deepnet._validation.options import LARGEST_SEED
from deepnet._validation.structures import network_parameters
from deepnet.activations import ACTIVATIONS, Activation, Array
from deepnet.backends import (
    answered,
    copied,
    engine_for_custom,
    knows,
    new_engine,
    prepared,
    snapshot,
    unchecked,
)
from deepnet.caches import Parameters, Whole
from deepnet.engine_errors import Busy, NonFinite
from deepnet.initializers import Draw
from deepnet.layers import Dense
from deepnet.losses import LOSSES, Loss, loss_for
from deepnet.optimizers import SGD, Optimizer
from deepnet.plan import LayerPlan, Plan
from deepnet.reference.training_hold import updating

from . import files
from .by_hand import ByHand
from .examples import ExamplesFor
from .history import History
from .kept import KeptCall, KeptCalls, Rates
from .metrics import Metric, checked_metrics
from .once import Once
from .parameters import copy_into
from .training import MOST_SHUFFLED, Run, Training, explained, train
from .views import Views

if TYPE_CHECKING:
    from deepnet.distributed import Communicator

Layers = Sequence[int | np.integer[Any] | Dense] | Array
Names = str | Activation | Sequence[str | Activation]
ClassWeight = dict[int, float] | str
LossData = Mapping[str, Array]
ValidationData = (
    tuple[Array, Array]
    | tuple[Array, Array, Array | None]
    | tuple[Array, Array, Array | None, LossData | None]
)


@dataclass(slots=True)
class _Position:
    """Where train_on_batch is in the schedule of the rate, and in the stream of dropout."""

    updates: int = 0
    batches: int = 0


class Network(ByHand):
    """A dense network of any depth; each of its methods is one native call.

    Parameters
    ----------
    layer_dims : sequence of int or Dense
        Units of each layer, from the input: ``[784, 128, 10]`` has two layers of weights. Or the number of
        inputs and a :class:`deepnet.Dense` for each layer, which carries the options of that layer.
    activation : str, Activation or sequence of them, optional
        One name from :data:`deepnet.ACTIVATIONS` for all hidden layers, "relu" by default, or one for each
        of the L layers.
    output : str, optional
        The last layer's activation, "sigmoid" by default; not together with a sequence of names.
    dropout, l2, l1 : float
        As in :class:`deepnet.Dense`: dropout of all hidden layers, penalties on the weights of all layers.
    input_dropout : float
        The fraction of the inputs dropped at each training step.
    input_scale : float
        X is multiplied by it wherever the network reads one: ``1 / 255`` for pixels.
    initializer : str or callable
        A name from :data:`deepnet.INITIALIZERS`; or a function ``(rng, n, n_prev)`` that
        returns W. Biases start at 0.
    dtype : {"float32", "float64"}
        The dtype of parameters and arithmetic.
    compute : {"bfloat16"}, optional
        "bfloat16": matrix products take numbers rounded to bfloat16, 8 bits of precision, and sum them in
        float32, in training and in predictions. Everything else, parameters and results too, stays
        float32. On processors with AMX this is up to 5 times as fast, see docs/guide.md.
    seed : int or None
        For the first weights, and for dropout in :meth:`train_on_batch`; None: different on each run.

    Attributes
    ----------
    parameters : dict of ndarray
        The course's dict: views of the network's memory, which may be written to.
    layer_dims, layers, activations, dtype, compute, input_dropout
        As given, with one activation per layer.
    input_scale : float
        May be set; :meth:`fit` sets it, too.
    class_names : tuple of str or None
        May be set: the name of the class of each output, or of both classes of a single output. Files and
        copies have it.
    optimizer : Optimizer
        The optimizer of training calls that name no other.

    Raises
    ------
    ValueError
        For example ``layer_dims[1] is 0: zero units``, or if a name is unknown, or ``compute is 'bfloat16',
        but dtype is float64: bfloat16 is for float32 networks``.
    TypeError
        For example ``dtype is 'int64', but must be float32 or float64``.
    AttributeError
        From ``net.optimiser = "adam"``: ``Network has no attribute 'optimiser': did you mean 'optimizer'?``.

    Notes
    -----
    Other attributes may be added, but not under a name that looks like a setting, such as ``optimiser`` or
    ``learning_rate``, unless a subclass declares it: ``class Mine(deepnet.Network): learning_rate = None``.

    Examples are columns, (n_0, m), as in the course; ``table.T`` of a row-wise table costs nothing. Data are
    read in place, as float32, float64, float16 or uint8 with any strides, a ``numpy.memmap`` too, and never
    copied as a whole. SciPy's CSC and CSR matrices stay sparse. In frames of pandas and polars, which all
    methods read, examples are rows: their values are read in place if they are one array, as in
    ``pandas.DataFrame(array)``, else copied. Results have the same bits for any number of threads, and a
    prediction whether its example comes alone or among others. Copies, deep or shallow, and pickles are
    independent networks, whose optimizer starts with empty memory. Many threads may predict with one network
    at once; one at a time may train it. With a custom activation or optimizer, NumPy computes all but the
    matrix products. A custom loss is called for each batch, and the extension computes the rest.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(2, 400))
    >>> Y = X[0] * X[1] > 0
    >>> net = deepnet.Network([2, 16, 8, 1], seed=1)
    >>> history = net.fit(X, Y, epochs=200, batch_size=32, optimizer=deepnet.SGD(0.1), seed=1)
    >>> history.loss[-1] < 0.1 < history.loss[0]
    True
    >>> bool(np.mean((net.predict(X)[0] > 0.5) == Y) > 0.95)
    True
    >>> net
    <Network 2-16-8-1 (relu, relu, sigmoid): float32, 193 parameters>
    """

    # --- creation -------------------------------------------------------------------------------------------

    @advised
    def __init__(
        self,
        layer_dims: Layers,
        activation: Names | None = None,
        output: str | Activation | None = None,
        *,
        dropout: float = 0.0,
        l2: float = 0.0,
        l1: float = 0.0,
        input_dropout: float = 0.0,
        input_scale: float = 1.0,
        initializer: str | Draw = "glorot_uniform",
        dtype: Any = "float32",
        compute: str | None = None,
        seed: Whole | None = None,
    ) -> None:
        stack = stacking.stack(
            layer_dims,
            activation,
            output,
            dropout=dropout,
            l2=l2,
            l1=l1,
            input_dropout=input_dropout,
            initializer=initializer,
        )
        self._build(stack, option.float_dtype(dtype), input_scale, compute)
        rng = np.random.default_rng(option.seed(seed))
        sizes = zip(pairwise(stack.dims), stack.initializers, strict=True)
        parameters = self._views()
        for layer, ((n_prev, n), draw) in enumerate(sizes, start=1):
            copy_into(parameters[f"W{layer}"], option.first_weights(draw, rng, layer, n, n_prev))
        self._dropout_seed = _drawn_seed(rng)

    @classmethod
    @advised
    def from_parameters(
        cls,
        parameters: Parameters,
        activations: Names = "relu",
        output: str | Activation | None = None,
        *,
        dropout: float = 0.0,
        l2: float = 0.0,
        l1: float = 0.0,
        input_dropout: float = 0.0,
        input_scale: float = 1.0,
        dtype: Any = None,
        compute: str | None = None,
        seed: Whole | None = None,
    ) -> Self:
        """Create a network with the values of the course's dict, which are copied.

        Parameters
        ----------
        parameters : dict of ndarray
            ``W1..WL`` with shapes (n_l, n_{l-1}) and ``b1..bL`` with shapes (n_l, 1), float32 or float64.
        activations, output
            As in :func:`deepnet.L_model_forward`; relu and sigmoid by default.
        dropout, l2, l1, input_dropout, input_scale
            As in :class:`Network`.
        dtype : dtype, optional
            float32 or float64; that of the arrays by default.
        compute : {"bfloat16"}, optional
            As in :class:`Network`.
        seed : int or None
            For dropout in :meth:`train_on_batch`; None: different on each run.

        Raises
        ------
        ValueError
            If shapes do not chain, for example ``W2 has 4 columns, but layer 1 has 5 units``.
        TypeError
            If arrays mix float32 and float64, or have another dtype.

        Examples
        --------
        >>> parameters = deepnet.initialize_parameters_deep([3, 4, 1])
        >>> deepnet.Network.from_parameters(parameters, "tanh", dropout=0.2)
        <Network 3-4-1 (tanh, sigmoid): float64, 21 parameters>
        """
        arrays = network_parameters(parameters)
        kind = arrays["W1"].dtype if dtype is None else option.float_dtype(dtype)
        g = stacking.activations(activations, output, len(arrays) // 2, "activations")
        options = {"dropout": dropout, "l2": l2, "l1": l1, "input_dropout": input_dropout}
        stack = stacking.stack(list(_dims_of(arrays)), g, None, **options, initializer="zeros")
        net = cls.__new__(cls)
        net._build(stack, kind, input_scale, compute)
        net._dropout_seed = _drawn_seed(np.random.default_rng(option.seed(seed)))
        net.parameters = arrays
        return net

    def _build(self, stack: stacking.Stack, dtype: np.dtype[Any], input_scale: Any, compute: Any) -> None:
        """Set all attributes but the values of the parameters, and create the engine."""
        option.room_for(stack.dims, dtype)
        self._layer_dims, self._g, self._layer_plans = stack.dims, stack.activations, stack.plans
        self._activations = tuple(g.name for g in stack.activations)
        self._input_dropout, self._input_scale = stack.input_dropout, option.input_scale(input_scale)
        self._dtype, self._compute = dtype, option.compute(compute, dtype)
        self._dropout_seed = 0
        self._class_names: tuple[str, ...] | None = None
        self._create_engine()
        self._use_optimizer(SGD())

    def _create_engine(self) -> None:
        engine = new_engine(self._layer_dims, [checked(g) for g in self._g], self._dtype, self.compute)
        plan = Plan(LOSSES["mean_squared_error"], layers=self._layer_plans)
        self._use_engine(engine, prepared(engine, plan))

    def _use_engine(self, engine: reference.Engine, own_plan: Any) -> None:
        """Set all that depends on the engine; `own_plan` has the penalties for losses of the caller's own."""
        self._engine, self._own_plan = engine, own_plan
        self._fallback: reference.Engine | None = None  # for custom optimizers
        self._predict: Callable[..., Any] = unchecked(self._engine, "predict")
        self._train: Callable[..., Any] = unchecked(self._engine, "train_on_batch")
        self._evaluate: Callable[..., Any] = unchecked(self._engine, "evaluate")
        self._loss_and_grads: Callable[..., Any] = unchecked(self._engine, "loss_and_grads")
        self._forward = unchecked(self._engine, "forward")
        self._backward = unchecked(self._engine, "backward")
        self._apply = unchecked(self._engine, "apply_gradients")
        self._blend = self._engine.blend
        self._kept, self._rates = KeptCalls(), Rates(self._dtype)
        self._views = Views(self._engine, len(self._layer_dims) - 1)
        self._position = _Position()

    # --- attributes -----------------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuse names that seem meant for a setting: arguments, misspelt attributes, names elsewhere."""
        if name.startswith("_"):
            object.__setattr__(self, name, value)
            return
        classes = set(type(self).__mro__) - {ForeignAttributes}
        if not any(name in vars(cls) or name in inspect.get_annotations(cls) for cls in classes):
            public = [key for key, entry in vars(Network).items() if isinstance(entry, property)]
            hint = "" if len(name) < 4 and name != "lr" else advice(name, value, public, exactly=True)
            if hint:
                raise AttributeError(f"{type(self).__name__} has no attribute {name!r}: {hint}")
        own = vars(Network).get(name)
        if isinstance(own, property) and own.fset is None and getattr(type(self), name, None) is own:
            ways = {"dtype": "net.astype(dtype)", "compute": "net.astype(net.dtype, compute=...)"}
            way_out = ways.get(name, "create another one")
            raise AttributeError(f"{name} of a network cannot be changed: {way_out}")
        object.__setattr__(self, name, value)

    @property
    def parameters(self) -> Parameters:
        """The course's dict, ``W1``, ``b1``, ..., ``WL``, ``bL``: views of the network's own memory.

        Writing to an array, assigning an item, ``net.parameters["W1"] = W1``, and assigning a whole dict,
        ``net.parameters = update_parameters(net.parameters, grads, 0.1)``, all copy values into the network.
        Unknown keys and the removal of entries are refused. The views stay valid when the network is gone; a
        deep copy is a plain dict of copies.

        Repeated predictions of up to four examples are faster while none of the arrays exists, see
        :meth:`predict`.
        """
        return self._views()

    @parameters.setter
    def parameters(self, values: Parameters) -> None:
        given, parameters = network_parameters(values), self._views()
        if [p.shape for p in given.values()] != [p.shape for p in parameters.values()]:
            given_dims, dims = _joined(_dims_of(given)), _joined(self.layer_dims)
            raise ValueError(f"parameters are those of a network {given_dims}, but this one is {dims}")
        parameters.update(given)

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
        """The dtype of parameters and arithmetic, float32 or float64."""
        return self._dtype

    @property
    def compute(self) -> str | None:
        """What the matrix products take, ``"bfloat16"`` or None for the network's dtype."""
        compute: str | None = vars(self).get("_compute")  # old pickles have none
        return compute

    @property
    def layers(self) -> tuple[Dense, ...]:
        """Each layer with its options, from the first hidden one."""
        plans = self._layer_plans or (LayerPlan(),) * len(self._g)
        layers = zip(self._layer_dims[1:], self._g, plans, strict=True)
        return tuple(Dense(n, _nameable(g), *plan) for n, g, plan in layers)

    @property
    def input_dropout(self) -> float:
        """The fraction of the inputs dropped at each training step."""
        return self._input_dropout

    @property
    def input_scale(self) -> float:
        """The factor of every X."""
        return self._input_scale

    @input_scale.setter
    def input_scale(self, value: float) -> None:
        self._input_scale = option.input_scale(value)

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The name of the class of each output, or of both classes of a single output; None if not given."""
        names: tuple[str, ...] | None = vars(self).get("_class_names")  # old pickles have none
        return names

    @class_names.setter
    def class_names(self, value: Sequence[str] | None) -> None:
        self._class_names = None if value is None else option.class_names(value, self._layer_dims[-1])

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer of fit and train_on_batch if they are given none; ``SGD(0.01)`` at first.

        Optimizers are immutable: to change a setting, assign another one, for example
        ``dataclasses.replace(net.optimizer, learning_rate=0.1)``. During a run this is refused; a callback
        changes the rate by ``history.learning_rate``.
        """
        return self._optimizer

    @optimizer.setter
    def optimizer(self, value: Optimizer | str) -> None:
        chosen = option.optimizer(value, self._dtype)
        try:
            with self._engine.begin_training():
                self._use_optimizer(chosen)
        except Busy:
            raise Busy(
                "net.optimizer cannot be set while the network is being trained; a callback changes the rate "
                "of the epochs that follow by history.learning_rate = 0.001"
            ) from None

    def _use_optimizer(self, optimizer: Optimizer) -> None:
        if vars(self).get("_optimizer") != optimizer:
            self._position.updates = 0  # its schedule begins
        self._optimizer = optimizer
        self._kept = self._kept.without_calls()  # after the optimizer: calls read it after these
        self._keep(self._kept, None, None, *self._default_engine(), optimizer)

    # --- training -------------------------------------------------------------------------------------------

    @advised
    def fit(
        self,
        X: Array,
        Y: Array,
        *,
        epochs: Whole = 100,
        batch_size: Whole = 32,
        accumulate: Whole = 1,
        optimizer: Optimizer | str | None = None,
        loss: str | Loss | None = None,
        sample_weight: Array | None = None,
        class_weight: ClassWeight | None = None,
        loss_data: LossData | None = None,
        shuffle: bool = True,
        seed: Whole | None = None,
        examples: Array | Sequence[int] | None = None,
        validation_data: ValidationData | Array | Sequence[int] | None = None,
        validation_split: float | None = None,
        metrics: Sequence[str | Metric] = (),
        callbacks: Sequence[Callable[[Network, History], object]] = (),
        progress: bool | Callable[[int, int], object] | None = None,
        threads: Whole | None = None,
        input_scale: float | None = None,
        resume_from: str | os.PathLike[str] | None = None,
        advise: bool = False,
        comm: Communicator | None = None,
    ) -> History:
        """Train by mini-batches: an update after each batch, every example once per epoch.

        Parameters
        ----------
        X : ndarray of float32, float64, float16 or uint8, shape (n_0, m), or frame, shape (m, n_0)
            One column of an array per example, one row of a frame of pandas or polars: input i is the frame's
            column i, whatever its name. CSC and CSR matrices are like arrays.
        Y : ndarray of bool, integers or floats, shape (n_L, m), or series or frame, shape (m,) or (m, n_L)
            Targets; for one output unit also arrays (m,) or (m, 1).
        epochs, batch_size : int
            The last batch of an epoch may be smaller; a batch size above m means all examples. With the
            defaults, 100 and 32, tables of up to 5,000 rows came close to their best test score. Give fewer
            epochs for more data: what counts is the number of updates.
        accumulate : int
            Update after so many batches, by the sum of their gradients. This has the bits of batches so many
            times as large, which need no more memory: the engine takes up to 512 examples at a time.
        optimizer : Optimizer or str, optional
            Becomes ``net.optimizer``, which is the default; starts the run with empty memory.
        loss : str or Loss, optional
            A name from :data:`deepnet.LOSSES`, or a result of :mod:`deepnet.losses`. By default the
            cross-entropy of a sigmoid or softmax output (for the latter by Y: one-hot columns, or class
            numbers of shape (m,)), else "mean_squared_error".
        sample_weight : ndarray, shape (m,), optional
            The factor of each example's loss; the mean is still over m.
        class_weight : dict or "balanced", optional
            The factor of the examples of each class, 1 for classes not in the dict; "balanced" gives every
            class the same total. A class is a label, or the row of the 1 in a one-hot column; where columns
            of 0 and 1 are not one-hot, "balanced" multiplies the weights of each output, as scikit-learn's
            compute_sample_weight does. It holds for the validation loss, too.
        loss_data : dict of ndarray, optional
            The further arrays that a :class:`deepnet.losses.Loss` with `data` needs, by name: shape (m,) or
            (k, m), the last axis being the examples. They are shuffled and cut with X and Y. The loss gets
            floats in the network's dtype, integers and bools as they are.
        shuffle : bool
            Draw a new order of the examples for each epoch.
        seed : int or None
            Determines these orders and dropout; None: different on each run.
        examples : ndarray of integers or bools, optional
            The columns of X and Y to train on, a fold of a cross-validation for example; all by default. A
            column may be named several times. Nothing is copied. `sample_weight` is that of all columns.
        validation_data : (X, Y), (X, Y, sample_weight) or ndarray of integers or bools, optional
            Examples whose loss is recorded after each epoch; an array names columns of X and Y. A loss that
            needs `loss_data` takes (X, Y, sample_weight or None, loss_data).
        validation_split : float, optional
            The fraction of the examples to validate with instead, taken from the end and not trained on. If
            the examples are sorted, shuffle them, or the numbers in `examples`, first.
        metrics : list of str or callable
            "accuracy", and functions ``(AL, Y)`` that return a number, computed after each epoch for all
            training examples, without dropout, and for the validation examples. Weights do not count.
        callbacks : list of callable
            Each is called after each epoch as ``callback(net, history)``; one that returns True ends the run.
            A method ``finish(net)`` of it is called at the end of the run, whatever ends it.
        progress : bool or callable
            True: a bar with the loss and the metrics, those of the validation data in parentheses; it needs
            `rich`. Or a function of (completed steps, total steps).
        threads : int, optional
            :func:`deepnet.get_num_threads` by default.
        input_scale : float, optional
            Becomes ``net.input_scale``, which is the default: every X is multiplied by it.
        resume_from : str or path, optional
            A checkpoint of :class:`deepnet.callbacks.ModelCheckpoint`: the run goes on from there. With the
            data and the other arguments of the run that wrote it (`seed` may be left out), it ends with the
            bits of a run that was never interrupted; more `epochs` make it longer.
        advise : bool
            Say at the end which common mistakes the run shows, as :class:`deepnet.callbacks.Advise` does:
            ``history.advice``, and a :class:`deepnet.AdviceWarning` for each.
        comm : deepnet.distributed.Communicator, optional
            Several processes train together, ``deepnet.distributed.mpi()`` for example: each gives its own
            part of the examples, and `batch_size` counts those of all. All start with the parameters and the
            `seed` of rank 0, and have the same parameters after each step. Losses and metrics are those of
            all examples. Only rank 0 calls the callbacks, writes files and shows progress.

        Returns
        -------
        history : History
            Losses, metrics and seconds of each epoch.

        Raises
        ------
        FloatingPointError
            If a loss, or the norm of gradients to be clipped, is nan or infinite: ``the loss is nan in epoch
            3 of 10, batch 2 of 8. ...``. The parameters are those before the update that went wrong. Also if
            nan or inf in the validation examples makes their loss so.
        RuntimeError
            If the network is being trained already.
        ValueError, TypeError
            If an argument does not fit, before anything is changed: ``X has 3 rows, but the network has 2
            inputs``. Also if a callback makes labels invalid: ``after epoch 2 of 9: Y[4] is 12, but classes
            must be whole numbers from 0 to 9``.

        Warns
        -----
        UserWarning
            If a feature is of size (root mean square of some hundred examples) above 100, or all are below
            0.01: ``row 3 of X has values of size above 100, ...``. If an array X has as many features as
            examples, so that its shape cannot show that they are its columns, unless Y has shape (1, m).

        Notes
        -----
        Networks learn best from inputs of about unit size: standardise X by its training part, and the
        targets of a regression likewise. After Ctrl-C the parameters are those of the last finished update,
        or if that made them nan or infinite, of one of the 64 before it. Each call is an independent run,
        which starts at epoch 0 unless `resume_from` is given.

        Examples
        --------
        >>> X, Y = np.array([[0, 64, 128, 255]], dtype=np.uint8), np.array([0, 0, 1, 1])
        >>> net = deepnet.Network([1, 8, 1], "tanh", seed=0, input_scale=1 / 255)
        >>> net.fit(X, Y, epochs=500, batch_size=2, optimizer=deepnet.SGD(0.5), seed=0, metrics=["accuracy"])
        <History of 500 epochs in ... s: loss ... to 0.00..., accuracy ... to 1>
        """
        prepare = partial(
            self._training,
            X,
            Y,
            epochs=epochs,
            batch_size=batch_size,
            accumulate=accumulate,
            optimizer=optimizer,
            loss=loss,
            sample_weight=sample_weight,
            class_weight=class_weight,
            loss_data=loss_data,
            shuffle=shuffle,
            seed=seed,
            examples=examples,
            validation_data=validation_data,
            validation_split=validation_split,
            metrics=metrics,
            callbacks=callbacks,
            progress=progress,
            threads=threads,
            input_scale=input_scale,
            advise=advise,
        )

        def warned(training: Training, frames: int = 0) -> Training:
            level = 4 + frames  # fit is decorated
            check.warn_of_square(X, Y, stacklevel=level)
            check.warn_of_size(training.run.examples.X, training.run.input_scale, stacklevel=level, given=X)
            return training

        if comm is not None:
            from deepnet.distributed import together  # only here: most programs never do

            if together.checked(comm).size > 1:
                resume = partial(_resumed, path=resume_from, has_seed=seed is not None)
                size = partial(_examples_per_update, batch_size, accumulate)
                history: History = together.fit(self, comm, lambda: warned(prepare(), frames=4), resume, size)
                return history
        return self._train_alone(warned(prepare(resume_from=resume_from)))

    def _training(
        self,
        X: Any,
        Y: Any,
        *,
        epochs: Any,
        batch_size: Any,
        accumulate: Any,
        optimizer: Any,
        loss: Any,
        sample_weight: Any,
        class_weight: Any,
        loss_data: Any,
        shuffle: Any,
        seed: Any,
        examples: Any,
        validation_data: Any,
        validation_split: Any,
        metrics: Any,
        callbacks: Any,
        progress: Any,
        threads: Any,
        input_scale: Any,
        resume_from: Any = None,
        advise: Any = False,
        once: Once | None = None,
    ) -> Training:
        """Check the arguments of fit. `once` has checked some of them for other networks."""
        chosen = self._optimizer if optimizer is None else option.optimizer(optimizer, self._dtype)
        trained, validation, chosen_loss = self._examples_for(once).split(
            (X, Y, loss, sample_weight, class_weight, loss_data),
            examples,
            validation_data,
            validation_split,
        )
        run = Run(
            examples=trained,
            validation=validation,
            learning_rate=chosen.learning_rate,
            epochs=option.whole("epochs", epochs, 0, 2**62),
            batch_size=min(_examples_per_update(batch_size, accumulate), trained.m),
            shuffle=option.flag("shuffle", shuffle),
            seed=_seed_or_fresh(seed),
            threads=_threads(threads),
            input_scale=self._scale(input_scale),
            metrics=checked_metrics(metrics, chosen_loss, self._activations[-1]),
            callbacks=option.callbacks(callbacks),
            progress=option.progress(progress),
        )
        if run.shuffle and trained.m > MOST_SHUFFLED:
            raise ValueError(
                f"X has {trained.m} examples, but shuffle takes {MOST_SHUFFLED} at most: shuffle=False"
            )
        if option.flag("advise", advise):
            from .advice import Advise

            run = replace(run, callbacks=[*run.callbacks, Advise()])
        training = self._by(run, self._plan(chosen_loss, chosen))
        return _resumed(training, resume_from, has_seed=seed is not None)

    def _by(self, run: Run, plan: Plan) -> Training:
        run.check_rates(self._dtype)
        engine, prepared_plan = self._engine_for(plan)
        return Training(self, engine, plan, prepared_plan, run, History(planned_epochs=run.epochs))

    def _train_alone(self, training: Training) -> History:
        with self._engine.begin_training() as hold, self._in(training):
            if training.resumed is not None:
                training.resumed.restore(training, hold)
            train(training, hold)
        return training.history

    @contextmanager
    def _in(self, training: Training) -> Iterator[None]:
        """Take the settings of a run that begins, and count its updates when it ends."""
        run = training.run
        self._use_optimizer(training.plan.optimizer)
        self._input_scale, self._position.updates = run.input_scale, 0
        try:
            yield
        finally:
            self._position.updates = (run.first_epoch + training.history.epochs) * run.batches

    def train_on_batch(
        self,
        X: Array,
        Y: Array,
        *,
        optimizer: Optimizer | str | None = None,
        loss: str | Loss | None = None,
        sample_weight: Array | None = None,
        class_weight: ClassWeight | None = None,
        loss_data: LossData | None = None,
        input_scale: float | None = None,
        threads: Whole | None = None,
        **unknown: Never,
    ) -> float:
        """Update once with all these examples, for a custom training loop.

        Parameters
        ----------
        X, Y, loss, sample_weight, class_weight, loss_data, threads
            As in :meth:`fit`.
        optimizer : Optimizer or str, optional
            For this update; ``net.optimizer`` by default. Its memory persists from call to call, and its
            schedule counts the updates since ``net.optimizer`` was set, those of fit included.
        input_scale : float, optional
            For this call; ``net.input_scale`` by default.

        Returns
        -------
        loss : float
            The mean loss before the update.

        Raises
        ------
        FloatingPointError
            If that, or the norm of gradients to be clipped, is nan or infinite; no update was made, or the
            message says so.
        RuntimeError
            If the network is being trained already, by a run whose callback makes this call, too.
        ValueError, TypeError
            As in :meth:`fit`.

        Examples
        --------
        >>> net = deepnet.Network([3, 1], initializer="zeros")
        >>> net.train_on_batch(np.ones((3, 5)), np.ones(5))
        0.693147...
        """
        if unknown:
            raise unknown_argument(Network.train_on_batch, unknown)
        scale = self._input_scale if input_scale is None else option.input_scale(input_scale)
        count, rate = 0 if threads is None else option.thread_count(threads), 0.0
        position = self._position
        seed = self._dropout_seed + position.batches & LARGEST_SEED
        value = None
        try:
            calls = self._kept
            kept = calls.find(loss, optimizer, loss_data)
            if kept is not None:
                chosen = kept.chosen
            else:
                chosen = self._optimizer if optimizer is None else option.optimizer(optimizer, self._dtype)
            rate = self._rates.of(chosen, position.updates)
            if kept is not None:
                weights = sample_weight if class_weight is None else (sample_weight, class_weight)
                labels = Y if kept.custom is None else (Y, kept.custom, loss_data)
                value = self._train(X, labels, weights, kept.plan, rate, seed, scale, count)
            if value is None:
                examples, chosen_loss = self._examples_for().check(
                    X, Y, loss, sample_weight, class_weight, loss_data
                )
                engine, plan = self._engine_for(self._plan(chosen_loss, chosen))
                given = examples.given_to(engine, chosen_loss)
                value = answered(engine.train_on_batch(*given, plan, rate, seed, scale, count))
                self._keep(calls, loss, optimizer, engine, plan, chosen, given[1])
        except NonFinite as bad:
            examples, _ = self._examples_for().check(X, Y, loss, sample_weight, class_weight, loss_data)
            where = "before this update, which was not made"
            raise explained(bad, where, rate, self._views().values(), examples, scale) from None
        position.updates += 1
        position.batches += 1
        return value  # type: ignore[no-any-return]  # of the engine

    # --- use ------------------------------------------------------------------------------------------------

    def predict(
        self,
        X: Array,
        out: Array | None = None,
        *,
        input_scale: float | None = None,
        threads: Whole | None = None,
        check_finite: bool = False,
    ) -> Array:
        """Compute the outputs A_L.

        Parameters
        ----------
        X, threads
            As in :meth:`fit`.
        out : ndarray, optional
            Where to write: the network's dtype, shape (n_L, m), any strides, no memory shared with X.
        input_scale : float, optional
            For this call; ``net.input_scale`` by default.
        check_finite : bool
            Raise an error if X or the outputs have an entry that is nan or infinite. By default these are
            computed with like other numbers.

        Returns
        -------
        AL : ndarray, shape (n_L, m)
            `out`, or else a new array.

        Raises
        ------
        ValueError
            For example ``X has 3 rows, but the network has 2 inputs``; with `check_finite` also ``X[0, 2] is
            nan, but must be finite``.
        TypeError
            For example ``X is int64, but must be float32, float64, float16 or uint8: X.astype(np.float32)``,
            or ``the column 'city' of X holds str, such as 'Rome', but must hold numbers: ...``.

        Notes
        -----
        Repeated predictions of up to four examples use a packed copy of the weights. They are about twice as
        fast, with the same bits. The network makes the copy in the fourth call with unchanged weights, if it
        takes at most 64 MB. It uses no copy while any array of :attr:`parameters` is referenced.

        Examples
        --------
        >>> net = deepnet.Network([2, 1], initializer="zeros")
        >>> net.predict(np.ones((2, 3)))
        array([[0.5, 0.5, 0.5]], dtype=float32)
        >>> net.predict(np.array([[1.0, 2.0], [3.0, np.nan]]), check_finite=True)
        Traceback (most recent call last):
        ValueError: X[1, 1] is nan, but must be finite
        """
        scale = self._input_scale if input_scale is None else option.input_scale(input_scale)
        count = 0 if threads is None else option.thread_count(threads)
        if check_finite is not False and option.flag("check_finite", check_finite):
            check.finite(check.inputs(X, self.layer_dims[0]), self._dtype, scale, X)
        result = self._predict(X, out, scale, count)
        if result is None:
            X = check.inputs(X, self.layer_dims[0])
            shape = self.layer_dims[-1], X.shape[1]
            array = check.prediction(out, shape, self._dtype, X, self._views)
            result = answered(self._engine.predict(X, array, scale, count))
            result = result if out is None else out
        if check_finite:
            check.finite_outputs(result)
        return result  # type: ignore[no-any-return]  # of the engine

    @overload
    def evaluate(
        self,
        X: Array,
        Y: Array,
        *,
        metrics: None = None,
        loss: str | Loss | None = None,
        sample_weight: Array | None = None,
        class_weight: ClassWeight | None = None,
        loss_data: LossData | None = None,
        input_scale: float | None = None,
        threads: Whole | None = None,
        **unknown: Never,
    ) -> float: ...
    @overload
    def evaluate(
        self,
        X: Array,
        Y: Array,
        *,
        metrics: Sequence[str | Metric],
        loss: str | Loss | None = None,
        sample_weight: Array | None = None,
        class_weight: ClassWeight | None = None,
        loss_data: LossData | None = None,
        input_scale: float | None = None,
        threads: Whole | None = None,
        **unknown: Never,
    ) -> dict[str, float]: ...
    def evaluate(
        self,
        X: Array,
        Y: Array,
        *,
        metrics: Sequence[str | Metric] | None = None,
        loss: str | Loss | None = None,
        sample_weight: Array | None = None,
        class_weight: ClassWeight | None = None,
        loss_data: LossData | None = None,
        input_scale: float | None = None,
        threads: Whole | None = None,
        **unknown: Never,
    ) -> float | dict[str, float]:
        """Compute the mean loss over these examples, with penalties and without dropout.

        Parameters
        ----------
        X, Y, loss, sample_weight, class_weight, loss_data, input_scale, threads
            As in :meth:`train_on_batch`; the loss of an earlier fit is not remembered.
        metrics : list of str or callable, optional
            As in :meth:`fit`: "accuracy", and functions ``(AL, Y)`` that return a number.

        Returns
        -------
        loss : float or dict of float
            nan or inf if the examples or the parameters make it so. With `metrics`, a dict of the loss and of
            each metric.

        Raises
        ------
        ValueError, TypeError
            As in :meth:`predict`, and if Y does not fit.

        Examples
        --------
        >>> net = deepnet.Network([2, 1], initializer="zeros")
        >>> net.evaluate(np.ones((2, 3)), np.ones(3))
        0.693147...
        >>> net.evaluate(np.ones((2, 3)), np.zeros(3), metrics=["accuracy"])
        {'loss': 0.693147..., 'accuracy': 1.0}
        """
        if unknown:
            raise unknown_argument(Network.evaluate, unknown)
        scale = self._input_scale if input_scale is None else option.input_scale(input_scale)
        count = 0 if threads is None else option.thread_count(threads)
        calls = self._kept
        kept = calls.find(loss, None, loss_data) if metrics is None else None
        if kept is not None:
            weights = sample_weight if class_weight is None else (sample_weight, class_weight)
            labels = Y if kept.custom is None else (Y, kept.custom, loss_data)
            value: float | None = self._evaluate(X, labels, weights, kept.plan, scale, count)
            if value is not None:
                return value
        examples, chosen_loss = self._examples_for().check(X, Y, loss, sample_weight, class_weight, loss_data)
        engine, plan = self._engine_for(self._plan(chosen_loss))
        given = examples.given_to(engine, chosen_loss)
        self._keep(calls, loss, None, engine, plan, self._optimizer, given[1])
        chosen = None if metrics is None else checked_metrics(metrics, chosen_loss, self._activations[-1])
        value = answered(engine.evaluate(*given, plan, scale, count))
        if chosen is None:
            return value
        AL: Any = answered(engine.predict(examples.X, None, scale, count)) if chosen else None
        return {"loss": value} | {name: metric(AL, examples.Y) for name, metric in chosen.items()}

    def loss_and_grads(
        self,
        X: Array,
        Y: Array,
        *,
        loss: str | Loss | None = None,
        sample_weight: Array | None = None,
        class_weight: ClassWeight | None = None,
        loss_data: LossData | None = None,
        out: Parameters | None = None,
        input_scale: float | None = None,
        threads: Whole | None = None,
        **unknown: Never,
    ) -> tuple[float, Parameters]:
        """Compute the mean loss over these examples as :meth:`evaluate` does, and its gradients.

        Parameters
        ----------
        X, Y, loss, sample_weight, class_weight, loss_data, input_scale, threads
            As in :meth:`evaluate`.
        out : dict of ndarray, optional
            The gradients of an earlier call, to be overwritten and returned.

        Returns
        -------
        loss : float
        grads : dict of ndarray
            ``dW1``, ``db1``, ..., ``dWL``, ``dbL``. No ``dA``: the engine takes a few examples at a time
            through all layers, so that no dA is ever whole; :func:`deepnet.L_model_backward` returns them.

        Raises
        ------
        ValueError, TypeError
            As in :meth:`evaluate`.

        Examples
        --------
        >>> net = deepnet.Network([2, 1], initializer="zeros")
        >>> loss, grads = net.loss_and_grads(np.ones((2, 4)), np.ones(4))
        >>> grads
        {'dW1': array([[-0.5, -0.5]], dtype=float32), 'db1': array([[-0.5]], dtype=float32)}
        """
        if unknown:
            raise unknown_argument(Network.loss_and_grads, unknown)
        scale = self._input_scale if input_scale is None else option.input_scale(input_scale)
        count = 0 if threads is None else option.thread_count(threads)
        result, calls = None, self._kept
        kept = calls.find(loss, None, loss_data)
        if kept is not None:
            weights = sample_weight if class_weight is None else (sample_weight, class_weight)
            labels = Y if kept.custom is None else (Y, kept.custom, loss_data)
            result = self._loss_and_grads(X, labels, weights, kept.plan, scale, count, out)
        if result is None:
            examples, chosen_loss = self._examples_for().check(
                X, Y, loss, sample_weight, class_weight, loss_data
            )
            read = {"X": examples.X, "Y": examples.Y, "sample_weight": sample_weight}
            arrays = gradients_to_write(out, self._views, read)
            engine, plan = self._engine_for(self._plan(chosen_loss))
            given = examples.given_to(engine, chosen_loss)
            result = answered(engine.loss_and_grads(*given, plan, scale, count, arrays))
            result = result if out is None else (result[0], out)
            self._keep(calls, loss, None, engine, plan, self._optimizer, given[1])
        return result

    # --- copies and files -----------------------------------------------------------------------------------

    @advised
    def astype(self, dtype: Any, *, compute: str | None = None) -> Self:
        """Create a network with the same layers, values and optimizer that computes in another dtype.

        Parameters
        ----------
        dtype : {"float32", "float64"}
        compute : {"bfloat16"}, optional
            As in :class:`Network`, whatever this network computes with.

        Returns
        -------
        net : Network
            Independent of this one; values are rounded from float64 to float32.

        Raises
        ------
        TypeError
            For example ``dtype is 'int64', but must be float32 or float64``.
        ValueError
            If a setting of the optimizer is beyond float32: ``learning_rate is 1e+39, beyond the range of
            float32, which ends at 3.4e+38``.

        Examples
        --------
        >>> deepnet.Network([2, 1], seed=1).astype("float64")
        <Network 2-1 (sigmoid): float64, 3 parameters>
        """
        net = type(self).__new__(type(self))
        stack = stacking.Stack(self._layer_dims, self._g, self._layer_plans, (), self._input_dropout)
        net._build(stack, option.float_dtype(dtype), self._input_scale, compute)
        net.optimizer, net._dropout_seed = self._optimizer, self._dropout_seed
        net._class_names = self.class_names
        net._assign(snapshot(self._engine))
        return net

    @advised
    def save(
        self,
        path: str | os.PathLike[str],
        *,
        metrics: Mapping[str, float] | None = None,
        target: str | None = None,
        optimizer: bool = False,
    ) -> None:
        """Write layers, settings and parameters to a file that :func:`deepnet.load` reads.

        An existing file is replaced as a whole: if anything goes wrong, the old one is still there. The
        format is safetensors, see docs/model_file.md.

        Parameters
        ----------
        path : str or path
        metrics : dict of float, optional
            For the reader, ``{"accuracy": 0.98}``: :func:`deepnet.describe` returns them.
        target : str, optional
            The name of what the network predicts, such as a column: :func:`deepnet.describe` returns it, and
            the ``deepnet`` command uses it.
        optimizer : bool
            Save ``net.optimizer`` with its memory, too, which makes the file up to three times as large:
            :meth:`train_on_batch` then goes on as if nothing had happened. A custom optimizer is left out.

        Raises
        ------
        ValueError
            If an activation is custom: ``layer 1 has the custom activation 'cube', and a file holds only
            names: ...``.
        TypeError
            For example ``path is None, but must be the name of a file, or a pathlib.Path``.
        RuntimeError
            With `optimizer`, if another thread trains the network by steps so short that none is seen whole.
        OSError
            If it cannot be written.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     deepnet.Network([2, 1]).save(pathlib.Path(folder) / "net.safetensors")
        """
        given = files.given(metrics, target)
        if not option.flag("optimizer", optimizer):
            files.save(self, path, given)
            return
        from .checkpoints import with_optimizer

        files.write(path, with_optimizer(self, *self._default_engine(), given))

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        default = self._kept.find(None, None)
        state = type(self).__getstate__, type(self).__setstate__
        is_plain = state == (Network.__getstate__, Network.__setstate__) and _is_of_deepnet(self._optimizer)
        if is_plain and default is not None:
            engine = copied(self._engine)
            if engine is not None:
                return self._native_copy(memo, engine, default)
        attributes, values = self.__getstate__()
        net = memo[id(self)] = type(self).__new__(type(self))
        net.__setstate__((copy.deepcopy(attributes, memo), values))
        return net

    def _native_copy(self, memo: dict[int, Any], engine: Any, default: KeptCall) -> Self:
        """Return a deep copy that shares what cannot be changed: a fifth of the time of taking all apart."""
        net = memo[id(self)] = type(self).__new__(type(self))
        copied = vars(net)
        for name, value in vars(self).items():
            if name in _SHARED:
                copied[name] = value
            elif name not in _RECREATED:
                copied[name] = copy.deepcopy(value, memo)
        net._use_engine(engine, self._own_plan)
        net._optimizer = default.chosen  # another thread may have replaced that of this network meanwhile
        net._kept.keep(None, None, default.plan, default.chosen)
        return net

    def __getstate__(self) -> tuple[dict[str, Any], Sequence[Array]]:
        attributes = {key: value for key, value in vars(self).items() if key not in _RECREATED}
        # A built-in activation is stored by name: its functions cannot be pickled.
        attributes["_g"] = tuple(map(_nameable, self._g))
        return attributes, snapshot(self._engine)

    def __setstate__(self, state: tuple[dict[str, Any], Sequence[Array]]) -> None:
        attributes, values = state
        vars(self).update(attributes)
        self._g = tuple(ACTIVATIONS[g] if isinstance(g, str) else g for g in attributes["_g"])
        self._create_engine()
        self._use_optimizer(self._optimizer)
        self._assign(values)

    def _assign(self, values: Sequence[Array]) -> None:
        for p, value in zip(self._views().values(), values, strict=True):
            copy_into(p, value)

    def __repr__(self) -> str:
        count = sum(n * (n_prev + 1) for n_prev, n in pairwise(self._layer_dims))
        names = ", ".join(self.activations)
        kind = type(self).__name__
        numbers = f"{self.dtype}, {count} parameters" + (
            f", compute={self.compute!r}" if self.compute else ""
        )
        return f"<{kind} {_joined(self.layer_dims)} ({names}): {numbers}>"

    # --- checks and plans -----------------------------------------------------------------------------------

    def _examples_for(self, once: Once | None = None) -> ExamplesFor:
        """Return what checks examples for this network; `once` has checked some for others."""
        ends = self._layer_dims[0], self._layer_dims[-1], self._activations[-1]
        return ExamplesFor(*ends, self._dtype, Once() if once is None else once)

    def _scale(self, given: Any) -> float:
        return self._input_scale if given is None else option.input_scale(given)

    def _plan(self, loss: Loss, optimizer: Optimizer | None = None) -> Plan:
        chosen = self._optimizer if optimizer is None else optimizer
        return Plan(loss, chosen, self._layer_plans, self._input_dropout)

    def _engine_for(self, plan: Plan) -> tuple[reference.Engine, Any]:
        """Return the engine that can run this plan, NumPy's for custom parts, and the plan as it takes it."""
        return self._kept.engine_for(plan, self._prepared)

    def _keep(
        self,
        calls: KeptCalls,  # read before the network's optimizer
        loss: Any,
        optimizer: Any,
        engine: reference.Engine,
        plan: Any,
        chosen: Optimizer,
        labels: Any = None,
    ) -> None:
        """Keep what a call passed to the extension, if it did; `labels` as the engine took them."""
        if engine is self._engine:
            calls.keep(loss, optimizer, plan, chosen, labels[1] if type(labels) is tuple else None)

    def _default_engine(self) -> tuple[reference.Engine, Any]:
        """Return the engine of training calls without other options, and their plan as it takes it."""
        return self._engine_for(self._plan(loss_for(self._activations[-1])))

    def _prepared(self, plan: Plan) -> tuple[reference.Engine, Any]:
        engine = self._engine
        if not knows(engine, plan):
            with updating:  # a second one would have another memory of the optimizer
                if self._fallback is None:
                    self._fallback = engine_for_custom(
                        self.layer_dims, self._g, self._dtype, engine, self.compute
                    )
                engine = self._fallback
        if isinstance(engine, reference.Engine):
            plan = replace(plan, loss=checked_loss(plan.loss))
        return engine, prepared(engine, plan)


# What a copy shares with the network: it is never changed, but replaced.
_SHARED = {
    *("_layer_dims", "_g", "_layer_plans", "_activations", "_input_dropout", "_input_scale", "_dtype"),
    *("_compute", "_dropout_seed", "_class_names", "_optimizer"),
}
# What copies and pickles create again.
_RECREATED = {
    *("_engine", "_fallback", "_predict", "_train", "_evaluate", "_loss_and_grads", "_own_plan"),
    *("_forward", "_backward", "_apply", "_blend"),
    *("_views", "_position", "_kept", "_rates"),
}


def _resumed(training: Training, path: Any, *, has_seed: bool) -> Training:
    """Return the training as it goes on from a checkpoint, if there is one."""
    if path is None:
        return training
    from .checkpoints import opened  # only here: most programs never do

    return opened(path).resumed(training, has_seed=has_seed)


def _is_of_deepnet(optimizer: Optimizer) -> bool:
    """Return whether this optimizer and its rate are deepnet's own, which are immutable."""
    kinds = {type(optimizer).__module__, type(optimizer.learning_rate).__module__}
    return kinds <= {"deepnet.optimizers", "deepnet.schedules", "builtins"}


def _drawn_seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**64, dtype=np.uint64))


def _seed_or_fresh(value: Any) -> int:
    given = option.seed(value)
    return _drawn_seed(np.random.default_rng()) if given is None else given


def _examples_per_update(batch_size: Any, accumulate: Any) -> int:
    return option.whole("batch_size", batch_size, 1) * option.whole("accumulate", accumulate, 1)


def _threads(value: Any) -> int:
    return 0 if value is None else option.thread_count(value)


def _nameable(activation: Activation) -> str | Activation:
    """Return the name of a built-in activation, and a custom one as it is."""
    return activation.name if ACTIVATIONS.get(activation.name) is activation else activation


def _dims_of(parameters: Parameters) -> tuple[int, ...]:
    arrays = list(parameters.values())
    return (arrays[0].shape[1], *(b.shape[0] for b in arrays[1::2]))


def _joined(dims: Sequence[int]) -> str:
    return "-".join(map(str, dims))
