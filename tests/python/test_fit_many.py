"""Networks trained side by side: the bits of each alone, failures, interrupts and errors."""

import copy
import os
import sys
import textwrap
import threading

import numpy as np
import pytest

import deepnet
from deepnet.engine_errors import Busy
from interrupts import work_after_ctrl_c
from memory import KILOBYTES, run
from problems import USABLE_LOSSES, assert_same_bits, parameters_of, problem, targets_for

CUBE = deepnet.Activation("cube", lambda Z: Z**3, lambda dA, Z: 3 * Z * Z * dA)
RUN = {"epochs": 3, "batch_size": 16}


def side_by_side(networks, X, Y, *, each, **shared):
    """Train copies of the networks one by one, then all at once; compare, and return the histories."""
    alone = copy.deepcopy(networks)
    own = [{"X": X, "Y": Y, **shared, **options} for options in each]
    threads = [options.pop("threads", None) for options in own]
    expected = [net.fit(**options) for net, options in zip(alone, own, strict=True)]
    histories = deepnet.fit_many(networks, X, Y, each=each, **shared)
    assert len(threads) == len(histories)
    for net, other, history, right in zip(networks, alone, histories, expected, strict=True):
        assert_same_bits(net, parameters_of(other))
        assert history.curves() == right.curves()
        assert (history.epochs, history.learning_rate) == (right.epochs, right.learning_rate)
        assert net.optimizer == other.optimizer
        assert net.input_scale == other.input_scale
        assert history.error is None
    return histories


# --- the bits of each alone ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("threads", [1, 2, 3, None])
def test_networks_end_with_the_bits_of_their_own_fit(threads):
    """Every optimizer, both dtypes, dropout, penalties, weights, schedules, subsets and batch sizes."""
    X, Y = problem(6, 90)
    random = np.random.default_rng(1)
    networks, each = [], []
    for i, name in enumerate([*deepnet.OPTIMIZERS] * 2):
        networks.append(
            deepnet.Network(
                [6, 5 + 9 * (i % 4), 1],
                ["relu", "tanh"][i % 2],
                "sigmoid",
                dropout=0.3 * (i % 3 == 1),
                input_dropout=0.1 * (i % 4 == 2),
                l2=0.01 * (i % 3 == 2),
                dtype=["float32", "float64"][i >= len(deepnet.OPTIMIZERS)],
                seed=i,
            )
        )
        options = {
            "optimizer": deepnet.OPTIMIZERS[name](0.01, clip_norm=1.0 if i % 5 == 3 else None),
            "seed": i,
        }
        if i % 2:
            options["examples"] = random.permutation(90)[: 30 + i]
        if i % 3 == 0:
            options["sample_weight"] = random.random(90)
        if i % 4 == 1:
            options |= {"batch_size": 7 + i, "epochs": 2 + i % 3, "shuffle": False}
        if i % 5 == 2:
            options["optimizer"] = deepnet.SGD(deepnet.schedules.CosineDecay(0.1))
        if i % 5 == 4:
            options |= {"class_weight": "balanced", "input_scale": 0.5}
        each.append(options)
    side_by_side(networks, X, Y, each=each, threads=threads, **RUN)


@pytest.mark.parametrize("loss", USABLE_LOSSES)
def test_every_loss_side_by_side(loss):
    entry = deepnet.LOSSES[loss]
    random = np.random.default_rng(0)
    X = random.standard_normal((4, 60)).astype(np.float32)
    Y = targets_for(entry, 3, 60, random)
    output = entry.activation or "sigmoid"
    networks = [deepnet.Network([4, 8, 3], "tanh", output, seed=i) for i in range(3)]
    each = [{"seed": i, "examples": random.permutation(60)[:40]} for i in range(3)]
    side_by_side(networks, X, Y, each=each, loss=loss, threads=2, **RUN)


