"""explain_step: the reference's numbers, formulas that give them, and text, HTML and LaTeX that are whole."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

import deepnet
from deepnet import explain_step, reference
from deepnet.activations import ACTIVATIONS
from deepnet.explaining import _writing as writing
from networks import Unchanged, network
from problems import USABLE_LOSSES, targets_for

X, Y, PARAMETERS = network([3, 4, 2, 1], 5, seed=1)
SOFTMAX = {"output": "softmax"}


def values_of(step):
    return {q.name: q.value for quantities in step.sections.values() for q in quantities}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("hidden", ["relu", "tanh", "gelu"])
def test_the_numbers_are_the_reference_s(hidden, dtype):
    x, parameters = X.astype(dtype), {key: p.astype(dtype) for key, p in PARAMETERS.items()}
    with Unchanged([x, Y], parameters):
        step = explain_step(parameters, x, Y, learning_rate=0.3, activations=hidden)
    AL, caches = reference.L_model_forward(x, parameters, activations=hidden)
    grads = reference.L_model_backward(AL, Y.astype(dtype), caches)
    new = reference.update_parameters(parameters, grads, 0.3)
    for layer, ((A_prev, W, b), Z) in enumerate(caches, start=1):
        expected = {f"Z{layer}": Z, f"W{layer}": W, f"b{layer}": b}
        expected |= {f"A{layer - 1}" if layer > 1 else "X": A_prev}
        expected |= {f"dW{layer}": grads[f"dW{layer}"], f"new b{layer}": new[f"b{layer}"]}
        for name, value in expected.items():
            np.testing.assert_array_equal(step[name], value)
            assert step[name].dtype == dtype
    np.testing.assert_array_equal(step["A3"], AL)
    assert step["cost"] == reference.compute_cost(AL, Y)
    assert step["new cost"] < step["cost"]
    for key, p in new.items():
        np.testing.assert_array_equal(step.parameters[key], p)


def evaluated(formula, values, alpha):
    """Evaluate a formula of the lecture's notation with the matrices of a step."""
    code = formula.partition(" = ")[2] if " := " not in formula else formula.partition(" := ")[2]
    code = code.replace("sum over the examples of", "rowsum")
    code = re.sub(r"(\w+)\[(\d+)\]", r"\1_\2", code).replace("^T", ".T")
    code = re.sub(r"(?<=[\w.]) (?=d?[AWZb]_)", " @ ", code)  # a product of matrices is written without a sign
    code = code.replace("1/m @ ", "1/m ").replace("alpha @ ", "alpha * ").replace("rowsum @ ", "rowsum ")
    code = re.sub(r"rowsum (\w+)", r"* \1.sum(axis=1, keepdims=True)", code)
    code = re.sub(r"1/m (?=[dw]|sum)", "1/m * ", code)
    names = {re.sub(r"([A-Za-z]+)(\d+)$", r"\1_\2", name): v for name, v in values.items()}
    names |= {"A_0": values["X"], "m": values["X"].shape[1], "alpha": alpha, "log": np.log, "sum": np.sum}
    names |= {name: lambda Z, name=name: reference.activation_forward(Z, name) for name in ACTIVATIONS}
    names["abs"] = abs
    return eval(code, names)


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize(
    ("hidden", "output"),
    [("relu", "sigmoid"), ("tanh", "softmax"), ("sigmoid", "sigmoid"), ("identity", "sigmoid")],
)
def test_every_formula_gives_its_matrix(hidden, output, layers):
    """To a few roundings: the formulas are those of the lecture, and the code divides by m elsewhere."""
    units = 2 if output == "softmax" else 1
    X, Y, parameters = network([*[3, 4, 2, 5][:layers], units], 6, seed=layers)
    Y = np.eye(2)[:, np.arange(6) % 2] if output == "softmax" else Y
    step = explain_step(parameters, X, Y, learning_rate=0.3, activations=hidden, output=output)
    values, seen = values_of(step), 0
    for quantities in step.sections.values():
        for q in quantities:
            if " = " in q.formula or " := " in q.formula:
                expected = evaluated(q.formula, values, 0.3)
                np.testing.assert_allclose(q.value, expected, rtol=1e-12, atol=1e-14, err_msg=q.formula)
                seen += 1
    assert seen == 1 + 2 * layers + 1 + (4 * layers - (output == "softmax")) + 2 * layers


@pytest.mark.parametrize("name", USABLE_LOSSES)
def test_every_loss(name):
    output = deepnet.LOSSES[name].activation or "identity"
    net = deepnet.Network([3, 4, 2], "tanh", output, dtype="float64", seed=1)
    targets = targets_for(deepnet.LOSSES[name], 2, 5, np.random.default_rng(0))
    parameters = dict(net.parameters)
    step = explain_step(parameters, X, targets, activations="tanh", output=output, loss=name)
    value, grads = net.loss_and_grads(X, targets, loss=name)
    assert float(step["cost"]) == pytest.approx(value, rel=1e-12)
    for layer in (1, 2):
        np.testing.assert_allclose(step[f"dW{layer}"], grads[f"dW{layer}"], rtol=1e-9, atol=1e-12)
    formula, *derivative = re.split("; d[AZ] = ", deepnet.LOSSES[name].formula)
    assert f"J = 1/m sum over the examples of {formula}\n" in str(step)
    assert f"[2] = {derivative[0] if derivative else f'the derivative of the loss {name}'}   (2, 5)" in str(
        step
    )
    check_latex(step.to_latex())
    check_html(step._repr_html_())


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "softmax"])
def test_every_activation_is_named(name):
    step = explain_step(PARAMETERS, X, Y, activations=name)
    assert f"A[1] = {name}(Z[1])" in str(step)
    check_latex(step.to_latex())
    assert rf"\mathrm{{{writing.escaped(name)}}}(Z^{{[1]}})" in step.to_latex()


