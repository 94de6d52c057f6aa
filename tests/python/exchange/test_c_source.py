"""Models as C code: compiled with strict warnings, run here and as Cortex-M code, compared with the model."""

import re
import shutil
import subprocess
import warnings
from itertools import pairwise

import numpy as np
import pytest
from c_programs import GCC, SANITIZERS, WARNINGS, Program, needs_gcc, rounding_bound, slope

import deepnet
from deepnet.exchange import _c_int8
from deepnet.exchange._c_model import described
from deepnet.exchange._c_text import number, string

ARM, QEMU = shutil.which("arm-none-eabi-gcc"), shutil.which("qemu-arm")
needs_arm = pytest.mark.skipif(
    ARM is None or QEMU is None,
    reason="gcc-arm-none-eabi, libnewlib-arm-none-eabi or qemu-user is not installed",
)


# --- compiling and running ----------------------------------------------------------------------------------


def run(report, X, **options):
    """Return what one export computes."""
    return Program([report], **options)(report.name, X)


# --- bounds -------------------------------------------------------------------------------------------------


def int8_bound(net, X):
    """Return how far int8 can move each output of the examples X that it was calibrated with.

    Half a step for each rounding. A clipped unit comes nearer to the exact one, which is within the range.
    """
    A = X.astype(np.float64) * net.input_scale
    E = np.full_like(A, half_step(A))
    parameters = list(net.parameters.values())
    for number_of, (W, b, g) in enumerate(
        zip(parameters[::2], parameters[1::2], net.activations, strict=True)
    ):
        W, b = W.astype(np.float64), b.astype(np.float64)
        half = np.maximum(np.abs(W).max(axis=1), 1e-30) / 127 / 2 * 1.001
        # Of each weight half a step, and of the bias, which is rounded to a step of the sum.
        E = np.abs(W) @ E + half[:, np.newaxis] * ((np.abs(A) + E).sum(axis=0) + 2 * half_step(A))
        A = deepnet.ACTIVATIONS[g].forward(W @ A + b)
        E = slope(g) * E + (half_step(A) if number_of < len(net.layers) - 1 else 0)
    return E + 1e-5


def assert_as_simulated(net, X, A):
    """The report's figures come from int8 in NumPy: it must be what the code computes."""
    model = described(net).rounded(np.dtype(np.float32))
    expected, error = _c_int8.predict(model, _c_int8.quantized(model, X), X)
    assert (np.abs(A - expected) <= error).all(), net
    assert np.median(error) < 1e-5  # it is larger only where a value lies in the middle of two steps


def half_step(A):
    return 1.01 * (max(A.max(), 0) - min(A.min(), 0)) / 255 / 2


# --- networks -----------------------------------------------------------------------------------------------


def random_network(seed, hidden, output, dtype="float32", depth=None):
    """Return a network with random sizes, biases and input scale, and examples for it."""
    rng = np.random.default_rng(seed)
    depth = int(rng.integers(1, 4)) if depth is None else depth
    dims = [int(n) for n in rng.integers(1, 20, depth + 1)]
    scale = float(rng.choice([1, 0.25]))
    net = deepnet.Network(dims, hidden, output, dtype=dtype, seed=seed, input_scale=scale)
    for i in range(1, depth + 1):
        net.parameters[f"b{i}"][...] = rng.normal(size=(dims[i], 1)) / 4
    return net, (rng.normal(size=(dims[0], 40)) / scale).astype(dtype)


HIDDEN = [name for name in deepnet.ACTIVATIONS if name != "softmax"]


def small(dtype="float32", **options):
    """Return a classifier of two layers, and examples for it."""
    net = deepnet.Network([5, 8, 3], "relu", "softmax", seed=3, dtype=dtype, **options)
    net.parameters["b1"][...] = np.linspace(-0.5, 0.5, 8).reshape(-1, 1)
    return net, np.random.default_rng(3).normal(size=(5, 50)).astype(dtype)


