"""What a finding says: the kinds of differences, patterns, errors in the learner's code, and odd results."""

import types

import numpy as np
import pytest

import deepnet
from deepnet.diagnose import FUNCTIONS
from deepnet.diagnose._checks import COURSES
from deepnet.diagnose.catalogue.mistake import edited, source_of

from .learners import learner

C1W4 = COURSES["c1w4"].lecture


def report_on(**functions):
    return deepnet.diagnose(functions)


def only_finding(**functions):
    (finding,) = report_on(**functions).findings
    return finding


# --- known mistakes in functions that are written otherwise -------------------------------------------------


def test_a_mistake_is_named_where_odd_labels_are_treated_otherwise():
    def only_the_first_term(AL, Y):
        return np.squeeze(-np.dot(Y, np.log(AL).T) / Y.shape[1])  # raises where Y is a column

    def sum_by_rows(AL, Y):
        return np.squeeze((-np.dot(Y, np.log(AL).T) - np.dot(1 - Y, np.log(1 - AL).T)) / Y.shape[0])

    def parentheses(AL, Y, caches):
        grads, L = {}, len(caches)
        dA = -(Y / AL) - (1 - Y) / (1 - AL)  # spreads a column over a matrix
        for l in range(L, 0, -1):
            kind = "sigmoid" if l == L else "relu"
            dA, grads[f"dW{l}"], grads[f"db{l}"] = C1W4.linear_activation_backward(dA, caches[l - 1], kind)
        return grads

    assert only_finding(compute_cost=only_the_first_term).mistake == "only the Y term"
    assert only_finding(compute_cost=sum_by_rows).mistake == "without 1/m"
    assert only_finding(L_model_backward=parentheses).mistake == "parentheses of dAL lost"


def test_a_key_error_has_the_name_of_a_mistake_only_if_the_key_is_the_same():
    """Each layer's dA replaces the one before: from the second hidden layer on there is none to read."""
    finding = only_finding(
        L_model_backward=edited_model_backward('grads["dA" + str(l)] =', 'grads["dA" + str(l + 1)] =')
    )
    assert finding.mistake is None
    assert "KeyError: 'dA" in finding.message


def edited_model_backward(old, new):
    text = edited(source_of(C1W4, "L_model_backward"), ((old, new),))
    return learner("c1w4", {"L_model_backward": text})["L_model_backward"]


def test_a_loop_that_returns_no_costs_is_named():
    def L_layer_model(X, Y, layers_dims, learning_rate, num_iterations):
        parameters = C1W4.initialize_parameters_deep_of_the_application(layers_dims)
        for _ in range(num_iterations):
            AL, caches = C1W4.L_model_forward(X, parameters)
            C1W4.update_parameters(parameters, C1W4.L_model_backward(AL, Y, caches), learning_rate)
        return parameters

    assert only_finding(L_layer_model=L_layer_model).mistake == "update ignored"


# --- caches of another form ---------------------------------------------------------------------------------


def own_forward(X, parameters):
    AL, caches = C1W4.L_model_forward(X, parameters)
    return AL, [{"A": A, "W": W, "b": b, "Z": Z} for (A, W, b), Z in caches]


def test_a_mistake_behind_caches_of_another_form_is_told_from_the_form():
    def L_model_backward(AL, Y, caches):
        theirs = [((c["A"], c["W"], c["b"]), c["Z"]) for c in caches]
        grads = C1W4.L_model_backward(AL, Y, theirs)
        m = AL.shape[1]
        return {key: g * m if key[:2] == "dW" else g for key, g in grads.items() if key[:2] != "dA"}

    wrong, form = report_on(L_model_forward=own_forward, L_model_backward=L_model_backward).findings
    assert (wrong.function, wrong.severity) == ("L_model_backward", "wrong")
    assert "= the number of examples" in wrong.pattern
    assert "dA" not in wrong.pattern  # which are not returned
    assert (form.function, form.severity) == ("L_model_forward", "style")
    (alone,) = report_on(L_model_forward=own_forward).findings
    assert (alone.severity, alone.message.startswith("AL is right.")) == ("fragile", True)


