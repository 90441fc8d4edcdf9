"""Compiles the C sources when the package is built or installed from source; without a C compiler the package works, slower."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = os.path.join("src", "reenact")
SOURCES = {
    os.path.join(PACKAGE, "fingerprint", "w64.c"): (
        os.path.join(PACKAGE, "fingerprint", "_w64.so"),
        "fingerprints will be slower",
    ),
    os.path.join(PACKAGE, "probe", "audit.c"): (
        os.path.join(PACKAGE, "probe", "_audit.abi3.so"),
        "programs that are recorded will start slower",
    ),
}
"""Source -> what is made of it, and what it is like without."""


class Compile(BuildHookInterface):
    """Puts the libraries beside their sources. Any version of Python can use them: the one is loaded with ctypes, the other
    keeps to the limited API.
    """

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compiles, and marks the wheel as one for this platform."""
        made = [library for source, (library, without) in SOURCES.items() if self._compile(source, library, without)]
        if not made:
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
        build_data["artifacts"] += made

    def _compile(self, source: str, library: str, without: str) -> bool:
        compiler = shlex.split(os.environ.get("CC", "cc"))
        flags = [*shlex.split(os.environ.get("CFLAGS", "-O3")), f"-I{sysconfig.get_path('include')}"]
        if sys.platform == "darwin":
            flags.append("-Wl,-undefined,dynamic_lookup")
        made = os.path.join(self.root, f"{library}.{os.getpid()}")
        command = [*compiler, *flags, "-shared", "-fPIC", "-o", made, os.path.join(self.root, source)]
        try:
            subprocess.run(command, check=True)
        except (OSError, subprocess.CalledProcessError) as problem:
            self.app.display_warning(f"{without}: no C compiler made {library}: {problem}")
            return False
        os.replace(made, os.path.join(self.root, library))
        return True
