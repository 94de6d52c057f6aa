"""explain_step, the function that users call, and what it returns."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deepnet import _validation as check
from deepnet import reference
from deepnet._arguments import advised
from deepnet._numbers import whole
from deepnet.activations import AnyActivation, Array, entry_of
from deepnet.caches import Parameters, Real
from deepnet.losses import Loss

from . import _writing as writing

MOST_DECIMALS = 15
# The derivative of an activation, where it is short.
_SLOPES = {
    "relu": "(Z[{0}] > 0)",
    "sigmoid": "A[{0}] * (1 - A[{0}])",
    "tanh": "(1 - A[{0}] * A[{0}])",
    "identity": "1",
}


@dataclass(frozen=True, slots=True)
class Quantity:
    """One line of a step.

    Attributes
    ----------
    name : str
        ``Z1``, ``A1``, ``cost``, ``dZ1``, ``dW1``, ``db1``; ``new W1`` of an updated matrix.
    formula : str
        In the lecture's notation: ``Z[1] = W[1] A[0] + b[1]``.
    value : ndarray
    latex : str
        The formula for LaTeX's math mode, if it is not made of `formula`.
    """

    name: str
    formula: str
    value: Array
    latex: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class ExplainedStep:
    """One training step, as :func:`deepnet.explain_step` returns it; ``repr`` and ``print`` show the text.

    ``step["dW1"]`` is the matrix of this name.

    Attributes
    ----------
    title : str
    sections : dict of list of Quantity
        What is given, forward propagation, cost, backward propagation and update, in this order.
    parameters : dict of ndarray
        The updated ``W1``, ``b1``, ...
    decimals : int
        That are shown.
    """

    title: str
    sections: dict[str, list[Quantity]]
    parameters: Parameters
    decimals: int

    def __getitem__(self, name: str) -> Array:
        for quantities in self.sections.values():
            for quantity in quantities:
                if quantity.name == name:
                    return quantity.value
        names = ", ".join(q.name for quantities in self.sections.values() for q in quantities)
        raise KeyError(f"{name!r}: known are {names}")

    def __repr__(self) -> str:
        lines = [self.title]
        for section, quantities in self.sections.items():
            lines += ["", section, "-" * len(section)]
            for q in quantities:
                shape = f"   {q.value.shape}" if q.value.ndim else ""
                lines += [f"{q.formula}{shape}", writing.text_matrix(q.value, self.decimals, "    ")]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Return the step for a notebook."""
        parts = [f"<h3>{html.escape(self.title)}</h3>"]
        for section, quantities in self.sections.items():
            rows = [
                f"<div style='margin:.4em 0'>{writing.html_formula(q.formula)}"
                f" = {writing.html_matrix(q.value, self.decimals)}</div>"
                for q in quantities
            ]
            parts += [f"<h4>{section}</h4>", *rows]
        return f"<div>{''.join(parts)}</div>"

    def to_latex(self) -> str:
        r"""Return the step for LaTeX, with matrices of the package amsmath.

        Examples
        --------
        >>> parameters = {"W1": np.array([[1.0, -2.0]]), "b1": np.zeros((1, 1))}
        >>> step = deepnet.explain_step(parameters, np.eye(2), np.array([[1, 0]]))
        >>> print([line for line in step.to_latex().splitlines() if "Z^{[1]} = W" in line][0])
        \[ Z^{[1]} = W^{[1]} A^{[0]} + b^{[1]} = \begin{bmatrix} 1 & -2 \end{bmatrix} \]
        """
        lines = [f"% {self.title}"]
        for section, quantities in self.sections.items():
            lines += ["", rf"\paragraph{{{section}}}"]
            for q in quantities:
                formula = q.latex or writing.latex_formula(q.formula)
                lines.append(rf"\[ {formula} = {writing.latex_matrix(q.value, self.decimals)} \]")
        return "\n".join([*lines, ""])


