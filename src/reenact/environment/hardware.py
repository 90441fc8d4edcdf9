"""The machine: processor, memory, operating system, container."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
from typing import Any

from .gpus import gpus


def hardware() -> dict[str, Any]:
    """What this process runs on. What cannot be found out is None; nothing is raised.

    Returns:
        ``{system, os, kernel, libc, machine, hostname, container, cpu_limit, memory, cpu, gpus}``: `memory` in bytes,
        `cpu_limit` in cores (a control group's quota) or None, `container` one of ``docker``, ``podman``,
        ``kubernetes``, ``apptainer``, ``container`` (another), ``none``. `cpu` is ``{model, vendor, flags (sorted),
        logical, physical, affinity, caches {name: bytes}}``; `affinity` is the number of cores this process may use.
        For `gpus` see `gpus.gpus`.
    """
    darwin = sys.platform == "darwin"
    sysctl = _sysctl() if darwin else {}
    cpu = _cpu_macos(sysctl) if darwin else _cpu_linux()
    return {
        "system": platform.system(),
        "os": _os_name(),
        "kernel": platform.release(),
        "libc": libc(),
        "machine": platform.machine(),
        "hostname": socket.gethostname(),
        "container": container(),
        "cpu_limit": cpu_limit(),
        "memory": _number(sysctl.get("hw.memsize")) if darwin else _memory_linux(),
        "cpu": cpu,
        "gpus": gpus(),
    }


def libc() -> str | None:
    """Name and version of the C library (``glibc 2.36``), or None."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION")
    except (AttributeError, ValueError, OSError):
        pass
    if sys.platform.startswith("linux"):
        return " ".join(platform.libc_ver()).strip() or "musl"
    return None


def container(root: str = "/") -> str:
    """The kind of container this process is in, or ``none``. `root` is where the file system starts."""
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        return "kubernetes"
    if os.environ.get("APPTAINER_CONTAINER") or os.environ.get("SINGULARITY_CONTAINER"):
        return "apptainer"
    if os.path.exists(os.path.join(root, "run/.containerenv")):
        return "podman"
    if os.path.exists(os.path.join(root, ".dockerenv")):
        return "docker"
    groups = _text(os.path.join(root, "proc/1/cgroup")) or ""
    for sign, kind in (("kubepods", "kubernetes"), ("libpod", "podman"), ("docker", "docker")):
        if sign in groups:
            return kind
    return "container" if os.environ.get("container") else "none"  # noqa: SIM112 (its name is lower case)


def cpu_limit(root: str = "/") -> float | None:
    """Cores that the control group's quota allows (the smallest up the tree), or None without a quota."""
    limits = []
    for line in (_text(os.path.join(root, "proc/self/cgroup")) or "").splitlines():
        _, controllers, path = ([*line.split(":", 2), "", ""])[:3]
        if controllers == "":
            base = os.path.join(root, "sys/fs/cgroup")
        elif "cpu" in controllers.split(","):
            base = os.path.join(root, "sys/fs/cgroup", controllers)
            base = base if os.path.isdir(base) else os.path.join(root, "sys/fs/cgroup/cpu")
        else:
            continue
        parts = [part for part in path.split("/") if part]
        for depth in range(len(parts) + 1):
            limit = _quota(os.path.join(base, *parts[:depth]), unified=controllers == "")
            if limit is not None:
                limits.append(limit)
    return min(limits) if limits else None


def _quota(folder: str, *, unified: bool) -> float | None:
    if unified:
        fields = (_text(os.path.join(folder, "cpu.max")) or "").split()
    else:
        files = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        fields = [(_text(os.path.join(folder, name)) or "").strip() for name in files]
    if len(fields) != 2 or not fields[0].isdigit() or not fields[1].isdigit() or int(fields[1]) == 0:
        return None
    return round(int(fields[0]) / int(fields[1]), 3)


