"""Several ranks train together: the same as one process with the examples of all.

The ranks are threads here (rank_threads.py); test_mpi.py has those of MPI.
"""

import errno
import os
import sys
import warnings
from itertools import pairwise

import numpy as np
import pytest

import deepnet
import rank_threads
from deepnet import distributed
from deepnet.distributed import together

needs_extension = pytest.mark.skipif(deepnet.backends.native is None, reason="ranks need the extension")
pytestmark = [
    needs_extension,
    pytest.mark.filterwarnings("ignore:.*ranks with .* threads share:RuntimeWarning"),
]


def parts(counts):
    """The columns of each rank."""
    ends = np.cumsum(counts)
    return [np.arange(end - count, end) for count, end in zip(counts, ends, strict=True)]


def in_batches(counts, batch_size):
    """The examples of each batch: every rank has the same share of it as of all examples."""
    m = sum(counts)
    cuts = [min(first, m) for first in range(0, m + batch_size, batch_size)]
    ends = [0, *np.cumsum(counts).tolist()]
    # Of the first `cut` examples trained on, so many are of each rank.
    taken = [np.diff([cut * end // m for end in ends]) for cut in cuts]
    batches = [
        np.concatenate([own[i:j] for own, i, j in zip(parts(counts), begin, end, strict=True)])
        for begin, end in pairwise(taken)
    ]
    assert all(len(batch) == end - begin for batch, (begin, end) in zip(batches, pairwise(cuts), strict=True))
    return batches


def data(m, inputs=5, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((inputs, m))
    return X, (X[:classes] + 0.3 * rng.standard_normal((classes, m))).argmax(axis=0)


def network(dtype="float64", **options):
    return deepnet.Network([5, 16, 3], output="softmax", dtype=dtype, seed=1, **options)


def trained_by(counts, X, Y, fit_options, net_options, weights=None, **comm_options):
    """Train with one thread for each rank; return the ranks' networks and histories."""

    def work(comm):
        columns = parts(counts)[comm.rank]
        net = network(**net_options)
        own = {} if weights is None else {"sample_weight": weights[columns]}
        history = net.fit(X[:, columns], Y[columns], comm=comm, threads=1, seed=7, **own, **fit_options)
        return net, history

    results, aborted = rank_threads.run(len(counts), work, **comm_options)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    assert not aborted
    return results


CASES = {
    "sgd": ({}, {}),
    "adam": ({"optimizer": deepnet.Adam(0.01)}, {}),
    "clipped": ({"optimizer": deepnet.Momentum(0.1, clip_norm=0.05)}, {"l2": 0.01, "l1": 0.001}),
    "dropout": ({"optimizer": deepnet.Adam(0.01)}, {"dropout": 0.3, "input_dropout": 0.1}),
    "classes": ({"class_weight": {0: 3.0, 2: 0.5}}, {}),
    "weights": ({"optimizer": "adamw"}, {}),
}


def assert_same(net, other, rtol=1e-12):
    """Every array, but for errors of so much of its largest entry."""
    for key, value in other.parameters.items():
        largest = float(np.abs(value).max())
        np.testing.assert_allclose(net.parameters[key], value, rtol=0, atol=rtol * largest)


@pytest.mark.parametrize("case", CASES)
def test_ranks_train_as_one_process_with_all_examples(case):
    counts, batch_size = [24, 24], 12
    fit_options, net_options = CASES[case]
    X, Y = data(48)
    weights = np.random.default_rng(3).random(48) if case == "weights" else None
    options = {**fit_options, "batch_size": batch_size, "epochs": 25, "shuffle": False}
    results = trained_by(counts, X, Y, options, net_options, weights)
    order = np.concatenate(in_batches(counts, batch_size))
    alone = network(**net_options)
    own = {} if weights is None else {"sample_weight": weights[order]}
    history = alone.fit(X[:, order], Y[order], threads=1, seed=7, **own, **options)
    for net, record in results:
        assert_same(net, alone)
        np.testing.assert_allclose(record.loss, history.loss, rtol=1e-12)


@pytest.mark.parametrize(
    ("counts", "batch_size"),
    [([17, 16, 18], 14), ([9, 8], 4), ([40, 7], 18), ([3, 3, 3], 1000), ([6, 7, 6], 4)],
)
def test_parts_may_be_uneven(counts, batch_size):
    """Every batch has its size, and every example counts once; a rank may have none of some batches."""
    X, Y = data(sum(counts))
    adam = deepnet.Adam(0.01)
    options = {"optimizer": adam, "batch_size": batch_size, "epochs": 3, "shuffle": False}
    (net, record), *_ = trained_by(counts, X, Y, options, {})
    alone, losses = network(), []
    for _ in range(3):
        total = 0.0
        for batch in in_batches(counts, batch_size):
            total += len(batch) * alone.train_on_batch(X[:, batch], Y[batch], optimizer=adam, threads=1)
        losses.append(total / sum(counts))
    assert_same(net, alone)
    np.testing.assert_allclose(record.loss, losses, rtol=1e-12)


@pytest.mark.parametrize("kind", ["float16", "uint8", "sparse"])
def test_ranks_take_examples_as_they_are(kind):
    from scipy.sparse import csc_matrix

    X, Y = data(40)
    X = np.abs(X).clip(0, 3) * 80
    X = csc_matrix(np.where(X > 60, X, 0)) if kind == "sparse" else X.astype(kind)
    options = {"batch_size": 10, "epochs": 5, "shuffle": False, "input_scale": 1 / 255}
    results = trained_by([20, 20], X, Y, options, {"dtype": "float32"})
    order = np.concatenate(in_batches([20, 20], 10))
    alone = network("float32")
    alone.fit(X[:, order], Y[order], threads=1, **options)
    for net, _ in results:
        assert_same(net, alone, rtol=1e-5)


def test_the_order_of_the_ranks_decides_the_bits_if_the_sum_is_deterministic():
    X, Y = data(60)
    options = {"batch_size": 30, "epochs": 4, "optimizer": deepnet.Adam(0.01)}
    runs = [
        trained_by([20, 20, 20], X, Y, options, {"dtype": "float32"}, deterministic=True) for _ in range(2)
    ]
    first = runs[0][0][0].parameters
    for results in runs:
        for net, _ in results:
            for key, value in first.items():
                np.testing.assert_array_equal(net.parameters[key], value)


linux = pytest.mark.skipif(sys.platform != "linux", reason="ranks share memory on Linux only")


def record_shared(monkeypatch):
    """Return a list of the shared memory that the ranks get from now on."""
    found, shared_sums = [], together.shared_sums

    def recorded(*arguments):
        found.append(shared_sums(*arguments))
        return found[-1]

    monkeypatch.setattr(together, "shared_sums", recorded)
    return found


@linux
@pytest.mark.parametrize("counts", [[30, 30], [21, 20, 19], [12, 13, 11, 12, 12]])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_in_shared_memory_have_the_bits_of_the_order_of_the_ranks(counts, dtype, monkeypatch):
    X, Y = data(60)
    given = X, Y, {"batch_size": 30, "epochs": 4, "optimizer": deepnet.Adam(0.01)}, {"dtype": dtype}
    (expected, _), *_ = trained_by(counts, *given, deterministic=True)
    found = record_shared(monkeypatch)
    results = trained_by(counts, *given, shares_memory=True)
    assert len(found) == len(counts)
    assert None not in found
    for net, _ in results:
        for key, value in expected.parameters.items():
            np.testing.assert_array_equal(net.parameters[key], value)


@linux
def test_ranks_send_messages_if_one_of_them_cannot_share_memory(monkeypatch):
    X, Y = data(60)
    given = X, Y, {"batch_size": 30, "epochs": 2}, {"dtype": "float32"}
    (expected, _), *_ = trained_by([20, 20, 20], *given, deterministic=True)
    create, calls = os.memfd_create, []

    def scarce(name):
        calls.append(name)
        if len(calls) == 2:
            raise OSError(errno.EMFILE, "Too many open files")
        return create(name)

    monkeypatch.setattr(os, "memfd_create", scarce)
    found = record_shared(monkeypatch)
    results = trained_by([20, 20, 20], *given, deterministic=True, shares_memory=True)
    assert found == [None, None, None]
    for net, _ in results:
        for key, value in expected.parameters.items():
            np.testing.assert_array_equal(net.parameters[key], value)


@linux
def test_memory_of_another_process_with_the_same_number_is_not_shared():
    """As of a rank on another machine, or in another container."""

    class Elsewhere(rank_threads.Rank):
        def allgather(self, value):
            if isinstance(value, tuple) and self.rank == 1:
                value = *value[:2], bytes(64)
            return super().allgather(value)

    def work(comm):
        other = Elsewhere(comm.shared, comm.rank)
        return together.shared_sums(other, 100, np.dtype(np.float32))

    assert rank_threads.run(2, work) == ([None, None], [])


def test_ranks_sum_several_batches_before_an_update():
    """With the bits of batches that are as large as these together."""
    X, Y = data(50)
    options = {"epochs": 3, "optimizer": deepnet.Adam(0.01)}
    sizes = [{"batch_size": 5, "accumulate": 3}, {"batch_size": 15}]
    (several, _), (one, _) = (
        trained_by([30, 20], X, Y, {**options, **size}, {"dropout": 0.2}, deterministic=True)[0]
        for size in sizes
    )
    assert_same(several, one, 0)


def test_each_rank_has_an_order_of_its_own_for_its_examples():
    """Else examples with the same number on two ranks would always meet in a batch.

    The losses are powers of 2, so that their sum says which examples a batch has.
    """
    losses, totals = 2.0 ** np.arange(12), []

    class Logging(rank_threads.Rank):
        def allreduce_(self, array):
            super().allreduce_(array)
            if self.rank == 0 and len(array) == 3:  # loss, examples, weights
                totals.append(array[0])

    def work(comm):
        net = deepnet.Network([1, 1], output="identity", initializer="zeros", dtype="float64")
        Y = np.sqrt(losses[6 * comm.rank : 6 * comm.rank + 6])
        options = {"epochs": 1, "batch_size": 2, "optimizer": deepnet.SGD(0), "seed": 3, "threads": 1}
        net.fit(np.zeros((1, 6)), Y, comm=Logging(comm.shared, comm.rank), **options)

    rank_threads.run(2, work)
    met = [[i for i in range(12) if round(total) >> i & 1] for total in totals]
    assert sorted(i for pair in met for i in pair) == list(range(12))
    assert all(len(pair) == 2 for pair in met)
    assert {second - first for first, second in met} != {6}


def test_validation_and_metrics_are_those_of_all_examples():
    X, Y = data(70)
    options = {"batch_size": 25, "epochs": 3, "shuffle": False, "metrics": ["accuracy"]}

    def work(comm):
        own = parts([25, 25])[comm.rank]
        held_out = 50 + parts([5, 15])[comm.rank]
        net = network()
        return net, net.fit(
            X[:, own], Y[own], comm=comm, validation_data=(X[:, held_out], Y[held_out]), **options
        )

    results, _ = rank_threads.run(2, work)
    for net, history in results:
        expected = net.evaluate(X[:, 50:], Y[50:], metrics=["accuracy"])
        assert history.validation_loss[-1] == pytest.approx(expected["loss"], rel=1e-12)
        assert history.validation_metrics["accuracy"][-1] == expected["accuracy"]
        assert (
            history.metrics["accuracy"][-1]
            == net.evaluate(X[:, :50], Y[:50], metrics=["accuracy"])["accuracy"]
        )
    assert results[0][1].validation_loss == results[1][1].validation_loss


def test_callbacks_decide_on_rank_0_for_all():
    X, Y = data(40)
    called = []

    class Restless:
        """Changes the rate, then the parameters, and ends the run."""

        def __call__(self, net, history):
            called.append(history.epochs)
            if history.epochs == 2:
                history.learning_rate = 0.0
            if history.epochs == 3:
                net.parameters["b1"][...] = 5
            return history.epochs == 4

        def finish(self, net):
            net.parameters["b2"][...] = 7

    options = {"batch_size": 10, "epochs": 9, "callbacks": [Restless()]}
    results = trained_by([20, 20], X, Y, options, {})
    assert called == [1, 2, 3, 4]
    for net, history in results:
        assert history.epochs == 4
        assert history.learning_rate == 0
        assert (net.parameters["b1"] == 5).all()
        assert (net.parameters["b2"] == 7).all()
        assert_same(net, results[0][0], 0)


@pytest.mark.parametrize("ranks", [2, 3])
def test_a_run_goes_on_from_a_checkpoint(ranks, tmp_path):
    """With as many ranks it ends with the bits of the unbroken run; with others it ends well."""
    X, Y = data(48)
    options = {"batch_size": 12, "optimizer": deepnet.Adam(0.01)}
    path = tmp_path / "last.safetensors"
    save = deepnet.callbacks.ModelCheckpoint(path, every=1)
    whole = trained_by([24, 24], X, Y, {**options, "epochs": 6}, {}, deterministic=True)
    trained_by([24, 24], X, Y, {**options, "epochs": 3, "callbacks": [save]}, {}, deterministic=True)
    on = trained_by(
        [48 // ranks] * ranks, X, Y, {**options, "epochs": 6, "resume_from": path}, {}, deterministic=True
    )
    for net, history in on:
        assert history.epochs == 6
        if ranks == 2:
            assert_same(net, whole[0][0], 0)
            assert history.loss == whole[0][1].loss


def failing(counts, change, **options):
    """What each rank raises, and what it aborts with, if `change` alters the arguments of rank 1."""
    X, Y = data(sum(counts))

    def work(comm):
        own = parts(counts)[comm.rank]
        arguments = {"X": X[:, own], "Y": Y[own], "epochs": 3, "batch_size": 4, **options}
        if comm.rank == 1:
            change(arguments)
        network().fit(comm=comm, threads=1, **arguments)

    return rank_threads.run(len(counts), work, check_every=2)


def test_an_argument_that_does_not_fit_is_an_error_on_every_rank():
    errors, aborted = failing([8, 8, 8], lambda given: given.update(X=given["X"][:3]))
    assert [type(error) for error in errors] == [RuntimeError, ValueError, RuntimeError]
    assert str(errors[0]) == "rank 1: ValueError: X has 3 rows, but the network has 5 inputs"
    assert not aborted


def test_inputs_of_another_size_are_a_warning_as_elsewhere():
    """Here warnings are errors, of one rank and so of all; it names the line that calls fit."""
    errors, aborted = failing([8, 8], lambda given: given["X"].__imul__(1e4))
    assert [type(error) for error in errors] == [RuntimeError, UserWarning]
    assert str(errors[0]).startswith("rank 1: UserWarning: ")
    assert not aborted


@pytest.mark.parametrize("part", ["loss", "activation"])
def test_custom_parts_are_refused_on_every_rank(part):
    X, _ = data(16)
    loss = deepnet.losses.Loss("squares", "A^2", lambda A, Y, _: A * A, lambda A, Y, _: 2 * A)
    double = deepnet.Activation("double", lambda Z: 2 * Z, lambda dA, Z: 2 * dA)

    def work(comm):
        hidden = double if part == "activation" else "relu"
        net = deepnet.Network([5, 4, 1], [hidden, "identity"])
        own = parts([8, 8])[comm.rank]
        net.fit(X[:, own], X[0, own], loss=loss if part == "loss" else "mean_squared_error", comm=comm)

    errors, aborted = rank_threads.run(2, work)
    assert not aborted
    for error in errors:
        assert isinstance(error, ValueError)
        assert str(error).startswith("comm needs deepnet's own activations, losses and optimizers")


def test_ranks_with_other_options_are_named():
    errors, _ = failing([8, 8], lambda given: given.update(batch_size=5))
    for error in errors:
        assert "batch_size must be the same on every rank, but is 4 on rank 0 and 5 on rank 1" in str(error)


def test_a_rank_with_too_few_examples_is_named():
    errors, _ = failing([30, 2], lambda given: None)
    for error in errors:
        assert "rank 1 has 2 of 32 examples, too few for one in each batch of 4" in str(error)


def test_a_loss_that_is_nan_ends_the_run_of_all():
    errors, aborted = failing([8, 8], lambda given: given["X"].__setitem__((0, 0), np.nan))
    for error in errors:
        assert isinstance(error, FloatingPointError)
    assert "X[0, 0] is nan" in str(errors[1])
    assert not aborted


def test_a_callback_that_raises_aborts_the_others():
    def fail(net, history):
        raise OSError("the disk is full")

    errors, aborted = failing([8, 8], lambda given: None, callbacks=[fail])
    assert aborted[0] == "rank 0: OSError: the disk is full"
    assert isinstance(errors[0], OSError)
    assert errors[1] is not None


def test_a_rank_whose_parameters_differ_is_named():
    """Here a metric of rank 2 changes them."""
    X, Y = data(24)

    def work(comm):
        own = parts([8, 8, 8])[comm.rank]
        net = network()

        def spoil(AL, labels):
            if comm.rank == 2:
                net.parameters["b1"][0] += 1e-9
            return 0.0

        net.fit(X[:, own], Y[own], epochs=3, batch_size=6, metrics=[spoil], comm=comm, threads=1)

    errors, aborted = rank_threads.run(3, work, check_every=1)
    for error in errors:
        assert "the parameters of rank 2 differ from those of the other ranks after" in str(error)
    assert not aborted


@pytest.mark.parametrize("ranks", [2, 3, 6])
def test_many_networks_are_dealt_to_the_ranks(ranks):
    """Every rank ends with all of them, and with their records; one of them fails."""
    X, Y = data(30)
    each = [{"seed": i, "optimizer": deepnet.SGD(1e300 if i == 3 else 0.1)} for i in range(5)]
    options = {"epochs": 4, "batch_size": 10, "each": each}

    def networks():
        return [deepnet.Network([5, 4 + i, 3], output="softmax", dtype="float64", seed=i) for i in range(5)]

    def work(comm=None):
        nets = networks()
        return nets, deepnet.fit_many(nets, X, Y, threads=1, comm=comm, **options)

    with pytest.warns(RuntimeWarning, match=r"1 of 5 networks failed, the first is networks\[3\]"):
        alone, expected = work()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results, aborted = rank_threads.run(ranks, work)
    assert not aborted
    for nets, histories in results:
        for net, history, same, record in zip(nets, histories, alone, expected, strict=True):
            assert_same(net, same, 0)
            assert history.loss == record.loss
            assert str(history.error) == str(record.error)
            assert net.optimizer == same.optimizer


def test_a_grid_search_is_divided_among_the_ranks():
    sklearn = pytest.importorskip("deepnet.sklearn", reason="needs scikit-learn")
    X, y = data(60)
    model = sklearn.MLPClassifier((6,), max_iter=5, random_state=0)
    grid = {"alpha": [1e-4, 1.0], "learning_rate_init": [0.001, 0.01, 0.1]}

    def work(comm=None):
        return sklearn.GridSearch(model, grid, cv=3, n_threads=1, comm=comm).fit(X.T, y)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of no convergence
        expected = work()
        results, aborted = rank_threads.run(2, work)
    assert not aborted
    for search in results:
        for name in ("mean_test_score", "split2_test_score", "rank_test_score"):
            np.testing.assert_array_equal(search.cv_results_[name], expected.cv_results_[name])
        assert search.best_params_ == expected.best_params_
        np.testing.assert_array_equal(search.predict(X.T), expected.predict(X.T))


def fitted_by(ranks, make, X, y, **given):
    """Fit on several ranks, and in one process; return the estimators of the ranks, and that one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of no convergence
        results, aborted = rank_threads.run(ranks, lambda comm: make().fit(X, y, comm=comm, **given))
        assert not aborted
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return results, make().fit(X, y, **given)


@pytest.mark.parametrize(
    ("ranks", "options"),
    [
        (2, {"early_stopping": True, "n_iter_no_change": 2, "tol": 0.01, "dropout": 0.2}),
        (3, {"solver": "sgd", "learning_rate": "adaptive", "batch_size": 16, "learning_rate_init": 0.5}),
        (2, {"shuffle": False, "class_weight": "balanced"}),
    ],
)
def test_an_estimator_learns_the_same_from_several_ranks(ranks, options):
    """The same batches, and the same decisions about the end; no number of ranks divides 67 rows."""
    sklearn = pytest.importorskip("deepnet.sklearn", reason="needs scikit-learn")
    X, y = data(67)
    called = []
    given = {"max_iter": 12, "random_state": 0, "n_threads": 1, **options}

    def make():
        return sklearn.MLPClassifier((16,), callbacks=[lambda net, history: called.append(0)], **given)

    results, alone = fitted_by(ranks, make, X.T, y)
    assert len(called) == 2 * alone.n_iter_  # by rank 0, and alone
    for model in results:
        assert_same(model.network_, alone.network_)
        np.testing.assert_allclose(model.loss_curve_, alone.loss_curve_, rtol=1e-12)
        assert (model.n_iter_, model.stopped_, model.t_) == (alone.n_iter_, alone.stopped_, alone.t_)
        assert model.validation_scores_ == alone.validation_scores_
        np.testing.assert_array_equal(model.predict(X.T), alone.predict(X.T))
    if "solver" not in options and "shuffle" not in options:
        assert alone.stopped_


def test_the_networks_of_an_estimator_are_divided_among_the_ranks():
    """With the bits of one process."""
    sklearn = pytest.importorskip("deepnet.sklearn", reason="needs scikit-learn")
    X, y = data(60)
    kinds = [
        lambda: sklearn.MLPRegressor(
            hidden_layer_sizes=6, n_estimators=3, bagging="kfold", max_iter=4, random_state=0
        ),
        lambda: sklearn.TabularClassifier(3, (8, 8), max_epochs=6, n_iter_no_change=2, random_state=0),
    ]
    for make in kinds:
        results, alone = fitted_by(2, make, X.T, y)
        for model in results:
            np.testing.assert_array_equal(model.predict(X.T), alone.predict(X.T))
            for name in ("oof_", "n_iter_", "best_epochs_", "validation_errors_", "loss_curves_"):
                if hasattr(alone, name):
                    np.testing.assert_array_equal(getattr(model, name), getattr(alone, name))


def test_an_estimator_that_cannot_learn_on_one_rank_is_an_error_on_all():
    sklearn = pytest.importorskip("deepnet.sklearn", reason="needs scikit-learn")
    X, y = data(20)

    def errors(change, **options):
        def work(comm):
            rows, targets = X.T.copy(), y.copy()
            if comm.rank == 1:
                change(rows, targets)
            sklearn.MLPClassifier((4,), max_iter=2, random_state=comm.rank, **options).fit(
                rows, targets, comm=comm
            )

        found, aborted = rank_threads.run(2, work)
        assert not aborted
        return [f"{type(error).__name__}: {error}" for error in found]

    first, second = errors(lambda rows, targets: rows.__setitem__((0, 0), np.nan))
    assert first.startswith("RuntimeError: rank 1: ValueError: ")
    assert "NaN" in second
    for error in errors(lambda rows, targets: targets.__setitem__(slice(2), targets[1::-1])):
        assert "the number and the targets of the rows must be the same on every rank" in error
    for error in errors(lambda rows, targets: None, solver="lbfgs"):
        assert "comm needs the solver 'sgd' or 'adam', or an optimizer, but solver is 'lbfgs'" in error


def assert_rank_1_fails_for_all(work, message):
    """`work` takes a communicator; on rank 1 it raises, and the others, which wait for it, raise as well."""
    errors, aborted = rank_threads.run(3, work)
    assert not aborted
    assert message in str(errors[1])
    for error in (errors[0], errors[2]):
        assert str(error) == f"rank 1: {type(errors[1]).__name__}: {errors[1]}"


@pytest.mark.parametrize("skips", [False, True])
def test_an_error_of_one_rank_is_one_of_all_before_an_estimator_learns(skips):
    """Else the others wait for its random numbers. `skips`: scikit-learn does not check the parameters."""
    sklearn = pytest.importorskip("deepnet.sklearn", reason="needs scikit-learn")
    config_context = pytest.importorskip("sklearn", reason="needs scikit-learn").config_context
    X, y = data(30)

    def fit(comm):
        with config_context(skip_parameter_validation=skips):
            model = sklearn.MLPClassifier((4,), random_state=("x" if comm.rank == 1 else 0))
            model.fit(X.T, y, comm=comm)

    message = (
        "'x' cannot be used to seed" if skips else "The 'random_state' parameter of MLPClassifier must be"
    )
    assert_rank_1_fails_for_all(fit, message)


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor", "TabularClassifier", "TabularRegressor"])
def test_a_parameter_that_does_not_fit_on_one_rank_is_an_error_on_all(name):
    sklearn = pytest.importorskip("deepnet.sklearn", reason="needs scikit-learn")
    X, y = data(30)

    def fit(comm):
        model = getattr(sklearn, name)(n_estimators=0 if comm.rank == 1 else 2)
        model.fit(X.T, y, comm=comm)

    assert_rank_1_fails_for_all(fit, f"The 'n_estimators' parameter of {name} must be")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"cv": 100}, "n_splits=100"),
        ({"n_threads": 0}, "The 'n_threads' parameter of GridSearch must be"),
        ({"param_grid": {"alpha": []}}, "alpha"),
    ],
)
def test_a_search_that_cannot_begin_on_one_rank_is_an_error_on_all(parameters, message):
    sklearn = pytest.importorskip("deepnet.sklearn", reason="needs scikit-learn")
    X, y = data(30)

    def search(comm):
        own = {"param_grid": {"alpha": [0.1]}, "cv": 3} | (parameters if comm.rank == 1 else {})
        sklearn.GridSearch(sklearn.MLPClassifier((4,)), comm=comm, **own).fit(X.T, y)

    assert_rank_1_fails_for_all(search, message)


def test_random_numbers_without_a_state_are_an_error_on_all_ranks():
    sklearn = pytest.importorskip("deepnet.sklearn", reason="needs scikit-learn")
    X, y = data(30)

    class Stateless(np.random.RandomState):
        def get_state(self, legacy=True):
            raise NotImplementedError("a device has no state")

    def fit(comm):
        random_state = Stateless(0) if comm.rank == 1 else np.random.RandomState(0)
        sklearn.MLPClassifier((4,), random_state=random_state).fit(X.T, y, comm=comm)

    assert_rank_1_fails_for_all(fit, "a device has no state")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"threads": 0}, "threads is 0"),
        ({"progress": "bar"}, "progress is 'bar'"),
        ({"epochs": -1}, "epochs is -1"),
    ],
)
def test_an_argument_of_fit_many_that_does_not_fit_on_one_rank_is_an_error_on_all(option, message):
    X, Y = data(20)
    assert_rank_1_fails_for_all(
        lambda comm: deepnet.fit_many(
            [network()], X, Y, comm=comm, **{"epochs": 1, "threads": 1} | (option if comm.rank == 1 else {})
        ),
        message,
    )


def test_a_search_takes_the_folds_of_rank_0():
    """Which another rank would draw anew."""
    sklearn = pytest.importorskip("deepnet.sklearn", reason="needs scikit-learn")
    model_selection = pytest.importorskip("sklearn.model_selection", reason="needs scikit-learn")
    X, y = data(30)

    def work(comm):
        model = sklearn.MLPClassifier((4,), max_iter=2, random_state=0)
        cv = model_selection.KFold(3, shuffle=True, random_state=comm.rank if comm else 0)
        return sklearn.GridSearch(model, {"alpha": [0.1, 1.0]}, cv=cv, n_threads=1, comm=comm).fit(X.T, y)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of no convergence
        alone, (results, _) = work(None), rank_threads.run(2, work)
    for search in results:
        np.testing.assert_array_equal(
            search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
        )


@pytest.mark.parametrize("failing", ["get_state", "set_state"])
def test_a_callback_whose_state_cannot_be_shared_is_an_error_on_all(failing):
    """Rank 0 has the state; the others take it."""
    sklearn = pytest.importorskip("deepnet.sklearn", reason="needs scikit-learn")
    X, y = data(30)

    class Callback:
        of_all_ranks = True

        def __call__(self, net, history):
            pass

        def get_state(self, net):
            if failing == "get_state":
                raise OSError("no state")

        def set_state(self, net, state):
            raise OSError("no state")

    def work(comm):
        model = sklearn.MLPClassifier((4,), max_iter=1, random_state=0, callbacks=[Callback()])
        model.fit(X.T, y, comm=comm)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of no convergence
        errors, aborted = rank_threads.run(2, work)
    assert not aborted
    fails, other = errors if failing == "get_state" else reversed(errors)
    assert isinstance(fails, OSError)
    assert str(other) == f"rank {errors.index(fails)}: OSError: no state"


def test_ranks_with_other_networks_are_named():
    X, Y = data(30)

    def work(comm):
        deepnet.fit_many([deepnet.Network([5, 3 + comm.rank, 3], output="softmax")], X, Y, comm=comm)

    errors, _ = rank_threads.run(2, work)
    for error in errors:
        assert "every rank must give the same networks, but rank 1 has others than rank 0" in str(error)


def test_one_process_trains_as_without_a_communicator():
    X, Y = data(20)
    nets = [network() for _ in range(2)]
    nets[0].fit(X, Y, epochs=3, seed=1)
    nets[1].fit(X, Y, epochs=3, seed=1, comm=distributed.OneProcess())
    assert_same(nets[1], nets[0], 0)


def test_what_is_not_a_communicator_is_refused():
    X, Y = data(20)
    with pytest.raises(TypeError, match=r"comm is int, which lacks allreduce_, bcast_, .*, rank, size: give"):
        network().fit(X, Y, comm=4)


def test_plan_follows_the_formula():
    net = deepnet.Network([1000, 1000, 1000, 1000, 10])  # 3 million parameters
    P = sum(p.size for p in net.parameters.values())
    scaling = distributed.plan(net, 4096, nodes=4, bandwidth=10, latency=50e-6, flops=100e9)
    compute, sums = 6 * P * 1024 / 100e9, 1.5 * 4 * P / 1.25e9 + 4 * 50e-6
    assert scaling.efficiency == pytest.approx(compute / (compute + sums))
    assert scaling.speedup == pytest.approx(4 * scaling.efficiency)
    again = distributed.plan(net, scaling.smallest_batch, nodes=4, bandwidth=10, latency=50e-6, flops=100e9)
    assert 0.9 <= again.efficiency < 0.9005
    assert distributed.plan(net, 64, nodes=1, bandwidth=1, flops=1e9).efficiency == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"nodes": 0}, "nodes is 0, but must be 1 or more"),
        ({"batch": 3}, "batch is 3, but must be at least one example for each of 4 nodes"),
        ({"bandwidth": 0}, "bandwidth is 0, but must be more than 0"),
    ],
)
def test_plan_refuses(arguments, message):
    given = {"batch": 64, "nodes": 4, "bandwidth": 10, "flops": 1e9, **arguments}
    with pytest.raises(ValueError, match=message):
        distributed.plan(network(), given.pop("batch"), **given)