@needs_gcc
def test_the_code_computes_what_the_network_does(tmp_path):
    net, X = small(input_scale=0.5)
    for_double = net.astype("float64")
    reports = [
        deepnet.to_c(net, tmp_path / "single.c"),
        deepnet.to_c(for_double, tmp_path / "twice.c", dtype="float64"),
        deepnet.to_c(net, tmp_path / "tiny.c", dtype="int8", calibration=X),
    ]
    program = Program(reports)
    for name, network, dtype in (("single", net, np.float32), ("twice", for_double, np.float64)):
        A, classes = program(name, X)
        expected = network.predict(X.astype(dtype))
        assert (np.abs(A - expected) <= 2 * rounding_bound(network, X, dtype)).all()
        np.testing.assert_array_equal(classes, A.argmax(axis=0))
    A, classes = program("tiny", X)
    assert (np.abs(A - net.predict(X)) <= int8_bound(net, X)).all()
    assert_as_simulated(net, X, A)
    np.testing.assert_array_equal(classes, A.argmax(axis=0))


@pytest.mark.skipif(shutil.which("clang") is None, reason="clang is not installed")
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_clang_compiles_the_code_too(dtype, tmp_path):
    net, X = small()
    report = deepnet.to_c(net, tmp_path / "net.c", dtype=dtype, calibration=X)
    A, _ = run(report, X, compiler="clang")
    bound = int8_bound(net, X) if dtype == "int8" else 2 * rounding_bound(net, X, np.float32)
    assert (np.abs(A - net.predict(X)) <= bound).all()


@needs_gcc
@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64", "int8"])
def test_random_networks_of_every_activation(dtype, tmp_path):
    kind = "float64" if dtype == "float64" else "float32"
    made = {}
    for i, hidden in enumerate(HIDDEN):
        for depth in (1, 3):
            outputs = ["softmax", *HIDDEN]
            made[f"{hidden}{depth}"] = random_network(
                3 * i + depth, hidden, outputs[(i + depth) % 13], kind, depth
            )
    assert {net.activations[-1] for net, _ in made.values()} == set(deepnet.ACTIVATIONS)
    reports = [
        deepnet.to_c(net, tmp_path / f"{name}.c", dtype=dtype, calibration=X if dtype == "int8" else None)
        for name, (net, X) in made.items()
    ]
    program = Program(reports)
    for name, (net, X) in made.items():
        A, _ = program(name, X)
        bound = int8_bound(net, X) if dtype == "int8" else 2 * rounding_bound(net, X, kind)
        assert (np.abs(A - net.predict(X)) <= bound).all(), net
        if dtype == "int8":
            assert_as_simulated(net, X, A)


@np.errstate(over="ignore")
def expectation(name, z):
    return deepnet.ACTIVATIONS[name].forward(z)


@needs_gcc
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activations_are_right_everywhere(dtype, tmp_path):
    """One unit of weight 1: all that is large, small, infinite or nan goes through each activation.

    NumPy's formulas are the measure, since the engine takes subnormal numbers for 0.
    """
    info = np.finfo(dtype)
    ends = [
        info.max,
        1e30,
        800.5,
        90.0,
        40.5,
        27.0,
        9.0,
        3.0,
        1.0,
        1e-3,
        info.eps,
        info.tiny,
        1e-44,
        0.0,
        np.inf,
    ]
    z = np.array([*ends, *(-end for end in ends), np.nan], dtype).reshape(1, -1)
    z = np.concatenate([z, np.linspace(-12, 12, 500, dtype=dtype).reshape(1, -1)], axis=1)
    nets = {}
    for name in HIDDEN:
        one = {"W1": np.ones((1, 1), dtype), "b1": np.zeros((1, 1), dtype)}
        nets[name] = deepnet.Network.from_parameters(one, [name])
    kind = np.dtype(dtype).name
    program = Program([deepnet.to_c(net, tmp_path / f"{name}_.c", dtype=kind) for name, net in nets.items()])
    u = info.eps / 2
    for name in nets:
        A, expected = program(f"{name}_", z)[0], expectation(name, z)
        finite = np.isfinite(expected)
        np.testing.assert_array_equal(A[~finite], expected[~finite], err_msg=name)
        # Both within 16 u, gelu's left side also within u of 1: erfc rounds its argument.
        bound = 32 * u * np.abs(expected.astype(np.float64)) + info.tiny + (u if name == "gelu" else 0)
        with np.errstate(invalid="ignore", over="ignore"):
            difference = np.abs(A.astype(np.float64) - expected)
        bad = finite & ~(difference <= bound)
        assert not bad.any(), (name, z[bad], A[bad], expected[bad])


