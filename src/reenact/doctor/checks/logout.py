"""Whether detached runs outlive the login: systemd can be told to end what a user leaves behind."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Iterator
from pathlib import Path

from ..asked import asked
from ..row import Context, Row

_FOLDERS = ("usr/lib/systemd", "run/systemd", "etc/systemd")
"""Where logind's settings are, below the root folder; a later one counts."""


def check(context: Context, running: Path = Path("/run/systemd/system")) -> Iterator[Row]:
    if not running.is_dir():
        yield Row("logout", "not checked", "no systemd: nothing here ends what a login leaves behind")
        return
    kills = kill_user_processes(context.etc.parent)
    user = getpass.getuser()
    if not kills or os.geteuid() == 0:
        yield Row("logout", "ok", "detached runs outlive the login")
        return
    program = context.which("loginctl")
    answer = asked([program, "show-user", user, "--property=Linger", "--value"], context.env) if program else None
    lingers = answer == (0, "yes")
    seen = (
        f"KillUserProcesses is set: runs end with the login, `reenact run -d` too; linger: {'yes' if lingers else 'no'}"
    )
    start = "systemd-run --user --scope reenact run -d …"
    fix = f"start them with `{start}`" if lingers else f"loginctl enable-linger {user}, then start runs with `{start}`"
    yield Row("logout", "warning", seen, fix)


def kill_user_processes(root: Path = Path("/")) -> bool:
    """What logind.conf and the files that add to it say; the last one counts."""
    files: dict[str, Path] = {}
    main = None
    for folder in _FOLDERS:
        at = root / folder
        if (at / "logind.conf").is_file():
            main = at / "logind.conf"
        # A file of the same name stands in for the one before.
        files |= {path.name: path for path in at.glob("logind.conf.d/*.conf")}
    found = False
    for path in [*([main] if main else []), *(files[name] for name in sorted(files))]:
        try:
            text = path.read_text(errors="replace")
        except OSError:
            continue
        for value in re.findall(r"^\s*KillUserProcesses\s*=\s*(\S*)", text, flags=re.MULTILINE):
            found = value.lower() in ("1", "yes", "y", "true", "t", "on")
    return found
