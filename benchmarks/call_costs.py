"""What a call costs, and how much longer it takes with an argument in another form.

    python benchmarks/call_costs.py [--rounds 25] [--smoke]

Each function has its plain call, and the same call with labels, rates, weights, options or layouts of another
form that it accepts. Every answer is compared with the plain one before it is timed. The calls take turns. A
row has the ratio to the plain call of the same rounds, as median and quartiles, and by how much the median is
longer. A second table has the calls of a loop of reinforcement learning, with their aims. Ends with 1 if a
form takes more than three times as long as the plain call, also when it is measured again.
"""

import argparse
import copy
import sys
import time

import numpy as np

import deepnet
from compare_libraries import cpu_model
from report import duration, network, spread, table_lines

LIMIT = 3.0
NETWORKS = {  # units, examples, dtype, hidden activation: a table's, and one of reinforcement learning
    "small": ((6, 24, 12, 1), 24, "float64", "relu"),
    "control": ((4, 64, 64, 2), 32, "float32", "tanh"),
}
TURN = 2e-4  # seconds of a call's turn


def other(dtype):
    """The other float type."""
    return "float32" if dtype == "float64" else "float64"


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def strided(array):
    return np.repeat(array, 2, axis=-1)[..., ::2]


def course(units, m, dtype, activation):
    """The functions of the course: {function: {form: call}}; the first form is the plain one."""
    if units[-1] > 1:
        return {}
    rng = np.random.default_rng(0)
    X = rng.standard_normal((units[0], m)).astype(dtype)
    Y = (rng.random((1, m)) < 0.5).astype(dtype)
    parameters = deepnet.initialize_parameters_deep(units, seed=1, dtype=dtype)
    AL, caches = deepnet.L_model_forward(X, parameters, activations=activation)
    grads = deepnet.L_model_backward(AL, Y, caches)
    labels = {
        "plain": Y,
        "shape (m,)": Y[0],
        "shape (m, 1)": Y.T.copy(),
        "the other float type": Y.astype(other(dtype)),
        "int": Y.astype(int),
        "bool, shape (m,)": Y[0] > 0,
        "strided": strided(Y),
        "read-only": read_only(Y),
    }
    written = deepnet.update_parameters(parameters, grads, 1.0)
    rates = [1, np.float64(1), np.float32(1), np.int64(1), np.array(1.0)]

    def update(rate, out=None, given=parameters):
        return lambda: deepnet.update_parameters(given, grads, rate, out=out)

    def backward(y, out=None):
        return lambda: deepnet.L_model_backward(AL, y, caches, out=out)

    transposed = {key: np.asfortranarray(p) for key, p in parameters.items()}
    tables = {
        "L_model_forward": {
            form: lambda x=x, p=p: deepnet.L_model_forward(x, p, activations=activation)[0]
            for form, x, p in (
                ("plain", X, parameters),
                ("X in Fortran order", np.asfortranarray(X), parameters),
                ("X strided", strided(X), parameters),
                ("X read-only", read_only(X), parameters),
                ("parameters in Fortran order", X, transposed),
            )
        },
        "compute_cost": {form: lambda y=y: deepnet.compute_cost(AL, y) for form, y in labels.items()},
        "L_model_backward": {form: backward(y) for form, y in labels.items()} | {"out=": backward(Y, grads)},
        "update_parameters": {"plain": update(1.0)}
        | {f"rate {rate!r}": update(rate) for rate in rates}
        | {"out=": update(1.0, written), "parameters in Fortran order": update(1.0, given=transposed)},
    }
    return tables


def own_loss():
    """Half the mean of (A - Y)^2."""

    def in_one(A, Y, _):
        error = A - Y
        return error * error / 2, error

    return deepnet.losses.Loss("both", "(A - Y)^2 / 2", in_one)


def custom_losses(ones):
    """The same times ones in three forms that take as long in NumPy, but for the second one.

    Value and slope in one call, apart, and with the ones as a further array.
    """

    def with_factor(A, Y, _, factor):
        error = A - Y
        return error * error / 2 * factor, error * factor

    def in_one(A, Y, _):
        return with_factor(A, Y, _, ones)

    formula, Loss = "(A - Y)^2 / 2", deepnet.losses.Loss
    return (
        Loss("both", formula, in_one),
        Loss("apart", formula, lambda A, Y, _: in_one(A, Y, _)[0], lambda A, Y, _: (A - Y) * ones),
        Loss("weighted", formula, with_factor, data=("factor",)),
    )


