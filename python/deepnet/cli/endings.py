"""How commands end: 0, 1 if the work failed, 2 if the call or its input is wrong, 130 after Ctrl-C.

Every failure is one line on standard error, and never a traceback; ``DEEPNET_TRACEBACK=1`` shows those of
bugs.
"""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from deepnet.cli.terminal import displayable
from deepnet.io import DataError

FAILED, WRONG_CALL, STOPPED = 1, 2, 130
UsageError: Any = typer.BadParameter.__mro__[1]  # of click, which newer versions of Typer bring along


class Failure(Exception):
    """Work that failed, though the call was right; the message says why."""


@contextmanager
def clear_endings(failed: int = FAILED) -> Iterator[None]:
    """Print one line and set the exit code for whatever ends a command; `failed` is that of failed work."""
    try:
        yield
    except (typer.Exit, typer.Abort, UsageError):
        raise
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        raise typer.Exit(STOPPED) from None
    except MemoryError as error:
        end("not enough memory for this network or these images", failed, error)
    except (DataError, ImportError) as error:
        end(str(error), WRONG_CALL, error)
    except (Failure, FloatingPointError, OSError) as error:
        end(str(error), failed, error)
    except RuntimeError as error:
        if str(error).startswith("DEEPNET_"):
            end(str(error), WRONG_CALL, error)
        if str(error).startswith("can't start new thread"):
            end(str(error), failed, error)
        _report_bug(error)
    except Exception as error:
        _report_bug(error)


@contextmanager
def raising_interrupts() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt, as `deepnet_command` does not: a progress bar must be cleared."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def of_the_input(name: str = "") -> Iterator[None]:
    """Turn the errors about unusable values in a block into those of the input."""
    try:
        yield
    except DataError:
        raise
    except (ValueError, TypeError) as error:
        raise DataError(f"{name}: {error}" if name and name not in str(error) else str(error)) from error


def end(message: str, code: int, error: BaseException | None = None) -> NoReturn:
    """Print the line that names the fault, and end."""
    print(f"deepnet: {one_line(message)}", file=sys.stderr)
    raise typer.Exit(code) from error


def one_line(message: str) -> str:
    """Return a message without line breaks and control characters."""
    return displayable(" ".join(message.split())) or "no reason is known"


def _report_bug(error: Exception) -> NoReturn:
    if os.environ.get("DEEPNET_TRACEBACK"):
        raise error
    end(f"a bug: {type(error).__name__}: {error} (DEEPNET_TRACEBACK=1 shows where)", FAILED, error)


class Commands(TyperGroup):
    """The group of the commands: a wrong call is one line, too."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command, and end the process unless `standalone_mode` is False."""
        try:
            code = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except UsageError as error:
            if not standalone_mode:
                raise
            if type(error).__name__ == "NoArgsIsHelpError":
                print(error.format_message())
                sys.exit(WRONG_CALL)
            command = error.ctx.command_path if error.ctx else "deepnet"
            message = one_line(error.format_message()).rstrip(".")
            print(f"deepnet: {message} (see {command} --help)", file=sys.stderr)
            sys.exit(WRONG_CALL)
        except typer.Abort:
            if not standalone_mode:
                raise
            sys.exit(STOPPED)
        if not standalone_mode:
            return code
        sys.exit(code if isinstance(code, int) else 0)
