"""Runs the commands of diagnose.md, writes their output into the page, and draws the reports.

``python docs/diagnose_page.py --write`` needs the extra cli. A test runs the same commands, and compares the
reports with the pictures.
"""

import io
import re
import sys
import tempfile
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.syntax import Syntax
from rich.terminal_theme import DEFAULT_TERMINAL_THEME

import deepnet
from deepnet.cli.diagnosis import show_finding
from deepnet.diagnose import Report
from deepnet.diagnose.catalogue import MISTAKES
from deepnet.diagnose.catalogue.mistake import Mistake, source_of
from deepnet.diagnose.lecture import c1w4 as lecture

sys.path.insert(0, str(Path(__file__).parent))
import command_line

PAGE = Path(__file__).with_name("diagnose.md")
IMAGES = PAGE.parent / "images"
WIDTH = 110
# As Rich makes it, without the fonts that it would load from elsewhere, and without a window around it.
SVG = """<svg viewBox="0 0 {terminal_width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, monospace; font-size: {char_height}px;
line-height: {line_height}px; white-space: pre; }}
{styles}
</style>
<rect width="100%" height="100%" fill="#ffffff"/>
<g transform="translate(8, 4)" clip-path="url(#{unique_id}-clip-terminal)">{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g></g>
<defs><clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{height}"/>
</clipPath>{lines}</defs>
</svg>
"""


@dataclass(frozen=True)
class Example:
    """A mistake of the catalogue; one that is in no catalogue has no name, but edits of its own."""

    function: str
    name: str | None
    edits: tuple[tuple[str, str], ...] = ()

    @property
    def file(self) -> Path:
        """The picture."""
        words = re.sub(r"\W+", "_", self.name or "unknown").strip("_").lower()
        return IMAGES / f"diagnose_{self.function}_{words}.svg"

    def _known(self) -> Mistake:
        return next(m for m in MISTAKES["c1w4"] if (m.function, m.name) == (self.function, self.name))

    def source(self) -> str:
        """Return the function with the mistake, as a learner writes it."""
        text = re.sub(r": Any| -> Any", "", source_of(lecture, self.function))
        text = re.sub(r'\n    """.*?"""', "", text, count=1, flags=re.S)
        for old, new in self.edits or self._known().ways()[0]:
            if old not in text:
                raise ValueError(f"{self.function}: the lecture's function has no {old!r}")
            text = text.replace(old, new)
        return text

    def report(self) -> Report:
        """Return what is found in the lecture's functions with this one in its place."""
        scope = dict(vars(lecture))
        for name in deepnet.diagnose.FUNCTIONS["c1w4"]:
            text = self.source() if name == self.function else source_of(lecture, name)
            exec(compile(text, f"<{name}>", "exec"), scope)
        report: Report = deepnet.diagnose(scope)
        return report

    def picture(self) -> str:
        """Draw the function and the report, as SVG."""
        console = Console(
            record=True,
            width=WIDTH,
            file=io.StringIO(),
            force_terminal=True,
            color_system="truecolor",
            highlight=False,
        )
        console.print(Syntax(self.source().strip(), "python", theme="default", background_color="default"))
        console.print()
        for finding in self.report().findings:
            show_finding(console, finding, hint=1, width=WIDTH)
        return console.export_svg(code_format=SVG, theme=DEFAULT_TERMINAL_THEME, unique_id="d")


EXAMPLES = (
    Example("linear_backward", "dW and db without 1/m"),
    Example("linear_backward", "db without keepdims"),
    Example("linear_backward", "1/m in dA_prev, too"),
    Example("linear_activation_forward", "cache holds A in place of Z"),
    Example("relu_backward", "gradient 1 at Z = 0"),
    Example("relu_backward", "writes into dA"),
    Example("L_model_backward", "dAL taken for dZ[L]"),
    Example("compute_cost", "outer product, summed"),
    Example("update_parameters", "result not assigned"),
    Example("linear_backward", None, (("keepdims=True) / m", "keepdims=True) / (m - 1)"),)),
)


def write() -> None:
    """Run all blocks in a new folder, and write the page and its pictures."""
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        text = command_line.answered(PAGE.read_text(), Path(folder))
    PAGE.write_text(text)
    for example in EXAMPLES:
        example.file.write_text(example.picture())


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python docs/diagnose_page.py --write")
    write()
