"""Fixtures: the command in an empty folder, and small data and models that the tests share."""

import json

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn (extra sklearn)")

from cli.data import command, write_photos, write_table


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DEEPNET_TRACEBACK", raising=False)
    return command


@pytest.fixture
def results(run):
    """Run the command, which must succeed, with --json: the object that it prints."""

    def of(*arguments):
        result = run(*arguments, "--json")
        assert result.exit_code == 0, result.stderr
        assert result.stderr == ""
        return json.loads(result.stdout)

    return of


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """A folder with data and trained models, which no test changes."""
    folder = tmp_path_factory.mktemp("shared")
    table, photos = write_table(folder / "table.csv"), write_photos(folder / "photos")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 5)) + (np.arange(40) % 2)[:, np.newaxis]
    np.savez(folder / "rows.npz", train_x=x, train_y=np.arange(40) % 2)
    np.savez(folder / "other.npz", other=np.zeros((3, 5)))
    np.savez(folder / "flat.npz", x=np.zeros(3))
    (folder / "damaged.npz").write_bytes((folder / "flat.npz").read_bytes()[:-30])
    (folder / "two.csv").write_text("size,price\n1,2\n3,4\n")
    (folder / "empty.csv").write_text("size,colour,name,buys,price\n" + "0.5,red,a,,1\n" * 2)
    write_photos(folder / "others", per_class=1)
    (folder / "others" / "bright").rename(folder / "others" / "grey")
    quick = ("--epochs", 2, "-o")
    for arguments in (
        (table, "--target", "buys", *quick, folder / "classes.model"),
        (table, "--target", "price", "--drop", "buys", *quick, folder / "numbers.model"),
        (photos, "--size", 8, "--epochs", 30, "-o", folder / "photos.model"),
        (folder / "rows.npz", *quick, folder / "rows.model"),
    ):
        result = command("train", *arguments)
        assert result.exit_code == 0, result.stderr
    return folder