def _cpu_linux(root: str = "/") -> dict[str, Any]:
    first: dict[str, str] = {}
    cores, logical = set(), 0
    current: dict[str, str] = {}
    for line in (_text(os.path.join(root, "proc/cpuinfo")) or "").splitlines():
        key, colon, value = line.partition(":")
        key, value = key.strip(), value.strip()
        if not colon:
            continue
        if key == "processor":
            logical += 1
            current = {}
        current[key] = value
        first.setdefault(key, value)
        if key == "core id":
            cores.add((current.get("physical id"), value))
    model = first.get("model name") or first.get("Model") or first.get("cpu model")
    vendor = first.get("vendor_id")
    if vendor is None and "CPU implementer" in first:
        # ARM gives numbers, not names; together they identify the core.
        vendor = f"implementer {first['CPU implementer']}"
        model = model or f"part {first.get('CPU part')} variant {first.get('CPU variant')}"
    flags = first.get("flags") or first.get("Features") or ""
    return {
        "model": model,
        "vendor": vendor,
        "flags": sorted(set(flags.split())),
        "logical": os.cpu_count() or logical or None,
        "physical": len(cores) or None,
        "affinity": affinity(),
        "caches": _caches_linux(os.path.join(root, "sys/devices/system/cpu/cpu0/cache")),
    }


def affinity() -> int | None:
    """How many cores this process may use: what sizes the thread pools of numerical libraries."""
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        return os.cpu_count()


def _caches_linux(folder: str) -> dict[str, int]:
    caches = {}
    try:
        entries = sorted(entry for entry in os.listdir(folder) if entry.startswith("index"))
    except OSError:
        return {}
    for entry in entries:
        level = (_text(os.path.join(folder, entry, "level")) or "").strip()
        kind = (_text(os.path.join(folder, entry, "type")) or "").strip()
        size = (_text(os.path.join(folder, entry, "size")) or "").strip()
        factor = {"K": 1 << 10, "M": 1 << 20}.get(size[-1:], 1)
        number = _number(size.rstrip("KM"))
        if level and number is not None:
            caches["L" + level + {"Data": "d", "Instruction": "i"}.get(kind, "")] = number * factor
    return caches


def _cpu_macos(sysctl: dict[str, str]) -> dict[str, Any]:
    flags = " ".join(sysctl.get(f"machdep.cpu.{key}", "") for key in ("features", "leaf7_features", "extfeatures"))
    arm = [k.rsplit(".", 1)[1] for k, v in sysctl.items() if k.startswith("hw.optional.arm.") and v == "1"]
    names = {"L1d": "hw.l1dcachesize", "L1i": "hw.l1icachesize", "L2": "hw.l2cachesize", "L3": "hw.l3cachesize"}
    sizes = {name: _number(sysctl.get(key)) for name, key in names.items()}
    return {
        "model": sysctl.get("machdep.cpu.brand_string"),
        "vendor": sysctl.get("machdep.cpu.vendor") or ("Apple" if platform.machine() == "arm64" else None),
        "flags": sorted({flag.lower() for flag in flags.split()} | set(arm)),
        "logical": _number(sysctl.get("hw.logicalcpu")) or os.cpu_count(),
        "physical": _number(sysctl.get("hw.physicalcpu")),
        "affinity": affinity(),
        "caches": {name: size for name, size in sizes.items() if size},
    }


def _sysctl() -> dict[str, str]:
    try:
        done = subprocess.run(["/usr/sbin/sysctl", "hw", "machdep.cpu"], capture_output=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    lines = (line.partition(": ") for line in done.stdout.decode("utf-8", "replace").splitlines())
    return {key: value for key, colon, value in lines if colon}


def _os_name() -> str:
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        for line in (_text(path) or "").splitlines():
            if line.startswith("PRETTY_NAME="):
                return line.partition("=")[2].strip().strip("\"'")
    return platform.system()


def _memory_linux() -> int | None:
    for line in (_text("/proc/meminfo") or "").splitlines():
        if line.startswith("MemTotal:"):
            number = _number(line.split()[1])
            return number * 1024 if number is not None else None
    return None


def _number(text: str | None) -> int | None:
    return int(text) if text and text.strip().isdigit() else None


def _text(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None
