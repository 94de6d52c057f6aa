"""The network itself: what `_predictor` says, and how it is trained."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence

from deepnet._validation import options as option
from deepnet.activations import Array
from deepnet.caches import Whole
from deepnet.optimizers import SGD

from ._failures import busy, non_finite_loss
from ._fit import checked_run, train
from ._history import History
from ._predictor import ONE, Predictor


class Network(Predictor):
    """A dense network of any depth that owns its parameters; each of its methods is one native call.

    Parameters
    ----------
    layer_dims : sequence of int
        Units of each layer, from the input: ``[784, 128, 10]`` has two layers of weights.
    activation : str or sequence of str
        One name from :data:`deepnet.ACTIVATIONS` for all hidden layers, or one for each of the L layers.
    output : str, optional
        The last layer's activation, "sigmoid" if not given; not beside a sequence of names.
    initializer : str or callable
        A name from :data:`deepnet.initializers.INITIALIZERS`; "auto" is he_normal for relu and leaky_relu,
        glorot_uniform for the others; or a function ``(rng, n, n_prev)`` that returns W. Biases start at 0.
    dtype : {"float32", "float64"}
        What the network computes in.
    seed : int or None
        For the first weights; None: other ones each time.

    Attributes
    ----------
    parameters : dict of ndarray
        The course's dict, views of the network's memory that may be written.
    layer_dims, activations, dtype
        What it was made with, one activation per layer.
    optimizer : SGD
        What training takes where it is not told.

    Raises
    ------
    ValueError
        For example ``layer_dims[1] is 0: zero units``, or if a name is not known.
    TypeError
        For example ``dtype is 'int64', but must be float32 or float64``.

    Notes
    -----
    Examples are columns, (n_0, m), as in the course; ``table.T`` of a row-wise table costs nothing. Data are
    read where they lie, as float32, float64, float16 or uint8 with any strides, a ``numpy.memmap`` too, and
    never copied as a whole. Results have the same bits for any number of threads, and a prediction whether
    its example comes alone or among others. Copies, deep or not, and pickles are independent networks. Many
    threads may predict with one network at once; one at a time may train it.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(2, 400))
    >>> Y = X[0] * X[1] > 0
    >>> net = deepnet.Network([2, 16, 8, 1], seed=1)
    >>> history = net.fit(X, Y, epochs=200, batch_size=32, optimizer=deepnet.SGD(0.1), seed=1)
    >>> history.loss[-1] < 0.1 < history.loss[0]
    True
    >>> bool(np.mean((net.predict(X)[0] > 0.5) == Y) > 0.95)
    True
    >>> net
    <Network 2-16-8-1 (relu, relu, sigmoid): float32, 193 parameters>
    """

    def fit(
        self,
        X: Array,
        Y: Array,
        *,
        epochs: Whole,
        batch_size: Whole,
        optimizer: SGD | None = None,
        loss: str | None = None,
        shuffle: bool = True,
        seed: Whole | None = None,
        validation_data: tuple[Array, Array] | None = None,
        callbacks: Sequence[Callable[[Network, History], object]] = (),
        progress: bool | Callable[[int, int], object] | None = None,
        threads: Whole | None = None,
        input_scale: float = 1.0,
    ) -> History:
        """Train by mini-batches: an update after each batch, every example once per epoch.

        Parameters
        ----------
        X : ndarray of float32, float64, float16 or uint8, shape (n_0, m)
            One column per example.
        Y : ndarray of bool, integers or floats, shape (n_L, m)
            Targets; for one output unit also (m,) or (m, 1).
        epochs, batch_size : int
            The last batch of an epoch may be smaller; one larger than m is all examples.
        optimizer : SGD, optional
            Becomes ``net.optimizer``, which it is if not given.
        loss : str, optional
            A name from :data:`deepnet.LOSSES`; if not given "binary_cross_entropy" for a sigmoid output, else
            "mean_squared_error".
        shuffle : bool
            Take the examples in another order each epoch.
        seed : int or None
            Chooses these orders; None: other ones each time.
        validation_data : (X, Y), optional
            Its loss is recorded after each epoch.
        callbacks : list of callable
            Each is called after each epoch as ``callback(net, history)``; one that returns True ends the run.
        progress : bool or callable
            True: a bar, for which `rich` must be installed; or a function of (steps done, steps in all).
        threads : int, optional
            :func:`deepnet.get_num_threads` if not given.
        input_scale : float
            Every X counts this many times: ``1 / 255`` for pixels.

        Returns
        -------
        history : History
            Loss and seconds of each epoch.

        Raises
        ------
        FloatingPointError
            If a loss is nan or infinite: ``the loss is nan in epoch 3 of 10, batch 2 of 8. ...``. The
            parameters are those before the update that went wrong.
        RuntimeError
            If another thread trains this network.
        ValueError, TypeError
            If something does not fit, before anything is changed: ``X has 3 rows, but the network has 2
            inputs``.

        Notes
        -----
        After Ctrl-C the parameters are those of the last update that was finished. Each call is a run of its
        own, which starts at epoch 0.

        Examples
        --------
        >>> X, Y = np.array([[0, 64, 128, 255]], dtype=np.uint8), np.array([0, 0, 1, 1])
        >>> net = deepnet.Network([1, 8, 1], "tanh", seed=0)
        >>> net.fit(X, Y, epochs=500, batch_size=2, optimizer=deepnet.SGD(0.5), seed=0, input_scale=1 / 255)
        <History of 500 epochs in ... s: loss ... to 0.00...>
        """
        self._check_parameters()
        chosen = self.optimizer if optimizer is None else option.optimizer(optimizer, self.dtype)
        run = checked_run(
            self,
            X,
            Y,
            epochs=epochs,
            batch_size=batch_size,
            optimizer=chosen,
            loss=loss,
            shuffle=shuffle,
            seed=seed,
            validation_data=validation_data,
            callbacks=callbacks,
            progress=progress,
            threads=threads,
            input_scale=input_scale,
        )
        if self._process != os.getpid():  # the thread that held the lock stayed behind in the parent
            self._one_fit, self._process = threading.Lock(), os.getpid()
        if not self._one_fit.acquire(blocking=False):
            raise busy()
        try:
            self.optimizer = chosen
            return train(self, run)
        finally:
            self._one_fit.release()

    def train_on_batch(
        self,
        X: Array,
        Y: Array,
        *,
        optimizer: SGD | None = None,
        loss: str | None = None,
        input_scale: float = ONE,
        threads: Whole | None = None,
    ) -> float:
        """One update with all these examples, for those who own the loop.

        Parameters
        ----------
        X, Y, loss, input_scale, threads
            As in :meth:`fit`.
        optimizer : SGD, optional
            For this update; ``net.optimizer`` if not given.

        Returns
        -------
        loss : float
            The mean loss before the update.

        Raises
        ------
        FloatingPointError
            If that is nan or infinite; no update was made.
        RuntimeError, ValueError, TypeError
            As in :meth:`fit`.

        Examples
        --------
        >>> net = deepnet.Network([3, 1], initializer="zeros")
        >>> net.train_on_batch(np.ones((3, 5)), np.ones(5))
        0.693147...
        """
        rate = self._rate if optimizer is None else option.optimizer(optimizer, self.dtype).learning_rate
        loss_id = self._loss_id if loss is None else self._id_of(loss)
        scale = ONE if input_scale is ONE else option.input_scale(input_scale)
        count = 0 if threads is None else option.thread_count(threads)
        try:
            value = self._train(X, Y, rate, loss_id, scale, count)
            if value is None:
                X, Y = self._checked(X, Y, loss)
                value = self._answered(self._engine.train_on_batch(X, Y, rate, loss_id, scale, count))
            return value  # type: ignore[no-any-return]
        except FloatingPointError as error:
            where = "before this update, which was not made"
            raise non_finite_loss(
                str(error), where, rate, self._views, *self._checked(X, Y, loss), scale
            ) from None
        except RuntimeError as error:
            if str(error) != "busy":
                raise
            raise busy() from None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network, its layers and parameters, to a file that :func:`deepnet.load` reads.

        A file of that name is replaced all at once: whatever goes wrong, there is the old one or the new one.
        The format is safetensors, whose package is needed; the optimizer is not in it.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     deepnet.Network([2, 1]).save(pathlib.Path(folder) / "net.safetensors")
        """
        from ._files import save  # which knows this class

        save(self, path)
