"""The scorecard: runs each check, keeps what it counted, and writes docs/reliability.md.

    python tests/reliability.py                    # the short form of every row that has one: minutes
    python tests/reliability.py --long forks soak  # the long form of these rows
    python tests/reliability.py --page             # only write the page, from the stored results

Results are stored in tests/reliability.json, one for each row and form. The page shows the one with most
trials, unless a later one failed. ``--list`` prints the rows and their commands.
"""

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STORED = Path(__file__).with_suffix(".json")
PAGE = ROOT / "docs" / "reliability.md"
LIMIT = 4 * 3600  # seconds; more than any row takes


HEAD = """\
# Reliability

<!-- Written by: python tests/reliability.py. The numbers are in tests/reliability.json. -->

What deepnet promises, how often that was tried, and how often it failed. `make reliability` runs the short
form of each row and writes this page; the long forms are run by hand, and their counts are kept. A trial is
a test, a damaged file, a kill, a call or whatever the row counts; for C++ tests it is an assertion.
Counts belong to the sources of their date. The commands are below the table.

Zero failures do not prove that a check cannot fail. By the *rule of three*, a check that failed in none
of n independent trials fails in at most a share of 3 / n of such trials, with a confidence of 95 %: the
column *at most*. It says nothing about kinds of trials that were not made, and tests repeat themselves, so
for rows that count tests the bound is optimistic.

| check | promise | trials | failures | at most | date | form |
| --- | --- | ---: | ---: | ---: | --- | --- |"""
TRIED = """
## How each was tried
"""
TAIL = """
## What is not checked

Windows and macOS; processors other than x86-64 (AArch64 is tested under emulation only); faults of
hardware; months of continuous use.
"""


@dataclass(frozen=True)
class Row:
    """One check: what is promised, the commands that try it, and how their output is counted."""

    name: str
    promise: str
    long: str
    short: str | None = ""  # empty: as the long form; None: there is no short form
    reader: str = "tests"

    def command(self, form):
        return self.long if form == "long" or self.short == "" else self.short


def pytest(*files):
    return " ".join(["python -m pytest -q", *(f"tests/python/{file}" for file in files)])


def stress(topics):
    run = f"python tests/stress/run.py {topics}"
    return {"long": run, "short": f"{run} --short", "reader": "stress"}


ROWS = [
    Row(
        "bad input",
        "a ValueError or TypeError that names the argument; nothing changes",
        pytest(
            "test_bad_input.py",
            "test_fit_errors.py",
            "test_learning_errors.py",
            "test_labels.py",
            "test_settings.py",
        ),
    ),
    Row(
        "array memory",
        "any strides, types and alignments give the same numbers; no access beyond an array",
        pytest("test_network_layouts.py", "test_out.py", "test_guard_pages.py", "course/test_layouts.py"),
    ),
    Row("damaged files", "an error that names the file, or the same model", **stress("damaged_files")),
    Row(
        "fuzzed files",
        "models, .npz, CSV, images: an error of deepnet's own, no crash, no hang",
        **stress("fuzz"),
    ),
    Row(
        "kills and failing writes",
        "a file is the old or the new one; a run goes on with the same bits",
        **stress("kills"),
    ),
    Row(
        "killed ranks",
        "of an MPI job: it ends, names the rank, and a run that goes on ends with the same bits",
        **stress("ranks"),
    ),
    Row("forks", "parent and child compute the same bits, whatever ran before", **stress("forks")),
    Row(
        "threads",
        "the same bits for any number of threads",
        pytest("test_threads.py", "test_fit_bits.py", "test_fit_many.py"),
    ),
    Row("concurrency", "a copy made while a thread trains is of one moment", **stress("snapshots")),
    Row(
        "Ctrl-C",
        "native loops end within 0.2 s, after a whole update",
        pytest("test_interrupt.py", "test_fit_interrupt.py"),
    ),
    Row("starts and exits", "the command ends with one line and a documented exit code", **stress("starts")),
    Row("leaks", "calls keep neither memory nor files", **stress("leaks")),
    Row(
        "memory bounds",
        "data on a disk is not copied; the peak is bounded",
        pytest("test_fit_memory.py", "test_large_networks.py"),
    ),
    Row("little memory", "a MemoryError, and the process goes on", **stress("memory_limits")),
    Row(
        "failing allocations",
        "each allocation fails once: a MemoryError, nothing is lost",
        **stress("allocations"),
    ),
    Row("no more threads", "fewer threads, the same bits", **stress("thread_limits")),
    Row("old CPUs", "only instructions of the CPU run", ".ci/run nehalem haswell", None),
    Row(
        "state of the process",
        "denormals, rounding, signals and the environment stay as they were; symbols stay hidden",
        pytest("test_hygiene.py", "test_instruction_sets.py"),
    ),
    Row("ASan, UBSan, LSan", "no report", "make cpp-test PRESET=asan", None, "doctest"),
    Row("TSan", "no report", "make cpp-test PRESET=tsan", None, "doctest"),
    Row("C++ tests", "results within derived error bounds", "make cpp-test", None, "doctest"),
    Row(
        "files execute nothing",
        "model files and .npz with code in them are refused",
        pytest("test_model_file.py", "test_io.py"),
    ),
    Row(
        "the command",
        "any options and tables: a result, or one line and exit code 2",
        pytest("cli", "test_cli.py"),
    ),
    Row("soak", "mixed work, the same bits in every round, memory stays", **stress("soak")),
    Row("mutants", "a change of a check is noticed by a test", "python tests/mutants.py", None, "mutants"),
    Row("Python coverage", "at least 95 %", "coverage run -m pytest", None, "share"),
    Row("C++ coverage", "at least 90 % of the lines", "gcovr --filter cpp/", None, "share"),
]


