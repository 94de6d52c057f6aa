"""The number of threads of the C++ extension.

The limit is ``DEEPNET_NUM_THREADS``, else ``OMP_NUM_THREADS``, else the number of cores that this process
may use. A network measures its calls: where several threads are slower than one, one does the work. Results
have the same bits for any number of threads. The NumPy backend uses the threads of NumPy's BLAS instead.
"""

from __future__ import annotations

import os
import sys

from ._distribution import version
from ._extras import needs
from ._validation.options import environment_threads, thread_count
from .backends import native
from .caches import Whole


def set_num_threads(threads: Whole) -> None:
    """Set the most threads that calls without an argument `threads` use.

    Parameters
    ----------
    threads : int
        From 1 to 1024.

    Raises
    ------
    ValueError
        For example ``threads is 0, but must be 1 or more``.
    TypeError
        For example ``threads is 1.5, but must be a whole number``.

    Examples
    --------
    >>> before = deepnet.get_num_threads()
    >>> deepnet.set_num_threads(2)
    >>> deepnet.get_num_threads()
    2
    >>> deepnet.set_num_threads(before)
    """
    count = thread_count(threads)
    if native is not None:
        native.set_num_threads(count)


def get_num_threads() -> int:
    """Return the most threads that calls without an argument `threads` use; 1 without the extension."""
    return 1 if native is None else int(native.get_num_threads())


_registered = False


def register_with_threadpoolctl() -> None:
    """Let threadpoolctl (3.2 or newer) show and limit deepnet's threads.

    ``import deepnet`` calls this if threadpoolctl is already imported.

    Raises
    ------
    ImportError
        If threadpoolctl is missing or older.

    Notes
    -----
    Source: threadpoolctl's documentation, *Extending threadpoolctl with custom libraries*.

    Examples
    --------
    >>> deepnet.threads.register_with_threadpoolctl()
    >>> from threadpoolctl import threadpool_limits
    >>> with threadpool_limits(1):
    ...     deepnet.get_num_threads()
    1
    """
    global _registered
    if _registered or native is None:
        return
    with needs("bench", "register_with_threadpoolctl"):
        import threadpoolctl
    if not hasattr(threadpoolctl, "register"):
        raise ImportError("register_with_threadpoolctl needs threadpoolctl 3.2 or newer")

    class DeepnetController(threadpoolctl.LibController):  # type: ignore[misc]  # threadpoolctl has no types
        """threadpoolctl finds a library by its file name and the symbols it exports."""

        user_api = "deepnet"
        internal_api = "deepnet"
        filename_prefixes = ("_core",)
        check_symbols = ("deepnet_get_num_threads", "deepnet_set_num_threads")

        def get_num_threads(self) -> int:
            return int(self.dynlib.deepnet_get_num_threads())

        def set_num_threads(self, num_threads: int) -> None:
            self.dynlib.deepnet_set_num_threads(num_threads)

        def get_version(self) -> str | None:
            from importlib.metadata import PackageNotFoundError

            try:
                return version()
            except PackageNotFoundError:
                return None

    threadpoolctl.register(DeepnetController)
    _registered = True


environment_threads(os.environ)  # the extension reads the variable, too, but cannot say what is wrong with it
if hasattr(sys.modules.get("threadpoolctl"), "register"):
    register_with_threadpoolctl()
