"""Training against the NumPy engine, with validation, callbacks, history and progress."""

import time

import numpy as np
import pytest

import deepnet
from deepnet import reference
from deepnet.callbacks import EarlyStopping
from networks import Unchanged
from problems import assert_same_bits, distance, options, parameters_of, plan_of, problem, sgd, twin_of

RUNS = [  # dims, activations, m, batch size, loss
    ([6, 5, 1], "relu", 100, 32, None),
    ([8, 32, 16, 1], "tanh", 77, 32, None),
    ([17, 64, 64, 3], "leaky_relu", 130, 64, None),
    ([40, 100, 100, 2], "sigmoid", 150, 150, None),
    ([5, 9, 4], ["tanh", "identity"], 64, 7, None),
    ([5, 9, 2], ["relu", "sigmoid"], 50, 1, "mean_squared_error"),
    ([6, 130, 3], ["sigmoid", "tanh"], 1300, 1100, None),  # several chunks
    ([3, 1], ["sigmoid"], 1000, 999, None),
    ([300, 20, 7, 5, 1], "relu", 90, 1000, None),
]


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
@pytest.mark.parametrize(("dims", "activation", "m", "batch_size", "loss"), RUNS)
def test_a_run_is_that_of_the_twin(dims, activation, m, batch_size, loss, dtype, tolerance):
    """The twin computes in float64; a run of a few epochs adds a few hundred roundings to each weight."""
    X, Y = problem(dims[0], m, dims[-1], dtype=dtype)
    net = deepnet.Network(dims, activation, dtype=dtype, seed=1)
    twin = twin_of(net)
    with Unchanged(X, Y):
        history = net.fit(X, Y, epochs=3, batch_size=batch_size, optimizer=sgd(0.1), loss=loss, seed=5)
    plan = plan_of(net, loss)
    run = options((0.1,), epochs=3, batch_size=batch_size, seed=5)
    losses, _ = twin.fit(twin.begin_training(), X, Y, None, plan, run, None)
    assert distance(net, twin.parameters()) <= tolerance
    np.testing.assert_allclose(history.loss, losses, rtol=tolerance)
    np.testing.assert_allclose(net.predict(X), twin.predict(X, None, 1.0, 0), rtol=0, atol=tolerance)
    np.testing.assert_allclose(
        net.evaluate(X, Y, loss=loss), twin.evaluate(X, Y, None, plan, 1.0, 0), rtol=tolerance
    )
    value, grads = net.loss_and_grads(X, Y, loss=loss)
    expected_value, expected = twin.loss_and_grads(X, Y, None, plan, 1.0, 0)
    np.testing.assert_allclose(value, expected_value, rtol=tolerance)
    for (key, grad), twin_grad in zip(grads.items(), expected.values(), strict=True):
        atol = tolerance * max(1.0, np.abs(twin_grad).max())
        np.testing.assert_allclose(grad, twin_grad, rtol=0, atol=atol, err_msg=key)


