"""`deepnet.course.improving.opt_utils` under the name that the course's notebooks import."""

from .improving.opt_utils import *  # noqa: F403  the same names
from .improving.opt_utils import __all__ as __all__
