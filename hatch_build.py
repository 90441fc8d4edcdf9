"""Compiles ``w64.c`` and ``steps.c`` when the package is built or installed from source; without a C compiler, or without the
headers of Python for the second, the package works all the same, slower."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SUM = os.path.join("src", "reenact", "fingerprint", "w64.c")
STEPS = os.path.join("src", "reenact", "probe", "steps.c")


class Compile(BuildHookInterface):
    """Puts ``_w64.so`` and ``_steps.so`` beside their sources. Any version of Python can use them: the one is loaded with ctypes,
    the other keeps to the stable interface of Python 3.9."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compiles, and marks the wheel as one for this platform."""
        headers = sysconfig.get_path("include")
        undefined = ["-undefined", "dynamic_lookup"] if sys.platform == "darwin" else []
        made = [
            self._compile("src/reenact/fingerprint/_w64.so", [SUM]),
            self._compile("src/reenact/probe/_steps.so", [STEPS, SUM], ["-I", headers, *undefined]),
        ]
        if any(made):
            platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{platform}"
            build_data["artifacts"] += [library for library in made if library]

    def _compile(self, library: str, sources: list[str], more: list[str] | None = None) -> str | None:
        """The path of the library, or None where it could not be made: an older one is removed, it would not fit."""
        compiler = shlex.split(os.environ.get("CC", "cc"))
        flags = shlex.split(os.environ.get("CFLAGS", "-O3"))
        at = os.path.join(self.root, library)
        made = f"{at}.{os.getpid()}"
        files = [os.path.join(self.root, source) for source in sources]
        command = [*compiler, *flags, "-shared", "-fPIC", *(more or []), "-o", made, *files]
        try:
            subprocess.run(command, check=True)
        except (OSError, subprocess.CalledProcessError) as problem:
            self.app.display_warning(f"recording will be slower: no C compiler made {library}: {problem}")
            if os.path.exists(at):
                os.remove(at)
            return None
        os.replace(made, at)
        return library
