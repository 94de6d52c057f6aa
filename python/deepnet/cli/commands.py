"""The commands for data and models of the user's: their options, and their checks before any work.

What takes long to import is imported by the command that needs it.
"""

import csv
import os
import stat
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepnet._files import replace
from deepnet.cli.endings import FAILED, STOPPED, UsageError
from deepnet.cli.output import Output, reporting
from deepnet.cli.terminal import counted, displayable, printable

if TYPE_CHECKING:
    from deepnet.cli import contest
    from deepnet.cli.learning import Learned, Settings

MODEL_FILE = Path("model.safetensors")
MOST_EPOCHS = 10**6
MOST_SECONDS = 10**7
MOST_UNITS = 10**6  # of a layer of the network of `bench`
MOST_BATCH = 10**6
# Names that a model, a table of predictions or an export must not have: they are those of data.
_OF_DATA = {".csv", ".tsv", ".txt", ".data", ".parquet", ".pq", ".npz", ".png", ".jpg", ".jpeg"}

Data = Annotated[
    Path,
    typer.Argument(help="A table (CSV or Parquet), an .npz file, or a folder of images.", metavar="DATA"),
]
ModelFile = Annotated[Path, typer.Argument(help="A model file.", metavar="MODEL")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the results as JSON, and nothing else.")]
TargetColumn = Annotated[
    str | None,
    typer.Option("--target", metavar="COLUMN", help="The column to predict: its name, or number from 1 on."),
]
Task = Annotated[
    str | None,
    typer.Option(metavar="TASK", help="classification or regression; by default, from the target's values."),
]
Drop = Annotated[
    list[str] | None,
    typer.Option("--drop", metavar="COLUMN", help="A column to leave out; may be given several times."),
]
Header = Annotated[
    bool | None,
    typer.Option(
        "--header/--no-header",
        help="Whether the first line of a CSV file holds names.",
        show_default="detected",
    ),
]
ModelOutput = Annotated[
    Path, typer.Option("--output", "-o", metavar="MODEL", help="The model file to write.")
]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Determines all that is random.")]
Size = Annotated[
    int, typer.Option(min=4, max=256, help="Images of a folder are resized to SIZE x SIZE pixels.")
]
Validation = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="The share of the rows of a table that is held out to score the model, 0 to 0.9.",
        show_default="0.2",
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        min=1, max=MOST_EPOCHS, help="Passes over the training examples.", show_default="depends on the data"
    ),
]
Report = Annotated[
    Path | None,
    typer.Option("--report", metavar="FOLDER", help="Write a report: report.html and its pictures."),
]


# --- checks before any work ---------------------------------------------------------------------------------


def _wrong(message: str) -> Any:
    return UsageError(displayable(message))


def _checked_output(option: str, path: Path, inputs: list[Path], suffixes: set[str]) -> Path:
    """Refuse what cannot be written, and what is an input or looks like data, before any work."""
    if not str(path) or path.name in ("", "..") or os.path.isdir(path):
        raise _wrong(f"{option} {path} is a folder, but must be a file")
    if path.suffix.lower() in suffixes:
        raise _wrong(f"{option} {path} has the name of another kind of file: {path.suffix}")
    _check_place(option, path, inputs)
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return path
    except (OSError, ValueError) as error:
        raise _wrong(f"{option} {path}: {getattr(error, 'strerror', error)}") from error
    if not stat.S_ISREG(status.st_mode):
        raise _wrong(f"{option} {path} is not a regular file")
    for given in inputs:
        if _is_within(path, given):
            raise _wrong(f"{option} {path} is part of the input {given}, which is never overwritten")
    return path


def _check_place(option: str, path: Path, inputs: list[Path]) -> None:
    folder = path.parent
    try:
        is_folder = os.path.isdir(folder)
    except ValueError:
        is_folder = False
    if not is_folder:
        raise _wrong(f"{option}: the folder {folder} does not exist")
    if not os.access(folder, os.W_OK):
        raise _wrong(f"{option}: the folder {folder} is not writable")