@pytest.mark.parametrize("kind", [np.uint8, np.float16, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_batches_are_gathered_from_data_of_any_kind(kind, order):
    X, Y = problem(20, 150, 2)
    X = np.asarray((np.abs(X) * 60).astype(kind), order=order)
    net, plain = (deepnet.Network([20, 10, 2], seed=0) for _ in range(2))
    run = {"epochs": 3, "batch_size": 32, "seed": 1, "optimizer": sgd(0.1)}
    net.fit(X, Y, input_scale=1 / 255, **run)
    plain.fit(X.astype(np.float32) * np.float32(1 / 255), Y, **run)
    assert_same_bits(net, plain.parameters)


@pytest.mark.parametrize("dtype", [bool, "int8", "int32", "int64", "longlong", "uint8", "f2", "f4", "f8"])
@pytest.mark.parametrize("shape", [(1, 60), (60,), (60, 1)])
def test_targets_of_any_type_and_form(backend, dtype, shape):
    X, Y = problem(m=60)
    net, other = (deepnet.Network([6, 4, 1], seed=0) for _ in range(2))
    net.fit(X, Y, epochs=2, batch_size=25, seed=0)
    other.fit(X, Y.astype(dtype).reshape(shape), epochs=2, batch_size=25, seed=0)
    assert_same_bits(net, other.parameters)
    assert other.train_on_batch(X, Y.astype(dtype).reshape(shape)) == net.train_on_batch(X, Y)


def test_one_example_of_several_outputs(backend):
    X, Y = problem(m=1, outputs=3)
    net = deepnet.Network([6, 3], seed=0)
    assert net.evaluate(X, Y[:, 0]) == net.evaluate(X, Y)


# --- order and repetition -----------------------------------------------------------------------------------


@pytest.mark.parametrize("m", [1, 2, 7, 1000])
def test_a_permutation_has_every_example_once(m):
    orders = [
        reference.permutation(m, seed, epoch).tolist() for seed in (0, 2**64 - 1) for epoch in (0, 1, 99)
    ]
    assert all(sorted(order) == list(range(m)) for order in orders)
    if m > 7:
        assert len({tuple(order) for order in orders}) == len(orders)


def test_a_permutation_is_uniform():
    """Each of the 24 orders of 4 examples: 2400 draws, chi-squared with 23 degrees of freedom below 60."""
    counts = {}
    for epoch in range(2400):
        order = tuple(reference.permutation(4, 1, epoch).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert sum((counts.get(order, 0) - 100) ** 2 / 100 for order in counts) < 60
    assert len(counts) == 24


def test_runs_repeat_by_their_seeds(backend):
    X, Y = problem()

    def weights(**arguments):
        net = deepnet.Network([6, 4, 1], seed=0)
        net.fit(X, Y, epochs=3, batch_size=10, optimizer=sgd(0.5), **arguments)
        return net.parameters["W1"].tobytes()

    assert weights(seed=3) == weights(seed=3) == weights(seed=np.int64(3))
    assert len({weights(seed=3), weights(seed=4), weights(), weights(), weights(shuffle=False)}) == 5
    assert weights(shuffle=False, seed=1) == weights(shuffle=False, seed=2)


def test_each_fit_is_a_run_of_its_own(backend):
    """Two runs of one epoch take the order of epoch 0 twice; one of two epochs does not."""
    X, Y = problem()
    twice, once = (deepnet.Network([6, 4, 1], seed=0, dtype="float64") for _ in range(2))
    for _ in range(2):
        twice.fit(X, Y, epochs=1, batch_size=10, seed=0)
    once.fit(X, Y, epochs=2, batch_size=10, seed=0)
    assert not np.array_equal(twice.parameters["W1"], once.parameters["W1"])


def test_looking_on_changes_no_bit(backend):
    X, Y = problem()
    plain, watched = (deepnet.Network([6, 4, 1], seed=0) for _ in range(2))
    run = {"epochs": 5, "batch_size": 9, "seed": 3}
    history = plain.fit(X, Y, **run)
    seen = []
    other = watched.fit(
        X, Y, **run, validation_data=(X, Y), callbacks=[lambda net, history: seen.append(history.epochs)]
    )
    assert seen == [1, 2, 3, 4, 5]
    assert other.loss == history.loss
    assert_same_bits(watched, plain.parameters)


def test_a_batch_is_trained_as_fit_does(backend):
    X, Y = problem()
    net, other = (deepnet.Network([6, 4, 1], seed=0) for _ in range(2))
    history = net.fit(X, Y, epochs=3, batch_size=100, optimizer=sgd(0.2))
    losses = [other.train_on_batch(X, Y, optimizer=sgd(0.2)) for _ in range(3)]
    assert losses == history.loss
    assert_same_bits(other, net.parameters)
    assert net.optimizer == sgd(0.2)
    assert other.optimizer == sgd(0.01)
    other.optimizer = sgd(0)
    before = parameters_of(other)
    other.train_on_batch(X, Y)
    assert_same_bits(other, before)


# --- history, validation, callbacks -------------------------------------------------------------------------


def test_the_history(backend):
    X, Y = problem()
    net = deepnet.Network([6, 4, 1], seed=0)
    history = net.fit(X, Y, epochs=4, batch_size=30, validation_data=(X[:, :20], Y[:, :20]))
    assert history.epochs == history.planned_epochs == 4
    assert len(history.loss) == len(history.seconds) == len(history.validation_loss) == 4
    assert all(type(value) is float for value in [*history.loss, *history.seconds, *history.validation_loss])
    assert history.validation_loss[-1] == net.evaluate(X[:, :20], Y[:, :20])
    assert repr(history).startswith("<History of 4 epochs in ")
    before = parameters_of(net)
    assert net.fit(X, Y, epochs=0, batch_size=30).loss == []
    assert_same_bits(net, before)
    assert repr(deepnet.History()) == "<History of 0 epochs in 0 s>"


def test_a_callback_that_says_true_ends_the_run(backend):
    X, Y = problem()
    net = deepnet.Network([6, 4, 1], seed=0)
    calls = []
    history = net.fit(
        X,
        Y,
        epochs=9,
        batch_size=30,
        callbacks=[lambda n, h: n is net and h.epochs == 3, lambda n, h: calls.append(h.loss[-1])],
    )
    assert (history.epochs, calls) == (3, history.loss)
    assert "3 of 9 epochs" in repr(history)


def test_an_exception_of_a_callback_is_the_users(backend):
    X, Y = problem()
    net = deepnet.Network([6, 4, 1], seed=0)
    with pytest.raises(ZeroDivisionError):
        net.fit(X, Y, epochs=2, batch_size=5, callbacks=[lambda n, h: 1 / 0])
    assert net.fit(X, Y, epochs=1, batch_size=5).epochs == 1


@pytest.mark.parametrize("restore_best", [True, False])
def test_early_stopping(backend, restore_best):
    net = deepnet.Network([6, 1], seed=0)
    stop = EarlyStopping(patience=3, restore_best=restore_best)
    curve = [0.9, 0.5, 0.7, 0.6, 0.55, 0.3]
    marks = []
    history = deepnet.History(planned_epochs=20)
    for loss in curve:
        net.parameters["b1"][...] = loss
        history.loss.append(loss)
        marks.append(stop(net, history))
        if marks[-1]:
            break
    assert marks == [False, False, False, False, True]
    stop.finish(net)
    assert net.parameters["b1"].item() == np.float32(0.5 if restore_best else 0.55)
    X, Y = problem()
    history = net.fit(X, Y, epochs=6, batch_size=50, callbacks=[stop])
    assert 1 <= history.epochs <= 6


def test_early_stopping_keeps_the_best_of_a_run_that_ends_by_itself(backend):
    X, Y = problem()
    net = deepnet.Network([6, 4, 1], seed=0)
    seen = []

    def worsen(net, history):
        seen.append(parameters_of(net))
        history.validation_loss[-1] = abs(history.epochs - 2)

    net.fit(
        X, Y, epochs=3, batch_size=50, validation_data=(X, Y), callbacks=[worsen, EarlyStopping(patience=9)]
    )
    assert_same_bits(net, seen[1])


def test_early_stopping_keeps_the_best_whatever_ends_the_run(backend):
    X, Y = problem()
    for end in (True, KeyboardInterrupt, FloatingPointError):
        net, seen = deepnet.Network([6, 4, 1], seed=0), []

        def worsen(net, history, end=end, seen=seen):
            seen.append(parameters_of(net))
            history.validation_loss[-1] = abs(history.epochs - 2)
            if history.epochs == 4 and end is not True:
                raise end
            return history.epochs == 4

        run = {"epochs": 9, "batch_size": 50, "validation_data": (X, Y)}
        stop = EarlyStopping(patience=9)
        if end is True:
            net.fit(X, Y, **run, callbacks=[worsen, stop])
        else:
            with pytest.raises(end):
                net.fit(X, Y, **run, callbacks=[worsen, stop])
        assert len(seen) == 4
        assert_same_bits(net, seen[1])


# --- progress -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_progress_is_reported_within_an_epoch(backend):
    X, Y = problem(50, 4000)
    net = deepnet.Network([50, 60, 60, 1], seed=0)
    reports = []
    begin = time.perf_counter()
    net.fit(X, Y, epochs=2, batch_size=1, progress=lambda done, total: reports.append((done, total)))
    seconds = time.perf_counter() - begin
    steps = [done for done, _ in reports]
    assert {total for _, total in reports} == {8000}
    assert steps == sorted(steps)
    assert steps[-1] == 8000
    assert 4000 in steps
    assert len(steps) <= 3 + seconds / 0.04
    if seconds > 0.5:
        assert any(done % 4000 for done in steps)


def test_an_exception_of_the_progress_function_ends_the_run(backend):
    X, Y = problem(50, 4000)
    net = deepnet.Network([50, 60, 1], seed=0)

    def fail(done, total):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        net.fit(X, Y, epochs=1000, batch_size=4, progress=fail)
    assert net.fit(X, Y, epochs=1, batch_size=50).epochs == 1


def test_a_bar(backend, capsys):
    X, Y = problem()
    history = deepnet.Network([6, 4, 1], seed=0).fit(
        X, Y, epochs=3, batch_size=5, progress=True, validation_data=(X, Y)
    )
    output = capsys.readouterr().out
    assert "3/3" in output
    assert f"loss {history.loss[-1]:.4g}" in output


def test_accumulated_batches_make_one_update_by_the_mean_of_all_their_gradients():
    """The bits of large batches; of these, one update is that by hand, but for rounding."""
    X, Y = problem(2, 50, dtype=np.float64)
    nets = [deepnet.Network([2, 7, 1], dtype="float64", seed=1) for _ in range(3)]
    options = {"optimizer": sgd(0.5), "shuffle": False}
    whole = nets[0].fit(X, Y, epochs=4, batch_size=24, **options)
    parts = nets[1].fit(X, Y, epochs=4, batch_size=8, accumulate=3, **options)
    assert parts.loss == whole.loss
    gradients = [nets[2].loss_and_grads(X[:, i : i + 8], Y[..., i : i + 8])[1] for i in (0, 8, 16)]
    nets[0] = deepnet.Network([2, 7, 1], dtype="float64", seed=1)
    nets[0].fit(X[:, :24], Y[..., :24], epochs=1, batch_size=8, accumulate=3, **options)
    for key, p in nets[2].parameters.items():
        p -= 0.5 * sum(each[f"d{key}"] for each in gradients) / 3
        np.testing.assert_allclose(nets[0].parameters[key], p, rtol=0, atol=1e-14)
    with pytest.raises(ValueError, match="accumulate is 0, but must be 1 or more"):
        nets[0].fit(X, Y, accumulate=0)