def test_a_forward_function_without_caches_is_wrong():
    finding = only_finding(L_model_forward=lambda X, p: (C1W4.L_model_forward(X, p)[0], []))
    assert finding.severity == "wrong"


def test_a_loop_is_not_blamed_for_the_start_that_another_function_got_wrong():
    """The weights of a wrong initialiser are large; the right one of the first part has small ones."""
    edits = {
        name: source_of(C1W4, variant).replace(variant, name).replace("randn(", "rand(")
        for name, variant in [("initialize_parameters_deep", "initialize_parameters_deep_of_the_application")]
    }
    edits["L_layer_model"] = source_of(C1W4, "L_layer_model").replace("deep_of_the_application", "deep")
    (finding,) = report_on(**learner("c1w4", edits)).findings
    assert (finding.function, finding.mistake) == ("initialize_parameters_deep", "rand in place of randn")


# --- what is shown ------------------------------------------------------------------------------------------


def test_wrong_findings_come_first():
    def update_parameters(parameters, grads, learning_rate):
        for key in parameters:
            parameters[key] = parameters[key] - learning_rate * grads["d" + key]
        return parameters

    def compute_cost(AL, Y):
        return -np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / AL.shape[1]

    report = report_on(
        compute_cost=compute_cost,
        relu_backward=lambda dA, Z: dA * (Z < 0),
        linear_backward=lambda dZ, cache: linear_backward(dZ, cache, lambda r, c: r | {"db": -r["db"]}),
        update_parameters=update_parameters,
    )
    assert [(f.function, f.severity) for f in report.findings] == [
        ("relu_backward", "wrong"),
        ("linear_backward", "wrong"),
        ("compute_cost", "fragile"),
        ("update_parameters", "style"),
    ]
    assert "(m, m)" in report.findings[2].message
    assert not report.findings[3].given
    assert report.findings[3].hints == (report.findings[3].message,) * 3


def test_the_first_wrong_result_is_shown_and_what_it_is_made_of():
    """All gradients are wrong: those of the output layer are computed first."""

    def L_model_backward(AL, Y, caches):
        grads = C1W4.L_model_backward(AL, Y, caches)
        return {key: g + 0.1 if key[1] != "A" else g for key, g in grads.items()}

    finding = only_finding(L_model_backward=L_model_backward)
    assert finding.message.startswith("dW3 is not what the lecture's formula gives, nor are db3, dW2, db2")
    assert finding.expected.startswith("dW3 = [[")
    assert finding.actual.startswith("dW3 = [[")
    caches = {line.partition("]")[0] for line in finding.given.splitlines() if line.startswith("caches")}
    assert caches == {"caches[2"}

    def add(parameters, grads, learning_rate):
        return {key: p - learning_rate * (grads["d" + key] + 1) for key, p in parameters.items()}

    finding = only_finding(update_parameters=add)
    assert [line.split(" = ")[0] for line in finding.given.splitlines() if " = " in line] == [
        "parameters['W1']", "grads['dW1']", "learning_rate",
    ]  # fmt: skip


def test_results_that_print_alike_are_printed_with_more_digits():
    finding = only_finding(linear_forward=lambda A, W, b: (np.dot(W, A) + b + 1e-6, (A, W, b)))
    assert finding.expected != finding.actual


def test_a_cache_that_grows_from_call_to_call_is_called_so():
    caches: list = []

    def L_model_forward(X, parameters):
        AL, new = C1W4.L_model_forward(X, parameters)
        caches.extend(new)
        return AL, caches

    assert "something is kept between calls" in only_finding(L_model_forward=L_model_forward).message


# --- unknown mistakes are located and described -------------------------------------------------------------


