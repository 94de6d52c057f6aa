"""scikit-learn's own checks of estimators: all of them, and none may fail."""

import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn")
from sklearn.utils.estimator_checks import parametrize_with_checks

from deepnet.sklearn import MLPClassifier, MLPRegressor


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([MLPClassifier(max_iter=100), MLPRegressor(max_iter=100)])
def test_check(estimator, check):
    check(estimator)
