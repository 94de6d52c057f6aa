"""Losses that the caller computes: forward, backward and update as separate calls; and target networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Never

import numpy as np

from deepnet import reference
from deepnet._arguments import ForeignAttributes, unknown_argument
from deepnet._numbers import real
from deepnet._validation import by_hand as check
from deepnet._validation import examples as columns
from deepnet._validation import options as option
from deepnet.activations import Array
from deepnet.backends import answered, snapshot
from deepnet.caches import Parameters, Whole
from deepnet.losses import loss_for
from deepnet.optimizers import Optimizer
from deepnet.reference.training_hold import updating

from .kept import KeptCalls, Rates
from .views import Views

if TYPE_CHECKING:
    from .network import Network, _Position

NO_PASS, OTHER_COUNT, OTHER_THREAD, OUTDATED = 1, 2, 3, 4  # what an engine answers instead of gradients


class ByHand(ForeignAttributes):
    """Base of Network: a training step in three calls, so that the loss between them may be any function."""

    _engine: reference.Engine
    _optimizer: Optimizer
    _layer_dims: tuple[int, ...]
    _activations: tuple[str, ...]
    _dtype: np.dtype[Any]
    _input_scale: float
    _views: Views
    _kept: KeptCalls
    _rates: Rates
    _position: _Position
    _own_plan: Any  # the penalties of the layers, for the engine
    _forward: Callable[..., Any]
    _backward: Callable[..., Any]
    _apply: Callable[..., Any]
    _blend: Callable[..., Any]
    _plan: Callable[..., Any]
    _engine_for: Callable[..., Any]
    _keep: Callable[..., None]

    def forward(
        self,
        X: Array,
        out: Array | None = None,
        *,
        input_scale: float | None = None,
        threads: Whole | None = None,
        **unknown: Never,
    ) -> Array:
        """Compute the outputs A_L as :meth:`predict` does, and keep the forward pass for :meth:`backward`.

        Parameters
        ----------
        X, out, input_scale, threads
            As in :meth:`predict`.

        Returns
        -------
        AL : ndarray, shape (n_L, m)
            `out`, or else a new array.

        Raises
        ------
        ValueError, TypeError
            As in :meth:`predict`.

        Notes
        -----
        Without dropout. The network keeps the activations of all examples until the next call, in about four
        times the memory of them; X itself may be changed.

        Examples
        --------
        >>> net = deepnet.Network([2, 1], output="identity", initializer="zeros")
        >>> net.forward(np.ones((2, 3)))
        array([[0., 0., 0.]], dtype=float32)
        """
        if unknown:
            raise unknown_argument(ByHand.forward, unknown)
        scale = self._input_scale if input_scale is None else option.input_scale(input_scale)
        count = 0 if threads is None else option.thread_count(threads)
        result = self._forward(X, out, self._own_plan, scale, count)
        if result is None:
            X = columns.inputs(X, self._layer_dims[0])
            shape = self._layer_dims[-1], X.shape[1]
            array = columns.prediction(out, shape, self._dtype, X, self._views)
            result = answered(self._engine.forward(X, array, self._own_plan, scale, count))
            result = result if out is None else out
        return result  # type: ignore[no-any-return]  # of the engine

    def backward(
        self,
        X: Array | None = None,
        *,
        dA: Array | None = None,
        dZ: Array | None = None,
        out: Parameters | None = None,
        input_scale: float | None = None,
        threads: Whole | None = None,
        **unknown: Never,
    ) -> Parameters:
        """Compute the gradients of any loss from its slope.

        Parameters
        ----------
        X : ndarray, optional
            The examples, as in :meth:`predict`; by default those of the last :meth:`forward` call, whose pass
            is used up: each serves one call.
        dA : ndarray of floats, shape (n_L, m)
            The derivative of each example's loss with respect to its outputs A_L; for one output also (m,).
        dZ : ndarray of floats, shape (n_L, m)
            Instead, with respect to Z_L, the input of the output activation.
        out : dict of ndarray, optional
            The result of an earlier call, to be overwritten and returned.
        input_scale, threads
            As in :meth:`predict`, for `X`.

        Returns
        -------
        grads : dict of ndarray
            ``dW1``, ``db1``, ..., ``dWL``, ``dbL``: the gradients of the mean loss over the m examples, with
            the penalties of the layers, as from :meth:`loss_and_grads`. For those of the sum, multiply the
            slope by m.

        Raises
        ------
        ValueError
            For example ``dA has shape (1, 3), but must be (2, 3): one row per output``.
        TypeError
            If `dA` and `dZ` are both given or both left out, or are not arrays of floats.
        RuntimeError
            Without X, if this thread has not called :meth:`forward`, or if the network was trained after it.
            Values that are written to ``net.parameters`` in between are not noticed.

        Examples
        --------
        >>> X, Y = np.ones((2, 4)), np.full((1, 4), 3.0)
        >>> net = deepnet.Network([2, 1], output="identity", initializer="zeros")
        >>> AL = net.forward(X)
        >>> net.backward(dA=2 * (AL - Y))  # of the mean of (AL - Y)^2
        {'dW1': array([[-6., -6.]], dtype=float32), 'db1': array([[-6.]], dtype=float32)}
        """
        if unknown:
            raise unknown_argument(ByHand.backward, unknown)
        if (dA is None) == (dZ is None):
            raise TypeError(f"{'neither' if dA is None else 'both'} of dA and dZ given: one is needed")
        slope, of_Z = (dZ, True) if dA is None else (dA, False)
        scale = self._input_scale if input_scale is None else option.input_scale(input_scale)
        count = 0 if threads is None else option.thread_count(threads)
        answer = self._backward(X, slope, of_Z, out, self._own_plan, scale, count)
        if answer is None:
            m = None
            if X is not None:
                X = columns.inputs(X, self._layer_dims[0])
                m = X.shape[1]
            slope = check.slope("dZ" if of_Z else "dA", slope, self._layer_dims[-1], m)
            arrays = check.gradients_to_write(out, self._views, {"the slope": slope, "X": X})
            answer = answered(self._engine.backward(X, slope, of_Z, arrays, self._own_plan, scale, count))
        if type(answer) is int:
            raise check.no_pass("dZ" if of_Z else "dA", answer)
        return answer if out is None else out

    def apply_gradients(
        self, grads: Parameters, *, optimizer: Optimizer | str | None = None, **unknown: Never
    ) -> None:
        """Update once with these gradients.

        Parameters
        ----------
        grads : dict of ndarray
            ``dW1``, ``db1``, ..., ``dWL``, ``dbL`` in the shapes of W and b, from :meth:`backward` or
            :meth:`loss_and_grads`; other entries are ignored.
        optimizer : Optimizer or str, optional
            As in :meth:`train_on_batch`, which shares its memory and its count of updates. Penalties are
            expected in `grads`; weight decay and clipping are the optimizer's.

        Raises
        ------
        FloatingPointError
            If a gradient is nan or infinite: ``grads["dW1"][0, 2] is nan: no update was made``; or the norm
            of gradients to be clipped.
        RuntimeError
            If the network is being trained already.
        ValueError, TypeError
            If an entry is missing or does not fit: ``grads lacks 'db1'``.

        Examples
        --------
        >>> net = deepnet.Network([2, 1], output="identity", initializer="zeros")
        >>> net.apply_gradients({"dW1": np.ones((1, 2)), "db1": np.ones((1, 1))}, optimizer=deepnet.SGD(0.5))
        >>> net.parameters["W1"]
        array([[-0.5, -0.5]], dtype=float32)
        """
        if unknown:
            raise unknown_argument(ByHand.apply_gradients, unknown)
        position, done = self._position, None
        calls = self._kept
        kept = calls.find(None, optimizer)
        if kept is not None:
            chosen = kept.chosen
        else:
            chosen = self._optimizer if optimizer is None else option.optimizer(optimizer, self._dtype)
        rate = self._rates.of(chosen, position.updates)
        if kept is not None:
            done = self._apply(grads, kept.plan, rate, 0)
        if done is None:
            checked = check.gradients(grads, self._views())
            engine, plan = self._engine_for(self._plan(loss_for(self._activations[-1]), chosen))
            done = answered(engine.apply_gradients(checked, plan, rate, 0))
            self._keep(calls, None, optimizer, engine, plan, chosen)
        if not done:
            raise check.not_finite(grads, self._views())
        position.updates += 1

    def copy_from(self, other: Network, tau: float = 1.0, **unknown: Never) -> None:
        """Take over the parameters of another network with the same layers, or move towards them.

        Parameters
        ----------
        other : Network
            Of the same layer sizes; its activations and its dtype may be others. It may be trained meanwhile.
        tau : float
            From 0 to 1. Each parameter p becomes ``p + tau * (q - p)``, q being the other network's; 1
            copies. Target networks of reinforcement learning use 0.005 or so after each update.

        Raises
        ------
        ValueError
            For example ``other has the layers 4-8-2, but this network has 4-64-64-2``.
        TypeError
            For example ``other is a dict, but must be a Network``.
        RuntimeError
            If this network is being trained.

        Examples
        --------
        >>> online, target = (deepnet.Network([2, 1], seed=seed) for seed in (0, 1))
        >>> target.copy_from(online)
        >>> bool((target.parameters["W1"] == online.parameters["W1"]).all())
        True
        """
        if unknown:
            raise unknown_argument(ByHand.copy_from, unknown)
        if not isinstance(other, ByHand):
            raise check.no_network(other)
        step = tau if type(tau) is float and 0 <= tau <= 1 else real("tau", tau, low=0, high=1)
        if other is self:
            return
        with updating:
            done = self._blend(other._engine, step)
        if done is None:
            if other._layer_dims != self._layer_dims:
                theirs, own = ("-".join(map(str, net._layer_dims)) for net in (other, self))
                raise ValueError(f"other has the layers {theirs}, but this network has {own}")
            values = snapshot(other._engine)
            with self._engine.begin_training(), updating:
                for p, q in zip(self._views().values(), values, strict=True):
                    p[...] = q if step == 1 else p + p.dtype.type(step) * (q.astype(p.dtype) - p)


for _method in (ByHand.forward, ByHand.backward, ByHand.apply_gradients, ByHand.copy_from):
    _method.__qualname__ = f"Network.{_method.__name__}"  # for messages