def of_network(units, m, dtype, activation):
    """The methods of a network, in the same form. Rates are 0, so that all calls train the same network."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((units[0], m)).astype(dtype)
    outputs = units[-1]
    Y = rng.permuted(np.tile(np.arange(m) % 2, (outputs, 1)), axis=1).astype(dtype)  # balanced
    output, loss = ("sigmoid", "binary_cross_entropy") if outputs == 1 else ("identity", "mean_squared_error")
    net = deepnet.Network(list(units), activation, output, dtype=dtype, seed=1)
    rest = deepnet.Adam(0.0)
    net.optimizer = rest
    same = {0: 1.0, 1: 1.0}
    forms = {
        "plain": (X, Y, {}),
        "Y of the other float type": (X, Y.astype(other(dtype)), {}),
        "Y int": (X, Y.astype(int), {}),
        "Y bool": (X, Y > 0, {}),
        "X in Fortran order": (np.asfortranarray(X), Y, {}),
        "X strided": (strided(X), Y, {}),
        "X and Y read-only": (read_only(X), read_only(Y), {}),
        "X of the other float type": (X.astype(other(dtype)), Y, {}),
        "loss=": (X, Y, {"loss": loss}),
        "sample_weight=": (X, Y, {"sample_weight": np.ones(m)}),
        "sample_weight= of ints, (m, 1)": (X, Y, {"sample_weight": np.ones((m, 1), int)}),
        "input_scale=": (X, Y, {"input_scale": 1.0}),
        "input_scale=np.float32": (X, Y, {"input_scale": np.float32(1)}),
        "threads=": (X, Y, {"threads": 1}),
    }
    if outputs == 1:
        forms |= {
            "Y (m,)": (X, Y[0], {}),
            "Y (m, 1)": (X, Y.T.copy(), {}),
            "class_weight=": (X, Y, {"class_weight": same}),
            "class_weight= and sample_weight=": (X, Y, {"class_weight": same, "sample_weight": np.ones(m)}),
        }
    else:  # columns that are not one-hot
        forms['class_weight="balanced"'] = (X, Y, {"class_weight": "balanced"})
    schedule = deepnet.Adam(deepnet.schedules.ExponentialDecay(0.0, 0.5))
    training = forms | {
        "optimizer=": (X, Y, {"optimizer": rest}),
        'optimizer="adam" by name': (X, Y, {"optimizer": "adam"}),
        "a schedule": (X, Y, {"optimizer": schedule}),
    }
    # The name's rate is not 0, and a schedule goes on from one call to the next.
    apart = {form: copy.deepcopy(net) for form in training if "by name" in form or "schedule" in form}
    kept, gradients = np.empty((outputs, m), dtype), net.backward(X, dA=Y)

    def calls(method, forms):
        def of(form, x, y, options):
            function = getattr(apart.get(form, net), method)
            return lambda: function(x, y, **options)

        return {form: of(form, *given) for form, given in forms.items()}

    def by_hand(slope, out=None, x=X):
        def step():
            net.forward(x)
            return net.backward(dA=slope, out=out)

        return step

    ones = {"factor": np.ones(m, dtype)}
    both, apart_too, weighted = custom_losses(ones["factor"])
    custom = {
        "plain": (X, Y, {"loss": both}),
        "value and derivative apart": (X, Y, {"loss": apart_too}),
        "Y int": (X, Y.astype(int), {"loss": both}),
        "X strided": (strided(X), Y, {"loss": both}),
        "sample_weight=": (X, Y, {"loss": both, "sample_weight": np.ones(m)}),
        "loss_data=": (X, Y, {"loss": weighted, "loss_data": ones}),
        "loss_data= of the other float type": (
            X,
            Y,
            {"loss": weighted, "loss_data": {"factor": np.ones(m, other(dtype))}},
        ),
    }

    return {
        "Network.predict": {
            form: lambda x=x, options=options: net.predict(x, **options)
            for form, (x, _, options) in forms.items()
            if not form.startswith("Y") and ("input_scale" in options or "threads" in options or not options)
        }
        | {"out=": lambda: net.predict(X, kept)},
        "Network.evaluate": calls("evaluate", forms),
        "Network.loss_and_grads": calls("loss_and_grads", forms)
        | {"out=": lambda: net.loss_and_grads(X, Y, out=gradients)},
        "Network.train_on_batch": calls("train_on_batch", training),
        "train_on_batch, a custom Loss": calls("train_on_batch", custom),
        "loss_and_grads, a custom Loss": calls("loss_and_grads", custom),
        "Network.forward and backward": {
            "plain": by_hand(Y),
            "dA of the other float type": by_hand(Y.astype(other(dtype))),
            "dA in Fortran order": by_hand(np.asfortranarray(Y)),
            "out=": by_hand(Y, gradients),
            "X strided": by_hand(Y, x=strided(X)),
        },
    }


AIMS = {  # microseconds, of the small network and of that of reinforcement learning; None: no aim
    "evaluate": (2, None),
    "loss_and_grads": (4, 8),
    "loss_and_grads, out=": (4, 8),
    "train_on_batch, Adam": (None, None),
    "forward, backward, apply_gradients": (None, 14),
    "the same with out=": (None, 14),
    "copy_from": (None, 2),
    "copy_from, tau=0.005": (None, 2),
    "copy.deepcopy": (None, 40),
    "train_on_batch, a custom Loss": (None, None),
    "the NumPy of that Loss alone": (None, None),
}


def of_loop(units, m, dtype, activation):
    """The calls of a loop with a target network and an own loss, half the mean of (A - Y)^2: {name: call}."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((units[0], m)).astype(dtype)
    Y = rng.standard_normal((units[-1], m)).astype(dtype)
    net = deepnet.Network(list(units), activation, "identity", dtype=dtype, seed=1)
    net.optimizer, target = deepnet.Adam(1e-6), copy.deepcopy(net)
    A, grads = net.forward(X), net.backward(dA=Y)
    own = own_loss()

    def by_hand():
        net.forward(X)
        net.apply_gradients(net.backward(dA=Y))

    def into_arrays():
        net.forward(X, A)
        net.apply_gradients(net.backward(dA=Y, out=grads))

    return {
        "evaluate": lambda: net.evaluate(X, Y),
        "loss_and_grads": lambda: net.loss_and_grads(X, Y),
        "loss_and_grads, out=": lambda: net.loss_and_grads(X, Y, out=grads),
        "train_on_batch, Adam": lambda: net.train_on_batch(X, Y),
        "forward, backward, apply_gradients": by_hand,
        "the same with out=": into_arrays,
        "copy_from": lambda: target.copy_from(net),
        "copy_from, tau=0.005": lambda: target.copy_from(net, 0.005),
        "copy.deepcopy": lambda: copy.deepcopy(net),
        "train_on_batch, a custom Loss": lambda: net.train_on_batch(X, Y, loss=own),
        "the NumPy of that Loss alone": lambda: own.value(A, Y, 1.0),
    }