@needs_gcc
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_are_written_exactly(dtype, tmp_path):
    """Bits at random, among them subnormal and huge numbers: times an input of 1, nothing is rounded."""
    bits = np.random.default_rng(0).bytes(400 * np.dtype(dtype).itemsize)
    info = np.finfo(dtype)
    W = np.concatenate(
        [np.frombuffer(bits, dtype), [info.max, info.tiny, info.smallest_subnormal, 1, 0.1, -3]]
    )
    W = W[np.isfinite(W)].astype(dtype)
    assert (np.abs(W) < info.tiny).any()
    assert all(dtype(number(w).removesuffix("f")) == w for w in W)
    values = {"W1": W.reshape(-1, 1), "b1": np.zeros((len(W), 1), dtype)}
    net = deepnet.Network.from_parameters(values, ["identity"])
    one = np.ones((1, 1), dtype)
    report = deepnet.to_c(net, tmp_path / "exact.c", dtype=np.dtype(dtype).name, calibration=one)
    A, _ = run(report, one)
    np.testing.assert_array_equal(A[:, 0], W)


# --- what is not finite, sanitizers, other compilers --------------------------------------------------------


@needs_gcc
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_sanitizers_find_nothing_and_nan_is_no_class(dtype, tmp_path):
    net, X = small()
    report = deepnet.to_c(net, tmp_path / "net.c", dtype=dtype, calibration=X)
    special = np.zeros((5, 6), np.float32)
    special[2] = [np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45]
    A, classes = run(report, np.concatenate([X, special], axis=1), flags=SANITIZERS)
    is_nan = np.isnan(A)
    np.testing.assert_array_equal(is_nan.any(axis=0), is_nan.all(axis=0))
    np.testing.assert_array_equal(classes, np.where(is_nan.any(axis=0), -1, A.argmax(axis=0)))
    assert is_nan[:, 50].all()
    if dtype == "int8":  # infinite inputs are the end of the range
        assert not is_nan[:, 51:].any()
        ends = np.zeros((5, 2), np.float32)
        ends[2] = X.max() * 1.01, X.min() * 1.01
        np.testing.assert_array_equal(A[:, 51:53], run(report, ends)[0])
    else:
        np.testing.assert_array_equal(is_nan, np.isnan(net.predict(np.concatenate([X, special], axis=1))))


@needs_gcc
@pytest.mark.slow
@pytest.mark.parametrize(
    "flags",
    [["-O3", "-march=native", "-ffp-contract=fast"], ["-O0"], ["-Os", "-funsigned-char"]],
    ids=lambda flags: flags[0],
)
def test_self_tests_hold_whatever_the_options(flags, tmp_path):
    """Also where the compiler fuses products and sums, which rounds less."""
    reports = []
    for i, hidden in enumerate(HIDDEN):
        net, X = random_network(i, hidden, "softmax", depth=3)
        dtype = ("float32", "int8", "float64")[i % 3]
        reports.append(deepnet.to_c(net, tmp_path / f"{hidden}_.c", dtype=dtype, calibration=X))
    program = Program(reports, flags=flags)
    for report in reports:
        inputs = int(re.search(r"_INPUTS (\d+)", report.header.read_text())[1])
        program(report.name, np.zeros((inputs, 1)))


@needs_gcc
def test_the_self_test_finds_a_changed_weight(tmp_path):
    net, X = small()
    report = deepnet.to_c(net, tmp_path / "net.c", calibration=X)
    weight = number(net.parameters["W2"][1, 2])
    text = report.source.read_text()
    assert text.count(weight) == 1
    report.source.write_text(text.replace(weight, number(net.parameters["W2"][1, 2] + np.float32(0.01))))
    Program([report])("net", X, selftest=1)


@needs_gcc
def test_cpp_can_call_the_code(tmp_path):
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("g++ is not installed")
    report = deepnet.to_c(small()[0], tmp_path / "net of µ.c", name="net")
    (tmp_path / "main.cpp").write_text('#include "net of µ.h"\nint main() { return net_selftest(); }\n')
    subprocess.run([GCC, *WARNINGS, "-c", str(report.source), "-o", str(tmp_path / "net.o")], check=True)
    files = [str(tmp_path / name) for name in ("main.cpp", "net.o")]
    subprocess.run([compiler, "-Wall", "-Werror", *files, "-lm", "-o", str(tmp_path / "main")], check=True)
    assert subprocess.run([str(tmp_path / "main")]).returncode == 0


