"""One training step of a small network, with every intermediate matrix, for study.

`_step` computes the step in the lecture's order, `_writing` shows it as text, HTML and LaTeX.
"""

from ._step import ExplainedStep as ExplainedStep
from ._step import Quantity as Quantity
from ._step import explain_step as explain_step

__all__ = ["ExplainedStep", "Quantity", "explain_step"]