def counted(reader, output):
    """Return the trials and the failures in what a command printed."""
    if reader == "tests":
        counts = {"passed": 0, "failed": 0, "error": 0}
        for number, what in re.findall(r"(\d+) (passed|failed|error)", output):
            counts[what] += int(number)
        return sum(counts.values()), counts["failed"] + counts["error"]
    if reader == "stress":
        rows = re.findall(r"^\w+ +(\d+)((?: +\d+){6})", output, re.M)
        return sum(int(trials) for trials, _ in rows), sum(
            int(n) for _, faults in rows for n in faults.split()
        )
    found = re.search(r"assertions: *(\d+) \| *\d+ passed \| *(\d+) failed", output)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def run(row, form):
    """Run one row, and return what to store."""
    command = row.command(form)
    print(f"{row.name}: {command}", flush=True)
    variables = os.environ | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    started = time.monotonic()
    ended = subprocess.run(
        shlex.split(command),
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    trials, failures = counted(row.reader, ended.stdout)
    if ended.returncode and not failures:
        failures = 1
    if not trials or failures:
        print(ended.stdout[-3000:], ended.stderr[-3000:], sep="\n")
    print(f"  {trials} trials, {failures} failures in {time.monotonic() - started:.0f} s", flush=True)
    return {
        "trials": trials,
        "failures": failures,
        "date": time.strftime("%Y-%m-%d"),
        "command": command,
        "seconds": round(time.monotonic() - started),
    }


def read():
    return json.loads(STORED.read_text(encoding="utf-8")) if STORED.is_file() else {}


def store(row, form, result):
    stored = read()
    stored.setdefault(row.name, {})[form] = result
    STORED.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def shown(results):
    """Return the form and the result that the page shows: most trials, unless a later one failed."""
    form = max(results, key=lambda form: results[form]["trials"])
    for other, result in results.items():
        if result.get("failures") and result["date"] >= results[form]["date"]:
            form = other
    return form, results[form]


def bound(result):
    """Return the most that the share of failures can be with a confidence of 95 %, by the rule of three."""
    return "-" if result["failures"] or result["trials"] < 3 else f"{3 / result['trials']:.1g}"


def page(stored):
    """Return the text of docs/reliability.md."""
    lines, notes = [], []
    for row in ROWS:
        if row.name not in stored:
            raise SystemExit(f"there is no result of {row.name!r} yet: run it first")
        form, result = shown(stored[row.name])
        trials, failures = result["trials"], result["failures"]
        if row.reader == "share":
            cells = [f"{trials:,}", f"{1 - failures / trials:.1%} covered", "-"]
        elif row.reader == "mutants":
            cells = [f"{trials:,}", f"{failures} survived", "-"]
        else:
            cells = [f"{trials:,}", f"{failures}", bound(result)]
        cells = [row.name, row.promise, *cells, result["date"], form]
        lines.append(f"| {' | '.join(cells)} |")
        note = result.get("note", "")
        notes.append(f"- **{row.name}**: `{result['command']}`{note and '. ' + note[0].upper() + note[1:]}")
    return "\n".join([HEAD, *lines, TRIED, *notes, TAIL])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [row.name for row in ROWS]
    parser.add_argument("rows", nargs="*", metavar="row", help=", ".join(names))
    parser.add_argument("--long", action="store_true", help="the long forms")
    parser.add_argument("--page", action="store_true", help="run nothing, and write the page")
    parser.add_argument("--list", action="store_true", help="print the rows and their commands")
    arguments = parser.parse_args()
    if unknown := set(arguments.rows) - set(names):
        parser.error(f"unknown rows: {', '.join(sorted(unknown))}")
    form = "long" if arguments.long else "short"
    failures = 0
    for row in ROWS:
        if arguments.list:
            print(f"{row.name}: {row.command(form) or 'long only: ' + row.long}")
        elif not arguments.page and (not arguments.rows or row.name in arguments.rows):
            if row.command(form) is None or row.reader in ("share", "mutants"):
                print(f"{row.name}: by hand: {row.long}")
                continue
            result = run(row, form)
            failures += result["failures"] or not result["trials"]
            store(row, form, result)
    if not arguments.list:
        PAGE.write_text(page(read()), encoding="utf-8")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
