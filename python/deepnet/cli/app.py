"""What can be typed: commands, options, and how each of them ends."""

import importlib
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import deepnet
from deepnet._extras import needs
from deepnet.io import DataError

MOST_UNITS = 10**6  # of a layer: with 64 features alone, half a gigabyte of weights

app = typer.Typer(
    help="Dense neural networks on the CPU: a demo, and what this installation is made of.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@contextmanager
def _clear_endings() -> Iterator[None]:
    """One line and the right exit code for everything that is not a bug: 1, or 130 after Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        raise typer.Exit(130) from None
    except (DataError, ImportError, OSError) as error:
        print(f"deepnet: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    except RuntimeError as error:
        if not str(error).startswith("DEEPNET_ISA"):
            raise
        print(f"deepnet: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    except MemoryError as error:
        print("deepnet: not enough memory for this network or these images", file=sys.stderr)
        raise typer.Exit(1) from error


def _sizes(text: str) -> tuple[int, ...]:
    """The sizes of the hidden layers: "64,32" or "64 32"."""
    try:
        sizes = tuple(int(word) for word in text.replace(",", " ").split())
    except ValueError:
        sizes = ()
    if not sizes or min(sizes) < 1 or max(sizes) > MOST_UNITS:
        expected = f"the sizes of the hidden layers, each from 1 to {MOST_UNITS}, such as 64,32"
        raise typer.BadParameter(f"--layers {text!r}: {expected}")
    return sizes


def _rate(rate: float | None) -> float | None:
    if rate is not None and not 0 < rate < math.inf:
        raise typer.BadParameter(f"{rate} should be a positive number")
    return rate


def _output(path: Path) -> Path:
    """Where the picture goes; wrong places are found before the training, not after it."""
    file = path / "deepnet-demo.png" if path.is_dir() else path
    if file.suffix.lower() != ".png":
        raise typer.BadParameter(f"{path} should be a folder or end in .png")
    if not file.parent.is_dir():
        raise typer.BadParameter(f"the folder {file.parent} does not exist")
    return file


def _check_packages(data: Path | None) -> None:
    """Find out which package is missing now, not after the training."""
    wanted = ["plotille", "threadpoolctl", "matplotlib"]
    wanted += ["sklearn"] if data is None else ["PIL"] if data.is_dir() else []
    for package in wanted:
        with needs("cli", "deepnet demo"):
            importlib.import_module(package)


@app.command()
def demo(
    data: Annotated[
        Path | None,
        typer.Option(
            help="A folder with one sub-folder of images per class (or train and test folders of such), "
            "or an .npz file with train_x, train_y. Without it: handwritten digits.",
            show_default=False,
        ),
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option(metavar="N,N,...", help="Sizes of the hidden layers.", show_default="by data"),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            "--epochs", "--iterations", min=1, help="Passes over the training rows.", show_default="by data"
        ),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(metavar="RATE", callback=_rate, help="Step size.", show_default="by data"),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            min=0, max=2**32 - 1, help="Chooses the held-out rows, the first weights and the batches."
        ),
    ] = 1,
    size: Annotated[
        int, typer.Option(min=4, max=1024, help="Images of a folder are resized to SIZE x SIZE.")
    ] = 64,
    output: Annotated[
        Path, typer.Option(callback=_output, help="The picture to write: a folder or a .png file.")
    ] = Path("deepnet-demo.png"),
) -> None:
    """Train a network while you watch, see what it learned, and how fast it was."""
    hidden = None if layers is None else _sizes(layers)
    with _clear_endings():
        _check_packages(data)
        from deepnet.cli.demo import run

        console = Console(highlight=False)
        run(console, data, hidden, epochs, learning_rate, seed=seed, size=size, output=output)


@app.command()
def info() -> None:
    """Show the version, the compiler, the instruction sets and the backend of this installation."""
    with _clear_endings():
        deepnet.show_config()
