"""Estimators for scikit-learn: the parameters and results of its MLPs, on deepnet's engine, and more.

>>> from sklearn.datasets import load_breast_cancer
>>> from sklearn.pipeline import make_pipeline
>>> from sklearn.preprocessing import StandardScaler
>>> from deepnet.sklearn import MLPClassifier
>>> X, y = load_breast_cancer(return_X_y=True)
>>> model = make_pipeline(StandardScaler(), MLPClassifier(early_stopping=True, random_state=0)).fit(X, y)
>>> model.score(X, y) > 0.95
True
"""

from deepnet._extras import needs

with needs("sklearn", "deepnet.sklearn"):
    import sklearn.base  # noqa: F401  only whether it is there

from ._classifier import MLPClassifier
from ._conversion import from_sklearn
from ._regressor import MLPRegressor
from ._search import GridSearch, cross_validate
from ._tabular_classifier import TabularClassifier
from ._tabular_regressor import TabularRegressor

__all__ = [
    "GridSearch",
    "MLPClassifier",
    "MLPRegressor",
    "TabularClassifier",
    "TabularRegressor",
    "cross_validate",
    "from_sklearn",
]
