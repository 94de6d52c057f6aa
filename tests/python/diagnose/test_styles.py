"""Right functions are called right, in whatever style they are written; remarks are those that are true."""

import pytest

import deepnet
from deepnet.course import dnn_app_utils, init_utils, opt_utils, reg_utils

from .styles import (
    bare,
    einsum,
    first_release,
    improving_modern,
    improving_older,
    in_place,
    loops,
    methods,
    model_class,
    tensors,
)

OWN_CACHES = "have caches of their own form"
OTHER_DRAWS = "not the course's"
CHANGED = "The dict passed in is changed"
STYLES = {
    "first_release": (
        first_release,
        {"L_model_backward": "stored under l + 1", "update_parameters": CHANGED},
    ),
    "loops": (loops, {}),
    "einsum": (einsum, dict.fromkeys(("initialize_parameters", "initialize_parameters_deep"), OTHER_DRAWS)),
    "in_place": (in_place, {}),
    "methods": (
        methods.Network(),
        dict.fromkeys(
            ("sigmoid", "relu", "linear_forward", "linear_activation_forward", "L_model_forward"), OWN_CACHES
        )
        | {"update_parameters": CHANGED},
    ),
    "model_class": (model_class.ADAPTER, {"L_model_forward": OWN_CACHES}),
    "tensors": (tensors, {}),
    "bare": (bare, {"L_model_forward": OWN_CACHES}),
    "deepnet": (deepnet, {}),
    "deepnet.course": (dnn_app_utils, {}),
}
SECOND_COURSE = {
    "improving_older": (improving_older, {"initialize_parameters_he": OTHER_DRAWS}),
    "improving_modern": (
        improving_modern,
        dict.fromkeys(
            ("initialize_parameters_he", "forward_propagation_with_dropout", "random_mini_batches"),
            OTHER_DRAWS,
        ),
    ),
    "init_utils": (init_utils, {}),
    "reg_utils": (reg_utils, {}),
    "opt_utils": (opt_utils, {}),
}
ALL = [("c1w4", *item) for item in STYLES.items()] + [("c2", *item) for item in SECOND_COURSE.items()]


@pytest.mark.parametrize(("course", "style", "expected"), ALL, ids=[style for _, style, _ in ALL])
def test_a_right_implementation_is_called_right(course, style, expected):
    source, remarks = expected
    report = deepnet.diagnose(source, course=course, names=getattr(source, "NAMES", None))
    assert report.correct
    assert {finding.severity for finding in report.findings} <= {"style"}
    assert {finding.function for finding in report.findings} == set(remarks)
    for finding in report.findings:
        assert remarks[finding.function] in finding.message
    assert len(report.checked) >= 3
