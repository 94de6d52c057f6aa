"""`deepnet.course.improving.init_utils` under the name that the course's notebooks import."""

from .improving.init_utils import *  # noqa: F403  the same names
from .improving.init_utils import __all__ as __all__