@pytest.mark.usefixtures("backend")
def test_validation_metrics_and_callbacks_of_each():
    """One EarlyStopping and one ReduceLROnPlateau serve all; the networks stop at different epochs."""
    X, Y = problem(6, 120)
    order = np.random.default_rng(0).permutation(120)
    stop = deepnet.callbacks.EarlyStopping(patience=2, min_delta=0.001)
    reduce = deepnet.callbacks.ReduceLROnPlateau(patience=1, factor=0.5)
    networks = [deepnet.Network([6, 8, 1], seed=i) for i in range(4)]
    folds = np.array_split(order, 4)
    each = [
        {"examples": np.setdiff1d(order, fold), "validation_data": fold, "optimizer": deepnet.SGD(rate)}
        for fold, rate in zip(folds, [0.001, 0.1, 0.5, 2.0], strict=True)
    ]
    histories = side_by_side(
        networks,
        X,
        Y,
        each=each,
        epochs=40,
        batch_size=16,
        seed=0,
        metrics=["accuracy"],
        callbacks=[stop, reduce],
        threads=2,
    )
    assert len({history.epochs for history in histories}) > 1
    assert all(len(h.validation_loss) == len(h.validation_metrics["accuracy"]) == h.epochs for h in histories)


def test_the_networks_may_have_data_of_their_own():
    X, Y = problem(6, 60, 3)
    networks = [deepnet.Network([6, 8, 1], seed=i) for i in range(3)]
    side_by_side(networks, X, Y[0], each=[{"Y": Y[i], "seed": i} for i in range(3)], **RUN)


def test_networks_with_custom_parts_train_beside_native_ones():
    X, Y = problem(6, 60)
    networks = [deepnet.Network([6, 8, 1], g, seed=0) for g in ("relu", CUBE, "tanh", CUBE)]
    done = []
    side_by_side(networks, X, Y, each=[{"seed": i} for i in range(4)], **RUN)
    deepnet.fit_many(networks, X, Y, progress=lambda *steps: done.append(steps), **RUN)
    assert done[-1] == (4 * 3 * 4, 4 * 3 * 4)
    assert done == sorted(done)


def test_no_networks_and_no_epochs():
    X, Y = problem(6, 60)
    assert deepnet.fit_many([], X, Y, **RUN) == []
    net = deepnet.Network([6, 1], seed=0)
    before = parameters_of(net)
    assert deepnet.fit_many([net], X, Y, epochs=0, batch_size=1)[0].epochs == 0
    assert_same_bits(net, before)


# --- examples of fit ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["numbers", "bools", "list", "int8", "twice"])
def test_examples_train_as_a_copy_of_their_columns_does(dtype, kind):
    X, Y = problem(6, 90)
    w = np.random.default_rng(2).random(90)
    chosen = np.random.default_rng(3).permutation(90)[:50]
    if kind == "bools":
        chosen = np.sort(chosen)
    if kind == "twice":
        chosen = np.concatenate([chosen, chosen[:20]])
    held_out = np.setdiff1d(np.arange(90), chosen)
    given = {"bools": np.isin(np.arange(90), chosen), "list": chosen.tolist(), "int8": chosen.astype(np.int8)}
    net = deepnet.Network([6, 8, 1], dtype=dtype, seed=0)
    other = copy.deepcopy(net)
    options = {"epochs": 3, "batch_size": 16, "seed": 4, "metrics": ["accuracy"], "class_weight": "balanced"}
    history = net.fit(
        X, Y, examples=given.get(kind, chosen), validation_data=held_out, sample_weight=w, **options
    )
    expected = other.fit(
        X[:, chosen],
        Y[:, chosen],
        validation_data=(X[:, held_out], Y[:, held_out], w[held_out]),
        sample_weight=w[chosen],
        **options,
    )
    assert_same_bits(net, parameters_of(other))
    assert history.curves() == expected.curves()
    history = net.fit(X, Y, examples=chosen, validation_split=0.3, sample_weight=w, **options)
    expected = other.fit(X[:, chosen], Y[:, chosen], validation_split=0.3, sample_weight=w[chosen], **options)
    assert_same_bits(net, parameters_of(other))
    assert history.curves() == expected.curves()


