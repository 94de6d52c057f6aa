"""The `deepnet` command. Its packages (extra `cli`) are optional, so nothing is imported until it runs."""

import os
import sys

from deepnet._extras import needs


def main() -> None:
    """Run the command: the console entry point."""
    try:
        with needs("cli", "the deepnet command"):
            from deepnet.cli.app import app
        try:
            app(prog_name="deepnet")
        finally:
            if sys.stdout:  # None: it was closed before the start
                sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(130)
    except (ImportError, OSError) as error:  # OSError: standard output is closed or full
        print(f"deepnet: {error}", file=sys.stderr)
        if isinstance(error, OSError):  # or Python would try to write the rest at its end, and complain
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(2)
