"""Tell a learner which of the course's functions is wrong, how its results differ, and which mistake that is.

The module itself is called: ``deepnet.diagnose(my_module)``. `findings` has what it returns.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ._checks import FUNCTIONS as FUNCTIONS
from ._checks import check_functions as check_functions
from ._sources import functions_of
from .findings import Finding as Finding
from .findings import Report as Report

__all__ = [
    "FUNCTIONS",
    "Diagnosis",
    "Finding",
    "Limits",
    "Report",
    "assert_correct",
    "check_functions",
    "diagnose",
    "diagnose_file",
    "diagnose_files",
]

if TYPE_CHECKING:
    from .submissions import Diagnosis as Diagnosis
    from .submissions import Limits as Limits
    from .submissions import assert_correct as assert_correct
    from .submissions import diagnose_file as diagnose_file
    from .submissions import diagnose_files as diagnose_files
else:

    def __getattr__(name):
        if name in __all__:  # on demand: a diagnosis in this process needs no others
            from . import submissions

            return getattr(submissions, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def diagnose(
    source: Any,
    *,
    course: str = "c1w4",
    only: Iterable[str] | None = None,
    names: Mapping[str, str] | None = None,
) -> Report:
    """Check a learner's functions; ``deepnet.diagnose`` itself is called.

    Parameters
    ----------
    source : module, mapping, list of functions, class or object
        What has the functions: as attributes, entries or items, under the course's names.
    course : {"c1w4", "c2"}
    only : iterable of str, optional
        The course's names of the functions to check; all by default.
    names : mapping of str to str, optional
        The learner's names, for the course's: ``{"linear_forward": "my_linear"}``.

    Returns
    -------
    report : Report
    """
    return check_functions(functions_of(source, FUNCTIONS[course], names), course=course, only=only)


class _Callable(ModuleType):
    """A module that is called like the function of its name."""

    def __call__(
        self,
        source: Any,
        *,
        course: str = "c1w4",
        only: Iterable[str] | None = None,
        names: Mapping[str, str] | None = None,
    ) -> Report:
        return diagnose(source, course=course, only=only, names=names)


sys.modules[__name__].__class__ = _Callable