def linear_backward(dZ, cache, change):
    results = dict(zip(("dA_prev", "dW", "db"), C1W4.linear_backward(dZ, cache), strict=True))
    return tuple(change(results, cache).values())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r, c: r | {"dW": 3 * r["dW"]}, "dW: constant ratio 3"),
        (
            lambda r, c: r | {"dA_prev": -r["dA_prev"], "db": -r["db"]},
            "dA_prev, db: constant ratio -1: the sign is reversed",
        ),
        (
            lambda r, c: r | {"db": r["db"] * len(c[1])},
            "db: constant ratio 3 = the number of units of the layer",
        ),
        (
            lambda r, c: r | {"db": r["db"] * len(c[1]) / c[0].shape[1]},
            "db: constant ratio 0.6 = the number of units of the layer / the number of examples",
        ),
        (lambda r, c: r | {"db": r["db"] + 1}, "the difference is the same for all entries"),
        (lambda r, c: r | {"dW": r["dW"] + c[1]}, "dW is too large by cache[1]"),
        (lambda r, c: r | {"dA_prev": np.zeros_like(r["dA_prev"])}, "dA_prev: always 0"),
        (
            lambda r, c: r | {"dA_prev": r["dA_prev"].T.copy()},
            "dA_prev is the transpose of what it should be",
        ),
        (lambda r, c: r | {"dW": r["dW"].ravel()}, "dW has one axis instead of two"),
        (lambda r, c: r | {"dW": r["dW"] * np.nan}, "the result has nan or inf"),
    ],
)
def test_the_most_telling_fact_is_said(change, words):
    finding = only_finding(linear_backward=lambda dZ, cache: linear_backward(dZ, cache, change))
    assert (finding.function, finding.severity, finding.mistake) == ("linear_backward", "wrong", None)
    assert words in finding.pattern
    assert finding.formula in finding.hints[2]
    assert all(finding.hints)
    assert finding.given.startswith("dZ = ")


def test_arguments_that_play_no_part_and_parts_that_are_right_are_said():
    finding = only_finding(linear_forward=lambda A, W, b: (np.dot(W, A) + 1, (A, W, b)))
    assert finding.pattern == "b plays no part"
    finding = only_finding(
        linear_backward=lambda dZ, cache: (C1W4.linear_backward(dZ, cache)[0], cache[1] * 2, 2 * dZ)
    )
    assert "dA_prev is right" in finding.pattern
    finding = only_finding(
        linear_backward=lambda dZ, c: linear_backward(dZ, c, lambda r, c: r | {"dW": 2 * c[1]})
    )
    assert "A_prev in cache plays no part" in finding.pattern
    stages = COURSES["c1w4"].stages
    assert stages["L_model_backward"].called("caches[2][0][1]") == "W in caches[2]"
    assert stages["linear_activation_backward"].called("cache[1]") == "Z in cache"


def test_places_are_said():
    finding = only_finding(relu=lambda Z: (np.where(Z > 0, Z, 7.0), Z))
    assert "only where Z <= 0" in finding.pattern
    finding = only_finding(relu_backward=lambda dA, Z: np.where(Z == 0, 5.0, dA * (Z > 0)))
    assert (finding.severity, finding.pattern) == ("fragile", "only where Z = 0; only where Z is exactly 0")


def test_layers_are_said():
    def L_model_backward(AL, Y, caches):
        grads = C1W4.L_model_backward(AL, Y, caches)
        for l in range(1, len(caches)):
            grads[f"dW{l}"] = grads[f"dW{l}"] * 2
        return grads

    assert "only the hidden layers" in only_finding(L_model_backward=L_model_backward).pattern


def test_one_example_is_said():
    def linear_forward(A, W, b):
        return (np.dot(W, A) + b if A.shape[1] > 1 else np.dot(W, A)), (A, W, b)

    assert "only with one example" in only_finding(linear_forward=linear_forward).pattern


def test_the_second_call_is_said():
    last = [None]

    def sigmoid(Z):
        again = last[0] is not None and np.array_equal(last[0], Z)
        last[0] = Z.copy()
        return C1W4.sigmoid(Z)[0] * (2 if again else 1), Z

    findings = report_on(sigmoid=sigmoid).findings
    assert any("A second call" in finding.message for finding in findings)


def test_functions_that_are_right_alone_are_run_together():
    costs = {}

    def compute_cost(AL, Y):
        return costs.setdefault((AL.shape, Y.tobytes()), C1W4.compute_cost(AL, Y))

    functions = learner("c1w4", {})
    assert deepnet.diagnose(functions).correct
    (finding,) = deepnet.diagnose(functions | {"compute_cost": compute_cost}).findings
    assert finding.function == "compute_cost"
    assert "Alone compute_cost is right" in finding.message


