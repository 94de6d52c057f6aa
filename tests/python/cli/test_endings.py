"""Each way in which a command can end: its exit code, and one line on stderr."""

import signal

import pytest
import typer
from typer.testing import CliRunner

from deepnet.cli import endings
from deepnet.cli.app import app
from deepnet.io import DataError


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (MemoryError(), endings.FAILED, "not enough memory for this network or these images"),
        (DataError("no rows"), endings.WRONG_CALL, "no rows"),
        (OSError("the disk\nis full"), endings.FAILED, "the disk is full"),
        (RuntimeError("DEEPNET_ISA is sse9"), endings.WRONG_CALL, "DEEPNET_ISA is sse9"),
        (RuntimeError("can't start new thread"), endings.FAILED, "can't start new thread"),
        (RuntimeError("odd"), endings.FAILED, "a bug: RuntimeError: odd (DEEPNET_TRACEBACK=1 shows where)"),
        (
            ZeroDivisionError("x"),
            endings.FAILED,
            "a bug: ZeroDivisionError: x (DEEPNET_TRACEBACK=1 shows where)",
        ),
        (OSError(), endings.FAILED, "no reason is known"),
    ],
)
def test_each_error_ends_with_a_line(error, code, line, capsys, monkeypatch):
    monkeypatch.delenv("DEEPNET_TRACEBACK", raising=False)
    with pytest.raises(typer.Exit) as caught, endings.clear_endings():
        raise error
    assert caught.value.exit_code == code
    assert capsys.readouterr().err == f"deepnet: {line}\n"


def test_a_bug_shows_where_it_is_on_demand(monkeypatch):
    monkeypatch.setenv("DEEPNET_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError), endings.clear_endings():
        raise ZeroDivisionError


def test_ctrl_c_stays_ignored_where_it_is(ctrl_c_is_heard):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with endings.raising_interrupts():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with endings.raising_interrupts():
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL


def test_errors_of_unusable_values_are_those_of_the_input():
    for error, text in ((ValueError("too long"), "t.csv: too long"), (DataError("as it is"), "as it is")):
        with pytest.raises(DataError) as caught, endings.of_the_input("t.csv"):
            raise error
        assert str(caught.value) == text


def test_without_a_command_there_is_help():
    result = CliRunner().invoke(app, [])
    assert result.exit_code == endings.WRONG_CALL
    assert "Usage:" in result.output


def test_within_another_program_errors_are_raised():
    command = typer.main.get_command(app)
    with pytest.raises(endings.UsageError):
        command.main(["bench", "--no-such-option"], standalone_mode=False)
    assert command.main(["info", "--help"], standalone_mode=False) == 0
