"""Models for other programs, and from them: ONNX, PyTorch and Keras; and as C code.

None of it is loaded by ``import deepnet``, and the packages are imported by the functions that need them. In
all three, rows are examples: a network that takes X (n_0, m) here takes X.T there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepnet._arguments import advised
from deepnet._files import Path
from deepnet.activations import Activation
from deepnet.network import Network

from ._to_c import CExport as CExport

__all__ = ["CExport", "from_keras", "from_onnx", "from_torch", "to_c", "to_keras", "to_onnx", "to_torch"]

Names = str | Activation | Sequence[str | Activation]


@advised
def to_onnx(model: Any, path: Path) -> None:
    """Write a model as an ONNX graph, with all that it does to its inputs and outputs.

    Parameters
    ----------
    model : Network, or a fitted estimator of deepnet.sklearn
        An MLPClassifier, MLPRegressor, TabularClassifier or TabularRegressor; or scikit-learn's pipeline of
        one of the MLPs after any of StandardScaler, MinMaxScaler, MaxAbsScaler and RobustScaler.
    path : str or path
        Of the file, which is replaced whole or not at all.

    Raises
    ------
    ValueError
        If ONNX cannot express a part of the model: ``layer 1 has the custom activation 'bump', a function
        in Python: only the activations of deepnet.ACTIVATIONS can be exported``.
    TypeError
        For example ``model is a LogisticRegression, but must be a deepnet.Network, a fitted MLPClassifier,
        ...``.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    ImportError
        Without the package onnx: ``pip install 'deepnet-cpu[onnx]'``.

    Notes
    -----
    The graph has opset 17 (and 3 of ai.onnx.ml if columns hold strings), any number of rows, and a check by
    ``onnx.checker`` behind it. Its inputs, (batch, columns), and outputs are:

    - of a network, ``X`` of its dtype, which the graph multiplies by ``input_scale``, and ``output``
      (batch, n_L); with ``net.class_names`` also ``label`` (batch,);
    - of an MLP, ``X`` of its network's dtype, float64 with a pipeline. A classifier has the outputs ``label``
      (batch,) and ``probabilities`` (batch, classes), a regressor ``prediction`` (batch,), or (batch,
      targets);
    - of a tabular estimator, ``X`` float64 if all columns hold numbers, else one input (batch, 1) for each
      column with its name (``x0``, ``x1``, ... in arrays): float64 for numbers and bools, where nan is
      missing, and strings, where any other than a known category, such as "", is missing.

    Metadata of the file hold the layers, the classes and the names of the columns. ONNX Runtime computes the
    same to a few units of rounding for each layer; see docs/exchange.md.

    Examples
    --------
    >>> import os, tempfile, onnxruntime
    >>> net = deepnet.Network([3, 8, 2], output="softmax", input_scale=1 / 255, seed=1)
    >>> X = np.random.default_rng(0).integers(0, 256, size=(3, 5)).astype(np.float32)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "net.onnx")
    ...     deepnet.to_onnx(net, path)
    ...     session = onnxruntime.InferenceSession(path)
    >>> (A,) = session.run(None, {"X": X.T})
    >>> bool(np.allclose(A, net.predict(X).T))
    True
    """
    from ._to_onnx import to_onnx as write

    write(model, path)


@advised
def from_onnx(path: Path) -> Network:
    """Read a network from an ONNX graph: of any program, if the graph is a chain of dense layers.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    net : Network
        With examples as columns. Of several outputs, that of the layers is taken: the probabilities of a
        classifier, whose labels are left out; ``net.class_names`` has the names that :func:`to_onnx` wrote.

    Raises
    ------
    ValueError
        With the node and its operator, if deepnet does not have what the graph does: ``cnn.onnx: the operator
        Conv (node 'conv1') is not one that deepnet has: ...``. If the file is damaged or no ONNX file.
    OSError
        If the file does not exist or cannot be read.
    ImportError
        Without the package onnx: ``pip install 'deepnet-cpu[onnx]'``.

    Notes
    -----
    Layers are Gemm, or MatMul with Add, by constant weights. An activation is recognised by its values, from
    whatever operators it is made of. BatchNormalization, Scaler, and sums and products with constants become
    part of the weights; a first product with one number becomes ``input_scale``. Identity, Dropout, Flatten,
    Reshape and Cast are read over.

    Examples
    --------
    >>> import os, tempfile
    >>> net = deepnet.Network([3, 8, 2], "gelu", "softmax", seed=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "net.onnx")
    ...     deepnet.to_onnx(net, path)
    ...     deepnet.from_onnx(path)
    <Network 3-8-2 (gelu, softmax): float32, 50 parameters>
    """
    from ._from_onnx import from_onnx as read

    return read(path)


@advised
def from_torch(
    model: Any, activations: Names | None = None, output: str | Activation | None = None
) -> Network:
    """Create a network from PyTorch's nn.Sequential of linear layers, or from a state_dict of such.

    Parameters
    ----------
    model : torch.nn.Sequential or mapping
        Of nn.Linear, activations, nn.Dropout, nn.Flatten, and further nn.Sequential. Or a state_dict, whose
        values may be tensors or arrays: ``{"0.weight": W1, "0.bias": b1, "2.weight": W2, ...}``, in the order
        of the layers and with any names before the last dot.
    activations, output
        Of a state_dict, which has none: as in :meth:`deepnet.Network.from_parameters`.

    Returns
    -------
    net : Network
        With copies of the values: float64 if they are, else float32.

    Raises
    ------
    ValueError
        If deepnet does not have a module: ``model[1], LeakyReLU(negative_slope=0.2), computes none of
        deepnet's activations; the closest is leaky_relu: ...``.
    TypeError
        For example ``model is a Conv2d, but must be a torch.nn.Sequential, or ...``.
    ImportError
        Without the package torch, which a state_dict of arrays does not need.

    Examples
    --------
    >>> state = {"0.weight": np.eye(3), "0.bias": np.zeros(3), "2.weight": np.ones((1, 3))}
    >>> deepnet.from_torch(state, activations="relu", output="identity")
    <Network 3-3-1 (relu, identity): float64, 16 parameters>
    """
    from ._torch import from_torch as convert

    return convert(model, activations, output)


@advised
def to_torch(net: Network) -> Any:
    """Create PyTorch's nn.Sequential with the layers of a network.

    Parameters
    ----------
    net : Network

    Returns
    -------
    model : torch.nn.Sequential
        Of nn.Linear, activations and nn.Dropout, in eval mode, with copies of the parameters in their dtype.
        It takes rows as examples. `input_scale` is part of the first layer's weights.

    Raises
    ------
    ValueError
        If a layer has a custom activation.
    TypeError
        If `net` is not a Network.
    ImportError
        Without the package torch.

    Examples
    --------
    >>> net = deepnet.Network([3, 8, 1], "gelu", "sigmoid", seed=1)
    >>> deepnet.to_torch(net)  # doctest: +SKIP
    Sequential(
      (0): Linear(in_features=3, out_features=8, bias=True)
      (1): GELU(approximate='none')
      (2): Linear(in_features=8, out_features=1, bias=True)
      (3): Sigmoid()
    )
    """
    from ._torch import to_torch as convert

    return convert(net)


@advised
def from_keras(
    model: Any, activations: Names | None = None, output: str | Activation | None = None
) -> Network:
    """Create a network from Keras's Sequential of Dense layers, or from the list of its weights.

    Parameters
    ----------
    model : keras.Sequential or list of ndarray
        Of Dense, activations, Dropout, Flatten, and Rescaling without offset as the first. Or what
        ``model.get_weights()`` returns: the kernels (n_prev, n), each with its biases (n,) after it unless
        the layer has none.
    activations, output
        Of a list, which has none: as in :meth:`deepnet.Network.from_parameters`.

    Returns
    -------
    net : Network
        With copies of the values: float64 if they are, else float32.

    Raises
    ------
    ValueError
        If deepnet does not have a layer: ``model.layers[0], Conv2D 'conv2d', is not a layer of deepnet:
        ...``.
    TypeError
        For example ``model is a Functional, but must be a keras.Sequential, or ...``.
    ImportError
        Without the package keras, which a list of arrays does not need.

    Examples
    --------
    >>> weights = [np.ones((3, 4)), np.zeros(4), np.ones((4, 2)), np.zeros(2)]
    >>> deepnet.from_keras(weights, activations="tanh", output="softmax")
    <Network 3-4-2 (tanh, softmax): float64, 26 parameters>
    """
    from ._keras import from_keras as convert

    return convert(model, activations, output)


@advised
def to_keras(net: Network) -> Any:
    """Create Keras's Sequential with the layers of a network.

    Parameters
    ----------
    net : Network

    Returns
    -------
    model : keras.Sequential
        Of Dense layers, Dropout, and Rescaling if `input_scale` is not 1, with copies of the parameters in
        their dtype; not compiled. It takes rows as examples.

    Raises
    ------
    ValueError
        If a layer has a custom activation.
    TypeError
        If `net` is not a Network.
    ImportError
        Without the package keras.

    Examples
    --------
    >>> net = deepnet.Network([3, 8, 1], "gelu", "sigmoid", seed=1)
    >>> [array.shape for array in deepnet.to_keras(net).get_weights()]  # doctest: +SKIP
    [(3, 8), (8,), (8, 1), (1,)]
    """
    from ._keras import to_keras as convert

    return convert(net)


@advised
def to_c(
    model: Any,
    path: Path,
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
        Or a fitted TabularClassifier or TabularRegressor: an input is nan where it is missing, and for a
        category its number in ``report.columns``.
    path : str or path
        The source, which ends in ``.c``; the header is put beside it. Existing files are replaced.
    name : str, optional
        What all public names begin with: a C identifier. By default the name of the file.
    dtype : {"float32", "float64", "int8"}
        Of parameters and arithmetic. int8 is four times smaller than float32: weights have a scale for each
        unit, inputs and units one for each layer, from `calibration`; sums are exact, in int32.
    calibration : array, optional
        Examples as the model takes them: columns for a network, rows for an estimator. int8 needs some
        hundred. The self-test takes its examples from them.
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
    The same model gives the same text; on another machine, the self-test may differ in a last digit. nan in
    an input makes outputs nan, and the class -1. Infinite inputs give what :meth:`Network.predict` gives;
    int8 takes them, and all numbers beyond the range of the calibration, for the end of that range.
    ``docs/c_export.md`` shows a whole example, with sizes.

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