@pytest.mark.parametrize("name", ["examples", "validation_data"])
@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (np.arange(12).reshape(2, 6), (ValueError, TypeError), " (has shape|is an ndarray)"),
        (np.array([0, 10]), ValueError, r"\[1\] is 10, but X has 10 columns: 0 to 9"),
        (np.array([3, -1]), ValueError, r"\[1\] is -1, but X has 10 columns: 0 to 9"),
        (np.array([0.0, 1.0]), TypeError, " is float64, but must be an array of column numbers of X"),
        (np.array([], int), ValueError, " names no examples"),
        (np.zeros(10, bool), ValueError, " names no examples"),
        (np.ones(9, bool), ValueError, " has 9 entries, but X has 10 examples"),
        (np.ma.masked_array([1, 2], [0, 1]), TypeError, " is a.* but must be an array of column numbers"),
        ("all", TypeError, " is "),
    ],
)
def test_columns_that_do_not_fit(name, value, error, message):
    X, Y = problem(3, 10)
    net = deepnet.Network([3, 1], seed=0)
    before = parameters_of(net)
    with pytest.raises(error, match=name + message):
        net.fit(X, Y, epochs=1, batch_size=4, **{name: value})
    assert_same_bits(net, before)


@pytest.mark.usefixtures("backend")
def test_messages_about_numbers_name_the_column_of_a_chosen_example():
    X, Y = problem(3, 10)
    X[1, 7] = X[0, 2] = np.nan
    net = deepnet.Network([3, 1], seed=0)
    net.fit(X, Y, epochs=1, batch_size=4, examples=[1, 0, 3])
    with pytest.raises(FloatingPointError, match=r"X\[1, 7\] is nan"):
        net.fit(X, Y, epochs=1, batch_size=4, examples=[1, 8, 7, 0])
    with pytest.raises(FloatingPointError, match=r"validation's X\[1, 7\] is nan"):
        net.fit(X, Y, epochs=1, batch_size=4, examples=[1, 8], validation_data=[4, 7])


# --- failures -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("watched", [False, True])
def test_a_network_that_diverges_is_reported_for_itself(watched):
    X, Y = problem(6, 60)
    networks = [deepnet.Network([6, 8, 1], "relu", "identity", seed=i) for i in range(4)]
    alone = copy.deepcopy(networks)
    options = {"epochs": 20, "batch_size": 20, "seed": 0, "callbacks": [lambda *_: None] * watched}
    rates = [0.01, 1e6, 0.02, 1e9]
    each = [{"optimizer": deepnet.SGD(rate)} for rate in rates]
    with pytest.warns(
        RuntimeWarning, match=r"2 of 4 networks failed, the first is networks\[1\]: the (loss|up)"
    ):
        histories = deepnet.fit_many(networks, X, Y, each=each, threads=2, **options)
    for net, history, other, optimizer in zip(networks, histories, alone, each, strict=True):
        if history.error is None:
            other.fit(X, Y, **optimizer, **options)
            assert history.epochs == 20
        else:
            with pytest.raises(FloatingPointError) as failure:
                other.fit(X, Y, **optimizer, **options)
            assert str(history.error) == str(failure.value)
            assert history.epochs < 20
            assert len(history.seconds) == history.epochs
            assert "failed" in repr(history)
        assert_same_bits(net, parameters_of(other))
        assert all(np.isfinite(p).all() for p in net.parameters.values())
    assert [history.error is None for history in histories] == [True, False, True, False]


def test_an_exception_of_a_callback_ends_the_run(backend):
    X, Y = problem(6, 60)
    networks = [deepnet.Network([6, 8, 1], seed=i) for i in range(4)]
    finished = []

    class Raises:
        def __call__(self, net, history):
            if net is networks[2] and history.epochs == 3:
                raise KeyError("mine")

        def finish(self, net):
            finished.append(networks.index(net))

    # The longest runs begin first. NumPy trains one after another.
    epochs = 10**6 if backend == "native" else 5
    each = [{"epochs": epochs + (i == 2)} for i in range(4)]
    with pytest.raises(KeyError, match="mine"):
        deepnet.fit_many(networks, X, Y, each=each, batch_size=20, callbacks=[Raises()], threads=2)
    assert 2 in finished
    assert len(finished) == len(set(finished))
    assert deepnet.fit_many(networks, X, Y, **RUN)[2].epochs == 3