# --- Cortex-M -----------------------------------------------------------------------------------------------

# Code for a Cortex-M without an operating system, but that reads and writes by Linux's calls, for qemu-user.
BARE = """\
#include "net.h"
static long call(long number, long file, void *buffer, unsigned long size) {
  register long r7 __asm__("r7") = number, r0 __asm__("r0") = file;
  register void *r1 __asm__("r1") = buffer;
  register unsigned long r2 __asm__("r2") = size;
  __asm__ volatile("svc 0" : "+r"(r0) : "r"(r1), "r"(r2), "r"(r7) : "memory");
  return r0;
}
void _start(void);
void _start(void) {
  static float in[NET_INPUTS], out[NET_OUTPUTS];
  while (call(3, 0, in, sizeof in) == (long)sizeof in) {
    net_predict(in, out);
    call(4, 1, out, sizeof out);
  }
  call(1, net_selftest(), 0, 0);
}
"""


@needs_arm
@pytest.mark.parametrize(
    "cpu", ["cortex-m0", pytest.param("cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_cortex_m_computes_the_same(cpu, dtype, tmp_path):
    net, X = small()
    deepnet.to_c(net, tmp_path / "net.c", dtype=dtype, calibration=X)
    (tmp_path / "bare.c").write_text(BARE)
    target = ["-mthumb", *f"-mcpu={cpu}".split(), "-Os", "-ffunction-sections", "-fdata-sections"]
    objects = []
    for source, flags in (("net.c", WARNINGS), ("bare.c", ["-std=gnu99"])):
        objects.append(str(tmp_path / f"{source}.o"))
        subprocess.run([ARM, *target, *flags, "-c", str(tmp_path / source), "-o", objects[-1]], check=True)
    program = str(tmp_path / "net.elf")
    link = ["--specs=nano.specs", "-nostartfiles", "-Wl,--gc-sections", "-lm", "-lc", "-lnosys"]
    subprocess.run([ARM, *target, *objects, *link, "-o", program], check=True, capture_output=True)
    sizes = subprocess.run(["arm-none-eabi-size", program], capture_output=True, text=True, check=True).stdout
    print(f"\n{dtype} on {cpu}:\n{sizes}")
    done = subprocess.run([QEMU, program], input=np.ascontiguousarray(X.T).tobytes(), capture_output=True)
    assert done.returncode == 0, done.stderr
    A = np.frombuffer(done.stdout, np.float32).reshape(-1, 3).T
    bound = int8_bound(net, X) if dtype == "int8" else 2 * rounding_bound(net, X, np.float32)
    assert (np.abs(A - net.predict(X)) <= bound).all()


# --- estimators ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def estimators():
    """Fitted estimators of each kind, and rows for them."""
    pytest.importorskip("sklearn")
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

    from deepnet.sklearn import MLPClassifier, MLPRegressor

    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 4)) * [1, 10, 0.1, 1] + [0, 50, 0, -3]
    signal = (X - X.mean(axis=0)) / X.std(axis=0)
    quick = {"max_iter": 3, "tol": 0.0, "random_state": 0, "hidden_layer_sizes": (6,)}
    colours = np.array(["red", "green", "blue"])[np.digitize(signal[:, 0], [-0.5, 0.5])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # three epochs do not converge
        models = {
            "binary": make_pipeline(StandardScaler(), MLPClassifier(**quick)).fit(X, signal[:, 1] > 0),
            "colours": make_pipeline(RobustScaler(), MLPClassifier(**quick)).fit(X, colours),
            "several": make_pipeline(MinMaxScaler((-1, 1)), MLPClassifier(n_estimators=3, **quick)).fit(
                X, colours
            ),
            "labels": MLPClassifier(input_scale=0.1, **quick).fit(signal, (signal[:, :3] > 0).astype(int)),
            "plane": make_pipeline(
                StandardScaler(with_mean=False), MaxAbsScaler(), "passthrough", MLPRegressor(**quick)
            ).fit(X, signal[:, :2]),
            "counts": MLPRegressor("poisson", n_estimators=2, **quick).fit(signal, rng.poisson(3, 80)),
        }
    return models, {name: signal if name in ("labels", "counts") else X for name in models}


def bound_of_estimator(model, X, expected, dtype):
    """Return how far rounding can move the outputs: of the inputs, their scaling, and the networks."""
    u = np.finfo(dtype).eps / 2
    last = model[-1] if hasattr(model, "steps") else model
    scaled = model[:-1].transform(X) if hasattr(model, "steps") else X
    factor = model[:-1].transform(X + 1) - scaled if hasattr(model, "steps") else np.ones_like(X)
    # (x - c) f, of which |c| f is at most |x| f + |(x - c) f|
    E = (4 * u * (2 * np.abs(X * factor) + np.abs(scaled))).T
    nets = [member.network_ for member in getattr(last, "estimators_", [last])]
    bounds = [rounding_bound(net, scaled.T, dtype, E * abs(net.input_scale)) for net in nets]
    bound = np.mean(bounds, axis=0)
    bound = np.abs(expected) * (1.1 * bound + 16 * u) if last.out_activation_ == "exp" else bound
    return bound + len(nets) * u * np.abs(expected)


@needs_gcc
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_estimators_with_their_scaling_and_classes(estimators, dtype, tmp_path):
    models, rows = estimators
    program = Program(
        [deepnet.to_c(model, tmp_path / f"{name}.c", dtype=dtype) for name, model in models.items()]
    )
    assert program.choosing == {"binary", "colours", "several"}
    for name, model in models.items():
        X = rows[name]
        A, classes = program(name, X.T)
        expected = model.predict(X) if name in ("plane", "counts") else model.predict_proba(X)
        expected = expected.reshape(len(X), -1).T
        expected = expected[1:] if name == "binary" else expected
        assert (np.abs(A - expected) <= 2 * bound_of_estimator(model, X, expected, dtype)).all()
        if classes is not None:
            np.testing.assert_array_equal(models[name].classes_[classes], model.predict(X))


@needs_gcc
@pytest.mark.parametrize("name", ["several", "counts", "plane"])
def test_int8_of_estimators(estimators, name, tmp_path):
    """The report's difference is that of the code; the loss of the scores on 80 rows is small."""
    models, rows = estimators
    model, X = models[name], rows[name]
    answer = model.predict(X) if name != "several" else model.predict_proba(X)
    report = deepnet.to_c(
        model, tmp_path / "net.c", dtype="int8", calibration=X, test_data=(X, model.predict(X))
    )
    A, _ = run(report, X.T)
    difference = np.abs(A.T - answer.reshape(len(X), -1)).max()
    assert difference == pytest.approx(report.difference, abs=1e-4)
    assert report.model_score == pytest.approx(1)
    assert 0.9 < report.score <= 1


# --- text ---------------------------------------------------------------------------------------------------


def test_the_same_model_gives_the_same_text(tmp_path):
    net, X = small()
    net.save(tmp_path / "net.safetensors")
    again = deepnet.load(tmp_path / "net.safetensors")
    texts = []
    for folder, model in (("a", net), ("b", again)):
        (tmp_path / folder).mkdir()
        report = deepnet.to_c(model, tmp_path / folder / "net.c", dtype="int8", calibration=X)
        texts.append(report.source.read_bytes() + report.header.read_bytes())
    assert texts[0] == texts[1]
    assert f"deepnet {deepnet.__version__}".encode() in texts[0]
    assert b"5-8-3" in texts[0]
    assert texts[0].isascii()


@needs_gcc
def test_class_names_of_any_text(tmp_path):
    names = ['5 "µm" \\ ??/', "tab\there\n*/", "x"]
    net, _ = small()
    net.class_names = names
    report = deepnet.to_c(net, tmp_path / "net.c")
    (tmp_path / "main.c").write_text(
        '#include "net.h"\n#include <stdio.h>\nint main(void) {\n  int i;\n'
        '  for (i = 0; i < NET_CLASSES; ++i) printf("%s|", net_class_names[i]);\n  return 0;\n}\n'
    )
    command = [
        GCC,
        *WARNINGS,
        str(report.source),
        str(tmp_path / "main.c"),
        "-lm",
        "-o",
        str(tmp_path / "main"),
    ]
    subprocess.run(command, check=True)
    done = subprocess.run([str(tmp_path / "main")], capture_output=True, check=True)
    assert done.stdout.decode() == "|".join([*names, ""])
    assert string("\udcff") == '"\\377"'


def test_calibration_in_parts_and_in_frames(tmp_path, monkeypatch):
    """The text does not depend on how many examples are computed at once, or on what holds them."""
    pandas = pytest.importorskip("pandas")
    net, X = small()
    texts = []
    for part, examples in ((2**20, X), (8 * 7, X), (2**20, pandas.DataFrame(X.T))):
        monkeypatch.setattr("deepnet.exchange._c_model.PART", part)
        report = deepnet.to_c(net, tmp_path / "net.c", dtype="int8", calibration=examples)
        texts.append((report.source.read_text(), report.agreement, report.difference))
    # A part of another width may round sums of float64 differently: the report to 1e-9, the steps not at all.
    assert texts[0][:2] == texts[1][:2] == texts[2][:2]
    assert texts[1][2] == pytest.approx(texts[0][2], rel=1e-9)


def test_the_report_counts_bytes(tmp_path):
    net, X = small()
    parameters = sum((before + 1) * units for before, units in pairwise(net.layer_dims))
    report = deepnet.to_c(net, tmp_path / "net.c", test_data=(X, net.predict(X).argmax(axis=0)))
    assert (report.constants, report.stack) == (4 * parameters, 4 * 8)
    assert (report.score, report.model_score, report.agreement) == (1, 1, 1)
    assert "score 1.0000" in str(report)
    int8 = deepnet.to_c(net, tmp_path / "net.c", dtype="int8", calibration=X)
    assert (int8.constants, int8.stack) == (5 * 8 + 8 * 3 + 8 * (8 + 3), 5 + 8)
    assert int8.score is None
    assert int8.agreement > 0.9


# --- errors -------------------------------------------------------------------------------------------------


def custom():
    bump = deepnet.Activation("bump", lambda Z: Z, lambda dA, Z: dA)
    return deepnet.Network([2, 3, 1], bump)


def with_weight(value, dtype="float64"):
    net = deepnet.Network([2, 1], dtype=dtype)
    net.parameters["W1"][0, 1] = value
    return net


NET = deepnet.Network([5, 8, 3], "relu", "softmax", seed=3)
X = np.zeros((5, 4), np.float32)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"path": "my-net.c"}, ValueError, "name is 'my-net', that of the file, but must be a C identifier"),
        ({"name": "1st"}, ValueError, "name is '1st', but must be a C identifier: .*: name='net_1st'"),
        ({"name": "µ"}, ValueError, "C identifier"),
        ({"name": 3}, TypeError, "name is 3, but must be a str"),
        ({"path": "model.cpp"}, ValueError, "path is '.*model.cpp', but must end in .c"),
        ({"path": "math.c"}, ValueError, "the code includes <math.h>: another name"),
        ({"path": 'a"b.c', "name": "ab"}, ValueError, "an #include cannot name that"),
        ({"dtype": "int16"}, ValueError, "dtype is 'int16', but must be one of 'float32', 'float64', 'int8'"),
        ({"dtype": "int8"}, ValueError, r"dtype='int8' needs calibration=X"),
        (
            {"calibration": X.T},
            ValueError,
            r"calibration has shape \(4, 5\), but must be \(5, m\), one column",
        ),
        ({"calibration": X[:, :0]}, ValueError, r"calibration has shape \(5, 0\): zero examples"),
        ({"calibration": X[0]}, ValueError, r"calibration has shape \(4,\), but must be \(5, m\)"),
        ({"calibration": X + np.nan}, ValueError, r"calibration\[0, 0\] is nan, but must be finite"),
        ({"calibration": X.astype(np.float64) + 1e39}, ValueError, r"calibration\[0, 0\] is inf"),
        ({"calibration": X.astype(complex)}, TypeError, "calibration is complex128, but must hold numbers"),
        ({"calibration": "rows"}, TypeError, "calibration is a str"),
        ({"test_data": X}, TypeError, r"test_data is an ndarray, but must be a pair \(X, y\)"),
        ({"test_data": (X, np.zeros(3))}, ValueError, "test_data has 4 examples in X, but 3 in y"),
        ({"model": [1]}, TypeError, "model is a list, but must be a deepnet.Network, a fitted"),
        ({"model": deepnet.Network}, TypeError, "model is a type, but must be a deepnet.Network"),
        ({"model": custom()}, ValueError, "layer 1 has the custom activation 'bump'"),
        (
            {"model": with_weight(1e39)},
            ValueError,
            r"W1\[0, 1\] is 1e\+39, beyond the range of float32: dtype=",
        ),
        ({"model": with_weight(np.nan)}, ValueError, r"W1\[0, 1\] is nan, but parameters must be finite"),
        ({"calibrate": X}, TypeError, "unknown argument of to_c 'calibrate': did you mean 'calibration'"),
    ],
)
def test_errors(arguments, kind, message, tmp_path):
    arguments = {"model": NET, "path": "net.c"} | arguments
    path = tmp_path / arguments.pop("path")
    with pytest.raises(kind, match=message):
        deepnet.to_c(arguments.pop("model"), path, **arguments)
    assert not list(tmp_path.iterdir())


