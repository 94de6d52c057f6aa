"""The network itself: what `_predictor` says, and how it is trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from deepnet._validation import learning
from deepnet._validation import options as option
from deepnet._validation.options import LARGEST_SEED
from deepnet.activations import Array
from deepnet.caches import Whole
from deepnet.engine_errors import NonFinite
from deepnet.losses import Loss
from deepnet.optimizers import Optimizer
from deepnet.schedules import rates

from ._failures import not_finite, penalty_overflow
from ._fit import checked_run, train
from ._history import History
from ._predictor import ONE, Predictor


class Network(Predictor):
    """A dense network of any depth that owns its parameters; each of its methods is one native call.

    Parameters
    ----------
    layer_dims : sequence of int or Dense
        Units of each layer, from the input: ``[784, 128, 10]`` has two layers of weights. Or the number of
        inputs and a :class:`deepnet.Dense` for each layer, with options of its own.
    activation : str, Activation or sequence of them
        One name from :data:`deepnet.ACTIVATIONS` for all hidden layers, or one for each of the L layers.
    output : str, optional
        The last layer's activation, "sigmoid" if not given; not beside a sequence of names.
    dropout, l2, l1 : float
        As in :class:`deepnet.Dense`: dropout of all hidden layers, penalties on the weights of all layers.
    input_dropout : float
        The share of the inputs that is dropped at each step of training.
    initializer : str or callable
        A name from :data:`deepnet.initializers.INITIALIZERS`; "auto" is he_normal where about half of the
        outputs are cut, as relu and gelu do it, and glorot_uniform for the others; or a function
        ``(rng, n, n_prev)`` that returns W. Biases start at 0.
    dtype : {"float32", "float64"}
        What the network computes in.
    seed : int or None
        For the first weights, and for dropout in :meth:`train_on_batch`; None: other ones each time.

    Attributes
    ----------
    parameters : dict of ndarray
        The course's dict, views of the network's memory that may be written.
    layer_dims, layers, activations, dtype
        What it was made with, one activation per layer.
    optimizer : Optimizer
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
    its example comes alone or among others. Copies, deep or not, and pickles are independent networks, whose
    optimizer remembers nothing yet. Many threads may predict with one network at once; one at a time may
    train it. With an activation, a loss or an optimizer of your own, NumPy computes all but the products.

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
        optimizer: Optimizer | str | None = None,
        loss: str | Loss | None = None,
        sample_weight: Array | None = None,
        class_weight: dict[int, float] | str | None = None,
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
        optimizer : Optimizer or str, optional
            Becomes ``net.optimizer``, which it is if not given; begins the run remembering nothing.
        loss : str or Loss, optional
            A name from :data:`deepnet.LOSSES`, or what :mod:`deepnet.losses` makes. If not given the
            cross-entropy of a sigmoid or softmax output (for the latter by Y: one-hot columns, or numbers of
            classes of shape (m,)), else "mean_squared_error".
        sample_weight : ndarray, shape (m,), optional
            How much each example's loss counts; the mean is still over m.
        class_weight : dict or "balanced", optional
            How much the examples of each class count, 1 where the dict does not say; "balanced" makes classes
            count alike. A class is a label, or of one-hot columns the row that is 1.
        shuffle : bool
            Take the examples in another order each epoch.
        seed : int or None
            Chooses these orders, and what dropout drops; None: others each time.
        validation_data : (X, Y), optional
            Its loss is recorded after each epoch.
        callbacks : list of callable
            Each is called after each epoch as ``callback(net, history)``; one that returns True ends the run.
            If it has a method ``finish(net)``, that is called at the end of the run, whatever ends it.
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
            If a loss, or the norm of gradients where it is clipped, is nan or infinite: ``the loss is nan in
            epoch 3 of 10, batch 2 of 8. ...``. The parameters are those before the update that went wrong.
        RuntimeError
            If another thread trains this network.
        ValueError, TypeError
            If something does not fit, before anything is changed: ``X has 3 rows, but the network has 2
            inputs``.

        Notes
        -----
        Networks learn from numbers about as large as 1: standardise X by its training part, and targets of a
        regression likewise. After Ctrl-C the parameters are those of the last update that was finished. Each
        call is a run of its own, which starts at epoch 0.

        Examples
        --------
        >>> X, Y = np.array([[0, 64, 128, 255]], dtype=np.uint8), np.array([0, 0, 1, 1])
        >>> net = deepnet.Network([1, 8, 1], "tanh", seed=0)
        >>> net.fit(X, Y, epochs=500, batch_size=2, optimizer=deepnet.SGD(0.5), seed=0, input_scale=1 / 255)
        <History of 500 epochs in ... s: loss ... to 0.00...>
        """
        self._check_parameters()
        chosen = self.optimizer if optimizer is None else learning.optimizer(optimizer, self.dtype)
        run = checked_run(
            self,
            X,
            Y,
            epochs=epochs,
            batch_size=batch_size,
            optimizer=chosen,
            loss=loss,
            sample_weight=sample_weight,
            class_weight=class_weight,
            shuffle=shuffle,
            seed=seed,
            validation_data=validation_data,
            callbacks=callbacks,
            progress=progress,
            threads=threads,
            input_scale=input_scale,
        )
        with self._engine.begin_training() as hold:
            self.optimizer, self._updates = chosen, 0
            return train(self, run, hold)

    def train_on_batch(
        self,
        X: Array,
        Y: Array,
        *,
        optimizer: Optimizer | str | None = None,
        loss: str | Loss | None = None,
        sample_weight: Array | None = None,
        class_weight: dict[int, float] | str | None = None,
        input_scale: float = ONE,
        threads: Whole | None = None,
    ) -> float:
        """One update with all these examples, for those who own the loop.

        Parameters
        ----------
        X, Y, loss, sample_weight, class_weight, input_scale, threads
            As in :meth:`fit`; classes that these examples have not may have a weight, too.
        optimizer : Optimizer or str, optional
            For this update; ``net.optimizer`` if not given. Its memory goes on from call to call, and its
            schedule counts the updates since ``net.optimizer`` was set, those of fit among them.

        Returns
        -------
        loss : float
            The mean loss before the update.

        Raises
        ------
        FloatingPointError
            If that, or the norm of gradients where it is clipped, is nan or infinite; no update was made, or
            the message says so.
        RuntimeError, ValueError, TypeError
            As in :meth:`fit`.

        Examples
        --------
        >>> net = deepnet.Network([3, 1], initializer="zeros")
        >>> net.train_on_batch(np.ones((3, 5)), np.ones(5))
        0.693147...
        """
        scale = ONE if input_scale is ONE else option.input_scale(input_scale)
        count = 0 if threads is None else option.thread_count(threads)
        plain = optimizer is None and loss is None and sample_weight is None and class_weight is None
        rate = 0.0
        seed = self._dropout_seed + self._batches & LARGEST_SEED
        try:
            value = None
            if plain and self._default is not None and self._stand_in is None:
                plan, rate = self._default
                value = self._train(X, Y, None, plan, rate, seed, scale, count)
            if value is None:
                chosen = None if optimizer is None else learning.optimizer(optimizer, self.dtype)
                rate = self._rate_of(chosen)
                given = self._checked(X, Y, loss, sample_weight, class_weight)
                engine, plan = self._engine_for(self._plan(given[3], chosen))
                value = self._answered(engine.train_on_batch(*given[:3], plan, rate, seed, scale, count))
            self._updates += 1
            self._batches += 1
            return value  # type: ignore[no-any-return]
        except NonFinite as bad:
            if bad.updated:
                raise penalty_overflow(bad.loss) from None
            where = "before this update, which was not made"
            data = self._checked(X, Y, loss)[:2]
            raise not_finite(bad.loss, where, rate, self._views, *data, scale) from None

    def _rate_of(self, optimizer: Optimizer | None) -> float:
        """The learning rate of the next call of train_on_batch."""
        rate = (self._optimizer if optimizer is None else optimizer).learning_rate
        if not callable(rate):
            return float(rate)
        if getattr(rate, "per", "step") == "epoch":
            raise ValueError("learning_rate counts epochs, of which train_on_batch knows none: per='step'")
        return float(rates(rate, self._updates, 1, 1, self.dtype)[0])