def test_a_progress_function_that_raises_ends_the_run():
    X, Y = problem(6, 60)
    networks = [deepnet.Network([6, 8, 1], seed=i) for i in range(3)]

    def stop(done, total):
        raise KeyError((done, total))

    with pytest.raises(KeyError):
        deepnet.fit_many(networks, X, Y, epochs=10**6, batch_size=20, progress=stop, threads=2)
    assert deepnet.fit_many(networks, X, Y, **RUN)[0].epochs == 3


def test_progress_counts_the_steps_of_all_networks():
    X, Y = problem(6, 60)
    networks = [deepnet.Network([6, 8, 1], seed=i) for i in range(3)]
    stop = deepnet.callbacks.EarlyStopping(patience=1, min_delta=1e9)
    done = []
    deepnet.fit_many(
        networks,
        X,
        Y,
        each=[{"epochs": 20_000}, {"epochs": 30_000}, {"epochs": 10_000, "callbacks": [stop]}],
        batch_size=30,
        progress=lambda *steps: done.append(steps),
        threads=2,
    )
    assert done == sorted(done)
    assert len(done) > 1
    assert done[-1] == (120_000, 120_000)
    assert {total for _, total in done} == {120_000}


# --- interrupts ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ctrl_c_is_heard")
@pytest.mark.parametrize("callbacks", [[], [lambda *_: None]], ids=["in one call", "by epochs"])
@pytest.mark.parametrize("threads", [1, 2, 4])
def test_ctrl_c_stops_all_networks(threads, callbacks):
    """Also those that train while the calling thread has nothing left to do."""
    X, Y = problem(64, 640)
    networks = [deepnet.Network([64, 256, 256, 1], seed=i) for i in range(4)]
    each = [{"epochs": 1 if i < 2 else 10**9} for i in range(4)]
    options = {"batch_size": 64, "callbacks": callbacks, "threads": threads, "optimizer": "adam"}
    work = [
        work_after_ctrl_c(lambda: deepnet.fit_many(networks, X, Y, each=each, **options), 0.15, threads)
        for _ in range(3)
    ]
    assert min(work) < 0.2
    for net in networks:
        assert all(np.isfinite(p).all() for p in net.parameters.values())
        assert np.isfinite(net.train_on_batch(X, Y))


@pytest.mark.usefixtures("ctrl_c_is_heard")
def test_after_ctrl_c_the_last_update_is_whole():
    """A second network that takes the same steps one by one passes through exactly these weights."""
    X, Y = problem(256, 256)
    networks = [deepnet.Network([256, 300, 300, 1], seed=i) for i in range(3)]
    others = copy.deepcopy(networks)
    options = {"epochs": 10**9, "batch_size": 256, "optimizer": deepnet.SGD(0.01), "threads": 2}
    work_after_ctrl_c(lambda: deepnet.fit_many(networks, X, Y, **options), 0.1)
    for net, other in zip(networks, others, strict=True):
        reached = net.parameters["W1"]
        for _ in range(5000):
            if np.array_equal(other.parameters["W1"], reached):
                break
            other.train_on_batch(X, Y, optimizer=deepnet.SGD(0.01))
        assert_same_bits(net, parameters_of(other))


