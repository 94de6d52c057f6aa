"""What `deepnet predict`, `evaluate`, `inspect` and `export` do with a model file."""

import os
from importlib import import_module
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import deepnet
from deepnet import io
from deepnet._extras import needs
from deepnet._files import open_regular, replace
from deepnet.cli import models
from deepnet.cli.commands import write_csv
from deepnet.cli.endings import Failure, of_the_input
from deepnet.cli.learning import Learned
from deepnet.cli.models import NAMES, Model, numbered, score_line
from deepnet.cli.output import Output
from deepnet.cli.reading import Images, Table, kind_of, listed, read_images, read_table
from deepnet.cli.targets import CLASSIFICATION, column_called
from deepnet.cli.terminal import abridged, counted, printable, progress_bar
from deepnet.io import DataError

MOST_SKIPPED = 5
_ARRAYS = ("x", "test_x", "x_test", "train_x", "x_train")  # of an .npz file to predict, the first that it has


# --- data for a model ---------------------------------------------------------------------------------------


def _images(out: Output, model: Model, path: Path) -> Images:
    size = model.image_size
    if size is None:
        raise DataError(f"{model.path} holds a model that does not take square images in colour")
    with progress_bar(out.console, transient=True) as progress:
        bar = progress.add_task("Reading", total=None, note="files")
        images = read_images(
            path, size, lambda done, total: progress.update(bar, completed=done, total=total)
        )
    for file, reason in images.skipped[:MOST_SKIPPED]:
        out.note(f"skipped {file}: {reason}")
    if len(images.skipped) > MOST_SKIPPED:
        out.note(f"skipped {len(images.skipped) - MOST_SKIPPED} more")
    return images


def _features(model: Model, table: Table, target: str | None = None) -> Table:
    """Return the columns that a model was trained on."""
    if model.columns is not None:
        return table.select(model.columns)
    names = [name for name in table.names if name != target]
    if len(names) != model.n_inputs:
        raise DataError(
            f"{table.path} has {len(names)} columns, but the model takes {model.n_inputs}, and does not know "
            "their names"
        )
    return table.select(names)


def _array(path: Path) -> NDArray[Any]:
    try:
        with open_regular(path) as file, np.load(file, allow_pickle=False) as arrays:
            names = {name.lower(): name for name in arrays.files}
            found = next((names[name] for name in _ARRAYS if name in names), None)
            if found is None:
                raise DataError(f"{path} has none of the arrays {', '.join(_ARRAYS)}: {listed(arrays.files)}")
            rows = np.asarray(arrays[found])
    except (DataError, MemoryError):
        raise
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # damaged archives raise errors of many types
        raise DataError(f"{path} cannot be read: {error or type(error).__name__}") from error
    if rows.ndim < 2 or not rows.size or rows.dtype.kind not in "uif":
        raise DataError(f"{path}: the array {found} has shape {rows.shape} and dtype {rows.dtype}")
    return rows if rows.dtype == np.uint8 else rows.astype(np.float32)