@advised
def explain_step(
    parameters: Parameters,
    X: Array,
    Y: Any,
    *,
    learning_rate: Real = 0.0075,
    activations: AnyActivation | Sequence[AnyActivation] = "relu",
    output: AnyActivation | None = None,
    loss: str | Loss | None = None,
    decimals: int = 4,
) -> ExplainedStep:
    """Show one step of gradient descent with every intermediate matrix, in the lecture's notation.

    Parameters
    ----------
    parameters : dict of ndarray
        ``W1..WL`` (n_l, n_{l-1}) and ``b1..bL`` (n_l, 1), as for :func:`deepnet.L_model_forward`. They are
        not changed.
    X : ndarray of float32 or float64, shape (n_0, m)
        One column per example: a few, so that the matrices can be read.
    Y : ndarray of bool, integers or floats, shape (n_L, m)
        Labels, as in :func:`deepnet.L_model_backward`.
    learning_rate : float
    activations, output
        As in :func:`deepnet.L_model_forward`.
    loss
        As in :func:`deepnet.L_model_backward`: the cross-entropy by default.
    decimals : int
        To show.

    Returns
    -------
    step : ExplainedStep
        Prints as text, is shown as HTML by a notebook, and has ``to_latex()``; ``step["dZ1"]`` is a matrix of
        it, and ``step.parameters`` are the updated parameters.

    Raises
    ------
    ValueError, TypeError
        If an argument does not fit: ``W1 has 2 columns, but X has 3 rows``.

    Notes
    -----
    The matrices are those of :mod:`deepnet.reference`, in the dtype of the arguments. Of matrices with more
    than 10 rows or columns, the first 4 and the last 3 are shown.

    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.

    Examples
    --------
    >>> parameters = {"W1": np.array([[1.0, -2.0]]), "b1": np.array([[0.5]])}
    >>> X, Y = np.array([[0.5, 1.0, 2.0], [1.0, 0.0, 1.0]]), np.array([[0, 1, 1]])
    >>> step = deepnet.explain_step(parameters, X, Y, learning_rate=0.1)
    >>> print(step)
    One training step: 1 layer, m = 3 examples, learning rate alpha = 0.1
    ...
    Z[1] = W[1] A[0] + b[1]   (1, 3)
        [ -1.0000 1.5000 0.5000 ]
    ...
    dW[1] = 1/m dZ[1] A[0]^T   (1, 2)
        [ -0.2677 -0.0362 ]
    ...
    >>> step["dW1"].shape
    (1, 2)
    """
    places = whole("decimals", decimals, 1, MOST_DECIMALS)
    given = check.L_model_forward(X, parameters, activations, output)
    X, parameters, names = given["X"], given["parameters"], given["activations"]
    L, m = len(names), X.shape[1]
    first = [Quantity("X", "X = A[0]", X)]
    forward: list[Quantity] = []
    caches: list[Any] = []
    A = X
    for layer, activation in enumerate(names, start=1):
        W, b = parameters[f"W{layer}"], parameters[f"b{layer}"]
        first += [Quantity(f"W{layer}", f"W[{layer}]", W), Quantity(f"b{layer}", f"b[{layer}]", b)]
        A, cache = reference.linear_activation_forward(A, W, b, activation)
        caches.append(cache)
        forward.append(
            Quantity(f"Z{layer}", f"Z[{layer}] = W[{layer}] A[{layer - 1}] + b[{layer}]", cache[1])
        )
        forward.append(Quantity(f"A{layer}", f"A[{layer}] = {entry_of(activation).name}(Z[{layer}])", A))
    back = check.L_model_backward(A, Y, caches, names, True, None, loss)
    Y, loss = back["Y"], back.get("loss")
    of_cost = loss or ("categorical_cross_entropy" if entry_of(names[-1]).whole_columns else None)
    cost = reference.compute_cost(**check.compute_cost(A, Y, of_cost))
    first.insert(1, Quantity("Y", "Y", Y))
    backward, grads = _backward(A, Y, caches, names, loss)
    new, update = _update(parameters, grads, learning_rate)
    AL, _ = reference.L_model_forward(X, new, activations=names)
    after = reference.compute_cost(**check.compute_cost(AL, Y, of_cost))
    count = f"{L} layer{'s' if L > 1 else ''}, m = {m} example{'s' if m > 1 else ''}"
    return ExplainedStep(
        f"One training step: {count}, learning rate alpha = {float(learning_rate):g}",
        {
            "Given": first,
            "Forward propagation": forward,
            "Cost": [_cost(cost, loss, names[-1], L)],
            "Backward propagation": backward,
            "Update": update,
            "Afterwards": [Quantity("new cost", "J, with the new parameters", after, _OF_NEW)],
        },
        new,
        places,
    )


_OF_NEW = r"J \text{, with the new parameters,}"
_MEAN = r"\frac{1}{m} \sum_{i=1}^{m}"


