"""Whether gradients are the slopes of their cost, measured by differences of the cost itself.

`_check` is the function that users call, `_subject` what it checks, a network or functions, `_differences`
how slopes are measured and compared, and `_result` what comes out.
"""

from ._check import gradient_check as gradient_check
from ._result import ArrayCheck as ArrayCheck
from ._result import Entry as Entry
from ._result import GradientCheck as GradientCheck

__all__ = ["ArrayCheck", "Entry", "GradientCheck", "gradient_check"]
