"""Wrong calls of any kind end with 1 or 2 and one line that names the fault, and nothing is written."""

import os
import string

import pytest

pytest.importorskip("hypothesis", reason="needs hypothesis (extra test)")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.data import command

COMMANDS = (
    "train",
    "predict",
    "evaluate",
    "inspect",
    "export",
    "tune",
    "bench",
    "doctor",
    "info",
    "demo",
    "diagnose",
)

# No command has a positional argument or an option of these forms.
words = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\0-"), min_size=1, max_size=30
)
names = st.text(string.ascii_lowercase, min_size=3, max_size=12)


def bad_calls(shared, spare):
    """A strategy of argument lists, each with one fault; `spare` is a folder that stays empty."""
    table, photos, model = shared / "table.csv", shared / "photos", shared / "classes.model"
    missing = words.map(lambda word: spare / "missing" / word.replace("/", "_"))
    numbers = st.sampled_from(["0", "-1", "1e99", "nan", "x", "", "1.5.2", "99999999999999999999"])
    train = ["train", table, "--target", "buys", "-o", spare / "m"]
    options = {
        "--epochs": numbers,
        "--seconds": st.sampled_from(["0", "-1", "nan", "inf", "x", "1e99"]),
        "--seed": st.sampled_from(["-1", "4294967296", "x", "1.5"]),
        "--size": st.sampled_from(["3", "257", "x", "8.5"]),
        "--validation": st.sampled_from(["-0.1", "0.95", "nan", "inf", "x"]),
        "--task": words.filter(lambda word: word not in ("classification", "regression")),
        "--target": words.map(lambda word: f"no such column {word}"),
        "--drop": words.map(lambda word: f"no such column {word}"),
        "--report": st.sampled_from([table, spare / "a" / "b", "/dev/null"]),
        "-o": st.sampled_from([spare, spare / "x" / "m", table, spare / "m.csv", "/dev/full", "/proc/x/m"]),
    }
    one_option = st.sampled_from(sorted(options)).flatmap(
        lambda name: options[name].map(lambda value: [*train, name, value])
    )
    unreadable = st.sampled_from([photos, shared / "rows.npz", table, "/dev/null", "/", spare])
    return st.one_of(
        names.filter(lambda name: name not in COMMANDS).map(lambda name: [name]),
        st.tuples(st.sampled_from(COMMANDS), names).map(lambda pair: [pair[0], f"--no-such-{pair[1]}"]),
        st.sampled_from(COMMANDS[:6]).map(lambda name: [name]),
        one_option,
        missing.map(lambda path: ["train", path, "--target", "x"]),
        missing.map(lambda path: ["evaluate", model, path]),
        missing.map(lambda path: ["predict", path, table]),
        missing.map(lambda path: ["inspect", path]),
        unreadable.map(lambda path: ["inspect", path]),
        st.sampled_from(["/dev/null", "/dev/zero", spare]).map(lambda path: ["train", path, "--target", "x"]),
        st.sampled_from([photos, shared / "rows.npz"]).map(lambda path: ["train", path, "--target", "x"]),
        st.sampled_from([photos, shared / "rows.npz"]).map(lambda path: ["predict", model, path]),
        st.just(["train", table]),
        st.just(["predict", shared / "photos.model", table]),
        st.just(["export", model]),
        st.just(["export", model, "--onnx", spare / "x" / "m.onnx"]),
        st.just(["bench", "--threads", "0"]),
        st.just(["bench", "--batch", "8"]),
        st.sampled_from(["", "4", "4,0", "4,x", "4,1000001"]).map(lambda sizes: ["bench", "--layers", sizes]),
        st.just(["demo", "--layers", "none"]),
        st.tuples(st.sampled_from(["doctor", "bench", "info"]), names).map(list),
    )


def check(arguments, spare):
    result = command(*arguments)
    assert result.exit_code in (1, 2), (arguments, result.output)
    lines = result.stderr.splitlines()
    assert len(lines) == 1, (arguments, result.stderr)
    assert lines[0].startswith("deepnet: ")
    assert len(lines[0]) > len("deepnet: ")
    assert "a bug" not in lines[0], (arguments, lines)
    assert "Traceback" not in result.output
    assert os.listdir(spare) == []
    return lines[0]