def test_errors_of_paths(tmp_path):
    with pytest.raises(TypeError, match="path is 3, but must be the name of a file"):
        deepnet.to_c(NET, 3)
    with pytest.raises(OSError, match="none"):
        deepnet.to_c(NET, tmp_path / "none" / "net.c")


def test_outputs_that_are_not_finite_cannot_be_tested(tmp_path):
    net = deepnet.Network([2, 2], ["identity"])
    net.parameters["W1"][...] = 3e38
    with pytest.raises(ValueError, match="no finite outputs for the examples of the self-test"):
        deepnet.to_c(net, tmp_path / "net.c", calibration=np.ones((2, 3), np.float32))


def test_examples_that_overflow_are_left_out_of_the_self_test(tmp_path):
    """Two hidden units of 2e38 each overflow in float32, and cancel in float64."""
    net = deepnet.Network([1, 2, 1], "identity", "identity")
    net.parameters = {
        "W1": np.full((2, 1), 2e38, np.float32),
        "b1": np.zeros((2, 1), np.float32),
        "W2": np.array([[1, -1]], np.float32),
        "b2": np.zeros((1, 1), np.float32),
    }
    examples = np.array([[0.5, 1.0]], np.float32)
    deepnet.to_c(net, tmp_path / "net.c", calibration=examples)
    assert "test_inputs[1] = {\n  0.5f\n}" in (tmp_path / "net.c").read_text()
    with pytest.raises(
        ValueError, match="calibration makes outputs of layer 1 as large as 2e\\+38, but int8"
    ):
        deepnet.to_c(net, tmp_path / "net.c", dtype="int8", calibration=examples)
    net.parameters["W1"][...] = 1e28
    net.parameters["W2"][...] *= 1e25
    with pytest.raises(ValueError, match=r"W2\[0\] or b2\[0\] has values too large for int8"):
        deepnet.to_c(net, tmp_path / "net.c", dtype="int8", calibration=examples)


