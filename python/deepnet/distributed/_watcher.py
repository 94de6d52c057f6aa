"""A process beside the ranks of one machine, which says which of them was killed; mpiexec names no rank.

Usage: python -I -S _watcher.py HOST, with a listening socket as stdin.

It is in a session of its own, since mpiexec kills all ranks as soon as one is killed. Each rank keeps a
connection to it, which the system closes when the rank ends: that of the killed one before the others.
"""

import os
import select
import socket
import subprocess
import sys

LEAVES, ABORTS, WATCHES = b"-", b"!", b"+"
WAITS = 60.0  # seconds, for the first connection, and for its answer


def available() -> bool:
    """Return whether the system has what this needs."""
    return sys.platform == "linux"


def start(name: str) -> None:
    """Start the process, to which `connected` can connect from now on."""
    assert sys.platform == "linux"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(f"\0{name}")
        listening.listen(1024)
        command = [sys.executable, "-I", "-S", __file__, socket.gethostname()]
        subprocess.Popen(command, stdin=listening.fileno(), stdout=subprocess.DEVNULL, start_new_session=True)


def connected(name: str, rank: int) -> socket.socket:
    """Return the connection of a rank to the process of this name; it may send LEAVES or ABORTS."""
    assert sys.platform == "linux"
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(f"\0{name}")
    connection.sendall(f"{rank} {os.getpid()} ".encode())
    connection.settimeout(WAITS)
    connection.recv(len(WATCHES))  # it has started
    return connection


def watch(listening: socket.socket, host: str) -> str:
    """Wait; return the message about a rank that was killed, or "" if all have ended by themselves."""
    assert sys.platform == "linux"
    said, connections = dict[int, bytes](), dict[int, socket.socket]()
    with select.epoll() as poll:
        poll.register(listening, select.EPOLLIN)
        while said or not connections:
            events = poll.poll(-1 if connections else WAITS)  # in the order in which they happened
            if not events:
                return ""
            for file, _ in events:
                if file == listening.fileno():
                    connection, _ = listening.accept()
                    connection.sendall(WATCHES)
                    poll.register(connection, select.EPOLLIN)
                    connections[connection.fileno()], said[connection.fileno()] = connection, b""
                    continue
                try:
                    received = connections[file].recv(64)
                except ConnectionResetError:
                    received = b""
                said[file] += received
                if said[file].endswith(ABORTS):
                    return ""
                if received:
                    continue
                poll.unregister(file)
                rank, pid, end = said.pop(file).split(b" ")
                if end != LEAVES:
                    return f"rank {rank.decode()} (process {pid.decode()} on {host}) was killed, or crashed"
    return ""


if __name__ == "__main__":
    message = watch(socket.socket(fileno=0), sys.argv[1])
    if message:
        print(f"deepnet: {message}", file=sys.stderr, flush=True)
