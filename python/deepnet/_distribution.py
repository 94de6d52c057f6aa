"""The name that pip knows deepnet by, which is not the name to import, and the version that is installed."""

from functools import cache

NAME = "deepnet-cpu"


@cache
def version() -> str:
    """Return the version of deepnet.

    Raises
    ------
    importlib.metadata.PackageNotFoundError
        If deepnet was not installed, but its source folder is on the path.

    Examples
    --------
    >>> version().count(".")
    2
    """
    from importlib import metadata  # takes longer to import than deepnet, and few programs ask

    return metadata.version(NAME)
