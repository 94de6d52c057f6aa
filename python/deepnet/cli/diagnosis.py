"""`deepnet diagnose`: one submission as text, JSON or a page, and a folder of submissions as a table."""

import html
import os
import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from rich.console import Console

import deepnet
from deepnet._files import replace
from deepnet.cli.commands import write_csv
from deepnet.cli.endings import of_the_input
from deepnet.cli.machine import affinity
from deepnet.cli.output import Output
from deepnet.cli.terminal import abridged, displayable, printable, progress_bar, say
from deepnet.diagnose import Diagnosis, Finding, Limits, diagnose_file, diagnose_files
from deepnet.diagnose._loading import is_of_the_course
from deepnet.diagnose._text import HEADS, parts, summary
from deepnet.diagnose.submissions import checked_course
from deepnet.io import DataError

SUFFIXES = (".py", ".ipynb")
MOST_SUBMISSIONS = 10_000
SHOWN_MISTAKES = 10
COLOURS = {"wrong": "bold red", "fragile": "yellow", "style": "blue"}

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #333; max-width: 60em; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2em; } .wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.9em; } thead th { border-bottom: 1px solid #ccc; }
td, th { text-align: left; vertical-align: top; padding: 0.2em 0.8em 0.2em 0; font-weight: normal; }
pre { margin: 0; font-size: 0.95em; } .wrong { color: #b3261e; } .fragile { color: #8a5a00; }
.style { color: #1f5fa8; } .right { color: #1b6e3c; } section { border-left: 3px solid; padding-left: 1em; }
section > * { color: #333; } section h2 { color: inherit; }
"""


@dataclass(frozen=True)
class Wanted:
    """What to check, and how."""

    course: str
    only: tuple[str, ...] | None
    names: dict[str, str]
    limits: Limits
    hint: int

    def options(self) -> dict[str, Any]:
        """Return the keyword arguments of :func:`deepnet.diagnose.diagnose_files`."""
        return {"course": self.course, "only": self.only, "names": self.names, "limits": self.limits}


def wanted(
    course: str,
    only: tuple[str, ...],
    names: dict[str, str],
    worth: dict[str, float],
    hint: int,
    *,
    seconds: float,
    memory: int,
    run_all: bool,
) -> Wanted:
    """Check the options that name functions."""
    with of_the_input():
        known = checked_course(course)
    for option, given in (("--only", only), ("--map", names), ("--points", worth)):
        for name in given:
            if name not in known:
                close = get_close_matches(name, known, 1)
                advice = f"did you mean {close[0]}?" if close else f"it has {', '.join(known)}"
                raise DataError(f"{option} {name}: course {course} has no such function; {advice}")
    return Wanted(course, only or None, names, Limits(seconds, memory, run_all), hint)


# --- one submission -----------------------------------------------------------------------------------------


def one(out: Output, target: str, wanted: Wanted, page: Path | None) -> bool:
    """Check one submission, and say what was found; return whether all is right."""
    _say_that_it_runs(out, f"The code of {printable(target)} is executed,", wanted.limits)
    with out.console.status("Running and checking"):
        found = diagnose_file(target, **wanted.options())
    if not found.is_readable:
        raise DataError(found.problem)
    if not found.is_cut_off:
        out.note("this system does not cut a process off from the network: a hook in Python does")
    for text in found.notes:
        out.note(text)
    show(out.console, found, wanted.hint)
    out.result(course=wanted.course, **_entries(found, wanted.hint))
    if page is not None:
        replace(page, [_page(target, _body(found, wanted.hint))])
        out.say("Page", printable(page))
    return found.correct


def _say_that_it_runs(out: Output, what: str, limits: Limits) -> None:
    limit = f"{limits.time:g} s and {limits.memory} MB"
    out.say("Runs", f"{what} in a process of its own, without network, for up to {limit}.")


def show(console: Console, found: Diagnosis, hint: int) -> None:
    """Print a diagnosis: each finding with its parts, and what there was to check."""
    if found.problem is not None:
        say(console, "Result", f"[bold red]{printable(found.problem)}[/bold red]")
        return
    for finding in found.report.findings:
        show_finding(console, finding, hint)
    checked, missing = found.report.checked, found.report.missing
    say(console, "Checked", abridged(checked, len(checked)))
    if missing:
        say(console, "Missing", abridged(missing, len(missing)))
    colour = "green" if found.correct else "bold red"
    say(console, "Result", f"[{colour}]{printable(summary(found.report))}[/{colour}]")


def show_finding(console: Console, finding: Finding, hint: int, width: int | None = None) -> None:
    """Print a finding with its parts; where there is a `width`, long lines are broken."""
    head, colour = HEADS[finding.severity], COLOURS[finding.severity]
    message = f"{finding.function}: {finding.message}"
    for number, line in enumerate(_broken(message, width and width - 10)):
        margin = f"[{colour}]{head:<9}[/{colour}]" if number == 0 else f"{'':9}"
        text = printable(line)
        if number == 0:
            text = f"[bold]{finding.function}[/bold]{text.removeprefix(finding.function)}"
        console.print(f"{margin} {text}", soft_wrap=True)
    for name, text in parts(finding, hint):
        for number, line in enumerate(_broken(text, width and width - 20)):
            margin = f"{name if number == 0 else '':<9}"
            console.print(f"{'':9} [dim]{margin}[/dim] {printable(line)}", soft_wrap=True)


def _broken(text: str, width: int | None) -> list[str]:
    lines = text.splitlines()
    if width is None:
        return lines
    return [part for line in lines for part in textwrap.wrap(line, width, subsequent_indent="  ") or [""]]


def _entries(found: Diagnosis, hint: int) -> dict[str, Any]:
    """Return a diagnosis as JSON has it."""
    return {
        "file": displayable(found.target),
        "correct": found.correct,
        "findings": [_entry(finding, hint) for finding in found.report.findings],
        "checked": found.report.checked,
        "missing": found.report.missing,
        "problem": found.problem,
        "seconds": round(found.seconds, 3),
    }


def _entry(finding: Finding, hint: int) -> dict[str, Any]:
    return asdict(finding) | {"hints": finding.hints[:hint]}


# --- a folder -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One submission of a class: its diagnosis, and the points of each function."""

    name: str
    found: Diagnosis
    points: dict[str, float]

    @property
    def score(self) -> float:
        """The points of all functions."""
        return sum(self.points.values())


@dataclass(frozen=True)
class Mistake:
    """A mistake, and the submissions that have it."""

    function: str
    name: str | None
    message: str
    submissions: tuple[str, ...]

    @property
    def title(self) -> str:
        """The function, and the mistake in words."""
        return f"{self.function}: {self.name or 'another mistake'}"


def folder(out: Output, path: Path, wanted: Wanted, worth: dict[str, float], table: Path | None) -> bool:
    """Check all submissions of a folder, and write the table; return whether all are right."""
    names = submissions_in(path)
    count = f"{len(names)} submission{'s' * (len(names) > 1)}"
    _say_that_it_runs(out, f"The code of {count} is executed, each", wanted.limits)
    diagnoses = list[Diagnosis]()
    with progress_bar(out.console, transient=True) as bar:
        task = bar.add_task("Checking", total=len(names), note="")
        files = [path / name for name in names]
        for found in diagnose_files(files, **wanted.options(), workers=max(2, affinity())):
            diagnoses.append(found)
            bar.update(task, advance=1, note=printable(names[len(diagnoses) - 1]))
    functions = _functions(diagnoses, wanted, worth)
    of = {function: worth.get(function, 1.0) for function in functions}
    rows = [Row(name, found, _points(found, of)) for name, found in zip(names, diagnoses, strict=True)]
    mistakes = most_frequent(rows)
    _say_class(out, rows, of, mistakes)
    if table is not None:
        if table.suffix.lower() == ".csv":
            _write_csv(table, rows, of)
        else:
            replace(table, [_page(path.name, _class_body(rows, of, mistakes, wanted.hint))])
        out.say("Table", printable(table))
    return all(row.found.correct and row.score == sum(of.values()) for row in rows)


def submissions_in(path: Path) -> list[str]:
    """Return the Python files and notebooks of a folder, with those of its sub-folders, as sorted names.

    Hidden ones are left out, and so are modules that come with the course.
    """
    names = []
    for place, folders, files in os.walk(path):
        folders[:] = sorted(name for name in folders if name[0] != "." and name != "__pycache__")
        for name in files:
            stem, suffix = os.path.splitext(name)
            if suffix in SUFFIXES and name[0] != "." and not is_of_the_course(stem):
                names.append(os.path.relpath(os.path.join(place, name), path))
                if len(names) > MOST_SUBMISSIONS:
                    raise DataError(f"{path} has more than {MOST_SUBMISSIONS:,} .py files and notebooks")
    if not names:
        raise DataError(f"{path} has no .py files and no notebooks (.ipynb)")
    return sorted(names, key=lambda name: [int(p) if p.isdecimal() else p for p in re.split(r"(\d+)", name)])


def _functions(diagnoses: Sequence[Diagnosis], wanted: Wanted, worth: dict[str, float]) -> list[str]:
    """Return the functions that give points: those asked for, or those that half of the class wrote."""
    if wanted.only:
        return list(wanted.only)
    written = Counter(name for found in diagnoses for name in found.report.checked)
    half = sum(found.problem is None for found in diagnoses) / 2
    known = deepnet.diagnose.FUNCTIONS[wanted.course]
    return [name for name in known if name in worth or (written[name] > 0 and written[name] >= half)]


def _points(found: Diagnosis, worth: dict[str, float]) -> dict[str, float]:
    wrong = {finding.function for finding in found.report.findings if finding.severity == "wrong"}
    right = set(found.report.checked) - wrong
    return {name: points if name in right else 0.0 for name, points in worth.items()}


def most_frequent(rows: Sequence[Row]) -> list[Mistake]:
    """Return the mistakes of a class, those of most submissions first."""
    having = dict[tuple[str, str | None], tuple[str, list[str]]]()
    for row in rows:
        for finding in row.found.report.findings:
            if finding.severity == "wrong":
                entry = having.setdefault((finding.function, finding.mistake), (finding.message, []))
                if row.name not in entry[1]:
                    entry[1].append(row.name)
    mistakes = [
        Mistake(function, name, message, tuple(names))
        for (function, name), (message, names) in having.items()
    ]
    return sorted(mistakes, key=lambda mistake: -len(mistake.submissions))


def _say_class(out: Output, rows: list[Row], of: dict[str, float], mistakes: list[Mistake]) -> None:
    total = sum(of.values())
    right = sum(row.score == total for row in rows)
    for row in rows:
        if row.found.problem is not None:
            reason = row.found.problem.removeprefix(os.path.basename(row.name)).removeprefix(": ").strip()
            out.say("Broken", f"{printable(row.name)}: [red]{printable(reason)}[/red]")
    mean = sum(row.score for row in rows) / len(rows)
    out.say("Score", f"{right} of {len(rows)} have all points; mean {mean:.2f} of {total:g}")
    for mistake in mistakes[:SHOWN_MISTAKES]:
        count = f"{len(mistake.submissions)} of {len(rows)}"
        out.say("Mistake", f"{count}: {printable(mistake.title)}")
    out.result(
        correct=right == len(rows),
        submissions=[
            _entries(row.found, 0)
            | {"file": displayable(row.name), "points": row.points, "score": row.score, "of": total}
            for row in rows
        ],
        mistakes=[
            {
                "function": mistake.function,
                "mistake": mistake.name,
                "count": len(mistake.submissions),
                "submissions": [displayable(name) for name in mistake.submissions],
            }
            for mistake in mistakes
        ],
    )


def _write_csv(path: Path, rows: list[Row], of: dict[str, float]) -> None:
    total = f"{sum(of.values()):g}"
    lines = [
        [
            *(row.name, f"{row.score:g}", total),
            *(f"{row.points[name]:g}" for name in of),
            *(_mistakes_of(row), row.found.problem or ""),
        ]
        for row in rows
    ]
    write_csv(path, ["submission", "score", "of", *of, "mistakes", "problem"], lines)


def _mistakes_of(row: Row) -> str:
    wrong = [finding for finding in row.found.report.findings if finding.severity == "wrong"]
    return "; ".join(f"{finding.function}: {finding.mistake or finding.message}" for finding in wrong)


# --- pages --------------------------------------------------------------------------------------------------


def _page(title: str, body: Iterator[str]) -> bytes:
    title = html.escape(displayable(title))
    page = (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n<h1>{title}</h1>\n" + "\n".join(body) + "\n"
        f"<p>Made by deepnet {deepnet.__version__}.</p>\n</body></html>\n"
    )
    return page.encode("utf-8", "replace")


def _body(found: Diagnosis, hint: int) -> Iterator[str]:
    """Yield the parts of a page on one submission."""
    if found.problem is not None:
        yield f'<p class="wrong">{html.escape(found.problem)}</p>'
    else:
        colour = "right" if found.correct else "wrong"
        yield f'<p class="{colour}">{html.escape(summary(found.report))}</p>'
    for finding in found.report.findings:
        head = f"{HEADS[finding.severity]}: {finding.function}"
        yield f'<section class="{finding.severity}"><h2>{html.escape(head)}</h2>'
        yield f"<p>{html.escape(finding.message)}</p>"
        rows = "".join(
            f"<tr><th>{html.escape(name)}</th><td><pre>{html.escape(text)}</pre></td></tr>"
            for name, text in parts(finding, hint)
        )
        yield f'<div class="wide"><table>{rows}</table></div></section>'
    facts = {
        "checked": ", ".join(found.report.checked),
        "not there": ", ".join(found.report.missing),
        "notes": "\n".join(found.notes),
    }
    rows = "".join(
        f"<tr><th>{name}</th><td>{html.escape(text)}</td></tr>" for name, text in facts.items() if text
    )
    yield f"<h2>What was checked</h2><table>{rows}</table>"


def _cell(text: str, kind: str = "") -> str:
    return f'<td class="{kind}">{html.escape(displayable(text))}</td>'


def _class_body(rows: list[Row], of: dict[str, float], mistakes: list[Mistake], hint: int) -> Iterator[str]:
    """Yield the parts of a page on a class: points, the most frequent mistakes, and each submission."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in ("submission", "score", *of))
    lines = []
    for number, row in enumerate(rows):
        link = f'<td><a href="#s{number}">{html.escape(displayable(row.name))}</a></td>'
        points = [
            _cell(f"{row.points[name]:g}", "right" if row.points[name] else "wrong")
            if name in row.found.report.checked
            else _cell("-")
            for name in of
        ]
        lines.append(f"<tr>{link}{_cell(f'{row.score:g}')}{''.join(points)}</tr>")
    yield f"<p>{sum(row.score == sum(of.values()) for row in rows)} of {len(rows)} have all points. "
    yield f"All functions give {sum(of.values()):g} points; - stands for a function that is missing.</p>"
    yield f'<div class="wide"><table><thead><tr>{head}</tr></thead>{"".join(lines)}</table></div>'
    if mistakes:
        yield "<h2>The most frequent mistakes</h2>"
        entries = "".join(
            f"<tr>{_cell(str(len(mistake.submissions)))}{_cell(mistake.title)}{_cell(mistake.message)}</tr>"
            for mistake in mistakes
        )
        yield f'<div class="wide"><table>{entries}</table></div>'
    for number, row in enumerate(rows):
        yield f'<h1 id="s{number}">{html.escape(displayable(row.name))}</h1>'
        yield from _body(row.found, hint)
