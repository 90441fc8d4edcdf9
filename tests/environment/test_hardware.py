"""The machine, from real and from laid-out system folders, and GPUs from stand-ins of the vendors' tools."""

import json
import os
import sys

import pytest

from reenact.environment import gpus as gpus_module
from reenact.environment import hardware as hardware_module
from reenact.environment.gpus import gpus
from reenact.environment.hardware import container, cpu_limit, hardware

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_this_machine():
    machine = hardware()
    assert json.loads(json.dumps(machine)) == machine
    assert machine["cpu"]["logical"] == os.cpu_count()
    assert 1 <= machine["cpu"]["affinity"] <= machine["cpu"]["logical"]
    assert machine["cpu"]["flags"] == sorted(set(machine["cpu"]["flags"]))
    assert machine["memory"] > 1 << 28
    assert machine["kernel"] == os.uname().release
    assert machine["machine"] == os.uname().machine


@linux
def test_affinity_is_what_this_process_may_use():
    cores = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(cores)})
        assert hardware()["cpu"]["affinity"] == 1
    finally:
        os.sched_setaffinity(0, cores)


def test_arm_cpuinfo(tmp_path):
    block = (
        "processor\t: {}\nFeatures\t: fp asimd sve\nCPU implementer\t: 0x41\nCPU variant\t: 0x1\nCPU part\t: 0xd40\n\n"
    )
    write(tmp_path / "proc/cpuinfo", block.format(0) + block.format(1))
    cache = tmp_path / "sys/devices/system/cpu/cpu0/cache"
    for n, (level, kind, size) in enumerate(
        [("1", "Data", "64K"), ("1", "Instruction", "64K"), ("2", "Unified", "1M")]
    ):
        for name, text in (("level", level), ("type", kind), ("size", size)):
            write(cache / f"index{n}" / name, text + "\n")
    cpu = hardware_module._cpu_linux(str(tmp_path))
    assert cpu["vendor"] == "implementer 0x41" and "0xd40" in cpu["model"]
    assert cpu["flags"] == ["asimd", "fp", "sve"] and cpu["physical"] is None
    assert cpu["caches"] == {"L1d": 65536, "L1i": 65536, "L2": 1 << 20}


def test_physical_cores_are_counted_per_socket(tmp_path):
    block = "processor\t: {}\nvendor_id\t: X\nmodel name\t: Y\nphysical id\t: {}\ncore id\t: {}\nflags\t: sse\n\n"
    rows = [(0, 0, 0), (1, 0, 0), (2, 0, 1), (3, 1, 0), (4, 1, 1), (5, 1, 1)]
    write(tmp_path / "proc/cpuinfo", "".join(block.format(*row) for row in rows))
    assert hardware_module._cpu_linux(str(tmp_path))["physical"] == 4


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({}, None),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "max 100000\n"}, None),
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/cpu.max": "150000 100000\n",
                "sys/fs/cgroup/a/b/cpu.max": "400000 100000\n",
            },
            1.5,
        ),
        (
            {
                "proc/self/cgroup": "4:memory:/m\n3:cpu,cpuacct:/x\n0::/\n",
                "sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us": "200000\n",
                "sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            2.0,
        ),
    ],
)
def test_cpu_limit(tmp_path, files, limit):
    for path, text in files.items():
        write(tmp_path / path, text)
    assert cpu_limit(str(tmp_path)) == limit


@pytest.mark.parametrize(
    ("path", "text", "kind"),
    [
        (".dockerenv", "", "docker"),
        ("run/.containerenv", "", "podman"),
        ("proc/1/cgroup", "1:x:/kubepods/pod1\n", "kubernetes"),
        ("proc/1/cgroup", "0::/init.scope\n", "none"),
    ],
)
def test_container(tmp_path, monkeypatch, path, text, kind):
    for name in ("KUBERNETES_SERVICE_HOST", "APPTAINER_CONTAINER", "SINGULARITY_CONTAINER", "container"):
        monkeypatch.delenv(name, raising=False)
    write(tmp_path / path, text)
    assert container(str(tmp_path)) == kind


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """Puts a stand-in for a vendor's program on a PATH that has no other."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def put(name, script):
        path = tmp_path / name
        path.write_text("#!/bin/sh\n" + script)
        path.chmod(0o755)

    return put


@linux
def test_nvidia_smi(tool):
    rows = "NVIDIA H100 80GB HBM3, GPU-1, 550.54.15, 81559, 9.0\nNVIDIA GB10, GPU-2, 550.54.15, [N/A], 12.1"
    tool("nvidia-smi", f'[ "$1" = --query-gpu=name,uuid,driver_version,memory.total,compute_cap ] && echo "{rows}"\n')
    assert gpus() == [
        {
            "vendor": "nvidia",
            "name": "NVIDIA H100 80GB HBM3",
            "uuid": "GPU-1",
            "driver": "550.54.15",
            "memory": 81559 << 20,
            "capability": "9.0",
        },
        {
            "vendor": "nvidia",
            "name": "NVIDIA GB10",
            "uuid": "GPU-2",
            "driver": "550.54.15",
            "memory": None,
            "capability": "12.1",
        },
    ]


@linux
def test_an_old_nvidia_smi_that_refuses_a_field(tool):
    tool("nvidia-smi", 'case "$1" in *compute_cap*) exit 2;; esac; echo "Tesla K80, GPU-1, 470.1, 11441"\n')
    (gpu,) = gpus()
    assert (gpu["name"], gpu["memory"], gpu["capability"]) == ("Tesla K80", 11441 << 20, None)


@linux
@pytest.mark.parametrize("script", ["exit 9\n", 'echo "No devices were found"\n', "printf '\\377,\\n'\n"])
def test_no_gpu_is_an_empty_list(tool, script):
    tool("nvidia-smi", script)
    tool("rocm-smi", script)
    if not os.path.exists("/proc/driver/nvidia/version"):
        assert gpus() == []


def test_the_kernel_module_where_there_is_no_tool(tmp_path):
    version = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.15  Release Build\nGCC version: 12.2.0\n"
    write(tmp_path / "version", version)
    write(tmp_path / "gpus/0000:01:00.0/information", "Model: \t\t NVIDIA A100\nIRQ:   3\nGPU UUID: \t GPU-7\n")
    (gpu,) = gpus_module._nvidia_kernel(str(tmp_path))
    assert (gpu["name"], gpu["uuid"], gpu["driver"]) == ("NVIDIA A100", "GPU-7", "550.54.15")


@linux
def test_rocm_smi(tool):
    answer = {
        "card0": {
            "Card series": "MI300X",
            "Unique ID": "0x1",
            "VRAM Total Memory (B)": "1024",
            "GFX Version": "gfx942",
        },
        "system": {"Driver version": "6.7.0"},
    }
    tool("rocm-smi", f"echo '{json.dumps(answer)}'\n")
    amd = [gpu for gpu in gpus() if gpu["vendor"] == "amd"]
    assert amd == [
        {
            "vendor": "amd",
            "name": "MI300X",
            "uuid": "0x1",
            "driver": "6.7.0",
            "memory": 1024,
            "capability": "gfx942",
        }
    ]