# --- arguments are left alone -------------------------------------------------------------------------------


def test_an_argument_that_is_written_into_is_named():
    def compute_cost(AL, Y):
        AL[0, 0] = 0.5
        return C1W4.compute_cost(AL, Y)

    findings = report_on(compute_cost=compute_cost).findings
    assert any("changes its argument AL" in f.message for f in findings)


def test_memory_shared_with_an_argument_is_fragile():
    def sigmoid_backward(dA, cache):
        return C1W4.sigmoid_backward(dA, cache)

    def predict(X, y, parameters):
        return C1W4.predict(X, y, parameters)

    def linear_backward(dZ, cache):
        dA_prev, dW, db = C1W4.linear_backward(dZ, cache)
        return dA_prev, dW, db if dZ.shape[1] > 1 else dZ  # dZ itself where m = 1

    assert report_on(sigmoid_backward=sigmoid_backward, predict=predict).findings == ()
    finding = only_finding(linear_backward=linear_backward)
    assert finding.severity == "fragile"
    assert "shares its memory" in finding.message


def test_the_state_of_numpy_and_the_output_are_left_alone(capsys):
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    deepnet.diagnose(learner("c1w4", {}, loops=True))
    assert np.array_equal(state, np.random.get_state()[1])  # noqa: NPY002
    assert capsys.readouterr() == ("", "")


def test_the_learners_functions_are_put_back():
    functions = learner("c1w4", {"relu": "def relu(Z):\n    return -Z, Z\n"})
    scope = functions["L_model_forward"].__globals__
    deepnet.diagnose(functions)
    assert {name: scope[name] for name in functions} == functions


# --- errors and odd results ---------------------------------------------------------------------------------


def test_an_exception_is_a_finding_with_its_line():
    def linear_forward(A, W, b):
        return np.dot(A, W) + b, (A, W, b)

    finding = only_finding(linear_forward=linear_forward)
    assert finding.message.startswith("It raises ValueError")
    assert "return np.dot(A, W) + b" in finding.message


def test_missing_parts_and_other_forms_are_said():
    finding = only_finding(linear_forward=lambda A, W, b: None)
    assert finding.message == "It returns None (is there a return?), but should return (Z, cache)."
    assert "W[l] A[l-1] + b[l]" in finding.hints[2]
    finding = only_finding(linear_backward=lambda dZ, cache: C1W4.linear_backward(dZ, cache)[:2])
    assert "It returns a tuple of 2, but should return (dA_prev, dW, db)" in finding.message

    def L_model_backward(AL, Y, caches):
        grads = C1W4.L_model_backward(AL, Y, caches)
        return {key: g for key, g in grads.items() if key != "db2"}

    finding = only_finding(L_model_backward=L_model_backward)
    assert finding.message == "The result has no db2."


class Unfriendly:
    """An object that raises whatever is done with it."""

    def _raise(self, *args, **options):
        raise RuntimeError("no")

    __array__ = __eq__ = __len__ = __iter__ = __repr__ = __getitem__ = _raise
    __hash__ = None


ODD = [
    None,
    "text",
    (),
    {},
    10**400,
    np.array([None, 1]),
    np.array([1 + 2j]),
    np.zeros((2, 0, 2)),
    Unfriendly(),
]
ODD += [(value, value) for value in (Unfriendly(), {1: 2}, [[1], [1, 2]])] + [
    {"W1": Unfriendly(), "dW1": "text"}
]


@pytest.mark.slow
@pytest.mark.parametrize("course", COURSES)
def test_odd_results_never_stop_a_diagnosis(course):
    for name in FUNCTIONS[course]:
        for value in ODD:
            report = deepnet.diagnose({name: lambda *args, value=value: value}, course=course)
            assert not report.correct, (name, value)
            assert str(report)


