"""`deepnet.course.improving.reg_utils` under the name that the course's notebooks import."""

from .improving.reg_utils import *  # noqa: F403  the same names
from .improving.reg_utils import __all__ as __all__
