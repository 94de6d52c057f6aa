"""What a command says: lines for people, or with ``--json`` one object for programs."""

import json
import math
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from rich.console import Console

from deepnet.cli.endings import clear_endings, one_line, raising_interrupts
from deepnet.cli.terminal import printable, say


class Output:
    """Lines on the console; with `as_json` nothing but the collected results, at the end."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.console = Console(highlight=False, quiet=as_json)
        self.results: dict[str, Any] = {}
        self._notes = list[str]()

    def hush(self) -> None:
        """Say nothing from now on: another process does."""
        self.as_json, self.console.quiet = False, True

    def say(self, topic: str, text: str) -> None:
        """Print a line; the text may use Rich's markup."""
        say(self.console, topic, text)

    def note(self, text: str) -> None:
        """Say what the user should know and did not ask for; once each."""
        text = one_line(text)
        if text not in self._notes:
            self._notes.append(text)
            self.say("Note", f"[yellow]{printable(text)}[/yellow]")

    def result(self, **entries: Any) -> None:
        """Add entries to the object for programs."""
        self.results |= entries

    def end(self) -> None:
        """Print the object."""
        if self.as_json:
            everything = self.results | ({"notes": self._notes} if self._notes else {})
            json.dump(plain(everything), sys.stdout, ensure_ascii=False, indent=1, allow_nan=False)
            print()


def plain(value: Any) -> Any:
    """Return a value as JSON has it: numbers of NumPy as numbers, nan and infinities as null."""
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, (str, int, float)) else str(value)


@contextmanager
def reporting(as_json: bool) -> Iterator[Output]:
    """Run a command: warnings become notes, results are printed if it succeeds, and all else is one line."""
    with clear_endings(), raising_interrupts(), warnings.catch_warnings():
        out = Output(as_json)
        warnings.simplefilter("ignore")
        for kind in (UserWarning, RuntimeWarning):
            warnings.simplefilter("always", kind)
        warnings.showwarning = lambda message, *_, **__: out.note(str(message))
        yield out
        out.end()
