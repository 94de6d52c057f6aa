"""Formulas and matrices as text, HTML and LaTeX.

A formula is written as text in the lecture's notation, with the layer in brackets, ``dW[1] = 1/m dZ[1]
A[0]^T``, from which the two others are made.
"""

from __future__ import annotations

import html
import re

import numpy as np

from deepnet.activations import Array

MOST = 10  # rows and columns that are shown; of more, those at both ends. LaTeX's matrices have 10 columns
ENDS = 4, 3  # rows and columns shown at the beginning and at the end
LONGEST = 1e6  # numbers from here on are written with an exponent

_LAYER = re.compile(r"\b([A-Za-z]+)\[(\w+)\](\^T)?")
_GREEK = {"alpha": r"\alpha"}


# --- numbers ------------------------------------------------------------------------------------------------


def cells(array: Array, decimals: int) -> list[list[str]]:
    """Return the entries of a matrix or number as strings, with "..." for those that are left out."""
    matrix = np.atleast_2d(np.asarray(array))
    rows, columns = (_shown(n) for n in matrix.shape)
    whole = bool(np.all(np.isfinite(matrix)) and np.all(matrix == np.round(matrix)))
    whole = whole and bool(np.all(np.abs(matrix) < LONGEST))
    return [
        [
            "..." if i is None or j is None else number(float(matrix[i, j]), 0 if whole else decimals)
            for j in columns
        ]
        for i in rows
    ]


def _shown(count: int) -> list[int | None]:
    if count <= MOST:
        return list(range(count))
    return [*range(ENDS[0]), None, *range(count - ENDS[1], count)]


def number(value: float, decimals: int) -> str:
    """Write a number with so many decimals, or with an exponent where they would not show it."""
    size = abs(value)
    if not np.isfinite(value) or value == 0 or (0.5 * 10.0**-decimals <= size < LONGEST):
        text = f"{value:.{decimals}f}"
        return text[1:] if text.startswith("-") and not text.strip("-0.") else text  # no -0.00
    return f"{value:.{max(decimals - 1, 1)}e}"


# --- text ---------------------------------------------------------------------------------------------------


def text_matrix(array: Array, decimals: int, indent: str) -> str:
    """Return a matrix with its columns aligned, or a number."""
    entries = cells(array, decimals)
    if np.ndim(array) == 0:
        return f"{indent}{entries[0][0]}"
    widths = [max(map(len, column)) for column in zip(*entries, strict=True)]
    lines = [" ".join(e.rjust(w) for e, w in zip(row, widths, strict=True)) for row in entries]
    return "\n".join(f"{indent}[ {line} ]" for line in lines)


# --- HTML ---------------------------------------------------------------------------------------------------

_BORDER = "border-left:1px solid;border-right:1px solid;border-radius:4px"
_CELL = "padding:0 .5em;text-align:right;font-family:monospace;border:none"


def html_formula(text: str) -> str:
    """Return a formula with the layers as superscripts."""
    escaped = html.escape(text, quote=False)
    return _LAYER.sub(lambda m: f"{m[1]}<sup>[{m[2]}]{'T' if m[3] else ''}</sup>", escaped)


def html_matrix(array: Array, decimals: int) -> str:
    """Return a table without headings, or a number."""
    entries = cells(array, decimals)
    if np.ndim(array) == 0:
        return f"<code>{entries[0][0]}</code>"
    rows = "".join(
        f"<tr>{''.join(f'<td style={_CELL!r}>{entry}</td>' for entry in row)}</tr>" for row in entries
    )
    return f'<table style="display:inline-table;{_BORDER}">{rows}</table>'


# --- LaTeX --------------------------------------------------------------------------------------------------


def latex_formula(text: str) -> str:
    """Return a formula of the lecture's notation for LaTeX's math mode."""
    made = _LAYER.sub(lambda m: f"{m[1]}^{{[{m[2]}]{'T' if m[3] else ''}}}", text)
    made = made.replace("1/m ", r"\frac{1}{m} ")
    made = re.sub(r"(?<![A-Za-z\\])([A-Za-z]+(?:_[A-Za-z0-9]+)+|[a-z]{2,})(?![A-Za-z]|\^\{\[)", _word, made)
    return made.replace(" * ", r" \ast ")


def _word(match: re.Match[str]) -> str:
    word = match[1]
    if word in _GREEK:
        return _GREEK[word]
    if word in ("log", "max", "exp"):
        return rf"\{word}"
    if word == "sum":
        return r"\sum"
    return rf"\mathrm{{{escaped(word)}}}"


def escaped(text: str) -> str:
    """Return text for LaTeX outside of math mode."""
    return "".join(_SPECIAL.get(c, c) for c in text)


_SPECIAL = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    **{c: rf"\{c}" for c in "_&%$#{}"},
}


def latex_matrix(array: Array, decimals: int) -> str:
    """Return a bmatrix of amsmath, or a number."""
    entries = [[_latex_number(e) for e in row] for row in cells(array, decimals)]
    if np.ndim(array) == 0:
        return entries[0][0]
    rows = r" \\ ".join(" & ".join(row) for row in entries)
    return rf"\begin{{bmatrix}} {rows} \end{{bmatrix}}"


def _latex_number(text: str) -> str:
    if text == "...":
        return r"\cdots"
    if text.lstrip("-") in ("nan", "inf"):
        return text.replace("nan", r"\mathrm{nan}").replace("inf", r"\infty")
    digits, e, power = text.partition("e")
    return rf"{digits} \cdot 10^{{{int(power)}}}" if e else digits
