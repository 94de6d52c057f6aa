"""The report of a gradient check."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ArrayCheck:
    """How one array of gradients compares with the differences.

    Attributes
    ----------
    error : float
        ``||g - n|| / (||g|| + ||n||)`` over the entries that were compared; nan if there are none.
    compared, left_out, size : int
        Numbers of entries: compared, left out because kinks or rounding leave nothing to compare, and all.
    ratio : float or None
        Gradient divided by difference, if the array is wrong and all its entries have the same ratio.
    passed : bool
        True if the array agrees: within the limit, or as far as kinks and rounding allow.
    moved : bool
        True if it was compared at nearby parameters, because of kinks at the given ones.
    """

    error: float
    compared: int
    left_out: int
    size: int
    ratio: float | None
    passed: bool
    moved: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of one array of gradients beside the difference of the cost."""

    key: str
    index: tuple[int, ...]
    analytic: float
    numeric: float

    def __str__(self) -> str:
        place = f"{self.key}[{', '.join(map(str, self.index))}]"
        return f"{place:<16} gradient {self.analytic:<14.8g} difference {self.numeric:.8g}"


@dataclass(frozen=True, slots=True, repr=False)
class GradientCheck:
    """The result of :func:`deepnet.gradient_check`; true if all gradients are right.

    Attributes
    ----------
    arrays : dict of ArrayCheck
        For each of ``dW1``, ``db1``, ...
    worst : list of Entry
        The five entries that contribute most to the errors, the worst first.
    error : float
        ``||g - n|| / (||g|| + ||n||)`` over all entries that were compared, of all arrays.
    epsilon, limit : float
        The step, and the error above which an array is wrong.
    notes : list of str
        Conversions that were made, and possible causes of a failure.
    explanations : list of str
        If an array is wrong: which layer to look at first, and what a factor or pattern probably means.
    """

    arrays: dict[str, ArrayCheck]
    worst: list[Entry]
    error: float
    epsilon: float
    limit: float
    notes: list[str]
    explanations: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """True if every array was compared and agrees."""
        return all(array.passed for array in self.arrays.values())

    @property
    def wrong(self) -> list[str]:
        """Arrays that do not agree."""
        return [key for key, array in self.arrays.items() if array.compared and not array.passed]

    @property
    def unchecked(self) -> list[str]:
        """Arrays with no entry to compare, except those whose gradients rounding errors hide."""
        return [key for key, array in self.arrays.items() if not (array.compared or array.passed)]

    def __bool__(self) -> bool:
        return self.passed

    def __repr__(self) -> str:
        faults = [f"{', '.join(self.wrong)} wrong"] if self.wrong else []
        faults += [f"{', '.join(self.unchecked)} not checked"] if self.unchecked else []
        answer = "passed" if self.passed else "; ".join(faults)
        lines = [f"<gradient check: {answer}; relative error {self.error:.2g}, limit {self.limit:.2g}>"]
        lines.append(f"  {'':<8}{'compared':>10}{'left out':>10}{'of':>10}  relative error")
        lines += [f"  {key:<8}{self._row(array)}" for key, array in self.arrays.items()]
        if self.wrong:
            lines += ["  largest errors:", *(f"  {entry}" for entry in self.worst)]
        lines += [f"  {sentence}" for sentence in self.explanations]
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])

    def _row(self, array: ArrayCheck) -> str:
        row = f"{array.compared:>10}{array.left_out:>10}{array.size:>10}  {array.error:<10.2g}"
        if not array.compared:
            row += "slope smaller than rounding errors" if array.passed else "not checked"
        elif not array.passed:
            row += "wrong" + (f": {array.ratio:.6g} times the difference" if array.ratio is not None else "")
        elif array.error > self.limit:
            row += "agrees as far as kinks and rounding allow"
        return (row + (" (at nearby parameters)" if array.moved else "")).rstrip()
