"""The tour of docs/command_line.md: its commands run, and say what the page says."""

import importlib.util
import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("DEEPNET_DATA") or Path(__file__).parents[4] / "shared" / "data")
PATH = Path(__file__).resolve().parents[3] / "docs" / "command_line.py"
NOT_HERE = "deepnet doctor"  # what it says depends on the machine; it has tests


@pytest.fixture(scope="module")
def tour():
    """The script that writes the page."""
    spec = importlib.util.spec_from_file_location("tour_of_the_page", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pictures_of_the_page_are_there(tour):
    for name in tour.PICTURES:
        assert f"](images/command_line_{name}.png)" in tour.PAGE.read_text()
        assert (tour.IMAGES / f"command_line_{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.data
def test_the_tour(tour, tmp_path, monkeypatch):
    if not (DATA / "tables").is_dir() or not (DATA / "catsdogs").is_dir():
        pytest.skip(f"{DATA} lacks tables or catsdogs: set DEEPNET_DATA to the folder that holds them")
    pytest.importorskip("onnx", reason="needs onnx (extra onnx)")
    monkeypatch.chdir(tmp_path)
    for kind, text in tour.blocks(tour.PAGE.read_text()):
        if kind == "python":
            exec(compile(text, "command_line.md", "exec"), {})
            continue
        shown = text.split("$ ")[1:]
        for command, output in zip(tour.commands(text), shown, strict=True):
            if command.startswith(NOT_HERE):
                continue
            said = tour.run(command, DATA.resolve())
            if not command.startswith("deepnet tune"):  # which says how many it tried
                assert tour.topics(said) == tour.topics(output.partition("\n")[2]), command
    assert (tmp_path / "report" / "report.html").is_file()
    assert (tmp_path / "predictions.csv").read_text().startswith("cultivar,probability_first,")
