"""Optional packages, imported where they are used, with one clear message when one is missing."""

from collections.abc import Iterator
from contextlib import contextmanager

# The name to install where it differs from the name to import.
_DISTRIBUTIONS = {"PIL": "pillow", "sklearn": "scikit-learn"}


@contextmanager
def needs(extra: str, purpose: str) -> Iterator[None]:
    """Wrap the import of an optional package: if it is missing, say what wants it and what to install.

    >>> with needs("plot", "plot_costs"):
    ...     import matplotlib.no_such_module
    Traceback (most recent call last):
        ...
    ImportError: plot_costs needs matplotlib: pip install 'deepnet[plot]'
    """
    try:
        yield
    except ModuleNotFoundError as error:
        name = (error.name or "a package").partition(".")[0]
        package = _DISTRIBUTIONS.get(name, name)
        message = f"{purpose} needs {package}: pip install 'deepnet[{extra}]'"
        raise ImportError(message, name=error.name) from error
