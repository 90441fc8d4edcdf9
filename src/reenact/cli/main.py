"""The console script. ``--version`` is answered before anything is imported; all else goes to `dispatch`."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # typing itself would cost more than all of this
if TYPE_CHECKING:
    from typing import TextIO


def entry() -> None:
    """What the ``reenact`` command runs."""
    sys.exit(main())


def main(argv: list[str] | None = None, stdout: TextIO | None = None, stderr: TextIO | None = None) -> int:
    """Run one command.

    Args:
        argv: its words, without the program's name; those of this process when None.
        stdout, stderr: where results and messages go; this process's own when None.

    Returns:
        The exit code.
    """
    words = sys.argv[1:] if argv is None else list(argv)
    if words == ["--version"] or words == ["-V"]:
        from .. import __version__

        print(f"reenact {__version__}", file=stdout or sys.stdout)
        return 0
    from .dispatch import dispatch

    return dispatch(words, stdout, stderr)
