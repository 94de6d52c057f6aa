"""Run every example and print a table of their scores, as in docs/guide.md.

    python examples/scores.py [--short] [--write docs/guide.md]

``--write`` puts the table into that file. A script whose data are missing keeps the row it has there.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATA = {
    "digits.py": "1,797 images of 8 x 8 pixels, 64-256-256-10, dropout",
    "mnist_subset.py": "5,000 images of MNIST as bytes, 784-256-256-10, dropout",
    "breast_cancer.py": "569 tumours, 30-16-1, L2",
    "diabetes.py": "442 patients, mean of five 10-32-1, L2",
    "cats.py": "the course's 209 images, augmented, 768-256-1, dropout",
}
BASELINES = {"ridge regression": "ridge regression", "the notebook's network": "the notebook's network"}
DIGITS = {"R2": 2}  # others: 3
HEAD = "| script | data, network | score | baseline |\n| --- | --- | ---: | ---: |\n"
BEGIN = "<!-- The table is written by: python examples/scores.py --write docs/guide.md -->\n"
END = "<!-- end of the table -->\n"
SCORE = re.compile(r"^(.+): (-?[\d.]+) \(standard deviation ([\d.]+), ", re.M)


def row_of(script: str, output: str) -> str | None:
    """Return the row of a script from what it printed; None if that has no score."""
    found = {name: (float(mean), float(deviation)) for name, mean, deviation in SCORE.findall(output)}
    name = next((name for name in found if name.startswith("test ")), None)
    if name is None:
        return None
    measure = name.removeprefix("test ")
    digits = DIGITS.get(measure, 3)

    def text(label: str, score: str) -> str:
        mean, deviation = found[score]
        return f"{label} {mean:.{digits}f} ± {deviation:.{digits}f}"

    baseline = "".join(text(label, score) for score, label in BASELINES.items() if score in found)
    link = f"[{script}](../examples/{script})"
    return f"| {link} | {DATA[script]} | {text(measure, name)} | {baseline} |\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--short", action="store_true", help="run the short versions, whose scores mean little"
    )
    parser.add_argument("--write", type=Path, help="write the table into this file")
    options = parser.parse_args()
    if options.short and options.write:
        parser.error("--write needs the scores of the full runs")

    guide = options.write or HERE.parent / "docs" / "guide.md"
    before, begin, rest = guide.read_text().partition(BEGIN)
    table, end, after = rest.partition(END)
    if not (begin and end):
        parser.error(f"{guide} has no line {(END if begin else BEGIN).strip()!r}")

    rows = []
    for script in DATA:
        print(f"--- {script}", flush=True)
        command = [sys.executable, str(HERE / script), *(["--short"] if options.short else [])]
        lines = []
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout or ():
                print(line, end="", flush=True)
                lines.append(line)
        if process.returncode:
            sys.exit(f"{script} failed with status {process.returncode}")
        written = [line + "\n" for line in table.splitlines() if f"[{script}]" in line]
        rows.append(row_of(script, "".join(lines)) or "".join(written))
    new = HEAD + "".join(rows)
    print(f"\n{new}")
    if options.write:
        guide.write_text(before + BEGIN + new + END + after)


if __name__ == "__main__":
    main()
