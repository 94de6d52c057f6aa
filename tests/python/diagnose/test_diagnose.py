"""deepnet.diagnose: right functions pass, and a mistake is named where it is made."""

import deepnet
from deepnet.diagnose._checks import COURSES
from deepnet.diagnose.catalogue import MISTAKES

from .learners import learner, with_mistake


def test_the_lecture_is_right():
    report = deepnet.diagnose(COURSES["c1w4"].lecture)
    assert report.correct
    assert report.findings == ()
    assert report.missing == ()


def test_a_mistake_is_named_where_it_is_made():
    mistake = next(m for m in MISTAKES["c1w4"] if m.name == "dW and db without 1/m")
    report = deepnet.diagnose(learner("c1w4", with_mistake("c1w4", mistake)))
    (finding,) = report.findings
    assert (finding.function, finding.mistake, finding.severity) == ("linear_backward", mistake.name, "wrong")
    assert finding.pattern == "dW, db: constant ratio 4 = the number of examples"
    assert not report.correct
