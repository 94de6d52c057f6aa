"""The `deepnet` command: its commands by name, and the options of the demo, which ends with 0, 2 or 130."""

import importlib
import math
import os
import stat
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import deepnet
from deepnet import backends
from deepnet._extras import needs
from deepnet.cli.commands import COMMANDS
from deepnet.cli.endings import WRONG_CALL, Commands, clear_endings, raising_interrupts
from deepnet.cli.terminal import displayable
from deepnet.io import DataError

MOST_UNITS = 10**6  # of a layer: with 64 features, half a gigabyte of weights
MOST_EPOCHS = 10**6

app = typer.Typer(cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False)


def _sizes(text: str) -> tuple[int, ...]:
    """Return the sizes of the hidden layers: "64,32" or "64 32"."""
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
    """Return where the picture goes; an unusable place is found before the training, not after it."""
    file = path / "deepnet-demo.png" if os.path.isdir(path) else path
    if file.suffix.lower() != ".png":
        raise typer.BadParameter(f"{displayable(path)} should be a folder or end in .png")
    if not os.path.isdir(file.parent):
        raise typer.BadParameter(f"the folder {displayable(file.parent)} does not exist")
    if not os.access(file.parent, os.W_OK):
        raise typer.BadParameter(f"the folder {displayable(file.parent)} is not writable")
    for picture in (file, file.with_name(f"{file.stem}-mislabeled.png")):
        try:
            is_usable = stat.S_ISREG(os.stat(picture).st_mode)
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise typer.BadParameter(
                f"{displayable(picture)}: {getattr(error, 'strerror', error)}"
            ) from error
        if not is_usable:
            raise typer.BadParameter(f"{displayable(picture)} is not a regular file")
    return file


def _check_packages(data: Path | None) -> None:
    """Find a missing package and an unknown instruction set before the training, not after it."""
    wanted = ["plotille", "threadpoolctl", "matplotlib", "matplotlib.backends.backend_agg"]
    wanted += ["sklearn", "sklearn.datasets"] if data is None else ["PIL"] if os.path.isdir(data) else []
    for package in wanted:
        with needs("cli", "deepnet demo"):
            try:
                importlib.import_module(package)
            except ValueError as error:  # Matplotlib's answer to an unknown MPLBACKEND
                reason = displayable(error)[:200]
                backend = os.environ.get("MPLBACKEND")
                raise DataError(
                    f"matplotlib cannot be imported (MPLBACKEND is {backend!r}): {reason}"
                ) from error
    if backends.native and deepnet.backend_name() == "native":
        backends.native.config()


def _check_current_folder() -> None:
    """Matplotlib needs it, to write the picture after the training."""
    try:
        os.getcwd()
    except FileNotFoundError:
        raise DataError("the current folder does not exist any more: cd to another one") from None


def _version(wanted: bool) -> None:
    if wanted:
        print(f"deepnet {deepnet.__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Train dense neural networks on the CPU: on tables, arrays and images, without a line of Python."""


@app.command()
def demo(
    data: Annotated[
        Path | None,
        typer.Option(
            help="A folder with one sub-folder of images per class (or with folders train and test of such "
            "sub-folders), or an .npz file with train_x and train_y. Without it: handwritten digits.",
            show_default=False,
        ),
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option(
            metavar="N,N,...", help="Sizes of the hidden layers.", show_default="depends on the data"
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            "--epochs",
            "--iterations",
            min=1,
            max=MOST_EPOCHS,
            help="Passes over the training examples.",
            show_default="depends on the data",
        ),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(metavar="RATE", callback=_rate, help="Step size.", show_default="depends on the data"),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            min=0,
            max=2**32 - 1,
            help="Determines the held-out examples, the initial weights and the batches.",
        ),
    ] = 1,
    size: Annotated[
        int, typer.Option(min=4, max=1024, help="Images of a folder are resized to SIZE x SIZE.")
    ] = 64,
    follow_links: Annotated[
        bool, typer.Option("--follow-links", help="Follow links that lead out of the folder of images.")
    ] = False,
    output: Annotated[
        Path, typer.Option(callback=_output, help="The picture to write: a folder or a .png file.")
    ] = Path("deepnet-demo.png"),
) -> None:
    """Train a network while you watch, see what it learned, and how fast it was."""
    hidden = None if layers is None else _sizes(layers)
    with clear_endings(failed=WRONG_CALL):
        _check_current_folder()
        _check_packages(data)
        from deepnet.cli.demo import run

        console = Console(highlight=False)
        with raising_interrupts():
            run(
                console,
                data,
                hidden,
                epochs,
                learning_rate,
                seed=seed,
                size=size,
                follow_links=follow_links,
                output=output,
            )


@app.command()
def info() -> None:
    """Show the version, the compiler, the instruction sets and the backend of this installation."""
    with clear_endings(failed=WRONG_CALL):
        deepnet.show_config()


for command in COMMANDS:
    app.command()(command)
