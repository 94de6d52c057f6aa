"""A report as text: the parts of each finding with their names, which the command shows, too."""

from __future__ import annotations

from .findings import Finding, Report

HEADS = {"wrong": "Wrong", "fragile": "Fragile", "style": "Style"}


def parts(finding: Finding, hint: int) -> list[tuple[str, str]]:
    """Return what there is besides the message: name and text of each part, with up to `hint` hints."""
    facts = [
        ("mistake", finding.mistake or ""),
        ("given", finding.given),
        ("expected", finding.expected),
        ("actual", finding.actual),
        ("pattern", finding.pattern),
        ("lecture", finding.formula),
        *((f"hint {number}", text) for number, text in enumerate(finding.hints[:hint], start=1)),
    ]
    return [(name, text) for name, text in facts if text]


def as_text(report: Report, hint: int = 0) -> str:
    """Return a report as lines: a head for each finding, its parts below, indented."""
    if not report.checked:
        return "There is no function with a name of the course."
    lines = [summary(report)]
    for finding in report.findings:
        lines += ["", f"{HEADS[finding.severity]}: {finding.function}: {finding.message}"]
        for name, text in parts(finding, hint):
            first, *rest = text.splitlines()
            lines.append(f"  {name:<9} {first}")
            lines += [f"  {'':<9} {line}" for line in rest]
    return "\n".join(lines)


def summary(report: Report) -> str:
    """Return one sentence on a report."""
    wrong = list(dict.fromkeys(f.function for f in report.findings if f.severity == "wrong"))
    count = len(report.checked)
    if not wrong:
        fragile = len({f.function for f in report.findings if f.severity == "fragile"})
        remarks = sum(f.severity == "style" for f in report.findings)
        rest = f", but {fragile} {'are' if fragile > 1 else 'is'} fragile" if fragile else ""
        rest += f", with {remarks} remark{'s' * (remarks > 1)}" if remarks else ""
        return f"no mistake found in {count} function{'s' * (count > 1)}{rest}"
    return f"{len(wrong)} of {count} function{'s' * (count > 1)} wrong: {', '.join(wrong)}"