def _cost(cost: Array, loss: Loss | None, output: AnyActivation, L: int) -> Quantity:
    if loss is not None:
        formula, _ = _parts(loss)
        latex = rf"J = {_MEAN} \text{{{writing.escaped(formula)}}}"
        return Quantity("cost", f"J = 1/m sum over the examples of {formula}", cost, latex)
    hit, miss = f"Y * log(A[{L}])", f"(1 - Y) * log(1 - A[{L}])"
    terms = hit if entry_of(output).whole_columns else f"{hit} + {miss}"
    return Quantity("cost", f"J = -1/m sum({terms})", cost)


def _parts(loss: Loss) -> tuple[str, str]:
    """Return the formula of a loss, and that of its derivative or nothing: ``A - Y`` of "...; dZ = A - Y"."""
    for name in ("; dZ = ", "; dA = "):
        formula, found, derivative = loss.formula.partition(name)
        if found:
            return formula, derivative
    return loss.formula, ""


def _backward(
    AL: Array, Y: Array, caches: Sequence[Any], names: Sequence[AnyActivation], loss: Loss | None
) -> tuple[list[Quantity], Parameters]:
    """Return the lines of backward propagation, and the gradients of the parameters."""
    found, grads, L = list[Quantity](), Parameters(), len(caches)
    step = reference.step_by_step
    for layer in range(L, 0, -1):
        linear_cache, Z = caches[layer - 1]
        name = entry_of(names[layer - 1])
        slope = _SLOPES.get(name.name, f"g'(Z[{{0}}]), g = {name.name}").format(layer)
        if layer == L:
            dZ = step.output_backward(AL, Y, Z, names[-1], loss)
            found += _of_output(AL, Y, dZ, name, loss, f"dA[{L}] * {slope}", L)
        else:
            dZ = step.activation_backward(found[-1].value, Z, names[layer - 1])
            found.append(Quantity(f"dZ{layer}", f"dZ[{layer}] = dA[{layer}] * {slope}", dZ))
        dA_prev, dW, db = reference.linear_backward(dZ, linear_cache)
        grads |= {f"dW{layer}": dW, f"db{layer}": db}
        found.append(Quantity(f"dW{layer}", f"dW[{layer}] = 1/m dZ[{layer}] A[{layer - 1}]^T", dW))
        of_db = f"db[{layer}] = 1/m sum over the examples of dZ[{layer}]"
        latex = rf"db^{{[{layer}]}} = {_MEAN} dZ^{{[{layer}](i)}}"
        found.append(Quantity(f"db{layer}", of_db, db, latex))
        if layer > 1:
            found.append(Quantity(f"dA{layer - 1}", f"dA[{layer - 1}] = W[{layer}]^T dZ[{layer}]", dA_prev))
    return found, grads


def _of_output(
    AL: Array, Y: Array, dZ: Array, activation: Any, loss: Loss | None, product: str, L: int
) -> list[Quantity]:
    """Return dA of the output, if the lecture computes it, and dZ."""
    if loss is None and activation.whole_columns:
        return [Quantity(f"dZ{L}", f"dZ[{L}] = A[{L}] - Y", dZ)]
    if loss is None:
        dA = reference.step_by_step.cost_derivative(AL, Y, activation)
        of_dA = f"dA[{L}] = -(Y / A[{L}] - (1 - Y) / (1 - A[{L}]))"
        return [Quantity(f"dA{L}", of_dA, dA), Quantity(f"dZ{L}", f"dZ[{L}] = {product}", dZ)]
    name = "dA" if loss.activation is None else "dZ"
    what = _parts(loss)[1] or f"the derivative of the loss {loss.name}"
    latex = rf"{name}^{{[{L}]}} = \text{{{writing.escaped(what)}}}"
    if name == "dZ":
        return [Quantity(f"dZ{L}", f"dZ[{L}] = {what}", dZ, latex)]
    dA = loss.slope(AL, Y)
    first = Quantity(f"dA{L}", f"dA[{L}] = {what}", dA, latex)
    return [first, Quantity(f"dZ{L}", f"dZ[{L}] = {product}", dZ)]


def _update(
    parameters: Parameters, grads: Parameters, learning_rate: Real
) -> tuple[Parameters, list[Quantity]]:
    """Return the new parameters, and the lines of the update."""
    new = reference.update_parameters(**check.update_parameters(parameters, grads, learning_rate, None))
    lines = [
        Quantity(f"new {key}", f"{name} := {name} - alpha d{name}", new[key])
        for key in parameters
        for name in [f"{key[0]}[{key[1:]}]"]
    ]
    return new, lines
