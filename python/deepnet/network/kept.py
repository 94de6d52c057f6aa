"""What a network keeps of its calls for the next ones: plans for the extension, and learning rates ahead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepnet import reference
from deepnet.optimizers import Optimizer
from deepnet.plan import Plan
from deepnet.schedules import Schedule, rates

MOST_CALLS = 16
RATES_AHEAD = 256


@dataclass(frozen=True, slots=True)
class KeptCall:
    """What calls with a loss and an optimizer pass to the extension; both live while their ids are keys."""

    loss: Any
    optimizer: Any
    plan: Any
    chosen: Optimizer
    custom: Any = None  # the loss, if the extension calls it


class KeptCalls:
    """What earlier calls passed to the extension, by the loss and the optimizer that they were given.

    The next call with the same ones needs no checks but the extension's own. Custom losses are kept as
    objects only, not by their name, and custom optimizers not at all: equal ones may differ in attributes
    that are not fields.
    """

    def __init__(self) -> None:
        self._calls: dict[Any, KeptCall] = {}
        self._plain: KeptCall | None = None  # of calls with neither
        self._plan: tuple[Plan, tuple[reference.Engine, Any]] | None = None

    def find(self, loss: Any, optimizer: Any, loss_data: Any = None) -> KeptCall | None:
        """Return what a call with these options passed, if one succeeded."""
        if loss is None and optimizer is None:
            return self._plain if loss_data is None else None
        kept = self._calls.get((_identity(loss), _identity(optimizer)))
        return kept if loss_data is None or (kept is not None and kept.custom is not None) else None

    def keep(self, loss: Any, optimizer: Any, plan: Any, chosen: Optimizer, custom: Any = None) -> None:
        """Keep what a call with these options passed; `custom` is the loss if the extension calls it."""
        if custom is not None and custom is not loss:
            return
        if len(self._calls) >= MOST_CALLS:
            self._calls.clear()
        kept = KeptCall(loss, optimizer, plan, chosen, custom)
        if loss is None and optimizer is None:
            self._plain = kept
        else:
            self._calls[_identity(loss), _identity(optimizer)] = kept

    def without_calls(self) -> KeptCalls:
        """Return what replaces this when the network gets another optimizer of its own.

        A call of another thread that began before may then keep what it made with the old one: here, where
        no later call looks.
        """
        replacement = KeptCalls()
        replacement._plan = self._plan
        return replacement

    def engine_for(
        self, plan: Plan, prepare: Callable[[Plan], tuple[reference.Engine, Any]]
    ) -> tuple[reference.Engine, Any]:
        """Return the engine that can run this plan, and the plan as it takes it; the last answer is kept."""
        last = self._plan  # read once, since another thread may replace it
        if last is not None and last[0] == plan:
            return last[1]
        engine: Any  # the extension's is typed as the reference's
        engine, prepared = prepare(plan)
        if not isinstance(engine, reference.Engine):
            self._plan = plan, (engine, prepared)
        return engine, prepared


class Rates:
    """The learning rates of updates one by one: those of a schedule are computed many at a time."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._ahead: tuple[Schedule | None, int, list[float]] = None, 0, []

    def of(self, optimizer: Optimizer, step: int) -> float:
        """Return the rate of the update after `step` others."""
        rate = optimizer.learning_rate
        if not callable(rate):
            return float(rate)
        if getattr(rate, "per", "step") == "epoch":
            raise ValueError("learning_rate counts epochs, but train_on_batch has no epochs: per='step'")
        if not isinstance(rate, Schedule):  # a function may do more than compute
            return float(rates(rate, step, 1, 1, self._dtype)[0])
        schedule, first, ahead = self._ahead
        if schedule is not rate or not first <= step < first + len(ahead):
            try:
                ahead = rates(rate, step, RATES_AHEAD, 1, self._dtype).tolist()
            except ValueError:  # of a later step
                ahead = rates(rate, step, 1, 1, self._dtype).tolist()
            first = step
            self._ahead = rate, first, ahead
        return ahead[step - first]


def _identity(option: Any) -> Any:
    """Return a name as it is, and any other option, which is immutable, by its id."""
    return option if option is None or isinstance(option, str) else id(option)
