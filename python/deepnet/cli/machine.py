"""What `deepnet doctor` finds: the CPU, limits of this process, threads of other libraries, and advice."""

import os
import platform
from pathlib import Path
from typing import Any

import deepnet
from deepnet import backends
from deepnet._system import usable_cpus

CGROUPS = Path("/sys/fs/cgroup")
CPUINFO, MEMINFO, SELF_CGROUP = Path("/proc/cpuinfo"), Path("/proc/meminfo"), Path("/proc/self/cgroup")
VARIABLES = (
    *("DEEPNET_BACKEND", "DEEPNET_ISA", "DEEPNET_NUM_THREADS"),
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
)
PACKAGES = (
    *("numpy", "scikit-learn", "pandas", "polars", "matplotlib", "torch", "onnx", "onnxruntime"),
    "mpi4py",
)
OF_RANKS = ("PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK")  # set by mpiexec or srun
LITTLE_MEMORY = 2**30


def examined() -> dict[str, Any]:
    """Return what this machine and this process are like, by topic."""
    facts: dict[str, Any] = {
        "deepnet": deepnet.__version__,
        "python": platform.python_version(),
        "backend": deepnet.backend_name(),
        "cpu": cpu_name(),
        "machine": platform.machine(),
        "cores": os.cpu_count() or 1,
        "affinity": affinity(),
        "cpu_limit": cpu_limit(),
        "memory_limit": memory_limit(),
        "memory": memory(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "threads": deepnet.get_num_threads(),
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "blas": blas(),
        "packages": packages(),
    }
    if backends.native is not None:
        config = backends.native.config()
        facts |= {
            "isa": config["isa"],
            "isas_supported": list(config["isas_supported"]),
            "isas_built": list(config["isas_built"]),
            "compiler": config["compiler"],
        }
    facts["advice"] = advice(facts)
    return facts


def ranks() -> dict[str, Any] | None:
    """Return how the ranks of this MPI job are laid out, None outside of a job. A call of all."""
    if not any(name in os.environ for name in OF_RANKS):
        return None
    from deepnet.distributed import mpi, together

    comm = mpi()
    from mpi4py import MPI

    places = [
        {"rank": rank, "host": host, "cores": list(cores), "threads": threads}
        for rank, (host, cores, threads) in enumerate(together.layout(comm))
    ]
    library = " ".join(MPI.Get_library_version().splitlines()[0].split()).rstrip(",")
    return {"rank": comm.rank, "library": library, "ranks": places}


def ranges(numbers: list[int]) -> str:
    """Return numbers in ascending order as text: 0-3, 8."""
    groups = list[list[int]]()
    for number in numbers:
        if groups and number == groups[-1][-1] + 1:
            groups[-1].append(number)
        else:
            groups.append([number])
    return ", ".join(f"{g[0]}-{g[-1]}" if len(g) > 1 else str(g[0]) for g in groups)


def advice(facts: dict[str, Any]) -> list[str]:
    """Return what to change, the most important first."""
    found = list[str]()
    usable = min(facts["affinity"], facts["cpu_limit"] or facts["affinity"])
    if facts["backend"] != "native":
        found.append(
            "the NumPy backend computes, which is slow: unset DEEPNET_BACKEND"
            if "DEEPNET_BACKEND" in facts["variables"]
            else "the C++ extension is missing, and NumPy computes instead, which is slow: reinstall deepnet"
        )
    supported = facts.get("isas_supported", [])
    if supported and facts["isa"] != supported[0]:
        found.append(
            f"{facts['isa']} is used, though this CPU has {supported[0]}, which is faster: unset DEEPNET_ISA"
        )
    if facts["threads"] > usable:
        found.append(
            f"deepnet uses up to {facts['threads']} threads, but only {usable:g} cores may be used: set "
            f"DEEPNET_NUM_THREADS={max(1, int(usable))}"
        )
    elif facts["threads"] < int(usable):
        name = next((n for n in ("DEEPNET_NUM_THREADS", "OMP_NUM_THREADS") if n in facts["variables"]), None)
        if name:
            found.append(
                f"{name} limits deepnet to {facts['threads']} threads, though {int(usable)} cores may be used"
            )
    for library in facts["blas"]:
        if library["threads"] > usable:
            found.append(
                f"{library['name']} of {library['package']} starts {library['threads']} threads for "
                f"{usable:g} cores: set {variable_of(library['name'])}={max(1, int(usable))}"
            )
    if facts["cpu_limit"] and facts["cpu_limit"] < facts["affinity"]:
        found.append(
            f"the container may use {facts['cpu_limit']:g} of {facts['affinity']} cores: libraries that "
            "count the cores start too many threads and wait for each other"
        )
    if facts["load"] is not None and facts["load"] > facts["cores"]:
        found.append(
            f"other processes keep the machine busy (load {facts['load']:.1f} on {facts['cores']} cores): "
            "timings will vary"
        )
    free = facts["memory_limit"] or facts["memory"]
    if free is not None and free < LITTLE_MEMORY:
        found.append(f"{free / 2**20:.0f} MB of memory are little for training on large tables or images")
    return found


def variable_of(name: str) -> str:
    """Return the variable that sets the number of threads of a BLAS library."""
    return {"mkl": "MKL_NUM_THREADS", "openblas": "OPENBLAS_NUM_THREADS"}.get(name, "OMP_NUM_THREADS")


def cpu_name() -> str:
    """Return the model of the CPU."""
    try:
        lines = CPUINFO.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model", "cpu model") and value.strip():
            return " ".join(value.split())
    return platform.processor() or platform.machine()


def affinity() -> int:
    """Return the number of cores that this process may run on."""
    return len(usable_cpus())


def _limit_files(name: str, controller: str, old: str) -> list[Path]:
    """Return the files of a limit, of this process's group and those above, in version 2 and in version 1."""
    try:
        lines = SELF_CGROUP.read_text().splitlines()
    except OSError:
        lines = []
    found = list[Path]()
    for line in lines:
        _, controllers, group = [*line.split(":", 2), "", ""][:3]
        base = CGROUPS if not controllers else CGROUPS / controllers
        if controllers and controller not in controllers.split(","):
            continue
        place = Path(group.lstrip("/"))
        for part in (place, *place.parents):
            found.append(base / part / (old if controllers else name))
    return [*found, CGROUPS / name, CGROUPS / controller / old]


def _first_line(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def cpu_limit() -> float | None:
    """Return how many cores the control groups of this process allow, None if they do not limit it."""
    found = list[float]()
    for file in _limit_files("cpu.max", "cpu", "cpu.cfs_quota_us"):
        words = _first_line(file).split()
        if file.name == "cpu.cfs_quota_us" and words:
            words.append(_first_line(file.with_name("cpu.cfs_period_us")) or "100000")
        if len(words) == 2 and words[0] not in ("max", "-1"):
            found.append(int(words[0]) / int(words[1]))
    return min(found, default=None)


def memory_limit() -> int | None:
    """Return the bytes that the control groups of this process allow, None if they do not limit it."""
    found = list[int]()
    for file in _limit_files("memory.max", "memory", "memory.limit_in_bytes"):
        text = _first_line(file)
        if text.isdigit() and int(text) < 2**60:
            found.append(int(text))
    return min(found, default=None)


def memory() -> int | None:
    """Return the bytes of memory that are free or can be freed."""
    try:
        lines = MEMINFO.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")), None)


def blas() -> list[dict[str, Any]]:
    """Return the BLAS and OpenMP libraries of this process with their threads."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return []
    import numpy  # noqa: F401  its BLAS is to be found

    found = list[dict[str, Any]]()
    for library in threadpool_info():
        name = str(library.get("internal_api", "unknown"))
        if name == "deepnet":
            continue
        path = Path(str(library.get("filepath", "")))
        folder = next((part for part in path.parts if part.endswith(".libs")), "")
        package = folder.removesuffix(".libs") or path.name
        found.append({"name": name, "package": package, "threads": int(library.get("num_threads") or 1)})
    return found


def packages() -> dict[str, str]:
    """Return the versions of packages that deepnet works with, of those that are installed."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
