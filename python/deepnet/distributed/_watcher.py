"""A process beside the ranks of one machine, which says which of them was killed; mpiexec names no rank.

Usage: python -I -S _watcher.py HOST COUNT REST SECONDS, with a listening socket as stdin. COUNT ranks are on
this machine, REST on others. A rank that is stopped for SECONDS while it ends, when its own watchdog has
ended, is killed: MPI would wait for it for ever.

It is in a session of its own, since mpiexec kills all ranks as soon as one is killed. Each rank keeps a
connection to it, which the system closes when the rank ends: that of the killed one before the others.
"""

import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from contextlib import ExitStack

LEAVES, ABORTS, WATCHES = b"-", b"!", b"+"
WAITS = 60.0  # seconds, for the first connection, and for its answer
LOOKS = 0.5  # seconds, after which it looks again whether a rank that ends is stopped
EXITING = 4  # Linux: a flag in /proc/PID/stat


def available() -> bool:
    """Return whether the system has what this needs."""
    return sys.platform == "linux"


def start(name: str, count: int, rest: int, seconds: float) -> None:
    """Start the process, to which `connected` can connect from now on."""
    if sys.platform != "linux":
        raise NotImplementedError
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(f"\0{name}")
        listening.listen(1024)
        arguments = [socket.gethostname(), str(count), str(rest), str(seconds)]
        command = [sys.executable, "-I", "-S", __file__, *arguments]
        subprocess.Popen(command, stdin=listening.fileno(), stdout=subprocess.DEVNULL, start_new_session=True)


def connected(name: str, rank: int) -> socket.socket:
    """Return the connection of a rank to the process of this name; it may send LEAVES or ABORTS."""
    if sys.platform != "linux":
        raise NotImplementedError
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(f"\0{name}")
    connection.sendall(f"{rank} {os.getpid()} ".encode())
    connection.settimeout(WAITS)
    connection.recv(len(WATCHES))  # it has started
    os.register_at_fork(after_in_child=connection.close)  # a child may live longer than its rank
    return connection


def watch(listening: socket.socket, host: str, count: int, rest: int, seconds: float) -> str:
    """Wait; return what to say of a rank that was killed or stopped, or "" if all have ended by themselves.

    Only if every rank has connected, the one that was killed is among those that have ended.
    """
    if sys.platform != "linux":
        raise NotImplementedError
    said, connections, known, left = dict[int, bytes](), dict[int, socket.socket](), set[bytes](), 0
    stopped_since, looked = dict[bytes, float](), time.monotonic()
    with ExitStack() as stack:
        poll = stack.enter_context(select.epoll())
        poll.register(listening, select.EPOLLIN)
        while left < count:
            killed = list[tuple[bytes, bytes]]()
            leaving = [_parts(text)[:2] for text in said.values() if _parts(text)[2] == LEAVES]
            # In the order in which they happened.
            events = poll.poll(LOOKS if leaving else -1 if said else WAITS)
            if not events and not leaving:
                return ""
            now = time.monotonic()
            if now - looked > seconds / 2:  # this process was stopped itself, as the whole job may have been
                stopped_since.clear()
            looked = now
            stopped = _stopped(leaving, stopped_since, seconds, others_wait=left > 0)
            if stopped:
                os.kill(int(stopped[1]), signal.SIGKILL)
                return f"{_name(*stopped, host)} was stopped while it ended"
            for file, _ in events:
                if file == listening.fileno():
                    connection = _accepted(listening)
                    if connection is not None:
                        stack.enter_context(connection)
                        poll.register(connection, select.EPOLLIN)
                        connections[connection.fileno()], said[connection.fileno()] = connection, b""
                    continue
                try:
                    received = connections[file].recv(64)
                except ConnectionResetError:
                    received = b""
                said[file] += received
                rank, pid, end = _parts(said[file])
                known |= {rank} if rank else set()
                if end.endswith(ABORTS):
                    return ""
                if received:
                    continue
                poll.unregister(file)
                del said[file]
                left += bool(rank)
                if rank and end != LEAVES:
                    killed.append((rank, pid))
            if killed and len(known) < count:
                return ""
            if killed:
                others = [_parts(text)[:2] for text in said.values()]
                return _message(
                    killed + [other for other in others if other[0] and _ends(other[1])], host, rest
                )
    return ""


def _accepted(listening: socket.socket) -> "socket.socket | None":
    """Return a connection of this user, which has got an answer; None if there is none any more."""
    if sys.platform != "linux":
        raise NotImplementedError
    connection, _ = listening.accept()
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    try:
        if struct.unpack("3i", credentials)[1] == os.getuid():
            connection.sendall(WATCHES)
            return connection
    except OSError:
        pass
    connection.close()
    return None


def _parts(said: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the rank, its process, and what it has said since; nothing if that is not what a rank says."""
    rank, _, rest = said.partition(b" ")
    pid, _, end = rest.partition(b" ")
    return (rank, pid, end) if rank.isdigit() and pid.isdigit() else (b"", b"", b"")


def _stat(pid: bytes) -> tuple[bytes, int]:
    """Return the state of a process and its flags."""
    try:
        with open(f"/proc/{pid.decode()}/stat", "rb") as file:
            state, *_, flags = file.read().rpartition(b") ")[2].split()[:7]
    except OSError:
        return b"X", 0  # it has ended
    return state, int(flags)


def _ends(pid: bytes) -> bool:
    """Return whether a process is ending, or has ended."""
    state, flags = _stat(pid)
    return state in b"ZX" or bool(flags & EXITING)


def _stopped(
    ranks: "list[tuple[bytes, bytes]]", since: "dict[bytes, float]", seconds: float, others_wait: bool
) -> "tuple[bytes, bytes] | None":
    """Return one that has been stopped for so many seconds, while another one was running, or had ended.

    `since` is kept from call to call. If all are stopped, the job was.
    """
    running, now = {pid for _, pid in ranks if _stat(pid)[0] != b"T"}, time.monotonic()
    for rank, pid in ranks:
        if pid in running or not (running or others_wait):
            since.pop(pid, None)
        elif now - since.setdefault(pid, now) >= seconds:
            return rank, pid
    return None


def _name(rank: bytes, pid: bytes, host: str) -> str:
    return f"rank {rank.decode()} (process {pid.decode()} on {host})"


def _message(killed: list[tuple[bytes, bytes]], host: str, rest: int) -> str:
    """Name the rank that was killed, or that and those which were ending when its connection closed.

    A rank may end before the connection of the killed one is closed: MPI stops it if it can't read the memory
    of the other any more.
    """
    names = [_name(rank, pid, host) for rank, pid in sorted(killed)]
    message = f"{' or '.join(names)} was killed, or crashed"
    return message if not rest else f"{message}, or was ended because of a rank on another machine"


if __name__ == "__main__":
    message = watch(
        socket.socket(fileno=0), sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    )
    if message:
        print(f"deepnet: {message}", file=sys.stderr, flush=True)
