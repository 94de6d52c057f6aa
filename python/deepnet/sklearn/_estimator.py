"""What the four estimators share: advice about wrong parameters, and files."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from sklearn.utils._param_validation import InvalidParameterError

from deepnet._arguments import advice as advice_on_name
from deepnet._arguments import advised
from deepnet.activations import Array

from ._data import Data
from ._members import Learning
from ._recipe import advice


class Parameters:
    """Base of what has parameters, before BaseEstimator."""

    def set_params(self, **params: Any) -> Self:
        """Set parameters by their names.

        Parameters
        ----------
        **params
            Those of ``get_params``.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For an unknown name: ``Invalid parameter 'n_jobs' for estimator ... Did you mean 'n_threads'?``.
        """
        try:
            super().set_params(**params)  # type: ignore[misc]  # of BaseEstimator
        except ValueError as error:
            known = self._get_param_names()  # type: ignore[attr-defined]  # of BaseEstimator
            wrong = next((name for name in params if name.partition("__")[0] not in known), None)
            hint = "" if wrong is None else advice_on_name(wrong, params[wrong], known)
            if not hint:
                raise
            raise ValueError(f"{error} {hint[0].upper()}{hint[1:]}") from None
        return self


class Estimator(Parameters, ABC):
    """Base of the estimators, before BaseEstimator."""

    _one_table: ClassVar[bool]  # fits to several folds read all rows once, and not each those of its fold
    _tolerated: ClassVar[tuple[type[Exception], ...]] = ()  # of one network: the fit of the others goes on

    @abstractmethod
    def _data_for_all(self, X: Any, y: Any, weights: Any) -> Data:
        """Return what the fits of this and other settings of the estimator to some rows have in common."""

    @abstractmethod
    def _learn_from(self, data: Data, rows: Array | None) -> Learning:
        """Fit to some rows of the data, all for None; the caller trains the networks.

        The generator yields the trainings and takes their histories; it does what comes before and after.
        """

    def _validate_params(self) -> None:
        try:
            super()._validate_params()  # type: ignore[misc]  # of BaseEstimator
        except InvalidParameterError as error:
            raise InvalidParameterError(f"{error}{advice(self, str(error))}") from None

    @advised
    def save(
        self,
        path: str | os.PathLike[str],
        *,
        metrics: Mapping[str, float] | None = None,
        target: str | None = None,
    ) -> None:
        """Write the fitted estimator to a file that :func:`deepnet.load` reads.

        The file holds the parameters, the networks, classes and columns, and no code: see docs/model_file.md.
        An existing file is replaced as a whole: if anything goes wrong, the old one is still there.

        Parameters
        ----------
        path : str or path
        metrics : dict of float, optional
            For the reader, ``{"accuracy": 0.98}``: :func:`deepnet.describe` returns them.
        target : str, optional
            The name of what the estimator predicts, such as a column: :func:`deepnet.describe` returns it,
            and the ``deepnet`` command uses it.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before fit.
        TypeError
            If this is a subclass, whose code a file cannot hold.
        OSError
            If the file cannot be written.

        Warns
        -----
        UserWarning
            If a parameter is a function or another object that a file cannot hold: ``callbacks is not saved:
            ...``.

        Examples
        --------
        >>> import os, tempfile
        >>> from deepnet.sklearn import MLPRegressor
        >>> X = np.random.default_rng(0).normal(size=(50, 2))
        >>> model = MLPRegressor(solver="lbfgs", random_state=0).fit(X, X[:, 0])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "model.safetensors")
        ...     model.save(path)
        ...     same = deepnet.load(path)
        >>> bool(np.array_equal(same.predict(X), model.predict(X)))
        True
        """
        from ._saving import save

        save(self, path, metrics, target)
