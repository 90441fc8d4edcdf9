"""Compiles ``w64.c`` when the package is built or installed from source; without a C compiler the package works, slower."""

from __future__ import annotations

import os
import shlex
import subprocess
import sysconfig
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = os.path.join("src", "reenact", "fingerprint")


class Compile(BuildHookInterface):
    """Puts ``_w64.so`` beside its source. It is loaded with ctypes, so any version of Python can use it."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compiles, and marks the wheel as one for this platform."""
        library = os.path.join(FOLDER, "_w64.so")
        compiler = shlex.split(os.environ.get("CC", "cc"))
        flags = shlex.split(os.environ.get("CFLAGS", "-O3"))
        made = os.path.join(self.root, f"{library}.{os.getpid()}")
        command = [*compiler, *flags, "-shared", "-fPIC", "-o", made, os.path.join(self.root, FOLDER, "w64.c")]
        try:
            subprocess.run(command, check=True)
        except (OSError, subprocess.CalledProcessError) as problem:
            self.app.display_warning(f"fingerprints will be slower: no C compiler made {library}: {problem}")
            return
        os.replace(made, os.path.join(self.root, library))
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
        build_data["artifacts"].append(library)
