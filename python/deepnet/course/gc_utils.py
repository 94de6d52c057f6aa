"""`deepnet.course.improving.gc_utils` under the name that the course's notebooks import."""

from .improving.gc_utils import *  # noqa: F403  the same names
from .improving.gc_utils import __all__ as __all__
