"""Docker's settings of this user: readable, and the programs there that they name."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator

from ..row import Context, Row


def check(context: Context) -> Iterator[Row]:
    folder = context.env.get("DOCKER_CONFIG") or os.path.join(context.env.get("HOME") or "/", ".docker")
    path = os.path.join(folder, "config.json")
    if not os.path.lexists(path):
        yield Row("docker settings", "ok", f"none: there is no {path}")
        return
    try:
        with open(path, encoding="utf-8") as file:
            settings = json.load(file)
        helpers = {settings.get("credsStore"), *(settings.get("credHelpers") or {}).values()} - {None, ""}
    except PermissionError:
        fix = f'sudo chown -R "$USER" {shlex.quote(folder)}'
        yield Row("docker settings", "warning", f"{path} cannot be read: it belongs to somebody else", fix)
        return
    except OSError as error:
        yield Row("docker settings", "warning", f"{path} cannot be read: {error.strerror}", f"mv {shlex.quote(path)} {shlex.quote(path)}.bak")  # fmt: skip
        return
    except (ValueError, AttributeError) as error:
        yield Row("docker settings", "warning", f"{path} is not what Docker writes: {error}", f"mv {shlex.quote(path)} {shlex.quote(path)}.bak")  # fmt: skip
        return
    lacking = sorted(name for name in helpers if context.which(f"docker-credential-{name}") is None)
    if lacking:
        programs = ", ".join(f"docker-credential-{name}" for name in lacking)
        yield Row("docker settings", "warning", f"{path} names {programs}, not on PATH: pulls fail", f"install it, or take credsStore out of {path}")  # fmt: skip
        return
    yield Row("docker settings", "ok", f"{path} can be read")