# --- writing ------------------------------------------------------------------------------------------------


def check_latex(text):
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
    assert text.count(r"\begin{bmatrix}") == text.count(r"\end{bmatrix}")
    for line in text.splitlines():
        assert not line or line[0] == "%" or line.startswith((r"\paragraph{", r"\[ "))
        assert not line.startswith(r"\[") or line.endswith(r" \]")
        rows = re.search(r"\\begin\{bmatrix\} (.*) \\end\{bmatrix\}", line)
        if rows:
            assert len({row.count("&") for row in rows[1].split(r" \\ ")}) == 1


class _Balanced(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.data = [], []

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.data.append(data)


def check_html(text):
    parser = _Balanced()
    parser.feed(text)
    parser.close()
    assert parser.open == []
    return "".join(parser.data)


def test_text_and_html_show_all_formulas_and_numbers():
    step = explain_step(PARAMETERS, X, Y, decimals=6)
    text, shown = str(step), check_html(step._repr_html_())
    assert repr(step) == text
    assert text.startswith("One training step: 3 layers, m = 5 examples, learning rate alpha = 0.0075\n")
    for quantities in step.sections.values():
        for q in quantities:
            assert q.formula in text
            assert q.formula.replace("^T", "T") in shown
            for row in writing.cells(q.value, 6):
                for entry in row:
                    assert entry in shown
                    assert entry in text
    check_latex(step.to_latex())


def test_names_that_mean_something_in_html_and_latex_are_escaped():
    own = deepnet.Activation("a<b_c", np.sin, lambda dA, Z: dA * np.cos(Z))
    step = explain_step(PARAMETERS, X, Y, activations=own)
    assert "A[1] = a<b_c(Z[1])" in str(step)
    assert "a&lt;b_c(Z<sup>[1]</sup>)" in step._repr_html_()
    check_html(step._repr_html_())
    loss = deepnet.losses.Loss(
        "own", r"50% of {A - Y}^2 & \x", lambda A, Y, _: (A - Y) ** 2 / 2, lambda A, Y, _: A - Y
    )
    latex = explain_step(PARAMETERS, X, Y, loss=loss).to_latex()
    assert r"\text{50\% of \{A - Y\}\textasciicircum{}2 \& \textbackslash{}x}" in latex
    check_latex(latex)


def test_large_matrices_are_shown_in_part():
    x, y, parameters = network([11, 12, 1], 13, seed=2)
    step = explain_step(parameters, x, y)
    assert step["Z1"].shape == (12, 13)
    shown = writing.cells(step["Z1"], 4)
    assert (len(shown), len(shown[0])) == (8, 8)
    assert shown[4] == ["..."] * 8
    assert [row[4] for row in shown] == ["..."] * 8
    assert shown[7][7] == writing.number(step["Z1"][11, 12], 4)
    check_latex(step.to_latex())
    assert "Z[1] = W[1] A[0] + b[1]   (12, 13)" in str(step)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.000"),
        (-0.0, "0.000"),
        (1.25, "1.250"),
        (-1.25, "-1.250"),
        (0.0006, "0.001"),
        (-0.0004, "-4.00e-04"),
        (3e-20, "3.00e-20"),
        (2e6, "2.00e+06"),
        (np.nan, "nan"),
        (-np.inf, "-inf"),
    ],
)
def test_numbers(value, text):
    assert writing.number(value, 3) == text


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("dW[2] = 1/m dZ[2] A[1]^T", r"dW^{[2]} = \frac{1}{m} dZ^{[2]} A^{[1]T}"),
        ("b[1] := b[1] - alpha db[1]", r"b^{[1]} := b^{[1]} - \alpha db^{[1]}"),
        ("A[1] = leaky_relu(Z[1])", r"A^{[1]} = \mathrm{leaky\_relu}(Z^{[1]})"),
        ("dZ[1] = dA[1] * g'(Z[1]), g = gelu", r"dZ^{[1]} = dA^{[1]} \ast g'(Z^{[1]}), g = \mathrm{gelu}"),
        ("J = -1/m sum(Y * log(A[2]))", r"J = -\frac{1}{m} \sum(Y \ast \log(A^{[2]}))"),
    ],
)
def test_formulas_in_latex(text, latex):
    assert writing.latex_formula(text) == latex


# --- errors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: explain_step(PARAMETERS, X[:2], Y), ValueError, "W1 has 3 columns, but X has 2 rows"),
        (lambda: explain_step(PARAMETERS, X, Y[:, :2]), ValueError, "Y has shape (1, 2), but AL has (1, 5)"),
        (lambda: explain_step(PARAMETERS, X, Y, decimals=0), ValueError, "decimals is 0"),
        (lambda: explain_step(PARAMETERS, X, Y, learning_rate="fast"), TypeError, "learning_rate is 'fast'"),
        (lambda: explain_step(PARAMETERS, X, Y, lr=1), TypeError, "'lr': did you mean 'learning_rate'?"),
        (
            lambda: explain_step(PARAMETERS, 10 * X, Y, output="identity"),
            ValueError,
            "probabilities must lie in",
        ),
        (
            lambda: explain_step(PARAMETERS, X, Y)["dW4"],
            KeyError,
            "'dW4': known are X, Y, W1, b1, W2, b2, W3",
        ),
    ],
)
def test_what_does_not_fit_is_named(call, kind, words):
    with pytest.raises(kind, match=re.escape(words)):
        call()