@pytest.mark.slow
def test_200_wrong_calls(shared, tmp_path_factory):
    spare = tmp_path_factory.mktemp("spare")

    @settings(
        max_examples=200,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(bad_calls(shared, spare))
    def test(arguments):
        check(arguments, spare)

    test()


@pytest.mark.slow
def test_damaged_files(shared, tmp_path_factory):
    """A model file of any other bytes, and a table of any bytes whose target is not there."""
    folder, spare = tmp_path_factory.mktemp("damaged"), tmp_path_factory.mktemp("spare")
    original = (shared / "classes.model").read_bytes()

    @settings(max_examples=60, deadline=None, derandomize=True, database=None)
    @given(st.binary(max_size=200), st.integers(0, len(original) - 1), st.booleans())
    def test(content, place, as_model):
        if as_model:
            changed = original[:place] + bytes([original[place] ^ 1]) + original[place + 1 :]
            (folder / "m").write_bytes(changed if place % 2 else original[:place] + content[:0])
            check(["inspect", folder / "m"], spare)
        else:
            (folder / "t.csv").write_bytes(content)
            check(["train", folder / "t.csv", "--target", "no such column", "-o", spare / "m"], spare)

    test()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train"], "deepnet: Missing argument 'DATA' (see "),
        (["tune-all"], "deepnet: No such command 'tune-all'"),
        (["train", "--tarqet", "x"], "deepnet: No such option: --tarqet"),
        (["train", "{table.csv}"], "is a table: name the column to predict with --target"),
        (
            ["train", "{table.csv}", "--target", "x"],
            "has no column 'x': it has size, colour, name, buys, price",
        ),
        (["train", "nowhere.csv", "--target", "x"], "deepnet: nowhere.csv does not exist"),
        (["train", "{table.csv}", "--target", "buys", "--task", "both"], "--task 'both' should be"),
        (["train", "{table.csv}", "--target", "buys", "-o", "m.csv"], "another kind of file: .csv"),
        (["predict", "{rows.model}", "{table.csv}"], "does not hold numbers, which a network needs"),
        (["predict", "{table.csv}", "{table.csv}"], "is not a safetensors file"),
        (["export", "{photos.model}"], "give one of --onnx PATH, --c PATH and --torch PATH"),
        (
            ["export", "{photos.model}", "--onnx", "m", "--c", "m"],
            "two of --onnx, --c and --torch name the same",
        ),
        (["train", "{table.csv}", "--target", "buys", "--drop", "buys"], "--drop names the target 'buys'"),
        (["train", "{table.csv}", "--target", "buys", "--validation", "0.95"], "should be from 0 to 0.9"),
        (
            ["train", "{two.csv}", "--target", "price", "--drop", "size"],
            "has no column beside the target 'price'",
        ),
        (["predict", "{rows.model}", "{damaged.npz}"], "damaged.npz cannot be read: "),
        (["predict", "{rows.model}", "{other.npz}"], "has none of the arrays "),
        (["predict", "{rows.model}", "{flat.npz}"], "the array x has shape (3,) and dtype float64"),
        (["evaluate", "{photos.model}", "{photos}", "--target", "x"], "--target is for tables, but "),
        (["evaluate", "{photos.model}", "{others}"], "the folder 'grey' is none of the classes bright, dark"),
        (["evaluate", "{classes.model}", "{two.csv}"], "lacks the column 'colour': it has size, price"),
        (
            ["evaluate", "{classes.model}", "{empty.csv}", "--target", "buys"],
            "the target 'buys' has no values",
        ),
        (["evaluate", "{numbers.model}", "{empty.csv}", "--target", "colour"], "does not hold numbers, but"),
        (["bench", "--batch", "8"], "--batch 8 needs --layers"),
        (["bench", "--layers", "4"], "--layers '4' should be the sizes of all layers from the inputs to the"),
    ],
)
def test_the_line_names_the_fault(run, shared, tmp_path, arguments, message):
    words = [shared / word[1:-1] if word.startswith("{") else word for word in arguments]
    assert message in check(words, tmp_path)
