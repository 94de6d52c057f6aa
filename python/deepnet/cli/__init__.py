"""The `deepnet` command. Its packages (extra `cli`) are optional, so nothing is imported until it runs."""

import sys

from deepnet._extras import needs


def main() -> None:
    """Run the command: the console entry point."""
    try:
        with needs("cli", "the deepnet command"):
            from deepnet.cli.app import app
    except ImportError as error:
        print(f"deepnet: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    app(prog_name="deepnet")