def _is_image_file(path: Path) -> bool:
    return path.suffix.lower() in (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm")


def _kind_of(path: Path) -> str:
    return "images" if _is_image_file(path) and path.is_file() else kind_of(path)


# --- the commands -------------------------------------------------------------------------------------------


def predict(out: Output, model_path: Path, path: Path, output: Path, has_header: bool | None) -> None:
    """Write the predictions of all rows or images."""
    kind, model = _kind_of(path), models.load(model_path)
    names: list[list[str]] = []
    if kind == "images":
        images = _images(out, model, path)
        X, head, names = model.inputs(images.rows), ["file"], [[str(file)] for file in images.files]
    elif kind == "npz":
        X, head = model.inputs(_array(path)), []
    else:
        X, head = model.inputs(_features(model, read_table(path, has_header))), []
    predicted, p = model.outputs(X)
    columns = [predicted] if predicted.ndim == 1 else list(predicted.T)
    name = model.target or "prediction"
    head += [name] if len(columns) == 1 else [f"{name}_{i}" for i in range(1, len(columns) + 1)]
    cells = [[_cell(value) for value in column.tolist()] for column in columns]
    if p is not None:
        head += [f"probability_{name}" for name in model.classes]
        cells += [[f"{value:.6g}" for value in column] for column in p.T.tolist()]
    rows = list(zip(*cells, strict=True))
    written = [[*name, *row] for name, row in zip(names, rows, strict=True)] if names else rows
    write_csv(output, head, written)
    out.say("Predicted", f"{counted(len(rows), 'image' if kind == 'images' else 'row')} of {printable(path)}")
    if p is None:
        if len(columns) == 1:
            out.say("", f"from {predicted.min():.6g} to {predicted.max():.6g}, mean {predicted.mean():.6g}")
    else:
        counts = np.bincount(p.argmax(axis=1), minlength=len(model.classes))
        said = [f"{name} {count:,}" for name, count in zip(model.classes, counts, strict=True) if count]
        out.say("", abridged(said))
        out.result(counts={str(k): int(n) for k, n in zip(model.classes, counts, strict=True)})
    out.say("Saved", printable(output))
    out.result(rows=len(rows), output=str(output), columns=head)


def _cell(value: Any) -> str:
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def evaluate(
    out: Output, model_path: Path, path: Path, target: str | None, has_header: bool | None
) -> Learned:
    """Score a model, and return it with the data."""
    kind, model = _kind_of(path), models.load(model_path)
    learned = Learned(model, path, model.task, target or model.target or "class", 0)
    learned.facts = {"model": f"{model_path}: {_title(model)}"}
    if kind == "table":
        _read_answers(out, learned, read_table(path, has_header), target)
    elif target is not None:
        raise DataError(f"--target is for tables, but {path} has its classes")
    elif kind == "npz":
        data = io.load_npz(path)
        learned.X, learned.y = model.inputs(data.test_x), np.array(data.classes)[data.test_y]
        out.note(f"of {path.name}, the part named test is scored, or else the fifth that training holds out")
    else:
        if (path / "train").is_dir():
            raise DataError(f"{path} has a part named train: give the part to score, such as {path / 'test'}")
        images = _images(out, model, path)
        learned.X, learned.images = model.inputs(images.rows), images.rows
        learned.y = np.array([file.parent.name for file in images.files])
        strange = next((name for name in learned.y.tolist() if name not in map(str, model.classes)), None)
        if strange is not None:
            classes = ", ".join(map(str, model.classes))
            raise DataError(
                f"{path}: the folder {strange!r} is none of the classes {classes}: give a folder with one "
                "sub-folder per class"
            )
    learned.score()
    out.say("Model", f"{printable(model_path)}: {printable(_title(model))}")
    out.say("Score", score_line(learned.scores) + f" of {len(learned.y):,} in {printable(path)}")
    out.result(model=str(model_path), data=str(path), rows=len(learned.y), scores=learned.scores)
    if learned.p is not None:
        labels = numbered(learned.y, model.classes)
        counts = np.zeros((len(model.classes),) * 2, np.intp)
        np.add.at(counts, (labels, learned.p.argmax(axis=1)), 1)
        out.result(classes=model.classes, confusion=counts)
        if len(model.classes) <= 10:
            out.say(
                "Classes",
                "right of each: " + ", ".join(_of_class(model, counts, i) for i in range(len(counts))),
            )
    return learned


def _of_class(model: Model, counts: NDArray[Any], i: int) -> str:
    return f"{printable(model.classes[i])} {counts[i, i]:,} of {counts[i].sum():,}"


def _read_answers(out: Output, learned: Learned, table: Table, given: str | None) -> None:
    model = learned.model
    if given is None and model.target in table.names:
        given = model.target
    if given is None:
        rest = [name for name in table.names if name not in (model.columns or table.names)]
        if len(rest) != 1:
            table.select(model.columns or ())  # raises if it lacks one, which is then what is wrong
            found = f"{listed(rest)} are not columns of the model" if rest else "all columns are the model's"
            raise DataError(f"name the column of the target with --target: {found}")
        (given,) = rest
    name = column_called(table, given)
    values = table.column(name)
    missing = np.array([value is None for value in values]) if values.dtype == object else values != values
    rows = np.flatnonzero(~missing)
    if len(rows) < len(table):
        out.note(f"left out, since they have no target: {counted(len(table) - len(rows), 'row')}")
    if not len(rows):
        raise DataError(f"the target {name!r} has no values")
    if learned.task != CLASSIFICATION and values.dtype.kind not in "iuf":
        raise DataError(f"the target {name!r} does not hold numbers, but the model predicts numbers")
    learned.table = _features(model, table, name).take(rows)
    learned.X, learned.y, learned.target = model.inputs(learned.table), values[rows], name


def _title(model: Model) -> str:
    if model.is_network:
        return repr(model.model)[1:-1]
    return f"{type(model.model).__name__}, {counted(len(model.about.get('networks', [])), 'network')}"


def inspect(out: Output, path: Path) -> None:
    """Say what is in a model file."""
    model = models.load(path)
    about = model.about
    out.say("Model", f"{printable(path)}: {printable(_title(model))}, {path.stat().st_size / 1e6:.2f} MB")
    out.say("Written", f"by deepnet {printable(about['deepnet_version'])}, format {about['format_version']}")
    shapes = [
        (tuple(part["layer_dims"]), tuple(part["activations"]), part["dtype"]) for part in about["networks"]
    ]
    for dims, activations, dtype in dict.fromkeys(shapes):
        count = shapes.count((dims, activations, dtype))
        layers = f"{dims[0]}" + "".join(
            f" > {n} {name}" for n, name in zip(dims[1:], activations, strict=True)
        )
        size = sum(n * (n_prev + 1) for n_prev, n in pairwise(dims))
        times = f"{count} x " if count > 1 else ""
        out.say("Layers", f"{times}{layers}: {size:,} parameters, {dtype}")
    scaling = _scaling(model)
    out.say("Inputs", printable(scaling))
    columns = _columns(model)
    for name, text in columns[:40]:
        out.say("", f"{printable(name)}: {printable(text)}")
    if len(columns) > 40:
        out.say("", f"and {len(columns) - 40} more columns")
    if model.target is not None:
        out.say("Target", printable(model.target))
    if model.task == CLASSIFICATION:
        out.say("Classes", abridged([str(name) for name in model.classes]))
    metrics = about.get("metrics") or {}
    if metrics:
        names = {**NAMES, "guessing": "guessing"}
        text = ", ".join(f"{names.get(name, name)} {_metric(value)}" for name, value in metrics.items())
        out.say("Scores", printable(text))
    out.result(
        model=str(path),
        kind=about["kind"],
        deepnet_version=about["deepnet_version"],
        format_version=about["format_version"],
        bytes=path.stat().st_size,
        task=model.task,
        networks=about["networks"],
        inputs=scaling,
        columns=[{"name": name, "holds": text} for name, text in columns],
        classes=model.classes,
        metrics=metrics,
    )


def _metric(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, (int, float)) else str(value)


def _scaling(model: Model) -> str:
    if model.is_network:
        scale = model.model.input_scale
        size = model.image_size
        what = f"{model.n_inputs} values" + (f", or images of {size} x {size} x 3" if size else "")
        return what + (f", times {scale:.6g}" if scale != 1 else ", not scaled")
    scale = getattr(model.model, "input_scale", None)
    if scale is not None:
        return counted(model.n_inputs, "column") + (f", times {scale:.6g}" if scale != 1 else ", not scaled")
    return f"{counted(model.n_inputs, 'column')}, encoded as {model.model._encoder.width} and scaled"


def _columns(model: Model) -> list[tuple[str, str]]:
    """Return each column with what it holds."""
    names = model.columns or []
    encoder = getattr(model.model, "_encoder", None)
    if encoder is None:
        return [(name, "numbers") for name in names]
    names = names or [f"X[:, {j}]" for j in range(model.n_inputs)]
    found = []
    for name, part in zip(names, encoder.columns, strict=True):
        if hasattr(part, "codes"):
            text = f"{len(part.codes)} categories: {listed(list(part.codes), 5)}"
        else:
            text = f"numbers, median {part.fill:.6g}" + (", some missing" if part.had_missing else "")
        found.append((name, text))
    return found


# --- export -------------------------------------------------------------------------------------------------


def export(out: Output, model_path: Path, wanted: dict[str, Path]) -> None:
    """Write a model in other formats."""
    for option in wanted:
        _require(option)
    model = models.load(model_path)
    for option, path in wanted.items():
        with of_the_input(str(model_path)):
            files = _WRITERS[option](model.model, path)
        for file in files:
            out.say("Saved", f"{printable(file)} ({os.stat(file).st_size / 1e3:.1f} kB)")
        out.result(**{option.lstrip("-"): [str(file) for file in files]})


def _require(option: str) -> None:
    """Import the package that an option needs, before anything is written."""
    if option in _PACKAGES:
        with needs(_PACKAGES[option], option):
            import_module(_PACKAGES[option])


def _function(name: str) -> Any:
    """Return a function of deepnet that may not exist in this version."""
    found = getattr(deepnet, name, None)
    if found is None:
        raise Failure(f"deepnet {deepnet.__version__} has no deepnet.{name}")
    return found


def _to_onnx(model: Any, path: Path) -> list[Path]:
    _function("to_onnx")(model, path)
    return [path]


def _to_c(model: Any, path: Path) -> list[Path]:
    _function("to_c")(model, path)
    return [file for file in (path.with_suffix(".h"), path.with_suffix(".c")) if file.exists()]


def _to_torch(model: Any, path: Path) -> list[Path]:
    module = _function("to_torch")(model)
    import torch

    content = BytesIO()
    torch.save(module.state_dict(), content)
    replace(path, [content.getvalue()])
    return [path]


_PACKAGES = {"--onnx": "onnx", "--torch": "torch"}  # each has an extra of its name
_WRITERS = {"--onnx": _to_onnx, "--c": _to_c, "--torch": _to_torch}
