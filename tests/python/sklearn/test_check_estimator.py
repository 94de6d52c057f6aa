"""scikit-learn's own checks of estimators: all of them, and none may fail."""

import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn")
from sklearn.utils.estimator_checks import parametrize_with_checks

from deepnet.sklearn import MLPClassifier, MLPRegressor

KINDS = MLPClassifier, MLPRegressor
SEVERAL = {"n_estimators": 3}, {"n_estimators": 3, "bagging": "kfold"}


def expected_failures(estimator):
    """Rows of weight zero change the folds, as in scikit-learn's own estimators that divide the rows."""
    if estimator.bagging is None:
        return {}
    reason = "a row of weight zero changes the folds"
    return {f"check_sample_weight_equivalence_on_{kind}_data": reason for kind in ("dense", "sparse")}


pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore:.*networks learn well from inputs of size 1",  # some checks fit columns around 100
)


@parametrize_with_checks([kind(max_iter=100) for kind in KINDS])
def test_check(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(
    [kind(max_iter=100, **members) for kind in KINDS for members in SEVERAL],
    expected_failed_checks=expected_failures,
)
def test_check_of_several_networks(estimator, check):
    check(estimator)
