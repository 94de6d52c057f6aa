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
from ._checks import known
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
    """Tell which of the course's functions is wrong, and how; call it as ``deepnet.diagnose(...)``.

    Parameters
    ----------
    source : module, mapping, list of functions, function, class or object
        What has the functions: as attributes, entries or items, under the course's names. Any subset of them.
    course : {"c1w4", "c2"}
        "c1w4": week 4 of the first course, step by step and application. "c2": weeks 1 and 2 of the second
        course: initialisation, three layers, regularisation, dropout, mini-batches, momentum and Adam.
    only : iterable of str, optional
        The course's names of the functions to report on; all by default.
    names : mapping of str to str, optional
        The learner's names, for the course's: ``{"linear_forward": "my_linear"}``.

    Returns
    -------
    report : Report
        The findings, the functions that were checked, and those that are missing.

    Raises
    ------
    ValueError
        If a name is unknown, for example ``only has 'rleu', which is not a function of the course 'c1w4'``.
    TypeError
        If a list has something else than functions.

    Notes
    -----
    The functions are called in this process, on small arrays; :func:`deepnet.diagnose.diagnose_file` calls
    those of a file in a process of their own, with limits. What they raise is a finding. What they print is
    dropped, and NumPy's global generator is put back as it was.

    Functions that look each other up are checked as they are. If one is wrong, the right one takes its place
    in the globals of the learner's functions, while those that call it are checked: a mistake is reported
    once.

    Examples
    --------
    >>> def relu_backward(dA, cache):
    ...     return dA * (cache < 0)
    >>> report = deepnet.diagnose([relu_backward])
    >>> print(report)
    relu_backward (wrong): The gradient passes where Z is negative and stops where it is positive: the mask is
    inverted.
    >>> report.findings[0].hints[0]
    'For which Z does relu let a gradient pass?'
    """
    functions = functions_of(source, FUNCTIONS[known(course)], names)
    return check_functions(functions, course=course, only=only)


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
