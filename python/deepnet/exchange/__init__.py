"""Models for other programs: C code.

Nothing here is loaded by ``import deepnet``.
"""

from __future__ import annotations

import os
from typing import Any

from deepnet._arguments import advised

from ._to_c import CExport as CExport


@advised
def to_c(
    model: Any,
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    dtype: str = "float32",
    calibration: Any = None,
    test_data: tuple[Any, Any] | None = None,
) -> CExport:
    """Write a model as C code: one C99 source and its header, which need nothing but ``math.h``.

    The code allocates nothing and has no static variables: ``<name>_predict(input, output)`` computes the
    outputs of one example, ``<name>_predict_class(input)`` the number of its class, for which
    ``<name>_class_names`` has the name, and ``<name>_selftest()`` returns 0 if a few stored examples give the
    stored outputs. Inputs are scaled as the model does it. The names are those of the classifier, or
    ``net.class_names``, by default ``"0"``, ``"1"`` and so on.

    Parameters
    ----------
    model : Network or estimator
        A network, a fitted MLPClassifier or MLPRegressor of :mod:`deepnet.sklearn`, or a pipeline of scalers
        of scikit-learn and one of them. Of several networks (`n_estimators`), the code computes the mean.
    path : str or path
        The source, which ends in ``.c``; the header is put beside it. Existing files are replaced.
    name : str, optional
        What all public names begin with: a C identifier. By default the name of the file.
    dtype : {"float32", "float64", "int8"}
        Of parameters and arithmetic. int8 is four times smaller than float32: weights have a scale for each
        unit, inputs and units one for each layer, from `calibration`; sums are exact, in int32.
    calibration : array, optional
        Examples as the model takes them, finite: columns for a network, rows for an estimator. int8 needs
        some hundred. The self-test takes its examples from them.
    test_data : (X, y), optional
        Examples and their targets, to compare the code with the model.

    Returns
    -------
    report : CExport
        The files, bytes of constants and of the stack, and what `test_data` or `calibration` showed.

    Raises
    ------
    ValueError
        For example ``name is 'my-net', that of the file, but must be a C identifier: letters, digits and _,
        first a letter: name='my_net'``; ``dtype='int8' needs calibration=X, ...``; for a custom activation.
    TypeError
        For another kind of model: ``model is a list, but must be a deepnet.Network, ...``.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    OSError
        If a file cannot be written.

    Notes
    -----
    The same model gives the same text. nan in an input makes outputs nan, and the class -1. Infinite inputs
    give what :meth:`Network.predict` gives; int8 takes them, and all numbers beyond the range of the
    calibration, for the end of that range. ``docs/c_export.md`` shows a whole example, with sizes.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> net = deepnet.Network([64, 32, 10], output="softmax", input_scale=1 / 16, seed=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = deepnet.to_c(net, pathlib.Path(folder) / "digits.c")
    >>> report.name, report.constants, report.stack
    ('digits', 9640, 384)
    """
    from ._to_c import to_c as write

    return write(
        model,
        path,
        name=name,
        dtype=dtype,
        calibration=calibration,
        test_data=test_data,
    )
