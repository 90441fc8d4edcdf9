"""Graphics processors and their drivers, as the vendor's own tool or the kernel tells them."""

from __future__ import annotations

import glob
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from typing import Any

_TIMEOUT_S = 10
_FIELDS = ("name", "uuid", "driver_version", "memory.total", "compute_cap")


def gpus() -> list[dict[str, Any]]:
    """Every GPU that the machine shows, in its own order; empty without one. Nothing is raised.

    Returns:
        ``{vendor, name, uuid, driver, memory (bytes), capability}`` each; what is not known is None.
    """
    if sys.platform == "darwin":
        return _apple()
    return _nvidia() + _amd()


def _run(tool: str, *arguments: str) -> str | None:
    """What the tool prints; empty where it fails, None where it is absent or does not answer in time."""
    path = shutil.which(tool)
    if path is None:
        return None
    try:
        done = subprocess.run(
            [path, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""


def _nvidia() -> list[dict[str, Any]]:
    # Older drivers do not know compute_cap and then refuse the whole query.
    for fields in (_FIELDS, _FIELDS[:-1]):
        text = _run("nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits")
        if text is None:
            break
        rows = [[cell.strip() for cell in line.split(",")] for line in text.splitlines()]
        found = [
            {
                "vendor": "nvidia",
                "name": row[0],
                "uuid": row[1],
                "driver": row[2],
                "memory": int(row[3]) << 20 if row[3].isdigit() else None,
                "capability": row[4] if len(row) > 4 else None,
            }
            for row in rows
            if len(row) == len(fields)
        ]
        if found:
            return found
    return _nvidia_kernel()


def _nvidia_kernel(root: str = "/proc/driver/nvidia") -> list[dict[str, Any]]:
    """What the kernel module tells where nvidia-smi is absent (many containers)."""
    version = re.search(r"Module[^\n]*?\s(\d+\.\d+(?:\.\d+)?)\s", _text(os.path.join(root, "version")))
    found = []
    for path in sorted(glob.glob(os.path.join(root, "gpus", "*", "information"))):
        info = dict(re.findall(r"^([^:\n]+):\s*(.*?)\s*$", _text(path), re.MULTILINE))
        gpu = {"vendor": "nvidia", "name": info.get("Model"), "uuid": info.get("GPU UUID")}
        found.append(gpu | {"driver": version[1] if version else None, "memory": None, "capability": None})
    return found


def _amd() -> list[dict[str, Any]]:
    text = _run(
        "rocm-smi", "--showproductname", "--showuniqueid", "--showdriverversion", "--showmeminfo", "vram", "--json"
    )
    try:
        cards = json.loads(text) if text else {}
    except ValueError:
        return []
    driver = (cards.get("system") or {}).get("Driver version")
    found = []
    for key in sorted(key for key in cards if key.startswith("card")):
        card = {name.lower(): str(value) for name, value in cards[key].items()}
        memory = card.get("vram total memory (b)", "")
        found.append(
            {
                "vendor": "amd",
                "name": card.get("card series") or card.get("card model"),
                "uuid": card.get("unique id"),
                "driver": driver,
                "memory": int(memory) if memory.isdigit() else None,
                "capability": card.get("gfx version"),
            }
        )
    return found


def _apple() -> list[dict[str, Any]]:
    """Apple's processors hold their GPU; its driver comes with the operating system."""
    if platform.machine() != "arm64":
        return []
    chip = (_run("sysctl", "-n", "machdep.cpu.brand_string") or "Apple").strip()
    gpu = {"vendor": "apple", "name": f"{chip} GPU", "uuid": None, "driver": f"macOS {platform.mac_ver()[0]}"}
    return [gpu | {"memory": None, "capability": None}]


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
