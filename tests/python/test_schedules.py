"""Learning rate schedules: the values of PyTorch and of the course, and errors about invalid rates."""

import copy
import dataclasses
import math
import pickle
import re
from fractions import Fraction

import numpy as np
import pytest

import deepnet
from deepnet import schedules
from deepnet.schedules import (
    CosineDecay,
    ExponentialDecay,
    InverseTimeDecay,
    LogCosine,
    OneCycle,
    StepDecay,
    rates,
)
from problems import assert_same_bits, problem

# --- PyTorch: a schedule, its arguments there, and the formula of its documentation -------------------------


def annealed(start, end, share):
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def warm_restarts(n, first, growth, low):
    length, begin = first, 0
    while n >= begin + length:
        begin, length = begin + length, length * growth
    return annealed(0.3, low, (n - begin) / length)


def one_cycle(n, length, share=0.3, start=25, end=1e4):
    low, top = 0.3 / start, share * length - 1
    if n <= top:
        return annealed(low, 0.3, n / top)
    return annealed(0.3, low / end, (n - top) / (length - 1 - top))


PYTORCH = {
    "StepLR": (StepDecay(0.3, 7, 0.5), {"step_size": 7, "gamma": 0.5}, lambda n: 0.3 * 0.5 ** (n // 7)),
    "ExponentialLR": (ExponentialDecay(0.3, 0.97), {"gamma": 0.97}, lambda n: 0.3 * 0.97**n),
    "CosineAnnealingLR": (
        CosineDecay(0.3, 80, 0.01),
        {"T_max": 80, "eta_min": 0.01},
        lambda n: annealed(0.3, 0.01, n / 80),
    ),
    "LinearLR": (
        CosineDecay(0.3, 1, warmup=80),
        {"start_factor": 1 / 81, "total_iters": 80},
        lambda n: 0.3 * (1 / 81 + (1 - 1 / 81) * n / 80),
    ),
    "CosineAnnealingWarmRestarts, growing": (
        CosineDecay(0.3, 7, 0.01, restarts=True, growth=3),
        {"T_0": 7, "T_mult": 3, "eta_min": 0.01},
        lambda n: warm_restarts(n, 7, 3, 0.01),
    ),
    "CosineAnnealingWarmRestarts": (
        CosineDecay(0.3, 7, restarts=True),
        {"T_0": 7},
        lambda n: warm_restarts(n, 7, 1, 0.0),
    ),
    "OneCycleLR": (OneCycle(0.3, 81), {"max_lr": 0.3, "total_steps": 81}, lambda n: one_cycle(n, 81)),
    "OneCycleLR, its own shape": (
        OneCycle(0.3, 81, 0.75, start_divisor=10, end_divisor=100),
        {"max_lr": 0.3, "total_steps": 81, "pct_start": 0.75, "div_factor": 10, "final_div_factor": 100},
        lambda n: one_cycle(n, 81, 0.75, 10, 100),
    ),
}


def values_there(name, arguments, formula):
    """PyTorch's rates if it is installed, else the formula of its documentation."""
    try:
        import torch
    except ImportError:
        return [formula(n) for n in range(81)]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    there = getattr(torch.optim.lr_scheduler, name.partition(",")[0])(optimizer, **arguments)
    found = []
    for _ in range(81):
        found.append(there.get_last_lr()[0])
        optimizer.step()
        if len(found) < 81:
            there.step()
    return found


@pytest.mark.parametrize("name", PYTORCH)
def test_rates_are_those_of_pytorch(name):
    """81 multiplications in a row, as PyTorch's step() does them, are off by 81 roundings: 2e-14."""
    ours, arguments, formula = PYTORCH[name]
    np.testing.assert_allclose(ours(np.arange(81)), [formula(n) for n in range(81)], rtol=1e-12, atol=0)
    np.testing.assert_allclose(
        ours(np.arange(81)), values_there(name, arguments, formula), rtol=1e-12, atol=0
    )


# --- formulas -----------------------------------------------------------------------------------------------


def test_inverse_time_decay_is_the_course_s():
    """update_lr: rate0 / (1 + decay n); schedule_lr_decay: the same of floor(n / interval)."""
    n = np.arange(5000)
    np.testing.assert_allclose(InverseTimeDecay(0.5, 1.0)(n), [0.5 / (1 + 1.0 * i) for i in n], rtol=1e-15)
    steps = InverseTimeDecay(0.5, 0.3, every=1000, staircase=True)
    np.testing.assert_allclose(steps(n), [0.5 / (1 + 0.3 * (i // 1000)) for i in n], rtol=1e-15)
    assert InverseTimeDecay(0.5, 1.0, every=10)(5) == 0.5 / 1.5


def test_the_end_of_a_long_cosine_has_all_its_digits():
    """sin^2(x) = x^2 (1 - x^2 / 3 + ...) for the last x; 1 + cos would have lost ten digits there."""
    length = 10**7
    x = math.pi / 2 / length
    assert CosineDecay(1.0, length)(length - 1) == pytest.approx(x * x * (1 - x * x / 3), rel=1e-15)
    assert CosineDecay(1.0, length)(length) == 0


def test_the_warm_up_meets_the_cosine_and_never_wastes_a_step():
    rate = CosineDecay(0.4, 10, warmup=4)
    np.testing.assert_allclose(rate(np.arange(5)), 0.4 * np.arange(1, 6) / 5, rtol=1e-15)
    np.testing.assert_array_equal(rate(np.arange(4, 20)), CosineDecay(0.4, 10)(np.arange(16)))
    again = CosineDecay(0.4, 5, warmup=4, restarts=True, growth=2)
    np.testing.assert_array_equal(
        again(np.arange(4, 60)), CosineDecay(0.4, 5, restarts=True, growth=2)(np.arange(56))
    )


@pytest.mark.parametrize("growth", [1, 2, 3, 10])
def test_every_cycle_begins_where_it_should(growth):
    """At the first positions of 12 cycles the rate is the initial one, and just before it is the lowest."""
    rate = CosineDecay(0.3, 7, 0.01, restarts=True, growth=growth)
    begin, length = 0, 7
    for _ in range(12):
        assert rate(begin) == 0.3
        last = float(Fraction(length - 1, length))
        assert rate(begin + length - 1) == pytest.approx(annealed(0.3, 0.01, last), rel=1e-12)
        begin, length = begin + length, length * growth


def test_rates_stay_where_a_schedule_ends():
    assert set(CosineDecay(0.3, 10, 0.1)(np.array([10, 11, 12, 10**9]))) == {0.1}
    end = 0.3 / 25 / 1e4
    np.testing.assert_allclose(OneCycle(0.3, 10)(np.array([9, 10, 10**9])), end, rtol=1e-15)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("length", [1, 2, 10])
def test_one_cycle_of_any_shape_is_finite_and_between_its_ends(share, length):
    rate = OneCycle(0.3, length, share)(np.arange(length))
    assert ((rate >= 0.3 / 25 / 1e4 * (1 - 1e-15)) & (rate <= 0.3)).all()
    if round(share * length) >= 1:
        assert rate[round(share * length) - 1] == 0.3


# --- positions ----------------------------------------------------------------------------------------------

READY = {name: schedule for name, (schedule, _, _) in PYTORCH.items()}
READY |= {
    "InverseTimeDecay": InverseTimeDecay(0.3, 0.1),
    "warm": CosineDecay(0.3, 9, warmup=5, restarts=True),
}


@pytest.mark.parametrize("schedule", READY.values(), ids=READY)
def test_a_position_has_the_same_bits_alone_and_in_an_array(schedule):
    positions = np.concatenate([np.arange(100), np.linspace(0, 90, 37)])
    together = schedule(positions)
    assert together.dtype == np.float64
    alone = [schedule(p) for p in positions.tolist()]
    assert {type(rate) for rate in alone} == {float}
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(
        schedule(positions[:100].astype(np.int32).reshape(4, 25)).ravel(), alone[:100]
    )
    assert schedule(np.int64(3)) == schedule(np.float32(3)) == schedule(np.array(3)) == schedule(3)
    assert schedule(np.array([])).shape == (0,)


@pytest.mark.parametrize("schedule", READY.values(), ids=READY)
def test_schedules_are_values(schedule):
    for same in (copy.deepcopy(schedule), pickle.loads(pickle.dumps(schedule))):
        assert same == schedule
        assert hash(same) == hash(schedule)
    with pytest.raises(AttributeError):
        schedule.per = "epoch"
    assert repr(schedule).endswith("per='step')")
    assert eval(repr(schedule), vars(schedules)) == schedule


@pytest.mark.parametrize("position", [-1, -1e-9, math.nan, math.inf, np.array([0.0, -2.0])])
def test_positions_outside_are_refused(position):
    with pytest.raises(ValueError, match=r"^position is .*, but must be finite, and 0 or more$"):
        StepDecay(0.1, 10)(position)


@pytest.mark.parametrize("position", ["3", None, True, 1j])
def test_positions_that_are_not_numbers_are_refused(position):
    with pytest.raises(TypeError, match=r"^position is .*, but must be a number, or an array of numbers$"):
        StepDecay(0.1, 10)(position)


# --- settings -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: StepDecay(-0.1, 10), ValueError, "initial is -0.1, but must be 0 or more"),
        (lambda: StepDecay(math.nan, 10), ValueError, "initial is nan, but must be finite"),
        (lambda: StepDecay(True, 10), TypeError, "initial is True, but must be a number"),
        (lambda: StepDecay("0.1", 10), TypeError, "initial is '0.1', but must be a number"),
        (lambda: StepDecay(0.1, 0), ValueError, "every is 0, but must be 1 or more"),
        (lambda: StepDecay(0.1, 2.5), TypeError, "every is 2.5, but must be a whole number"),
        (lambda: StepDecay(0.1, 10, 0), ValueError, "factor is 0, but must be more than 0"),
        (
            lambda: StepDecay(0.1, 10, per="batch"),
            ValueError,
            "per is 'batch', but must be 'step' or 'epoch'",
        ),
        (lambda: ExponentialDecay(0.1, -1), ValueError, "factor is -1, but must be more than 0"),
        (lambda: ExponentialDecay(0.1, math.inf), ValueError, "factor is inf, but must be finite"),
        (lambda: InverseTimeDecay(0.1, -1), ValueError, "decay is -1, but must be 0 or more"),
        (lambda: InverseTimeDecay(0.1, 1, 0.0), ValueError, "every is 0.0, but must be more than 0"),
        (
            lambda: InverseTimeDecay(0.1, 1, staircase=1),
            TypeError,
            "staircase is 1, but must be True or False",
        ),
        (lambda: CosineDecay(0.1, 0), ValueError, "length is 0, but must be 1 or more"),
        (
            lambda: CosineDecay(0.1, 10, 0.2),
            ValueError,
            "minimum is 0.2, but must be 0.1, which is initial, or less",
        ),
        (lambda: CosineDecay(0.1, 10, warmup=-1), ValueError, "warmup is -1, but must be 0 or more"),
        (
            lambda: CosineDecay(0.1, 10, restarts=None),
            TypeError,
            "restarts is None, but must be True or False",
        ),
        (
            lambda: CosineDecay(0.1, 10, restarts=True, growth=0),
            ValueError,
            "growth is 0, but must be 1 or more",
        ),
        (
            lambda: CosineDecay(0.1, 10, growth=2),
            ValueError,
            "growth is 2, but only cycles grow: restarts=True",
        ),
        (
            lambda: CosineDecay(0.1, restarts=True),
            ValueError,
            "restarts is True, but length is None",
        ),
        (lambda: OneCycle(0.1, 10, 1.5), ValueError, "warmup_share is 1.5, but must be from 0 to 1"),
        (
            lambda: OneCycle(0.1, 10, start_divisor=0.5),
            ValueError,
            "start_divisor is 0.5, but must be 1 or more",
        ),
        (lambda: OneCycle(0.1, 10, end_divisor=0), ValueError, "end_divisor is 0, but must be 1 or more"),
        (lambda: LogCosine(0.1, 10, 0), ValueError, "cycles is 0, but must be 1 or more"),
    ],
)
def test_invalid_settings_are_refused(make, kind, message):
    with pytest.raises(kind, match=f"^{re.escape(message)}"):
        make()


@pytest.mark.parametrize(
    "schedule", [CosineDecay(0.3), CosineDecay(0.3, warmup=3), OneCycle(0.3), LogCosine(0.3)]
)
@pytest.mark.parametrize("per", ["step", "epoch"])
def test_the_default_length_is_that_of_the_run(schedule, per):
    """20 examples in batches of 6 for 5 epochs: 20 updates; with and without a callback."""
    schedule = dataclasses.replace(schedule, per=per)
    length = {"step": 20, "epoch": 5}[per] - getattr(schedule, "warmup", 0)
    X, Y = problem(6, 20)
    given, own, watched = (deepnet.Network([6, 4, 1], seed=0) for _ in range(3))
    run = {"epochs": 5, "batch_size": 6, "seed": 1}
    given.fit(X, Y, **run, optimizer=deepnet.Adam(dataclasses.replace(schedule, length=length)))
    own.fit(X, Y, **run, optimizer=deepnet.Adam(schedule))
    watched.fit(X, Y, **run, optimizer=deepnet.Adam(schedule), callbacks=[lambda *_: None])
    assert_same_bits(own, given.parameters)
    assert_same_bits(watched, given.parameters)
    assert own.optimizer.learning_rate is schedule
    own.fit(X, Y, epochs=0, batch_size=6)
    own.fit(X, Y, epochs=1, batch_size=6)
    words = re.escape("length is None")
    with pytest.raises(ValueError, match=words):
        schedule(0)
    with pytest.raises(ValueError, match=words if per == "step" else "counts epochs"):
        own.train_on_batch(X, Y)


def test_settings_become_numbers_of_python():
    given = StepDecay(np.float32(0.5), np.int64(3), np.float64(0.25))
    assert [type(value) for value in (given.initial, given.every, given.factor)] == [float, int, float]


@pytest.mark.parametrize("cycles", [1, 2, 4])
def test_each_cycle_of_the_log_cosine_is_twice_as_long_and_goes_from_0_to_the_maximum(cycles):
    """Cycle k = 0, 1, ... takes the positions from 2^k - 1 to 2^(k+1) - 1, in units of 64."""
    rate, unit = LogCosine(0.3, (2**cycles - 1) * 64, cycles), 64
    for k in range(cycles):
        begin, end = (2**k - 1) * unit, (2 ** (k + 1) - 1) * unit
        turn = np.log2(np.arange(begin, end + 1) / unit + 1) - k
        np.testing.assert_allclose(
            rate(np.arange(begin, end + 1)), 0.3 * np.sin(np.pi * turn) ** 2, rtol=0, atol=1e-14
        )
    np.testing.assert_allclose(rate(np.array([0, end, end + 1, 10**9])), 0, rtol=0, atol=1e-30)


# --- rates --------------------------------------------------------------------------------------------------


def test_a_number_is_the_rate_of_every_step():
    np.testing.assert_array_equal(rates(0.1, 5, 3), [0.1, 0.1, 0.1])
    assert rates(np.float32(0.5), 0, 2, dtype="float32").dtype == np.float64
    assert rates(0, 0, 0).shape == (0,)


@pytest.mark.parametrize("first", [0, 3, 17])
@pytest.mark.parametrize("per", ["step", "epoch"])
def test_schedules_and_functions_agree(first, per):
    """Rates of many steps equal those of single calls; each step has the rate of its epoch."""
    schedule, asked = CosineDecay(0.3, 4, warmup=2, restarts=True, per=per), []

    def function(position):
        assert type(position) is int
        asked.append(position)
        return schedule(position)

    function.per = per
    positions = [step // 5 if per == "epoch" else step for step in range(first, first + 12)]
    expected = [schedule(position) for position in positions]
    np.testing.assert_array_equal(rates(schedule, first, 12, 5), expected)
    np.testing.assert_array_equal(rates(function, first, 12, 5), expected)
    assert asked == sorted(set(positions))  # once each, in their order


def test_a_plain_function_counts_steps():
    np.testing.assert_array_equal(rates(lambda step: step + 1, 4, 3, steps_per_epoch=100), [5, 6, 7])


def seven(value):
    def halved(position):
        return value if position == 7 else 0.5

    return halved


@pytest.mark.parametrize(
    ("value", "kind", "words"),
    [
        (math.nan, ValueError, "gave nan for step 7, but must be finite"),
        (np.float32(np.inf), ValueError, "gave inf for step 7, but must be finite"),
        (-0.1, ValueError, "gave -0.1 for step 7, but must be 0 or more"),
        (1e39, ValueError, "gave 1e+39 for step 7, beyond the range of float32, which ends at 3.4e+38"),
        (None, TypeError, "gave None for step 7, but must be a number"),
        (True, TypeError, "gave True for step 7, but must be a number"),
        (1j, TypeError, "gave 1j for step 7, but must be a number"),
        (np.ones(1), TypeError, "gave array([1.]) for step 7, but must be a number"),
        ("{}", TypeError, "gave '{}' for step 7, but must be a number"),
    ],
)
def test_a_function_that_returns_an_invalid_rate_is_named_with_the_step(value, kind, words):
    with pytest.raises(kind, match=f"^learning_rate schedule halved {re.escape(words)}$"):
        rates(seven(value), 0, 10, dtype=np.float32)
    assert rates(seven(value), 0, 7, dtype=np.float32).tolist() == [0.5] * 7  # step 7 is not called


def test_epochs_are_named_as_such():
    function = seven(math.nan)
    function.per = "epoch"
    with pytest.raises(ValueError, match="gave nan for epoch 7, but must be finite"):
        rates(function, 60, 30, 10)
    function.per = "batch"
    with pytest.raises(ValueError, match=r"schedule halved has per=.batch.*step.*epoch"):
        rates(function, 60, 30, 10)


def test_a_schedule_beyond_the_range_is_named():
    growing = ExponentialDecay(1.0, 10.0)
    with pytest.raises(ValueError, match=re.escape(f"{growing!r} gave inf for step 309, but must be finite")):
        rates(growing, 300, 20)
    with pytest.raises(ValueError, match="for step 39, beyond the range of float32"):
        rates(growing, 30, 20, dtype=np.float32)


@pytest.mark.parametrize(
    ("rate", "kind", "message"),
    [
        (math.nan, ValueError, "learning_rate is nan, but must be finite"),
        (-1, ValueError, "learning_rate is -1, but must be 0 or more"),
        ("0.1", TypeError, "learning_rate is '0.1', but must be a number"),
        (1e39, ValueError, "learning_rate is 1e+39, beyond the range of float32, which ends at 3.4e+38"),
    ],
)
def test_invalid_rates_are_refused(rate, kind, message):
    with pytest.raises(kind, match=f"^{re.escape(message)}"):
        rates(rate, 0, 3, dtype=np.float32)


def test_an_exception_in_a_function_gets_a_note_with_the_step():
    def broken(step):
        return 1 / (step - 2)

    with pytest.raises(ZeroDivisionError) as caught:
        rates(broken, 2, 5)
    assert caught.value.__notes__ == ["raised by the learning_rate schedule broken for step 2"]
