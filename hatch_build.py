"""Compiles the C sources when the package is built or installed from source; without a C compiler, or the headers of Python, the
package works all the same, slower."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = os.path.join("src", "reenact")
SUM = os.path.join(PACKAGE, "fingerprint", "w64.c")
LIBRARIES = {
    os.path.join(PACKAGE, "fingerprint", "_w64.so"): ((SUM,), "fingerprints will be slower"),
    os.path.join(PACKAGE, "probe", "_audit.abi3.so"): (
        (os.path.join(PACKAGE, "probe", "audit.c"),),
        "programs that are recorded will start slower",
    ),
    os.path.join(PACKAGE, "probe", "_steps.so"): (
        (os.path.join(PACKAGE, "probe", "steps.c"), SUM),
        "training steps will be recorded slower",
    ),
}
"""Library -> what it is made of, and what it is like without."""


class Compile(BuildHookInterface):
    """Puts the libraries beside their sources. Any version of Python can use them: one is loaded with ctypes, the others keep to the
    limited API.
    """

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compiles, and marks the wheel as one for this platform."""
        made = [
            library for library, (sources, without) in LIBRARIES.items() if self._compile(library, sources, without)
        ]
        if not made:
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
        build_data["artifacts"] += made

    def _compile(self, library: str, sources: tuple[str, ...], without: str) -> bool:
        """Whether the library could be made; where not, an older one is removed, since it would not fit."""
        compiler = shlex.split(os.environ.get("CC", "cc"))
        flags = [*shlex.split(os.environ.get("CFLAGS", "-O3")), f"-I{sysconfig.get_path('include')}"]
        if sys.platform == "darwin":
            flags.append("-Wl,-undefined,dynamic_lookup")
        at = os.path.join(self.root, library)
        made = f"{at}.{os.getpid()}"
        files = [os.path.join(self.root, source) for source in sources]
        try:
            subprocess.run([*compiler, *flags, "-shared", "-fPIC", "-o", made, *files], check=True)
        except (OSError, subprocess.CalledProcessError) as problem:
            self.app.display_warning(f"{without}: no C compiler made {library}: {problem}")
            if os.path.exists(at):
                os.remove(at)
            return False
        os.replace(made, at)
        return True
