"""Learning rates that change while a network learns.

A schedule is any function from a position, 0 at first, to a learning rate. The ready ones know whether they
count updates or epochs (`per`); a plain function counts updates, unless it has such an attribute, too. Each
takes a number and gives a number, or takes an array of positions and gives as many rates.

`_schedule` is what they have in common, `_decays` and `_cosines` are the schedules, and `_rates` asks any of
them, or a plain number, for the rates of a stretch of training.
"""

from ._cosines import CosineDecay as CosineDecay
from ._cosines import OneCycle as OneCycle
from ._decays import ExponentialDecay as ExponentialDecay
from ._decays import InverseTimeDecay as InverseTimeDecay
from ._decays import StepDecay as StepDecay
from ._rates import rates as rates
from ._schedule import Schedule as Schedule

__all__ = [
    "CosineDecay",
    "ExponentialDecay",
    "InverseTimeDecay",
    "OneCycle",
    "Schedule",
    "StepDecay",
    "rates",
]