def loop_rows(calls, rounds, number):
    """The rows of the second table: median and quartiles in microseconds."""
    repeats = {name: max(5, int(TURN / seconds(call, 20))) for name, call in calls.items()}
    times = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(1e6 * seconds(call, repeats[name]))
    aims = {name: "" if aim[number] is None else f"{aim[number]} us" for name, aim in AIMS.items()}
    return [[name, spread(np.array(taken)), aims[name]] for name, taken in times.items()]


def numbers(answer):
    """All numbers of an answer as one array."""
    if isinstance(answer, dict):
        answer = [answer[key] for key in sorted(answer)]
    if isinstance(answer, (tuple, list)):
        return np.concatenate([numbers(part) for part in answer])
    return np.ravel(np.asarray(answer, np.float64))


def check(function, calls):
    """Exit unless all forms give what the plain call gives."""
    expected = numbers(calls["plain"]())
    for form, call in calls.items():
        if "by name" in form:  # its rate is not 0, so that each call finds another network
            continue
        atol = 1e-5 * np.abs(expected).max()  # the other float type rounds X to float32
        np.testing.assert_allclose(
            numbers(call()), expected, rtol=0, atol=atol, err_msg=f"{function}, {form}"
        )


def seconds(call, repeats):
    begin = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - begin) / repeats


def measure(calls, rounds):
    """The seconds of each form in each round; the plain call has its turn before each of them."""
    repeats = max(5, int(TURN / seconds(calls["plain"], 100)))
    found = {form: [] for form in calls}
    for _ in range(rounds):
        for form, call in calls.items():
            found[form].append((seconds(calls["plain"], repeats), seconds(call, repeats)))
    return {form: np.array(pairs) for form, pairs in found.items()}


def rows_of(function, times):
    """The rows of a table, and the forms beyond the limit."""
    rows, slow = [], []
    for form, pairs in times.items():
        ratios = pairs[:, 1] / pairs[:, 0]
        plain, taken = np.median(pairs, axis=0)
        more = "" if form == "plain" else f"{(taken - plain) * 1e6:+.1f} us"
        rows.append([function, form, duration(taken), "" if form == "plain" else spread(ratios), more])
        if np.median(ratios) > LIMIT:
            slow.append(form)
    return rows, slow


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--smoke", action="store_true", help="a few rounds")
    options = parser.parse_args()
    rounds = 7 if options.smoke else options.rounds
    deepnet.set_num_threads(1)
    print(f"Medians of {rounds} rounds in turns, one thread, on {cpu_model()}.")
    too_slow = []
    for units, m, dtype, activation in NETWORKS.values():
        print(f"\n### {network(units, m)}, {dtype}\n")
        rows = [
            ["call", "form", "time", "ratio to the plain call", "longer by"],
            ["---", "---", "---:", "---:", "---:"],
        ]
        tables = course(units, m, dtype, activation) | of_network(units, m, dtype, activation)
        for function, calls in tables.items():
            check(function, calls)
            new, slow = rows_of(function, measure(calls, rounds))
            if slow:
                again = {form: calls[form] for form in ["plain", *slow]}
                slow = rows_of(function, measure(again, 4 * rounds))[1]
            rows += new
            too_slow += [f"{function}, {form}, {network(units, m)}" for form in slow]
        print(table_lines(rows), flush=True)
    for number, (units, m, dtype, activation) in enumerate(NETWORKS.values()):
        print(f"\n### A loop on {network(units, m)}, {dtype}\n")
        rows = [["call", "us, median and quartiles", "aim"], ["---", "---:", "---:"]]
        rows += loop_rows(of_loop(units, m, dtype, activation), rounds, number)
        print(table_lines(rows), flush=True)
    if too_slow:
        sys.exit(f"more than {LIMIT} times as long as the plain call: {'; '.join(too_slow)}")


if __name__ == "__main__":
    main()