# --- errors before anything starts --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"networks": "nets"}, TypeError, "networks is .*, but must be a list of networks"),
        ({"networks": ["net"]}, TypeError, r"networks\[0\] is .*, but must be a Network"),
        ({"each": {}}, TypeError, "each is .*, but must be a list with a dict for each network"),
        ({"each": [{}]}, ValueError, "each has 1 entries, but there are 2 networks"),
        ({"each": [{}, 3]}, TypeError, r"each\[1\] is .*, but must be a dict of arguments of fit"),
        ({"each": [{}, {"sed": 3}]}, TypeError, r"each\[1\]: unknown argument .*'sed': did you mean 'seed'"),
        ({"each": [{}, {"threads": 3}]}, ValueError, r"each\[1\] has threads, which is for all networks"),
        ({"each": [{}, {"epochs": -1}]}, ValueError, r"networks\[1\]: epochs is -1"),
        ({"each": [{}, {"examples": [99]}]}, ValueError, r"networks\[1\]: examples\[0\] is 99"),
        ({"each": [{}, {"validation_data": [99]}]}, ValueError, r"networks\[1\]: validation_data\[0\] is 99"),
        ({"lr": 0.1}, TypeError, "unknown argument .*'lr'"),
        ({"X": np.ones((5, 10))}, ValueError, r"networks\[0\]: X has 5 rows, but the network has 3 inputs"),
        ({"Y": np.full(10, 2)}, ValueError, r"networks\[0\]: Y"),
        ({"threads": 0}, ValueError, "threads is 0"),
        ({"progress": 3}, TypeError, "progress is 3"),
        ({"callbacks": print}, TypeError, r"networks\[0\]: callbacks is one function"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_changes(arguments, error, message):
    X, Y = problem(3, 10)
    networks = [deepnet.Network([3, 1], seed=i) for i in range(2)]
    before = [parameters_of(net) for net in networks]
    call = {"networks": networks, "X": X, "Y": Y, "optimizer": deepnet.Adam(0.5), **RUN} | arguments
    with pytest.raises(error, match=message):
        deepnet.fit_many(**call)
    for net, parameters in zip(networks, before, strict=True):
        assert_same_bits(net, parameters)
        assert net.optimizer == deepnet.SGD(0.01)


def test_arguments_that_are_left_out_have_the_defaults_of_fit():
    X, Y = problem(3, 40)
    net, alone = (deepnet.Network([3, 1], seed=0) for _ in range(2))
    (history,) = deepnet.fit_many([net], X, Y, batch_size=16, seed=1)
    assert history.epochs == 100
    alone.fit(X, Y, batch_size=16, seed=1)
    assert_same_bits(net, alone.parameters)


def test_a_network_can_be_given_once():
    X, Y = problem(3, 10)
    net, other = deepnet.Network([3, 1]), deepnet.Network([3, 1])
    with pytest.raises(ValueError, match=r"networks\[2\] is networks\[0\] again: train a copy"):
        deepnet.fit_many([net, other, net], X, Y, **RUN)


@pytest.mark.usefixtures("backend")
def test_a_network_in_training_elsewhere_is_busy():
    X, Y = problem(3, 10)
    networks = [deepnet.Network([3, 1], seed=i) for i in range(3)]
    before = parameters_of(networks[0])
    asked = []

    def train_both(net, history):
        with pytest.raises(Busy, match=r"networks\[1\]: this network is being trained"):
            deepnet.fit_many(networks, X, Y, optimizer="adam", **RUN)
        asked.append(history.epochs)

    networks[1].fit(X, Y, epochs=2, batch_size=4, callbacks=[train_both])
    assert asked == [1, 2]
    assert_same_bits(networks[0], before)
    assert networks[0].optimizer == deepnet.SGD(0.01)
    deepnet.fit_many(networks, X, Y, **RUN)


@pytest.mark.usefixtures("backend")
def test_callbacks_may_predict_and_train_other_networks():
    X, Y = problem(3, 64)
    networks = [deepnet.Network([3, 8, 1], seed=i) for i in range(3)]
    other, outputs = deepnet.Network([3, 1], seed=9), []

    def look(net, history):
        with pytest.raises(Busy):
            net.fit(X, Y, **RUN)
        outputs.append(float(networks[0].predict(X).sum()))
        mine = deepnet.Network([3, 4, 1], seed=9)
        deepnet.fit_many([mine, copy.deepcopy(mine)], X, Y, **RUN)

    deepnet.fit_many(networks, X, Y, callbacks=[look], threads=2, **RUN)
    assert len(outputs) == 9
    assert np.isfinite(outputs).all()
    other.fit(X, Y, **RUN)


def test_another_thread_may_train_and_predict_meanwhile():
    X, Y = problem(32, 640)
    networks = [deepnet.Network([32, 64, 1], seed=i) for i in range(4)]
    alone = copy.deepcopy(networks)
    options = {"epochs": 30, "batch_size": 16, "seed": 0}
    other, stop, count = deepnet.Network([32, 256, 256, 1], seed=9), threading.Event(), []

    def work():
        while not stop.is_set():
            other.fit(X, Y, epochs=1, batch_size=320, threads=2)
            count.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        deepnet.fit_many(networks, X, Y, threads=2, **options)
    finally:
        stop.set()
        thread.join()
    assert count
    for net, twin in zip(networks, alone, strict=True):
        twin.fit(X, Y, **options)
        assert_same_bits(net, parameters_of(twin))


# --- processes and memory -----------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_trains_many_networks():
    output = run(
        textwrap.dedent(
            """
            import os, warnings
            import numpy as np
            import deepnet
            warnings.simplefilter("ignore", DeprecationWarning)
            X = np.random.default_rng(0).standard_normal((8, 256)).astype(np.float32)
            def work():
                networks = [deepnet.Network([8, 32, 1], seed=i) for i in range(5)]
                deepnet.fit_many(networks, X, X[0] > 0, epochs=3, batch_size=32, seed=0, threads=2)
                return sum(float(p.sum()) for net in networks for p in net.parameters.values())
            expected = work()
            def fork(*_):
                pid = os.fork()
                if pid == 0:
                    os._exit(work() != expected)
                status.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            status = []
            fork()
            networks = [deepnet.Network([8, 32, 1], seed=i) for i in range(3)]
            deepnet.fit_many(networks, X, X[0] > 0, epochs=2, batch_size=32, callbacks=[fork], threads=2)
            print(status == [0] * 7)
            """
        )
    )
    assert output.split() == ["True"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize(("ending", "status"), [("pass", 1), ("raise KeyError", 1), ("sys.exit(7)", 7)])
def test_a_child_that_returns_from_a_callback_on_a_worker_ends(ending, status):
    """It has no thread that waits for fit_many; its signals are those of the parent's main thread."""
    output = run(
        textwrap.dedent(
            f"""
            import os, signal, sys, threading, warnings
            import numpy as np
            import deepnet
            warnings.simplefilter("ignore", DeprecationWarning)
            X = np.random.default_rng(0).standard_normal((8, 256)).astype(np.float32)
            blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
            ends = []
            forked = threading.Event()
            def fork(*_):
                if threading.get_native_id() == os.getpid():
                    forked.wait()  # so that a worker trains, too
                elif not ends:
                    pid = os.fork()
                    if pid == 0:
                        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
                        if signal.pthread_sigmask(signal.SIG_BLOCK, []) != blocked:
                            os._exit(9)
                        {ending}
                        return
                    ends.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
                    forked.set()
            networks = [deepnet.Network([8, 32, 1], seed=i) for i in range(4)]
            deepnet.fit_many(networks, X, X[0] > 0, epochs=2, batch_size=32, callbacks=[fork], threads=2)
            print(ends)
            """
        )
    )
    assert output.strip() == f"[{status}]"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self/status")
def test_x_is_shared_and_working_memory_is_of_the_threads_only():
    """8 networks on halves of 64 MB of data, each with 7 MB of working memory."""
    grown = run(
        KILOBYTES
        + textwrap.dedent(
            """
        X = np.ones((1024, 2**14), np.float32)
        Y = np.arange(2**14) % 2
        options = {"epochs": 1, "batch_size": 512, "seed": 0}
        deepnet.Network([1024, 256, 1]).fit(X, Y, examples=np.arange(512), **options)
        networks = [deepnet.Network([1024, 256, 1], seed=0) for _ in range(8)]
        each = [{"examples": np.arange(i, i + 2**13)} for i in range(8)]
        before = kilobytes("VmHWM")
        deepnet.fit_many(networks, X, Y, each=each, threads=2, **options)
        print(kilobytes("VmHWM") - before)
        """
        )
    )
    assert int(grown) < 30_000
