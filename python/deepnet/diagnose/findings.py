"""What a diagnosis says: a report with one finding per mistake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["wrong", "fragile", "style"]
RANK: dict[str, int] = {"style": 0, "fragile": 1, "wrong": 2}


@dataclass(frozen=True)
class Finding:
    """One mistake in one function.

    Attributes
    ----------
    function : str
        The course's name of the function.
    severity : {"wrong", "fragile", "style"}
        "wrong": results are wrong. "fragile": right on the course's data, but not on all that the function
        may get. "style": a remark.
    mistake : str or None
        Its name in the catalogue, if it is a known mistake.
    message : str
        One or two sentences: what differs.
    given, expected, actual : str
        Small printed arrays or shapes; empty where they say nothing.
    pattern : str
        What all differences have in common, for example ``constant ratio 7 = number of examples``.
    hints : tuple of three str
        From a nudge to nearly the answer, but never the corrected line.
    formula : str
        The lecture's formula.
    """

    function: str
    severity: Severity
    mistake: str | None
    message: str
    given: str
    expected: str
    actual: str
    pattern: str
    hints: tuple[str, str, str]
    formula: str


@dataclass(frozen=True)
class Report:
    """All findings, the worst first, then in the order in which the course introduces the functions.

    Attributes
    ----------
    findings : tuple of Finding
    checked : tuple of str
        The functions that were checked.
    missing : tuple of str
        The course's functions that were not there to check.
    """

    findings: tuple[Finding, ...]
    checked: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def correct(self) -> bool:
        """True if no finding is "wrong"."""
        return all(finding.severity != "wrong" for finding in self.findings)

    def __str__(self) -> str:
        """One line per finding."""
        if not self.checked:
            return "No function of the course was found."
        lines = [f"{f.function} ({f.severity}): {f.message}" for f in self.findings]
        return "\n".join(lines) or f"No mistake found in {', '.join(self.checked)}."


def by_severity(finding: Finding) -> int:
    """Sort key: the worst first."""
    return -RANK[finding.severity]