def _is_within(path: Path, given: Path) -> bool:
    """Return whether a file is this input, or lies in this folder."""
    try:
        if os.path.isdir(given):
            return os.path.realpath(path).startswith(os.path.join(os.path.realpath(given), ""))
        return os.path.samefile(path, given)
    except (OSError, ValueError):
        return False


def _checked_report(folder: Path | None, inputs: list[Path]) -> Path | None:
    if folder is None:
        return None
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise _wrong(f"--report {folder} is a file, but must be a folder")
    for given in inputs:
        if os.path.isdir(given) and _is_within(folder / "report.html", given):
            raise _wrong(f"--report {folder} lies in the input {given}, which is never changed")
    if not os.path.isdir(folder):
        _check_place("--report", folder, inputs)
    elif not os.access(folder, os.W_OK):
        raise _wrong(f"--report: the folder {folder} is not writable")
    return folder


def _settings(
    target: str | None,
    task: str | None,
    drop: list[str] | None,
    header: bool | None,
    validation: float | None,
    epochs: int | None,
    seconds: float | None,
    seed: int,
    size: int,
) -> "Settings":
    from deepnet.cli.learning import Settings

    if task not in (None, "classification", "regression"):
        raise _wrong(f"--task {task!r} should be classification or regression")
    if validation is not None and not 0 <= validation <= 0.9:
        raise _wrong(f"--validation {validation} should be from 0 to 0.9")
    _check_seconds(seconds)
    return Settings(target, task, tuple(drop or ()), header, validation, epochs, seconds, seed, size)


def _check_seconds(seconds: float | None) -> None:
    if seconds is not None and not 0 < seconds <= MOST_SECONDS:
        raise _wrong(f"--seconds {seconds:g} should be more than 0, and {MOST_SECONDS:.0e} at most")


# --- the commands -------------------------------------------------------------------------------------------


