"""What a network tells without being changed: outputs, loss, gradients; itself in another dtype or a file."""

from __future__ import annotations

import os
from typing import Any, Self

from deepnet import reference
from deepnet._validation import costs, labels, learning
from deepnet._validation import examples as check
from deepnet._validation import options as option
from deepnet.activations import Array
from deepnet.caches import Parameters, Whole
from deepnet.losses import Loss

from ._owner import ParameterOwner, parameter_keys

ONE = 1.0  # the default scale itself is known to be good without a look


class Predictor(ParameterOwner):
    """Prediction, loss, gradients and copies; :class:`deepnet.Network` adds training."""

    def predict(
        self, X: Array, out: Array | None = None, *, input_scale: float = ONE, threads: Whole | None = None
    ) -> Array:
        """Compute the outputs A_L.

        Parameters
        ----------
        X, input_scale, threads
            As in :meth:`deepnet.Network.fit`.
        out : ndarray, optional
            Where to write: the network's dtype, shape (n_L, m), any strides, apart from X.

        Returns
        -------
        AL : ndarray, shape (n_L, m)
            `out`, or else a new array.

        Raises
        ------
        ValueError
            For example ``X has 3 rows, but the network has 2 inputs``.
        TypeError
            For example ``X is int64, but must be float32, float64, float16 or uint8: X.astype(np.float32)``.

        Examples
        --------
        >>> net = deepnet.Network([2, 1], initializer="zeros")
        >>> net.predict(np.ones((2, 3)))
        array([[0.5, 0.5, 0.5]], dtype=float32)
        """
        scale = ONE if input_scale is ONE else option.input_scale(input_scale)
        count = 0 if threads is None else option.thread_count(threads)
        result = self._predict(X, out, scale, count)
        if result is None:
            X = check.inputs(X, self._layer_dims[0])
            array = check.prediction(out, (self._layer_dims[-1], X.shape[1]), self._dtype, X, self._views)
            result = self._answered(self._engine.predict(X, array, scale, count))
            result = result if out is None else out
        return result  # type: ignore[no-any-return]

    def evaluate(
        self,
        X: Array,
        Y: Array,
        *,
        loss: str | Loss | None = None,
        sample_weight: Array | None = None,
        class_weight: dict[int, float] | str | None = None,
        input_scale: float = 1.0,
        threads: Whole | None = None,
    ) -> float:
        """Compute the mean loss over these examples, penalties included and without dropout.

        Parameters
        ----------
        X, Y, loss, sample_weight, class_weight, input_scale, threads
            As in :meth:`deepnet.Network.fit`, whose loss is not remembered.

        Returns
        -------
        loss : float
            nan or inf where the examples or the parameters make it so.

        Raises
        ------
        ValueError
            For example ``X has 3 rows, but the network has 2 inputs``.
        TypeError
            For example ``X is int64, but must be float32, float64, float16 or uint8: X.astype(np.float32)``.

        Examples
        --------
        >>> deepnet.Network([2, 1], initializer="zeros").evaluate(np.ones((2, 3)), np.ones(3))
        0.693147...
        """
        given = X, Y, loss, sample_weight, class_weight, input_scale, threads
        engine, arguments = self._arguments(*given)
        return self._answered(engine.evaluate(*arguments))  # type: ignore[no-any-return]

    def loss_and_grads(
        self,
        X: Array,
        Y: Array,
        *,
        loss: str | Loss | None = None,
        sample_weight: Array | None = None,
        class_weight: dict[int, float] | str | None = None,
        input_scale: float = 1.0,
        threads: Whole | None = None,
    ) -> tuple[float, Parameters]:
        """Compute the mean loss over these examples, and its gradients, as :meth:`evaluate` has it.

        Parameters
        ----------
        X, Y, loss, sample_weight, class_weight, input_scale, threads
            As in :meth:`deepnet.Network.fit`.

        Returns
        -------
        loss : float
        grads : dict of ndarray
            ``dW1``, ``db1``, ..., ``dWL``, ``dbL``. No ``dA``: the engine takes a few examples at a time
            through all layers, so that no dA is ever whole; :func:`deepnet.L_model_backward` has them.

        Raises
        ------
        ValueError
            For example ``X has 3 rows, but the network has 2 inputs``.
        TypeError
            For example ``X is int64, but must be float32, float64, float16 or uint8: X.astype(np.float32)``.

        Examples
        --------
        >>> net = deepnet.Network([2, 1], initializer="zeros")
        >>> loss, grads = net.loss_and_grads(np.ones((2, 4)), np.ones(4))
        >>> grads
        {'dW1': array([[-0.5, -0.5]], dtype=float32), 'db1': array([[-0.5]], dtype=float32)}
        """
        given = X, Y, loss, sample_weight, class_weight, input_scale, threads
        engine, arguments = self._arguments(*given)
        value, arrays = self._answered(engine.loss_and_grads(*arguments))
        keys = (f"d{key}" for key in parameter_keys(len(self._activations)))
        return value, dict(zip(keys, arrays, strict=True))

    def astype(self, dtype: Any) -> Self:
        """Make a network with the same layers, values and optimizer that computes in another dtype.

        Parameters
        ----------
        dtype : {"float32", "float64"}

        Returns
        -------
        net : Network
            One of its own, in its own memory; values are rounded to float32 where they were float64.

        Raises
        ------
        TypeError
            For example ``dtype is 'int64', but must be float32 or float64``.
        ValueError
            If the optimizer has a setting that float32 has no room for: ``learning_rate is 1e+39, beyond the
            range of float32, which ends at 3.4e+38``.

        Examples
        --------
        >>> deepnet.Network([2, 1], seed=1).astype("float64")
        <Network 2-1 (sigmoid): float64, 3 parameters>
        """
        net = type(self).__new__(type(self))
        kind = option.float_dtype(dtype)
        net._bind(self._layer_dims, self._g, kind, self._layer_plans, self._input_dropout)
        for p, value in zip(net._views, self._views, strict=True):
            p[...] = value
        net.optimizer, net._dropout_seed = self._optimizer, self._dropout_seed
        return net

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network, its layers and parameters, to a file that :func:`deepnet.load` reads.

        A file of that name is replaced all at once: whatever goes wrong, there is the old one or the new one.
        The format is safetensors, whose package is needed; the optimizer is not in it.

        Parameters
        ----------
        path : str or path

        Raises
        ------
        ValueError
            If an activation is the user's own: ``layer 1 has an activation of your own, 'cube', and a file
            holds names alone: ...``.
        TypeError
            For example ``path is None, but must be the name of a file, or a pathlib.Path``.
        OSError
            If it cannot be written.
        ImportError
            If safetensors is not installed.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     deepnet.Network([2, 1]).save(pathlib.Path(folder) / "net.safetensors")
        """
        from ._files import save  # which knows this class

        save(self, path)

    def _checked(
        self,
        X: Any,
        Y: Any,
        loss: Any,
        sample_weight: Any = None,
        class_weight: Any = None,
        *,
        every_class: bool = False,
    ) -> tuple[Array, Array, Array | None, Loss]:
        X, outputs = check.inputs(X, self._layer_dims[0]), self._layer_dims[-1]
        m = X.shape[1]
        chosen = costs.loss(loss, self._activations[-1], Y, outputs, m)
        Y = labels.check("Y", Y, (outputs, m), chosen)
        weights = None
        if sample_weight is not None or class_weight is not None:
            classes = max(outputs, 2)
            weights = learning.example_weights(sample_weight, class_weight, Y, self._dtype, classes)
        return X, Y, weights, chosen

    def _arguments(
        self,
        X: Any,
        Y: Any,
        loss: Any,
        sample_weight: Any,
        class_weight: Any,
        input_scale: Any,
        threads: Any,
    ) -> tuple[reference.Engine, tuple[Any, ...]]:
        scale, count = option.input_scale(input_scale), 0 if threads is None else option.thread_count(threads)
        X, Y, weights, chosen = self._checked(X, Y, loss, sample_weight, class_weight)
        engine, plan = self._engine_for(self._plan(chosen))
        return engine, (X, Y, weights, plan, scale, count)

    def _answered(self, result: Any) -> Any:
        if result is None:
            raise RuntimeError(
                "deepnet bug: the engine declined arguments that the checks accept; please report"
            )
        return result
