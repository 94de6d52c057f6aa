"""Optional packages: imported where they are used, with one error message if they are missing."""

from collections.abc import Iterator
from contextlib import contextmanager

from ._distribution import NAME

# The name to install where it differs from the name to import.
_DISTRIBUTIONS = {"PIL": "pillow", "sklearn": "scikit-learn"}


@contextmanager
def needs(extra: str, purpose: str) -> Iterator[None]:
    """Wrap the import of an optional package: if it is missing, say what needs it and how to install it.

    >>> with needs("plot", "plot_costs"):
    ...     import matplotlib.no_such_module
    Traceback (most recent call last):
        ...
    ImportError: plot_costs needs matplotlib: pip install matplotlib, or pip install 'deepnet-cpu[plot]'
    """
    try:
        yield
    except ModuleNotFoundError as error:
        name = (error.name or "a package").partition(".")[0]
        package = _DISTRIBUTIONS.get(name, name)
        advice = f"pip install {package}, or pip install '{NAME}[{extra}]'"
        message = f"{purpose} needs {package}: {advice}"
        raise ImportError(message, name=error.name) from error
