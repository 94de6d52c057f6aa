"""The engine in NumPy: the oracle of the C++ engine, and its fallback.

    A_0 = X;  Z_l = W_l A_{l-1} + b_l;  A_l = g_l(Z_l), times the mask of dropout
    dZ_L from the loss;  dZ_{l-1} = W_l^T dZ_l * g'(Z_{l-1})
    dW_l = dZ_l A_{l-1}^T / m + l2 W_l + l1 sign(W_l);  db_l = (row sums of dZ_l) / m
    (a normalized plan divides by the sum of the weights instead of m, and l2 and l1 likewise)
    W_l and b_l: the optimizer's update, with the plan's factors of the rate
    (an engine that computes with bfloat16 rounds W, A and dZ to it where they are multiplied by one another)
    (a plan with a `feature_rate` learns W_1 = U diag(s): dU = dW_1 diag(s) and ds = column sums of U * dW_1)

Like everything in this folder it does not check its input; :mod:`deepnet.network` does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from deepnet.activations import Activation, Array
from deepnet.engine_errors import NonFinite
from deepnet.losses import Targets
from deepnet.plan import LayerPlan, Plan

from .bfloat16 import rounded
from .random import dropout_mask, permutation
from .training_hold import TrainingFlag, updating

SECONDS_BETWEEN_REPORTS = 0.05
_silent = np.errstate(all="ignore")  # inf and nan are results


class Engine:
    """The parameters W_l (n_l, n_{l-1}) and b_l (n_l, 1) of all layers, zeros at first, and their training.

    X, an array or a CSC matrix, counts `scale` times, and each example `weights` (m,) times. Y may be
    Targets, of a loss that needs further arrays. `threads` is the extension's: here NumPy decides. `compute`
    is "bfloat16" or None. `arrays` and `begin_training` are those of another engine, which this one shares
    memory and the training lock with.
    """

    def __init__(
        self,
        units: Sequence[int],
        activations: Sequence[Activation],
        dtype: Any = np.float64,
        arrays: Sequence[Array] | None = None,
        begin_training: Callable[[], Any] | None = None,
        *,
        compute: str | None = None,
    ) -> None:
        self.dtype, self.activations, self.compute = np.dtype(dtype), tuple(activations), compute
        shapes = [shape for n_prev, n in pairwise(units) for shape in ((n, n_prev), (n, 1))]
        self.arrays = [np.zeros(shape, dtype) for shape in shapes] if arrays is None else list(arrays)
        self._slots, self._updates, self._optimizer = list[list[Array]](), 0, (object(), 0)
        self._features = list[Array]()  # U, s (1, n_0) and the optimizer's memory of s
        self._changes = 0  # of the parameters
        self._pass: tuple[int, int, Plan, list[Any], list[Array]] | None = None
        self.begin_training = begin_training or TrainingFlag().begin_training

    @property
    def layers(self) -> list[tuple[Array, Array, Activation]]:
        """W, b and g of each layer."""
        return list(zip(self.arrays[::2], self.arrays[1::2], self.activations, strict=True))

    def linear_forward(self, A_prev: Array, W: Array, b: Array) -> Array:
        """Z = W A_prev + b."""
        return W @ A_prev + b

    def linear_backward(
        self, dZ: Array, A_prev: Array, W: Array, b: Array, wants_dA_prev: bool
    ) -> tuple[Array, Array, Array]:
        """dA_prev (not computed for X), dW and db."""
        m = dZ.shape[1]
        dA_prev = W.T @ dZ if wants_dA_prev else dZ
        return dA_prev, dZ @ A_prev.T / m, dZ.sum(axis=1, keepdims=True) / m

    def _operand(self, array: Any) -> Any:
        """What a product takes for this array."""
        return array if self.compute is None else rounded(array)

    def parameters(self) -> list[Array]:
        """W1, b1, ..., WL, bL: the arrays themselves."""
        return self.arrays

    def copy_parameters(self) -> list[Array]:
        """Copies of W1, b1, ..., WL, bL, taken between two updates."""
        with updating:
            return [p.copy() for p in self.arrays]

    def optimizer_state(self, plan: Plan) -> tuple[int, list[Array]] | None:
        """Copies of the optimizer's memory after so many updates: W1, b1, ..., of each slot in turn.

        None: there is none, or it is another optimizer's, or it has scales of the features.
        """
        with updating:
            if not self._updates or self._optimizer != _owner(plan) or self._features:
                return None
            slots = zip(*self._slots, strict=True)
            return self._updates, [array.copy() for of_all in slots for array in of_all]

    def set_optimizer_state(self, hold: Any, plan: Plan, updates: int, arrays: list[Array]) -> bool:
        """Continue from a state that `optimizer_state` copied."""
        self._start(plan, keep=False)
        count = len(self.arrays)
        for i, array in enumerate(arrays):
            self._slots[i % count][i // count][...] = array
        self._updates = updates
        return True

    @_silent
    def predict(self, X: Array, out: Array | None, scale: float, threads: int) -> Array:
        """A_L."""
        A = self._numbers(X, scale)
        for W, b, activation in self.layers:
            A = activation.forward(self.linear_forward(self._operand(A), self._operand(W), b))
        if out is None:
            return np.ascontiguousarray(A)
        out[...] = A
        return out

    @_silent
    def evaluate(
        self,
        X: Array,
        Y: Array | Targets,
        weights: Array | None,
        plan: Plan,
        scale: float,
        threads: int,
        chosen: Array | None = None,
    ) -> float:
        """The mean loss of the examples, or of those in the columns `chosen`."""
        X, Y, weights = _columns(X, Y, weights, slice(None) if chosen is None else chosen)
        return self._loss_and_grads(X, Y, weights, plan, scale, loss_only=True)[0]

    @_silent
    def loss_and_grads(
        self,
        X: Array,
        Y: Array | Targets,
        weights: Array | None,
        plan: Plan,
        scale: float,
        threads: int,
        out: dict[str, Array] | None = None,
    ) -> tuple[float, dict[str, Array]]:
        """The mean loss, and its gradients: dW1, db1, ..., dWL, dbL."""
        value, grads = self._loss_and_grads(X, Y, weights, plan, scale)
        return value, _written(self._named(grads), out)

    def _named(self, grads: list[Array]) -> dict[str, Array]:
        keys = [f"d{kind}{layer}" for layer in range(1, len(self.activations) + 1) for kind in "Wb"]
        return dict(zip(keys, grads, strict=True))

    @_silent
    def forward(self, X: Array, out: Array | None, plan: Plan, scale: float, threads: int) -> Array:
        """A_L, without dropout; what `backward` needs is kept."""
        A, Z = self._forward(X, scale)
        self._pass = threading.get_ident(), self._changes, plan, A, Z
        if out is None:
            return np.array(A[-1], order="C")
        out[...] = A[-1]
        return out

    @_silent
    def backward(
        self,
        X: Array | None,
        slope: Array,
        of_Z: bool,
        out: dict[str, Array] | None,
        plan: Plan,
        scale: float,
        threads: int,
    ) -> dict[str, Array] | int:
        """The gradients of the mean of a loss from its slope; without X, of the pass that `forward` kept.

        Or a number that says why there is none: 1 none was kept, 2 of another number of examples, 3 of
        another thread, 4 the parameters have changed since.
        """
        if X is not None:
            A, Z = self._forward(X, scale)
        elif (last := self._pass) is None:  # read once, since another thread may use it up
            return 1
        else:
            thread, changes, plan, A, Z = last
            if thread != threading.get_ident():
                return 3
            if changes != self._changes:
                return 4
            if slope.size != A[-1].size:
                return 2
            self._pass = None
        d = self._numbers(slope.reshape(A[-1].shape))
        dZ = d if of_Z else self.layers[-1][2].backward(d, Z[-1])
        return _written(self._named(self._backward(dZ, A, Z, self._plans(plan))), out)

    @_silent
    def apply_gradients(self, grads: dict[str, Array], plan: Plan, rate: float, threads: int) -> bool:
        """One update with the gradients of a whole objective; False if they are not finite, nor changed."""
        given = [grads[key] for key in self._named(self.arrays)]
        if not all(np.isfinite(grad).all() for grad in given):
            return False
        with self.begin_training():
            self._start(plan, keep=True)
            return self._update(given, plan, rate)

    def blend(self, other: Any, tau: float) -> bool | None:
        """p += tau (q - p) for each parameter p and the same one, q, of another engine; tau 1 copies."""
        values: list[Array] = other.copy_parameters()
        if [(p.shape, p.dtype) for p in values] != [(p.shape, p.dtype) for p in self.arrays]:
            return None
        with self.begin_training(), updating:
            self._changes += 1
            for p, q in zip(self.arrays, values, strict=True):
                p[...] = q if tau == 1 else p + p.dtype.type(tau) * (q - p)
        return True

    @_silent
    def train_on_batch(
        self,
        X: Array,
        Y: Array | Targets,
        weights: Array | None,
        plan: Plan,
        rate: float,
        seed: int,
        scale: float,
        threads: int,
    ) -> float:
        """One update; the mean loss before it. If that is not finite: no update, and NonFinite."""
        with self.begin_training():
            self._start(plan, keep=True)
            masks = self._masks(plan, X.shape[1], seed, self._updates)
            value, grads = self._loss_and_grads(X, Y, weights, plan, scale, masks)
            if not (np.isfinite(value) and self._update(grads, plan, rate)):
                raise NonFinite(value)
            return value

    @_silent
    def fit(
        self,
        hold: Any,
        X: Array,
        Y: Array | Targets,
        weights: Array | None,
        plan: Plan,
        options: dict[str, Any],
        report: Callable[[int], object] | None,
    ) -> tuple[Array, Array]:
        """Epochs of batches: their losses and seconds. `hold` is what `begin_training` returned.

        ``options["chosen"]``, if there is one, has the columns of the examples to train on.

        A loss that is not finite raises NonFinite, with the parameters left as they were before the update
        that went wrong.
        """
        epochs, given, columns = options["epochs"], options.get("order"), options.get("chosen")
        m = given.shape[1] if given is not None else X.shape[1] if columns is None else len(columns)
        size = min(options["batch_size"], m)
        losses, seconds, rates = np.zeros(epochs), np.zeros(epochs), options["learning_rates"]
        steps, reported, last_finite = 0, time.perf_counter(), list[Array]()
        batches, seed = -(-m // size), options["seed"]
        self._start(plan, keep=options["first_epoch"] > 0)
        updates = self._updates
        for i, epoch in enumerate(range(options["first_epoch"], options["first_epoch"] + epochs)):
            begin, before = time.perf_counter(), (losses[:i], seconds[:i])
            order = permutation(m, seed, epoch) if options["shuffle"] and size < m else np.arange(m)
            if given is not None:
                order = given[i]
            elif columns is not None:
                order = columns[order]
            for batch, first in enumerate(range(0, m, size)):
                chosen = order[first : first + size]
                x, y, w = _columns(X, Y, weights, chosen)
                masks = self._masks(plan, len(chosen), seed, epoch * batches + batch)
                value, grads = self._loss_and_grads(x, y, w, plan, options["input_scale"], masks)
                if not np.isfinite(value):
                    raise NonFinite(value, epoch, batch, False, self._restore(last_finite, updates), *before)
                if self._is_finite():
                    last_finite, updates = [p.copy() for p in self._memory()], self._updates
                if not self._update(grads, plan, rates[steps] if len(rates) > 1 else rates[0]):
                    raise NonFinite(value, epoch, batch, False, self._restore(last_finite, updates), *before)
                losses[i] += value * len(chosen) / m
                steps += 1
                if report is not None and time.perf_counter() - reported > SECONDS_BETWEEN_REPORTS:
                    report(steps)
                    reported = time.perf_counter()
            seconds[i] = time.perf_counter() - begin
        if steps and not self._is_finite():  # the last update's doing: no loss follows it
            raise NonFinite(value, epoch, batch, False, self._restore(last_finite, updates), *before)
        return losses, seconds

    def _is_finite(self) -> bool:
        return all(np.isfinite(p).all() for p in self.arrays)

    def _memory(self) -> list[Array]:
        """What an update changes: the parameters, then the optimizer's memory of each."""
        return [*self.arrays, *(slot for slots in self._slots for slot in slots), *self._features]

    def _restore(self, last_finite: list[Array], updates: int) -> bool:
        """Return to the last finite parameters, unless these are finite; False if there were none."""
        if self._is_finite():
            return True
        if last_finite:
            self._updates = updates
            for p, before in zip(self._memory(), last_finite, strict=True):
                p[...] = before
        return bool(last_finite)

    def _numbers(self, array: Any, scale: float = 1.0) -> Any:
        numbers = array.astype(self.dtype)
        return numbers if scale == 1 else numbers * self.dtype.type(scale)

    def _plans(self, plan: Plan) -> Sequence[LayerPlan]:
        return plan.layers or [LayerPlan()] * len(self.activations)

    def _masks(self, plan: Plan, m: int, seed: int, step: int) -> list[Array | None]:
        """Return the factors of A_0, ..., A_L, 1 / keep or 0; None for layers without dropout."""
        masks: list[Array | None] = []
        units = [self.arrays[0].shape[1], *(len(W) for W in self.arrays[::2])]
        shares = [plan.input_dropout, *(layer.dropout for layer in self._plans(plan))]
        for layer, (n, dropout) in enumerate(zip(units, shares, strict=True)):
            keep = 1 - dropout
            kept = dropout_mask(n, m, keep, seed, step, layer) if dropout else None
            masks.append(None if kept is None else kept * self.dtype.type(1 / keep))
        return masks

    def _loss_and_grads(
        self,
        X: Array,
        Y: Array | Targets,
        weights: Array | None,
        plan: Plan,
        scale: float,
        masks: Sequence[Array | None] = (),
        *,
        loss_only: bool = False,
    ) -> tuple[float, list[Array]]:
        loss, layers, m = plan.loss, self.layers, X.shape[1]
        A, Z = self._forward(X, scale, masks)
        given, data = (Y.Y, Y.data) if isinstance(Y, Targets) else (Y, {})
        labels = loss.labels(given, len(Z[-1]), self.dtype)
        result = A[-1] if loss.activation is None else Z[-1]
        w = self.dtype.type(1) if weights is None else self._numbers(weights)
        if loss_only:
            terms, slope = loss.terms(result, labels, data) * w, None
        else:
            terms, slope = (part * w for part in loss.terms_and_slope(result, labels, data))
        total, penalties = float(np.sum(terms, dtype=np.float64)), self._plans(plan)
        divisor: float = m
        if plan.normalized:
            divisor = m if weights is None else float(np.sum(w, dtype=np.float64)) or np.inf
            penalties = [LayerPlan(l.dropout, l.l2 / divisor, l.l1 / divisor) for l in penalties]
        value = total / divisor
        for (W, _, _), layer_plan in zip(layers, penalties, strict=True):
            if layer_plan.l2:  # 0 times an infinite sum would be nan
                value += layer_plan.l2 / 2 * float(np.sum(np.square(W), dtype=np.float64))
            if layer_plan.l1:
                value += layer_plan.l1 * float(np.sum(np.abs(W), dtype=np.float64))
        if slope is None:
            return value, []
        dZ = layers[-1][2].backward(slope, Z[-1]) if loss.activation is None else slope
        factor = self.dtype.type(m / divisor) if plan.normalized else None
        return value, self._backward(dZ, A, Z, penalties, masks, factor)

    def _forward(
        self, X: Array, scale: float, masks: Sequence[Array | None] = ()
    ) -> tuple[list[Any], list[Array]]:
        """Return A_0, ..., A_L and Z_1, ..., Z_L; a sparse X stays so."""
        layers = self.layers
        masks = masks or [None] * (len(layers) + 1)
        A, Z = [_dropped(self._numbers(X, scale), masks[0])], list[Array]()
        for (W, b, activation), mask in zip(layers, masks[1:], strict=True):
            Z.append(self.linear_forward(self._operand(A[-1]), self._operand(W), b))
            Z[-1].flags.writeable = False  # backward needs it unchanged
            A.append(_dropped(activation.forward(Z[-1]), mask))
        return A, Z

    def _backward(
        self,
        dZ: Array,
        A: list[Any],
        Z: list[Array],
        penalties: Sequence[LayerPlan],
        masks: Sequence[Array | None] = (),
        factor: Any = None,
    ) -> list[Array]:
        """Return dW_1, db_1, ..., dW_L, db_L from dZ_L; `factor` multiplies them, but not their penalties."""
        layers, grads = self.layers, list[Array]()
        for layer in range(len(layers), 0, -1):
            (W, b, _), layer_plan = layers[layer - 1], penalties[layer - 1]
            rows, before = self._operand(dZ), self._operand(A[layer - 1])
            dA_prev, dW, db = self.linear_backward(rows, before, self._operand(W), b, layer > 1)
            if self.compute is not None:
                db = dZ.sum(axis=1, keepdims=True) / self.dtype.type(dZ.shape[1])
            if factor is not None:
                dW, db = (g * factor for g in (dW, db))
            if layer_plan.l2 or layer_plan.l1:  # 0 times an infinite weight would be nan
                dW = dW + (self.dtype.type(layer_plan.l2) * W + self.dtype.type(layer_plan.l1) * np.sign(W))
            grads = [dW, db, *grads]
            if layer > 1:
                mask = masks[layer - 1] if masks else None
                dZ = layers[layer - 2][2].backward(_dropped(dA_prev, mask), Z[layer - 2])
        return grads

    def _start(self, plan: Plan, *, keep: bool) -> None:
        """Clear the optimizer's memory, unless `keep` is set and it belongs to this optimizer."""
        whose, slots = _owner(plan), plan.optimizer.slots
        W, scaled = self.arrays[0], plan.feature_rate > 0
        if not keep or self._optimizer != whose or scaled != bool(self._features):
            self._slots = [[np.zeros_like(p) for _ in range(slots)] for p in self.arrays]
            self._features = (
                [np.zeros_like(W), *np.zeros((1 + slots, 1, W.shape[1]), W.dtype)] if scaled else []
            )
            self._updates, self._optimizer = 0, whose
        if scaled:
            U, s = self._features[:2]
            if self._updates == 0 or not np.array_equal(_flushed(U * s), W):  # W was changed from outside
                U[...], s[...] = W, 1

    def _update(self, grads: list[Array], plan: Plan, rate: float) -> bool:
        """Update, unless the norm of gradients to be clipped is not finite; return whether it did."""
        optimizer = plan.optimizer
        if optimizer.clip_value is not None:
            grads = [np.clip(g, -optimizer.clip_value, optimizer.clip_value) for g in grads]
        if optimizer.clip_norm is not None:
            norm = np.sqrt(sum(float(np.sum(np.square(g, dtype=np.float64, order="C"))) for g in grads))
            if not np.isfinite(norm):
                return False
            factor = min(1.0, optimizer.clip_norm / (norm + 1e-6))  # may be too small for the dtype
            grads = [(g * np.float64(factor)).astype(self.dtype) for g in grads]
        rates = [rate * factor for pair in plan.rates for factor in pair] or [rate] * len(grads)
        learnt, memory = list(self.arrays), list(self._slots)
        decays = [True, False] * len(self.activations)
        if plan.feature_rate > 0:
            U, s, *slots = self._features
            learnt, memory, decays = [U, *learnt[1:], s], [*memory, slots], [*decays, False]
            grads = [grads[0] * s, *grads[1:], np.sum(U * grads[0], axis=0, keepdims=True)]
            rates.append(rate * plan.feature_rate)
        flushed = [_flushed(g) for g in grads]
        self._updates += 1
        self._changes += 1
        update: Callable[..., object] = optimizer.update  # a custom one may return something
        with updating:
            for p, g, slots, own_rate, decay in zip(learnt, flushed, memory, rates, decays, strict=True):
                if decay:
                    p -= self.dtype.type(own_rate * optimizer.weight_decay) * p
                if update(p, g, slots, own_rate, self._updates) is not None:
                    kind = type(optimizer).__name__
                    raise TypeError(f"update of {kind} returned something, but must change p in place")
                for array in (p, *slots):
                    array[...] = _flushed(array)
            if plan.feature_rate > 0:
                self.arrays[0][...] = _flushed(U * s)
        return True


def _owner(plan: Plan) -> tuple[Any, int]:
    """Return what optimizers that can go on with each other's memory have in common."""
    kind = type(plan.optimizer)
    return getattr(kind, "native", kind), plan.optimizer.slots


def _written(grads: dict[str, Array], out: dict[str, Array] | None) -> dict[str, Array]:
    """Return `out` with these values, or they themselves if it is None."""
    if out is None:
        return grads
    for key, grad in grads.items():
        out[key][...] = grad
    return out


def _columns(
    X: Array, Y: Array | Targets, weights: Array | None, chosen: Any
) -> tuple[Array, Array | Targets, Array | None]:
    """Return the examples in these columns."""
    return X[:, chosen], Y[..., chosen], None if weights is None else weights[chosen]


def _flushed(x: Array) -> Array:
    """Replace tiny entries by 0 before they become subnormal and slow; the C++ kernels do the same."""
    return np.where(np.abs(x) < 128 * np.finfo(x.dtype).tiny, x.dtype.type(0), x)


def _dropped(A: Any, mask: Array | None) -> Any:
    if mask is not None and not isinstance(A, np.ndarray):
        return A.multiply(mask).tocsc()
    return A if mask is None else np.where(mask == 0, 0, A * mask)
