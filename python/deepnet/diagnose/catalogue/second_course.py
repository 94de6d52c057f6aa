"""Mistakes in the functions of the second course."""

from .mistake import Mistake

MISTAKES: tuple[Mistake, ...] = ()
