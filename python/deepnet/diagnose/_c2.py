"""The stages of weeks 1 and 2 of *Improving Deep Neural Networks*."""

from __future__ import annotations

from ._stages import Course
from .lecture import c2 as lecture

COURSE = Course("c2", lecture, {})
