"""The code that a learner hands over: a Python file, a notebook or a module, as pieces that can be run alone.

Reading runs none of it, and needs no package for notebooks: formats 3 and 4 are JSON with the code in cells.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepnet._files import open_regular

MOST_BYTES = 2**26  # of a file; a notebook with many pictures has some megabytes
SUFFIXES = (".py", ".ipynb")

# The magics of a whole cell after which the rest of the cell is still Python.
_TRANSPARENT = {"time", "timeit", "capture", "prun"}
_START = re.compile(r"@|(?:def|class|async def|import|from|if|for|while|with|try)\b|[A-Za-z_]\w*\s*=")
_MAGIC = re.compile(r"(\s*)(?:(\w+)\s*=\s*)?(?:[%!?]|[\w.]+\?)")


class SourceError(ValueError):
    """A submission that holds no code that can be read; the message says why."""


@dataclass(frozen=True)
class Piece:
    """Consecutive statements: a cell of a notebook, or a file.

    Attributes
    ----------
    place : str
        The cell, such as "cell 3"; empty for a file.
    text : str
        The source, magics replaced by `pass`.
    tree : ast.Module
    offset : int
        Lines of the file before the piece: those of tree count from there.
    """

    place: str
    text: str
    tree: ast.Module
    offset: int = 0


@dataclass(frozen=True)
class Source:
    """The pieces in order, and what could not be read, each as one line; `unreadable` functions by name."""

    pieces: tuple[Piece, ...]
    problems: tuple[str, ...]
    unreadable: tuple[tuple[str, str], ...] = ()


def read(path: str | Path) -> Source:
    """Read a .py file or a notebook.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    source : Source
        A piece with a syntax error is left out and named in `problems`. In a file, the functions around the
        error are kept.

    Raises
    ------
    SourceError
        If the file cannot be read, or is neither Python nor a notebook.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise SourceError(f"{path.name} should be a .py file or a notebook (.ipynb)")
    try:
        with open_regular(path) as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise SourceError(f"{path.name}: {error.strerror}") from error
    except ValueError as error:
        raise SourceError(f"{path.name} {error}") from error
    if len(content) > MOST_BYTES:
        raise SourceError(f"{path.name} has more than {MOST_BYTES >> 20} MB")
    if path.suffix == ".ipynb":
        return _notebook(path.name, content)
    return _gathered([("", _decoded(path.name, content))])


def _decoded(name: str, content: bytes) -> str:
    """Return the text of a Python file, by the encoding that its first lines declare."""
    import io
    import tokenize

    try:
        encoding = tokenize.detect_encoding(io.BytesIO(content).readline)[0]
        return content.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError):
        return content.decode("latin-1")  # comments in an older encoding are no reason to refuse the code


# --- notebooks ----------------------------------------------------------------------------------------------


def _notebook(name: str, content: bytes) -> Source:
    try:
        notebook = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{name} is not a notebook: it is not valid JSON ({error})") from error
    cells = _cells(notebook)
    if cells is None:
        raise SourceError(f"{name} is not a notebook: it has no list of cells")
    return _gathered([(f"cell {number}", text) for number, text in cells])


def _cells(notebook: Any) -> list[tuple[int, str]] | None:
    """Return number and source of each code cell; the numbers count all cells, from 1 on."""
    if not isinstance(notebook, dict):
        return None
    sheets = notebook.get("worksheets", [notebook])  # format 3 has sheets
    if not isinstance(sheets, list):
        return None
    lists = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
    if not lists or not all(isinstance(cells, list) for cells in lists):
        return None
    every = [cell for cells in lists for cell in cells or ()]
    found = []
    for number, cell in enumerate(every, start=1):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            text = cell.get("source", cell.get("input", ""))
            if isinstance(text, list):
                text = "".join(line for line in text if isinstance(line, str))
            if isinstance(text, str) and text.strip():
                found.append((number, text))
    return found


# --- pieces -------------------------------------------------------------------------------------------------


def _gathered(texts: list[tuple[str, str]]) -> Source:
    pieces, problems, unreadable = list[Piece](), list[str](), list[tuple[str, str]]()
    for place, text in texts:
        try:
            found = _piece(place, text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            parts, faults = _readable_parts(place, text)
            pieces += parts
            problems += [fault for _, fault in faults] or [_fault(place, 0, error)]
            unreadable += [(name, fault) for name, fault in faults if name]
        else:
            pieces += [found] if found else []
    return Source(tuple(pieces), tuple(problems), tuple(unreadable))


def _fault(place: str, offset: int, error: BaseException) -> str:
    line = error.lineno if isinstance(error, SyntaxError) else None
    where = [place] * bool(place) + ([] if line is None else [f"line {line + offset}"])
    text = str(getattr(error, "msg", None) or error)
    text = re.sub(r"\bon line (\d+)", lambda match: f"on line {int(match[1]) + offset}", text)
    return f"{', '.join(where) or 'the file'}: {text}"


def _piece(place: str, text: str, offset: int = 0) -> Piece | None:
    """Parse a text; lines that only IPython understands become `pass`, but no others."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if lines[0].startswith("%%") and lines[0][2:].partition(" ")[0].strip() not in _TRANSPARENT:
        return None  # a cell in another language
    for _ in range(len(lines) + 1):
        text = "\n".join(lines)
        try:
            return Piece(place, text, ast.parse(text), offset)
        except SyntaxError as error:
            number = (error.lineno or 0) - 1
            magic = _MAGIC.match(lines[number]) if 0 <= number < len(lines) else None
            if not magic:
                raise
            lines[number] = f"{magic[1]}{magic[2]} = None" if magic[2] else f"{magic[1]}pass"
            while number + 1 < len(lines) and text.split("\n")[number].endswith("\\"):
                number += 1
                lines[number] = f"{magic[1]}pass"
    raise SyntaxError("cannot be read")


def _readable_parts(place: str, text: str) -> tuple[list[Piece], list[tuple[str, str]]]:
    """Cut a text with a syntax error where a statement may start, and parse each part alone.

    The faults come with the name of the function that the part begins to define, or "".
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    starts = [0] + [i for i in range(1, len(lines)) if _START.match(lines[i]) and lines[i - 1][:1] != "@"]
    pieces, faults = list[Piece](), list[tuple[str, str]]()
    for start, stop in zip(starts, [*starts[1:], len(lines)], strict=True):
        try:
            found = _piece(place, "\n".join(lines[start:stop]), start)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            name = re.match(r"def\s+(\w+)", lines[start])
            faults.append((name[1] if name else "", _fault(place, start, error)))
        else:
            pieces += [found] if found else []
    return pieces, faults
