"""The console command `deepnet`, from its first moment to its last: one line for whatever goes wrong.

It is a package of its own since `deepnet` takes some time to import, and may fail to: what happens before and
meanwhile (Ctrl-C, an unknown DEEPNET_BACKEND, too little memory) is handled here.
"""

import _signal  # type: ignore[import-not-found] # signal itself imports enum, which takes milliseconds
import os
import sys

_program = os.path.basename(sys.argv[0]).partition(".")[0] if hasattr(sys, "argv") and sys.argv else ""
if _program in ("deepnet", "-m") and _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    # This is the command, not a tool that imports all packages. Ctrl-C ends the process at once, except while
    # a command works: an exception in the middle of an import may be taken for a broken package.
    _signal.signal(_signal.SIGINT, lambda *_: os._exit(130))

TYPE_CHECKING = False  # importing typing takes longer than all of this module
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

# Memory addresses that the commands need, in MB: about 1.5 times what they took. With less, OpenBLAS may end
# the process by itself.
ADDRESSES, ADDRESSES_OF_WORK = 256, 768
WORK = {"demo", "train", "tune", "predict", "evaluate", "inspect", "export", "bench"}


def main() -> None:
    """Run the command, and end the process: the console entry point."""
    try:
        _check_addresses()
        app = _import()
        try:
            app(prog_name="deepnet")
        finally:
            if sys.stdout:  # None: it was closed before the start
                sys.stdout.flush()
    except MemoryError:
        _fail("not enough memory")
    except OSError as error:  # standard output is closed or full
        # Or Python would try to write the rest at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _fail(str(error))


def _fail(message: str) -> "NoReturn":
    print(f"deepnet: {message}", file=sys.stderr)
    sys.exit(2)


def _check_addresses() -> None:
    """Under a limit of addresses (``ulimit -v``), look whether it suffices, and give BLAS one thread."""
    if sys.platform == "win32":
        return
    import resource

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return
    needed = ADDRESSES_OF_WORK if WORK & set(sys.argv[1:2]) else ADDRESSES
    if limit < needed * 2**20:
        _fail(f"this needs {needed} MB of memory addresses, but may use {limit // 2**20} MB (ulimit -v)")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _import() -> "Callable[..., None]":
    """Return the command; if its packages or `deepnet` cannot be imported, say why in one line."""
    try:
        from deepnet._extras import needs

        with needs("cli", "the deepnet command"):
            from deepnet.cli.app import app
    except ValueError as error:  # from `import deepnet`, about a variable
        if not str(error).startswith("DEEPNET_"):
            raise
        _fail(str(error))
    except ImportError as error:
        _fail(" ".join(str(error).split()))
    return app