def test_sums_beyond_int32_are_refused(tmp_path):
    values = {"W1": np.ones((1, 150_000), np.float32), "b1": np.zeros((1, 1), np.float32)}
    net = deepnet.Network.from_parameters(values)
    with pytest.raises(
        ValueError, match="layer 1 has 150000 inputs, and a sum of their products could exceed"
    ):
        deepnet.to_c(net, tmp_path / "net.c", dtype="int8", calibration=np.ones((150_000, 1), np.float32))


def test_errors_of_estimators(tmp_path):
    pytest.importorskip("sklearn")
    from sklearn.decomposition import PCA
    from sklearn.exceptions import NotFittedError
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    from deepnet.sklearn import MLPClassifier, TabularRegressor

    path = tmp_path / "net.c"
    with pytest.raises(NotFittedError):
        deepnet.to_c(MLPClassifier(), path)
    with pytest.raises(NotFittedError):
        deepnet.to_c(TabularRegressor(), path)
    with pytest.raises(ValueError, match="the pipeline scales columns for a TabularRegressor"):
        deepnet.to_c(make_pipeline(StandardScaler().fit(np.ones((2, 1))), TabularRegressor()), path)
    with pytest.raises(ValueError, match="the step 'pca' of the pipeline is a PCA, but only StandardScaler"):
        deepnet.to_c(make_pipeline(PCA(), MLPClassifier()), path)
    with pytest.raises(ValueError, match="is a MinMaxScaler that clips, but only"):
        deepnet.to_c(make_pipeline(MinMaxScaler(clip=True), MLPClassifier()), path)
    search = GridSearchCV(MLPClassifier(), {})
    search.best_estimator_ = MLPClassifier()
    with pytest.raises(TypeError, match=r"model is a GridSearchCV, .*: give its best_estimator_"):
        deepnet.to_c(search, path)
