"""The process that names killed ranks, within this process: what it says of connections that end."""

import os
import socket
import threading

import pytest

import deepnet
from deepnet.distributed import _planning, _watcher

# The watcher leaves its connections open, since its process ends with it.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
linux = pytest.mark.skipif(
    not _watcher.available(), reason="the watcher needs Linux's epoll and abstract sockets"
)


def said_of(end):
    """Return what the watcher says of three ranks, some of whose connections `end` closes."""
    name, said = f"deepnet-test-{os.getpid()}", []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(f"\0{name}")
        listening.listen(8)
        watching = threading.Thread(target=lambda: said.append(_watcher.watch(listening, "node7")))
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
        assert _watcher.watch(listening, "node7") == ""


def test_a_plan_measures_this_machine(monkeypatch):
    monkeypatch.setattr(_planning, "MEASURED_SECONDS", 0)
    net = deepnet.Network([20, 16, 1], seed=0)
    plan = deepnet.distributed.plan(net, 64, nodes=2, bandwidth=10)
    assert plan.compute_seconds > 0
    assert 0 < plan.efficiency < 1
