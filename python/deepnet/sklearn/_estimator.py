"""What the four estimators share: advice about wrong parameters, and files."""

from __future__ import annotations

import os
from collections.abc import Mapping

from sklearn.utils._param_validation import InvalidParameterError

from deepnet._arguments import advised

from ._recipe import advice


class Estimator:
    """Base of the estimators, before BaseEstimator."""

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
