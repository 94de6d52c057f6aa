"""`deepnet doctor`: the limits are those of the system's files, and each problem gets its advice."""

import os

import pytest

import deepnet
from deepnet.cli import machine

WELL = {
    "affinity": 4,
    "cpu_limit": None,
    "backend": "native",
    "isa": "avx512",
    "isas_supported": ["avx512", "avx2"],
    "threads": 4,
    "variables": {},
    "blas": [],
    "load": 0.5,
    "cores": 4,
    "memory": 8 * 2**30,
    "memory_limit": None,
}


def test_a_machine_in_order_gets_no_advice():
    assert machine.advice(WELL) == []


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        ({"backend": "numpy"}, "the C++ extension is missing"),
        ({"backend": "numpy", "variables": {"DEEPNET_BACKEND": "numpy"}}, "unset DEEPNET_BACKEND"),
        ({"isa": "avx2"}, "avx2 is used, though this CPU has avx512"),
        ({"threads": 8}, "set DEEPNET_NUM_THREADS=4"),
        (
            {"threads": 1, "variables": {"OMP_NUM_THREADS": "1"}},
            "OMP_NUM_THREADS limits deepnet to 1 threads",
        ),
        (
            {"blas": [{"name": "openblas", "package": "numpy", "threads": 64}]},
            "openblas of numpy starts 64 threads for 4 cores: set OPENBLAS_NUM_THREADS=4",
        ),
        ({"cpu_limit": 1.5, "threads": 1}, "may use 1.5 of 4 cores"),
        ({"load": 9.0}, "load 9.0 on 4 cores"),
        ({"memory": 2**29}, "512 MB of memory are little"),
        ({"memory_limit": 2**28}, "256 MB of memory are little"),
    ],
)
def test_each_problem_gets_its_advice(change, advice):
    found = machine.advice(WELL | change)
    assert len(found) == 1
    assert advice in found[0]


@pytest.fixture
def cgroups(tmp_path, monkeypatch):
    """The files of control groups in a folder of the test."""

    def write(lines, files):
        monkeypatch.setattr(machine, "CGROUPS", tmp_path)
        monkeypatch.setattr(machine, "SELF_CGROUP", tmp_path / "self")
        (tmp_path / "self").write_text(lines)
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return write


@pytest.mark.parametrize(
    ("lines", "files", "cpus", "memory"),
    [
        ("0::/\n", {}, None, None),
        ("0::/\n", {"cpu.max": "max 100000\n", "memory.max": "max\n"}, None, None),
        ("0::/a/b\n", {"a/b/cpu.max": "150000 100000\n", "a/b/memory.max": "1048576\n"}, 1.5, 2**20),
        ("0::/a/b\n", {"a/cpu.max": "100000 100000\n", "a/b/cpu.max": "400000 100000\n"}, 1.0, None),
        (
            "4:memory:/j\n3:cpu,cpuacct:/j\n",
            {
                "cpu,cpuacct/j/cpu.cfs_quota_us": "50000\n",
                "cpu,cpuacct/j/cpu.cfs_period_us": "100000\n",
                "memory/j/memory.limit_in_bytes": "4096\n",
            },
            0.5,
            4096,
        ),
        (
            "2:cpu:/\n",
            {"cpu/cpu.cfs_quota_us": "-1\n", "memory/memory.limit_in_bytes": f"{2**63}\n"},
            None,
            None,
        ),
    ],
)
def test_limits_of_control_groups(cgroups, lines, files, cpus, memory):
    cgroups(lines, files)
    assert machine.cpu_limit() == cpus
    assert machine.memory_limit() == memory


def test_the_name_of_the_cpu(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text("processor : 0\nmodel name\t: Some  CPU @ 2 GHz\n")
    assert machine.cpu_name() == "Some CPU @ 2 GHz"


def test_numbers_of_cores_are_ranges():
    assert machine.ranges([0, 1, 2, 3, 8, 10, 11]) == "0-3, 8, 10-11"


def test_doctor(run, results):
    said = results("doctor")
    assert said["threads"] == deepnet.get_num_threads()
    assert said["backend"] == deepnet.backend_name()
    if hasattr(os, "sched_getaffinity"):
        assert said["affinity"] == len(os.sched_getaffinity(0))
    text = run("doctor").output
    for topic in ("CPU", "Threads", "Memory", "Packages", "Advice"):
        assert f"\n{topic}" in text
