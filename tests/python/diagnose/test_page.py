"""docs/diagnose.md: its commands say what it shows, and its pictures show what is said today."""

import html
import importlib.util
import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("typer", reason="needs typer (extra cli)")

PATH = Path(__file__).resolve().parents[3] / "docs" / "diagnose_page.py"


@pytest.fixture(scope="module")
def page():
    """The script that writes the page."""
    spec = importlib.util.spec_from_file_location("writer_of_diagnose_md", PATH)
    module = importlib.util.module_from_spec(spec)
    before, sys.modules[spec.name] = list(sys.path), module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path[:] = before
        del sys.modules[spec.name]


def words_of(picture):
    """Return the words of an SVG, in order."""
    texts = re.findall(r"<text [^>]*>(.*?)</text>", picture, re.S)
    return html.unescape(" ".join(texts)).split()


def test_the_pictures_are_small_and_on_the_page(page):
    files = [example.file for example in page.EXAMPLES]
    assert len(set(files)) == 10
    assert sorted(page.IMAGES.glob("diagnose_*")) == sorted(files)
    assert sum(file.stat().st_size for file in files) < 400_000
    for file in files:
        assert f"](images/{file.name})" in page.PAGE.read_text()
        assert "http" not in file.read_text().replace('xmlns="http://www.w3.org/2000/svg"', "")


@pytest.mark.slow
def test_the_pictures_show_the_reports_of_today(page):
    for example in page.EXAMPLES:
        (finding,) = example.report().findings
        assert (finding.function, finding.mistake) == (example.function, example.name)
        assert words_of(example.file.read_text()) == words_of(example.picture()), example


@pytest.mark.slow
def test_the_commands(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = page.PAGE.read_text()
    now = page.command_line.answered(shown, tmp_path)
    assert now == shown
