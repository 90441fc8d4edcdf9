"""GPUs and their driver, on this machine itself."""

from __future__ import annotations

from collections.abc import Iterator

from ...environment.gpus import gpus
from ..asked import asked
from ..row import Context, Row


def check(context: Context) -> Iterator[Row]:
    found = gpus()
    for gpu in found:
        driver = f", driver {gpu['driver']}" if gpu.get("driver") else ""
        yield Row("gpu", "ok", f"{gpu.get('name') or gpu['vendor']}{driver}")
    if found:
        return
    program = context.which("nvidia-smi")
    if program is None:
        yield Row("gpu", "ok", "none seen; programs run on the processor")
        return
    answer = asked([program], context.env)
    seen = f"nvidia-smi is there, and shows none: {answer[1].splitlines()[-1] if answer and answer[1] else 'no answer'}"
    yield Row(
        "gpu", "warning", seen, "sudo dmesg | grep -i nvidia; install the driver that fits the kernel, then restart"
    )
