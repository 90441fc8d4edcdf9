"""Mount namespaces: with them `verify` replays at the project's own path and keeps every write away from it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from ...replay.sandbox import available
from ..row import Context, Row

_WITHOUT = "none: `verify` replays in a folder of its own, and lets nothing be written outside it"
_SWITCHES = {
    "kernel/apparmor_restrict_unprivileged_userns": "1",
    "kernel/unprivileged_userns_clone": "0",
    "user/max_user_namespaces": "0",
}
"""Settings of the kernel -> the value that forbids them."""


def check(context: Context) -> Iterator[Row]:
    if not sys.platform.startswith("linux"):
        yield Row(
            "namespaces", "not checked", "only Linux has mount namespaces; `verify` replays in a folder of its own"
        )
        return
    kind = available()
    if kind is not None:
        how = {"mount": "as root", "user": "through a user namespace"}[kind]
        yield Row("namespaces", "ok", f"mount namespaces can be made, {how}")
        return
    yield Row("namespaces", "warning", _WITHOUT, _fix())


def _fix(root: Path = Path("/proc/sys")) -> str:
    for name, forbids in _SWITCHES.items():
        try:
            value = (root / name).read_text().strip()
        except OSError:
            continue
        if value == forbids:
            other = {"0": "1", "1": "0"}[value] if not name.startswith("user/") else "10000"
            return f"sudo sysctl -w {name.replace('/', '.')}={other}"
    return "in a container: start it with --security-opt seccomp=unconfined or --cap-add SYS_ADMIN"
