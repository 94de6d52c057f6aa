"""The process that names killed ranks, within this process: what it says of connections that end."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading

import pytest

import deepnet
from deepnet.distributed import _planning, _watcher

linux = pytest.mark.skipif(
    not _watcher.available(), reason="the watcher needs Linux's epoll and abstract sockets"
)

OWN = f"0 {os.getpid()} ".encode()


def said_of(end):
    """Return what the watcher says of three ranks, some of whose connections `end` closes."""
    name, said = f"deepnet-test-{os.getpid()}", []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(f"\0{name}")
        listening.listen(8)
        watching = threading.Thread(target=lambda: said.append(_watcher.watch(listening, "node7", 3, 0, 8)))
        watching.start()
        connections = [_watcher.connected(name, rank) for rank in range(3)]
        end(connections)
        watching.join(60)
        for connection in connections:
            connection.close()
    assert not watching.is_alive()
    return said[0]


def leave(connections):
    for connection in connections:
        connection.sendall(_watcher.LEAVES)
        connection.close()


@linux
def test_ranks_that_leave_are_not_named():
    assert said_of(leave) == ""


@linux
def test_a_rank_whose_connection_ends_without_a_word_is_named():
    assert (
        said_of(lambda connections: connections[1].close())
        == f"rank 1 (process {os.getpid()} on node7) was killed, or crashed"
    )


@linux
def test_ranks_that_abort_have_said_why():
    assert said_of(lambda connections: connections[2].sendall(_watcher.ABORTS)) == ""


@linux
def test_it_ends_where_no_rank_comes(monkeypatch):
    monkeypatch.setattr(_watcher, "WAITS", 0.01)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(f"\0deepnet-test-{os.getpid()}-alone")
        listening.listen(8)
        assert _watcher.watch(listening, "node7", 3, 0, 8) == ""


@linux
@pytest.mark.parametrize(
    ("said", "rest", "message"),
    [
        ([b"1 22 ", OWN + b"-"], 2, "rank 1 .* was ended because of a rank on another machine"),
        ([OWN], 0, ""),  # perhaps since the other had been killed before
        ([OWN, b"1 0 "], 0, r"^rank 0 \(.*\) or rank 1 \(process 0 on node7\) was killed"),  # 0 has ended
        ([b"", b"x", b"GET / HTTP/1.1", b"0 11 -", b"1 22 "], 0, r"rank 1 \("),  # not all of these are ranks
    ],
)
def test_what_others_say_names_no_rank(said, rest, message):
    """Here two ranks are expected; each connection says something, then one after the other is closed."""
    found = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(f"\0deepnet-test-{os.getpid()}-others")
        listening.listen(8)
        watching = threading.Thread(
            target=lambda: found.append(_watcher.watch(listening, "node7", 2, rest, 8))
        )
        watching.start()
        connections = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in said]
        for connection, text in zip(connections, said, strict=True):
            connection.connect(listening.getsockname())
            assert connection.recv(1) == _watcher.WATCHES
            connection.sendall(text)
        for connection in connections:
            connection.close()
        watching.join(60)
    assert re.search(message, found[0]) if message else found == [""]


@linux
@pytest.mark.parametrize("other_has_ended", [False, True])
def test_a_rank_that_is_stopped_while_it_ends_is_killed_and_named(other_has_ended):
    """Its watchdog has ended, and so have those of the others, which wait for it or have ended, too."""
    name = f"deepnet-test-{os.getpid()}-stopped-{other_has_ended}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(f"\0{name}")
        listening.listen(8)
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        found = []
        watching = threading.Thread(
            target=lambda: found.append(_watcher.watch(listening, "node7", 2, 0, 2.0))
        )
        watching.start()
        connections = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(2)]
        for connection, pid, rank in zip(connections, (os.getpid(), child.pid), (0, 1), strict=True):
            connection.connect(listening.getsockname())
            connection.sendall(f"{rank} {pid} ".encode() + _watcher.LEAVES)
            # As ranks do. A connection that was closed before is not counted.
            assert connection.recv(1) == _watcher.WATCHES
        if other_has_ended:
            connections[0].close()
        os.kill(child.pid, signal.SIGSTOP)
        assert child.wait(60) == -signal.SIGKILL
        watching.join(60)
        child.stdin.close()
        for connection in connections:
            connection.close()
    assert found == [f"rank 1 (process {child.pid} on node7) was stopped while it ended"]


def test_a_plan_measures_this_machine(monkeypatch):
    monkeypatch.setattr(_planning, "MEASURED_SECONDS", 0)
    net = deepnet.Network([20, 16, 1], seed=0)
    plan = deepnet.distributed.plan(net, 64, nodes=2, bandwidth=10)
    assert plan.compute_seconds > 0
    assert 0 < plan.efficiency < 1