def train(
    data: Data,
    target: TargetColumn = None,
    output: ModelOutput = MODEL_FILE,
    report: Report = None,
    task: Task = None,
    drop: Drop = None,
    header: Header = None,
    validation: Validation = None,
    epochs: Epochs = None,
    seconds: Annotated[
        float | None, typer.Option(help="End the training after so many seconds, with the best so far.")
    ] = None,
    seed: Seed = 1,
    size: Size = 32,
    mpi: Annotated[
        bool,
        typer.Option("--mpi", help="Under mpiexec: its processes train together."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train a model on a table, an .npz file or a folder of images, and score it on examples held out."""
    settings = _settings(target, task, drop, header, validation, epochs, seconds, seed, size)
    with reporting(as_json) as out:
        output = _checked_output("-o", output, [data], _OF_DATA)
        folder = _checked_report(report, [data, output])
        from deepnet.cli import learning

        if mpi:
            settings = learning.with_ranks(out, settings)
        learned = learning.learn(out, data, settings)
        if settings.comm.rank == 0:
            learning.save(out, learned, output)
            _write_report(out, learned, folder)


def tune(
    data: Data,
    seconds: Annotated[float, typer.Option(help="The time to search, in seconds.")] = 60.0,
    target: TargetColumn = None,
    output: ModelOutput = MODEL_FILE,
    report: Report = None,
    task: Task = None,
    drop: Drop = None,
    header: Header = None,
    validation: Validation = None,
    epochs: Epochs = None,
    seed: Seed = 1,
    size: Size = 32,
    as_json: AsJson = False,
) -> None:
    """Search for better settings within a time, and keep the model that validates best."""
    settings = _settings(target, task, drop, header, validation, epochs, None, seed, size)
    _check_seconds(seconds)
    with reporting(as_json) as out:
        output = _checked_output("-o", output, [data], _OF_DATA)
        folder = _checked_report(report, [data, output])
        from deepnet.cli import learning, reading, search

        if reading.kind_of(data) == "table":
            rows = learning.load_rows(out, data, settings)
            learned = search.tune_rows(out, rows, settings, seconds)
        else:
            examples = learning.load_examples(out, data, settings)
            learned = search.tune_examples(out, data, examples, settings, seconds)
        learning.save(out, learned, output)
        _write_report(out, learned, folder)
    if learned.stopped:
        raise typer.Exit(STOPPED)


def _write_report(out: Output, learned: "Learned", folder: Path | None) -> None:
    if folder is None:
        return
    from deepnet.cli import report

    with out.console.status("Writing the report"):
        files = report.write(learned, folder)
    pictures = ", ".join(file.name for file in files[1:])
    out.say("Report", f"{printable(files[0])}" + (f" (and {pictures})" if pictures else ""))
    out.result(report=[str(file) for file in files])


def predict(
    model: ModelFile,
    data: Annotated[
        Path, typer.Argument(help="A table, an .npz file, an image, or a folder of images.", metavar="DATA")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The CSV file to write.")
    ] = Path("predictions.csv"),
    header: Header = None,
    as_json: AsJson = False,
) -> None:
    """Predict each row or image: the prediction, and the probability of each class, in a CSV file."""
    with reporting(as_json) as out:
        output = _checked_output("-o", output, [model, data], _OF_DATA - {".csv", ".tsv", ".txt"})
        from deepnet.cli import applying

        applying.predict(out, model, data, output, header)


def evaluate(
    model: ModelFile,
    data: Data,
    target: TargetColumn = None,
    report: Report = None,
    header: Header = None,
    as_json: AsJson = False,
) -> None:
    """Score a model on data whose answers are known."""
    with reporting(as_json) as out:
        folder = _checked_report(report, [model, data])
        from deepnet.cli import applying

        learned = applying.evaluate(out, model, data, target, header)
        _write_report(out, learned, folder)


def inspect(model: ModelFile, as_json: AsJson = False) -> None:
    """Show what is in a model file: layers, sizes, scaling, columns, classes and scores."""
    with reporting(as_json) as out:
        from deepnet.cli import applying

        applying.inspect(out, model)


def export(
    model: ModelFile,
    onnx: Annotated[Path | None, typer.Option("--onnx", metavar="PATH", help="Write an ONNX graph.")] = None,
    c: Annotated[Path | None, typer.Option("--c", metavar="PATH", help="Write C99 source.")] = None,
    torch: Annotated[
        Path | None, typer.Option("--torch", metavar="PATH", help="Write the weights for PyTorch.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a model for ONNX Runtime, as C source or for PyTorch."""
    chosen = {"--onnx": onnx, "--c": c, "--torch": torch}
    wanted = {name: path for name, path in chosen.items() if path is not None}
    with reporting(as_json) as out:
        if not wanted:
            raise _wrong("give one of --onnx PATH, --c PATH and --torch PATH")
        if len({os.path.realpath(path) for path in wanted.values()}) < len(wanted):
            raise _wrong("two of --onnx, --c and --torch name the same file")
        for name, path in wanted.items():
            _checked_output(name, path, [model], _OF_DATA | {".safetensors"})
        from deepnet.cli import applying

        applying.export(out, model, wanted)


def _network(layers: str | None, batch: int | None) -> "contest.Task | None":
    """Return the network of --layers and --batch as a task."""
    from deepnet.cli.contest import LEAST_ROWS, Task

    if layers is None:
        if batch is not None:
            raise UsageError(f"--batch {batch} needs --layers: the network that it belongs to")
        return None
    try:
        sizes = tuple(int(word) for word in layers.replace(",", " ").split())
    except ValueError:
        sizes = ()
    if len(sizes) < 2 or min(sizes) < 1 or max(sizes) > MOST_UNITS:
        raise _wrong(
            f"--layers {layers!r} should be the sizes of all layers from the inputs to the outputs, "
            f"each from 1 to {MOST_UNITS}, such as 64,100,10"
        )
    batch = 32 if batch is None else batch
    return Task("yours", sizes, batch, max(LEAST_ROWS, batch))


def bench(
    layers: Annotated[
        str | None,
        typer.Option(
            metavar="N,N,...",
            help="The sizes of your network's layers, from the inputs to the outputs.",
            show_default="three common networks",
        ),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(min=1, max=MOST_BATCH, help="Examples in a step of this network.", show_default="32"),
    ] = None,
    seconds: Annotated[float, typer.Option(help="The time for each network, in seconds.")] = 2.0,
    threads: Annotated[
        int, typer.Option(min=1, max=1024, help="Threads of each library; several need an idle machine.")
    ] = 1,
    as_json: AsJson = False,
) -> None:
    """Time training on this machine, beside NumPy and what else is installed.

    Three common networks, or yours: --layers 64,100,10 --batch 200.
    """
    _check_seconds(seconds)
    given = _network(layers, batch)
    with reporting(as_json) as out:
        from dataclasses import asdict

        from deepnet.cli import contest, machine

        out.say("Machine", f"{printable(machine.cpu_name())}, {counted(threads, 'thread')} each")
        outcomes = []
        for task in contest.TASKS if given is None else (given,):
            sizes = "-".join(map(str, task.sizes))
            out.say(
                "Network", f"{task.name}, {sizes}: an epoch of {task.rows:,} rows, batches of {task.batch}"
            )
            with out.console.status("Timing in turns"):
                found = contest.measured(task, seconds, threads)
            for outcome in found:
                text = f"{outcome.library:<13} {outcome.seconds * 1e3:9.2f} ms"
                if outcome.library != "deepnet":
                    text += f"   deepnet is [bold]{outcome.ratio:.1f}x[/bold] as fast"
                    text += f" (80 % of {outcome.rounds} rounds {outcome.low:.1f}x to {outcome.high:.1f}x)"
                out.say("", text)
            outcomes += found
        out.result(cpu=machine.cpu_name(), threads=threads, results=[asdict(outcome) for outcome in outcomes])


def doctor(as_json: AsJson = False) -> None:
    """Look at the CPU, threads, limits and other libraries, and advise."""
    with reporting(as_json) as out:
        from deepnet.cli import machine

        job = machine.ranks()
        if job is not None and job["rank"] > 0:
            out.hush()
        facts = machine.examined() | ({} if job is None else {"mpi": job})
        out.result(**facts)
        out.say("deepnet", f"{facts['deepnet']} on Python {facts['python']}, backend {facts['backend']}")
        out.say("CPU", printable(f"{facts['cpu']} ({facts['machine']}), {counted(facts['cores'], 'core')}"))
        if "isa" in facts:
            others = [isa for isa in facts["isas_supported"] if isa != facts["isa"]]
            text = f"{facts['isa']} is used" + (f"; also supported: {', '.join(others)}" if others else "")
            out.say("Kernels", f"{text}; built by {printable(facts['compiler'])}")
        limit = "no limit" if facts["cpu_limit"] is None else counted(facts["cpu_limit"], "core")
        out.say(
            "Threads",
            f"deepnet uses up to {facts['threads']}; this process may run on "
            f"{counted(facts['affinity'], 'core')} (control group: {limit})",
        )
        if job is not None:
            out.say("MPI", f"{printable(job['library'])}, {counted(len(job['ranks']), 'rank')}")
            for place in job["ranks"]:
                cores = ("core " if len(place["cores"]) == 1 else "cores ") + machine.ranges(place["cores"])
                out.say(
                    "",
                    f"rank {place['rank']} on {printable(place['host'])}: "
                    f"{counted(place['threads'], 'thread')}, may run on {cores}",
                )
        amounts = {"free": facts["memory"], "limit of the control group": facts["memory_limit"]}
        known = [f"{value / 2**30:.1f} GB {name}" for name, value in amounts.items() if value is not None]
        out.say("Memory", ", ".join(known) or "unknown")
        for library in facts["blas"]:
            out.say(
                "BLAS",
                printable(
                    f"{library['name']} of {library['package']}, {counted(library['threads'], 'thread')}"
                ),
            )
        if facts["variables"]:
            pairs = ", ".join(f"{name}={value}" for name, value in facts["variables"].items())
            out.say("Variables", printable(pairs))
        out.say("Packages", ", ".join(f"{name} {version}" for name, version in facts["packages"].items()))
        for text in facts["advice"]:
            out.say("Advice", f"[yellow]{printable(text)}[/yellow]")
        if not facts["advice"]:
            out.say("Advice", "[green]all is well[/green]")


def diagnose(
    submission: Annotated[
        str,
        typer.Argument(
            help="A .py file, a notebook or the name of a module; or a folder with many of them.",
            metavar="FILE",
        ),
    ],
    course: Annotated[
        str, typer.Option(metavar="COURSE", help="c1w4: any depth, step by step; c2: the second course.")
    ] = "c1w4",
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME,...", help="The functions to check.")
    ] = None,
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="NAME=THEIRS,...", help="The course's name of a function, and the learner's."
        ),
    ] = None,
    hint: Annotated[int, typer.Option(min=0, max=3, help="How many of the three hints to give.")] = 0,
    as_json: AsJson = False,
    page: Annotated[Path | None, typer.Option("--html", metavar="PAGE", help="Write a page.")] = None,
    table: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="TABLE", help="The table of a folder: .csv or .html."),
    ] = None,
    points: Annotated[
        list[str] | None,
        typer.Option("--points", metavar="NAME=N,...", help="Points of a right function.", show_default="1"),
    ] = None,
    time_limit: Annotated[float, typer.Option(metavar="SECONDS", help="Time of each submission.")] = 60.0,
    memory_limit: Annotated[
        int, typer.Option(metavar="MB", min=16, max=2**20, help="Memory of each submission.")
    ] = 1024,
    run_all: Annotated[
        bool, typer.Option("--run-all", help="Run all code, not only what defines something.")
    ] = False,
) -> None:
    """Say which of a learner's functions are wrong, and which mistakes those are. Their code is executed."""
    is_folder = os.path.isdir(submission)
    if not 1 <= time_limit <= MOST_SECONDS:
        raise _wrong(f"--time-limit {time_limit:g} should be from 1 to {MOST_SECONDS:.0e} seconds")
    if is_folder and page is not None:
        raise _wrong("--html is for one submission: the page of a folder is -o TABLE.html")
    if not is_folder and (table is not None or points):
        raise _wrong(f"{'-o' if table else '--points'} is for a folder, but {submission} is none")
    chosen = tuple(word for entry in only or () for word in entry.split(",") if word)
    renamed = _pairs("--map", names)
    worth = {name: _points_of(name, value) for name, value in _pairs("--points", points).items()}
    with reporting(as_json) as out:
        for option, path, suffixes in (("--html", page, {".html", ".htm"}), ("-o", table, {".csv", ".html"})):
            if path is not None:
                if path.suffix.lower() not in suffixes:
                    raise _wrong(f"{option} {path} should end in {' or '.join(sorted(suffixes))}")
                _checked_output(option, path, [Path(submission)], set())
        from deepnet.cli import diagnosis

        wanted = diagnosis.wanted(
            course, chosen, renamed, worth, hint, seconds=time_limit, memory=memory_limit, run_all=run_all
        )
        if is_folder:
            is_right = diagnosis.folder(out, Path(submission), wanted, worth, table)
        else:
            is_right = diagnosis.one(out, submission, wanted, page)
    if not is_right:
        raise typer.Exit(FAILED)


def _pairs(option: str, entries: list[str] | None) -> dict[str, str]:
    """Return the pairs of an option: "a=b,c=d", which may be given several times."""
    pairs = dict[str, str]()
    for entry in [word for text in entries or () for word in text.split(",") if word]:
        name, equals, value = entry.partition("=")
        if not (name and equals and value):
            raise _wrong(f"{option} {entry!r} should be pairs such as linear_forward=VALUE")
        pairs[name] = value
    return pairs


def _points_of(name: str, value: str) -> float:
    try:
        points = float(value)
    except ValueError:
        points = -1.0
    if not 0 <= points <= 1e6:
        raise _wrong(f"--points {name}={value} should be a number from 0 to 1e6")
    return points


def write_csv(path: Path, head: list[str], rows: Any) -> None:
    """Write a CSV file whole or not at all."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    replace(path, [text.getvalue().encode("utf-8", "surrogateescape")])


COMMANDS = (train, predict, evaluate, inspect, export, tune, bench, doctor, diagnose)
