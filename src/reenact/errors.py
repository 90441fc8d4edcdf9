"""Errors that a person can act on, and the exit codes.

Standard library only: the probe imports this module too.
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_DIVERGED = 1
EXIT_USAGE = 2
EXIT_NOT_REPLAYABLE = 3
EXIT_MISSING = 4


class ReenactError(Exception):
    """A failure with a slug, what failed, what is valid, and what to do next.

    Args:
        slug: short stable identifier, ``kebab-case`` (``unknown-run``).
        what: one sentence, what failed.
        valid: what would have been valid, if that can be said.
        fix: what to do next.
        exit_code: the process's exit code if this ends it.
    """

    def __init__(
        self, slug: str, what: str, *, valid: str | None = None, fix: str | None = None, exit_code: int = EXIT_USAGE
    ) -> None:
        super().__init__(what)
        self.slug = slug
        self.what = what
        self.valid = valid
        self.fix = fix
        self.exit_code = exit_code

    def render(self) -> str:
        """The message as plain text, at most three lines."""
        lines = [f"error: {self.what}"]
        if self.valid:
            lines.append(f"  valid: {self.valid}")
        if self.fix:
            lines.append(f"  fix:   {self.fix}")
        return "\n".join(lines)
