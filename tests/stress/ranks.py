"""Kills of a rank of an MPI job: it ends, names the rank, and a run that goes on ends with the same bits."""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np

from children import HERE, room, run_child

MPIEXEC = shutil.which("mpiexec", path=Path(sys.executable).parent) or shutil.which("mpiexec")
RANKS = (2, 3, 4)
LONGEST = 10  # seconds from a kill to the end of the job
EPOCHS, EXAMPLES, SECONDS_AT_MOST = 30, 240, 60
YIELDS = {"MPIR_CVAR_ENABLE_HEAVY_YIELD": "1"}  # else ranks that wait keep processors from the others


def plan(short):
    parts = [(3, 1)] if short else [(25, 2)] * 4  # kills and stops
    return [partial(run_child, "ranks", "killed_ranks", part, *trials) for part, trials in enumerate(parts)]


def job(folder):
    """Train, or go on, as one of the ranks; rank 0 writes the bits of the result."""
    import deepnet

    comm = deepnet.distributed.mpi(deterministic=True, timeout=5)
    X = np.random.default_rng(0).normal(size=(20, EXAMPLES)).astype(np.float32)
    own = slice(comm.rank, None, comm.size)
    net = deepnet.Network([20, 64, 64, 1], seed=1)
    checkpoint = deepnet.callbacks.ModelCheckpoint(Path(folder, "run"))
    pids = comm.allgather(os.getpid())
    if comm.rank == 0:
        Path(folder, "pids.new").write_text(" ".join(map(str, pids)))
        Path(folder, "pids.new").rename(Path(folder, "pids"))
    last = comm.allgather(checkpoint.latest())[0]
    net.fit(
        X[:, own],
        X[0, own] * X[1, own] > 0,
        epochs=EPOCHS,
        batch_size=12,
        optimizer=deepnet.Adam(0.01),
        seed=2,
        callbacks=[checkpoint],
        threads=1,
        resume_from=last,
        comm=comm,
    )
    if comm.rank == 0:
        Path(folder, "result").write_bytes(b"".join(p.tobytes() for p in net.parameters.values()))


def started(ranks, folder):
    """Start a job; return it and, once all ranks are there, their processes."""
    Path(folder, "pids").unlink(missing_ok=True)
    command = [MPIEXEC, "-n", str(ranks), sys.executable, "-W", "ignore", str(HERE / "ranks.py"), folder]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | YIELDS
    )
    while not Path(folder, "pids").exists() and process.poll() is None:
        time.sleep(0.002)
    return process, [int(pid) for pid in Path(folder, "pids").read_text().split()]


def killed_ranks(result, seed, kills, stops):
    """Kill a random rank at a random moment of a run, and stop some instead; each run ends in the end."""
    if MPIEXEC is None:
        result.trial("skipped: mpiexec is missing")
        return
    draw, expected, longest, lengths = random.Random(seed), dict[int, bytes](), 0.0, dict[int, float]()
    for trial in range(kills + stops):
        ranks = RANKS[trial % len(RANKS)]
        with tempfile.TemporaryDirectory(dir=room()) as folder:
            if ranks not in expected:
                process, _ = started(ranks, folder)
                begin = time.monotonic()
                process.communicate(timeout=SECONDS_AT_MOST)
                lengths[ranks] = time.monotonic() - begin
                expected[ranks] = Path(folder, "result").read_bytes()
                for path in Path(folder).iterdir():
                    path.unlink()
            process, pids = started(ranks, folder)
            stops_it, rank = trial >= kills, draw.randrange(ranks)
            time.sleep(draw.uniform(0, lengths[ranks] * 0.9))
            begin = time.monotonic()
            try:
                os.kill(pids[rank], signal.SIGSTOP if stops_it else signal.SIGKILL)
            except ProcessLookupError:
                process.communicate(timeout=SECONDS_AT_MOST)
                result.trial("ended before")
                continue
            try:
                said, _ = process.communicate(timeout=SECONDS_AT_MOST)
            except subprocess.TimeoutExpired:
                process.kill()
                result.fault("hangs", f"rank {rank} of {ranks} was {'stopped' if stops_it else 'killed'}")
                continue
            seconds = time.monotonic() - begin
            longest = max(longest, seconds)
            if stops_it:
                with suppress(ProcessLookupError):  # mpiexec has killed it
                    os.kill(pids[rank], signal.SIGKILL)
            if Path(folder, "result").exists():  # after the goodbye, too
                result.trial("ended before")
                continue
            result.trial("stopped" if stops_it else "killed")
            if seconds > LONGEST:
                result.fault("hangs", f"the job ended {seconds:.1f} s after rank {rank} of {ranks}")
            named = [line for line in said.splitlines() if line.startswith("deepnet: rank ")]
            if not any(f"rank {rank} (process {pids[rank]} " in line for line in named):
                result.fault("wrong results", f"rank {rank} of {ranks} is not named: {said}")
            elif any(" or rank " in line for line in named):
                result.outcomes["named with others that ended meanwhile"] += 1
            process, _ = started(ranks, folder)
            said, _ = process.communicate(timeout=SECONDS_AT_MOST)
            result.trial("resumed")
            if process.returncode:
                result.fault(
                    "foreign exceptions", f"a run that goes on ended with {process.returncode}: {said}"
                )
            elif Path(folder, "result").read_bytes() != expected[ranks]:
                result.fault("wrong results", f"a run that goes on on {ranks} ranks ends with other bits")
    result.outcomes[f"at most {longest:.1f} s to the end of the job"] = 1


if __name__ == "__main__":
    job(sys.argv[1])
