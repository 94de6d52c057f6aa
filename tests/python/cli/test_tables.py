"""How tables are read, by pandas and by polars: separators, headers, missing cells; targets, splits."""

import sys

import numpy as np
import pytest

from cli.data import write_table
from deepnet.cli import reading, targets
from deepnet.io import DataError


@pytest.fixture(params=["pandas", "polars"])
def library(request, monkeypatch):
    """Read by one of the two; where pandas is missing, polars does it."""
    pytest.importorskip(request.param, reason=f"needs {request.param} (extra tables)")
    if request.param == "polars":
        monkeypatch.setitem(sys.modules, "pandas", None)
    return request.param


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", ", "])
@pytest.mark.parametrize("header", [True, False])
def test_separators_and_headers_are_seen(tmp_path, library, separator, header):
    table = reading.read_table(write_table(tmp_path / "t.csv", separator=separator, header=header))
    assert table.has_header == header
    assert table.names == (
        ["size", "colour", "name", "buys", "price"] if header else [f"column_{j}" for j in range(1, 6)]
    )
    assert len(table) == 90
    size, colour, *_, price = (table.column(name) for name in table.names)
    assert size.dtype == price.dtype == np.float64
    np.testing.assert_array_equal(np.isnan(size), np.arange(90) % 10 == 3)
    assert set(colour) == {"red", "blue", "green"}
    assert type(table.frame).__module__.split(".")[0] == library


def test_cells_keep_their_kind(tmp_path, library):
    (tmp_path / "t.csv").write_text("a,b,c,d\n1,1.5,True,x\n 2,?,False,\n3,,True,?\n")
    table = reading.read_table(tmp_path / "t.csv")
    a, b, c, d = (table.column(name) for name in "abcd")
    assert a.tolist() == [1, 2, 3]
    assert a.dtype.kind == "i"
    np.testing.assert_array_equal(b, [1.5, np.nan, np.nan])
    assert c.tolist() == [True, False, True]
    assert d.tolist() == ["x", None, None]
    assert table.cells(1) == ["2", "", "False", ""]


def test_rows_and_columns_are_chosen(tmp_path, library):
    table = reading.read_table(write_table(tmp_path / "t.csv"))
    part = table.select(["price", "colour"]).take(np.array([5, 2]))
    assert part.names == ["price", "colour"]
    np.testing.assert_array_equal(part.column("price"), table.column("price")[[5, 2]])
    turned = part.shuffled("colour", np.array([1, 0]))
    assert turned.column("colour").tolist() == part.column("colour").tolist()[::-1]
    np.testing.assert_array_equal(turned.column("price"), part.column("price"))


def test_parquet(tmp_path):
    polars = pytest.importorskip("polars", reason="needs polars (extra tables)")
    polars.DataFrame({"a": [1, None, 3], "b": ["x", "y", None]}).write_parquet(tmp_path / "t.parquet")
    table = reading.read_table(tmp_path / "t.parquet")
    np.testing.assert_array_equal(table.column("a"), [1, np.nan, 3])
    assert table.column("b").tolist() == ["x", "y", None]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no rows"),
        (b"\n\n \n", "has no rows"),
        (b"a,b\n", "has no rows"),
        (b"a,a\n1,2\n", "two columns called 'a'"),
        (b"a,b\n1,2\n1,2,3,4\n", "cannot be read"),
        (b"PK\x03\x04\0\0", "null characters"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path, library, content, message):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        reading.read_table(tmp_path / "t.csv")


def test_without_pandas_and_polars_the_message_says_what_to_install(run, shared, monkeypatch):
    for name in ("pandas", "polars"):
        monkeypatch.setitem(sys.modules, name, None)
    result = run("train", shared / "table.csv", "--target", "buys")
    assert result.exit_code == 2
    assert "reading tables needs pandas: pip install pandas" in result.stderr
    assert "pip install 'deepnet-cpu[tables]'" in result.stderr
    assert result.stderr.count("\n") == 1


def target(tmp_path, cells, task=None, name="y"):
    lines = "\n".join(f"{i}.5,{cell}" for i, cell in enumerate(cells))
    (tmp_path / "t.csv").write_text(f"x,y\n{lines}\n")
    return targets.target_of(reading.read_table(tmp_path / "t.csv"), name, task)


@pytest.mark.parametrize(
    ("cells", "task", "values"),
    [
        (["a", "b", "a", "b"], "classification", ["a", "b", "a", "b"]),
        ([3, 4, 3, 3], "classification", [3, 4, 3, 3]),
        ([3, "?", 3, 4], "classification", [3, 3, 4]),  # not 3.0
        (["True", "False", "True", "True"], "classification", [True, False, True, True]),
        ([0.5, 1.5, 2.5, 3], "regression", [0.5, 1.5, 2.5, 3.0]),
        ([*range(21)], "regression", [float(i) for i in range(21)]),
        ([*range(20), *range(20), *range(20)], "classification", [*range(20)] * 3),
    ],
)
def test_the_task_is_seen_from_the_target(tmp_path, cells, task, values):
    found = target(tmp_path, cells)
    assert found.task == task
    assert found.values.tolist() == values


def test_the_task_can_be_given(tmp_path):
    assert target(tmp_path, [1, 2, 1, 2], "regression").values.dtype == np.float64
    with pytest.raises(DataError, match="which are not numbers"):
        target(tmp_path, ["a", "b", "a"], "regression")


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["a"] * 5, "one value only, a"),
        (["?"] * 5, "has values in 0 of 5 rows, but must have at least two"),
        ([f"n{i}" for i in range(9)], "too many for classes"),
        ([1, 2, "inf", 3.5], "infinite values"),
    ],
)
def test_targets_that_cannot_be_predicted(tmp_path, cells, message):
    with pytest.raises(DataError, match=message):
        target(tmp_path, cells)


@pytest.mark.parametrize(("given", "name"), [("y", "y"), ("2", "y"), ("-1", "y"), ("1", "x"), ("-2", "x")])
def test_a_column_is_named_or_counted(tmp_path, given, name):
    cells = [0.5, 1.5, 0.25]
    assert target(tmp_path, cells, name=given).name == name


@pytest.mark.parametrize("given", ["z", "0", "3", "-3", "", "1.0"])
def test_a_column_that_is_not_there_is_named(tmp_path, given):
    with pytest.raises(DataError, match=f"no column '{given}': it has x, y"):
        target(tmp_path, [1, 2, 1], name=given)


def test_classes_are_held_out_alike():
    values = np.repeat([0, 1, 2], [100, 20, 10])
    train, test = targets.split(targets.Target("y", "classification", values, values, ""), 0.2, seed=1)
    assert np.bincount(values[test]).tolist() == [20, 4, 2]
    assert sorted([*train, *test]) == [*range(130)]


def test_numbers_are_held_out_from_their_whole_range():
    values = np.random.default_rng(0).lognormal(size=200)
    _, test = targets.split(targets.Target("y", "regression", values, values, ""), 0.2, seed=1)
    edges = np.quantile(values, np.linspace(0, 1, 11)[1:-1])
    assert np.bincount(np.searchsorted(edges, values[test])).tolist() == [4] * 10
