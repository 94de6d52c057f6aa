"""Comparison of gradients with finite differences of their cost.

`_check` has the public function, `_subject` adapts networks and functions to it, `_differences` measures
slopes and compares, `_explaining` says what a disagreement means, `_result` holds the report.
"""

from ._check import gradient_check as gradient_check
from ._result import ArrayCheck as ArrayCheck
from ._result import Entry as Entry
from ._result import GradientCheck as GradientCheck

__all__ = ["ArrayCheck", "Entry", "GradientCheck", "gradient_check"]
