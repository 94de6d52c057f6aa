"""Runs the commands of command_line.md, writes their output into the page, and makes its pictures.

``python docs/command_line.py --write`` needs the extras cli, tables and onnx, and the data folder of the
tests (``DEEPNET_DATA``), which the page calls ``$DATA``. A test runs the same commands.
"""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

from typer.testing import CliRunner

from deepnet.cli.app import app

PAGE = Path(__file__).with_suffix(".md")
IMAGES = PAGE.parent / "images"
PICTURES = ("curves", "confusion", "importance")  # of the first report
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.M | re.S)
PROGRESS = "\N{BOX DRAWINGS HEAVY HORIZONTAL}"
MOST_ROWS = 4  # that `head` shows


def blocks(page: str) -> Iterator[tuple[str, str]]:
    """Yield the kind and the text of each block of code."""
    for match in BLOCK.finditer(page):
        yield match[1], match[2]


def commands(block: str) -> list[str]:
    """Return the commands of a console block."""
    return [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]


def run(command: str, data: Path) -> str:
    """Run one command in the current folder, and return what it prints, without progress bars."""
    words = [word.replace("$DATA", str(data)) for word in command.split()]
    if words[0] == "head":
        return "".join(Path(words[-1]).read_text().splitlines(keepends=True)[:MOST_ROWS])
    result = CliRunner().invoke(app, words[1:], prog_name="deepnet", catch_exceptions=False)
    if result.stderr:  # not the exit code: `deepnet diagnose` exits with 1 when it finds a mistake
        raise RuntimeError(f"{command}: {result.stderr}")
    text = result.output.replace(str(data), "$DATA")
    return "".join(line for line in text.splitlines(keepends=True) if PROGRESS not in line)


def topics(output: str) -> list[str]:
    """Return the words in the margin, each once: how many networks there are depends on the numbers."""
    return list(dict.fromkeys(re.findall(r"^([A-Z]\w+|deepnet)  ?", output, re.M)))


def answered(page: str, data: Path) -> str:
    """Return a page with what its commands print now, run in the current folder."""

    def answer(match: re.Match[str]) -> str:
        if match[1] == "python":
            if ">>> " not in match[2]:  # or it is an example that runs as a test
                exec(compile(match[2], "page", "exec"), {})
            return match[0]
        lines = []
        for command in commands(match[2]):
            print(command, flush=True)
            lines += [f"$ {command}", *run(command, data).rstrip().splitlines(), ""]
        return "```console\n" + "\n".join(lines).rstrip() + "\n```"

    return BLOCK.sub(answer, page)


def write(data: Path) -> None:
    """Run all blocks in a new folder, and write the page and its pictures."""
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        text = answered(PAGE.read_text(), data)
        for name in PICTURES:
            shutil.copyfile(Path("report", f"{name}.png"), IMAGES / f"command_line_{name}.png")
    PAGE.write_text(text)


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python docs/command_line.py --write")
    write(Path(os.environ["DEEPNET_DATA"]).resolve())
