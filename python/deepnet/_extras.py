"""Optional packages: imported where they are used, with one error message if they are missing."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

# The name to install where it differs from the name to import.
_DISTRIBUTIONS = {"PIL": "pillow", "sklearn": "scikit-learn"}


@contextmanager
def needs(extra: str, purpose: str) -> Iterator[None]:
    """Wrap the import of an optional package: if it is missing, say what needs it and what to install.

    The message lists the packages of the extra, since `deepnet` on the package index is another project.

    >>> with needs("plot", "plot_costs"):
    ...     import matplotlib.no_such_module
    Traceback (most recent call last):
        ...
    ImportError: plot_costs needs matplotlib: pip install matplotlib
    """
    try:
        yield
    except ModuleNotFoundError as error:
        name = (error.name or "a package").partition(".")[0]
        package = _DISTRIBUTIONS.get(name, name)
        packages = " ".join(_packages(extra) or [package])
        message = f"{purpose} needs {package}: pip install {packages}"
        raise ImportError(message, name=error.name) from error


def _packages(extra: str) -> list[str]:
    """Return the packages of an extra, without versions."""
    from importlib.metadata import PackageNotFoundError, requires

    try:
        listed = requires("deepnet") or []
    except PackageNotFoundError:
        listed = []
    wanted = [line for line in listed if re.search(rf"extra == ['\"]{extra}['\"]", line)]
    return [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in wanted]