@pytest.mark.parametrize("error", [SystemExit(3), RecursionError(), ExceptionGroup("two", [ValueError()])])
def test_what_is_raised_never_stops_a_diagnosis(error):
    def function(*args):
        raise error

    names = ("sigmoid", "initialize_parameters", "L_model_backward", "update_parameters")
    report = deepnet.diagnose(dict.fromkeys(names, function))
    assert {f.function for f in report.findings} == set(names)


# --- where the functions come from --------------------------------------------------------------------------


def test_modules_mappings_lists_classes_and_objects_are_taken():
    module = types.ModuleType("mine")
    module.sigmoid = C1W4.sigmoid

    class Static:
        sigmoid = staticmethod(C1W4.sigmoid)

    for source in (module, vars(module), [C1W4.sigmoid], (C1W4.sigmoid,), C1W4.sigmoid, Static, Static()):
        report = deepnet.diagnose(source)
        assert report.checked == ("sigmoid",)
        assert report.correct
        assert "relu" in report.missing
        assert "softmax" not in report.missing


def test_names_and_only():
    report = deepnet.diagnose({"my_relu": C1W4.relu, "sigmoid": C1W4.relu}, names={"relu": "my_relu"})
    assert report.checked == ("sigmoid", "relu")
    assert [f.function for f in report.findings] == ["sigmoid"]
    report = deepnet.diagnose({"relu": C1W4.relu, "sigmoid": C1W4.relu}, only=["relu"])
    assert (report.checked, report.findings, report.missing) == (("relu",), (), ())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"course": "c3"}, "unknown course 'c3': 'c1w4', 'c2'"),
        ({"only": ["rleu"]}, "only has 'rleu', which is not a function of the course 'c1w4'"),
        ({"names": {"rleu": "f"}}, "names has 'rleu', which the course does not have"),
        ({"names": {"relu": "f"}}, "names says that relu is 'f', which is not there"),
    ],
)
def test_wrong_arguments_are_named(options, words):
    with pytest.raises(ValueError, match=words.replace("(", "\\(")):
        deepnet.diagnose({"sigmoid": C1W4.sigmoid}, **options)


def test_a_report_without_functions_says_so():
    report = deepnet.diagnose({})
    assert str(report) == "No function of the course was found."
    with pytest.raises(TypeError, match="is no function with a name"):
        deepnet.diagnose([3])


def test_arguments_in_another_order_are_passed_by_name():
    def update_parameters(grads, parameters, learning_rate):
        return C1W4.update_parameters(parameters, grads, learning_rate)

    def predict(X, parameters):
        return C1W4.predict(X, None, parameters)

    def linear_forward(A_prev, W, b):  # another name is no other order
        return C1W4.linear_forward(A_prev, W, b)

    report = deepnet.diagnose([update_parameters, predict, linear_forward])
    assert [(f.function, f.severity) for f in report.findings] == [
        ("update_parameters", "style"),
        ("predict", "style"),
    ]
    assert (
        report.findings[1].message == "It takes (X, parameters), where the course's has (X, y, parameters)."
    )


def test_he_initialisation_is_a_remark():
    finding = only_finding(initialize_parameters_deep=C1W4.initialize_parameters_deep_of_he)
    assert finding.severity == "style"
    assert "as in the second course" in finding.message


def test_a_mask_at_zero_is_no_form_of_cache():
    def linear_activation_backward(dA, cache, activation):
        linear_cache, Z = cache
        s = C1W4.sigmoid(Z)[0]
        dZ = dA * (Z >= 0) if activation == "relu" else dA * s * (1 - s)
        return C1W4.linear_backward(dZ, linear_cache)

    functions = {"linear_activation_forward": C1W4.linear_activation_forward}
    finding = only_finding(**functions, linear_activation_backward=linear_activation_backward)
    assert (finding.function, finding.severity) == ("linear_activation_backward", "fragile")
    assert finding.pattern == "only where Z is exactly 0"


def test_float32_is_a_remark_and_no_known_mistake():
    def compute_cost(AL, Y):
        return np.float32(C1W4.compute_cost(AL.astype(np.float32), Y))

    finding = only_finding(compute_cost=compute_cost)
    assert (finding.severity, finding.mistake) == ("style", None)
    assert finding.message == "cost is of dtype float32, not float64."
