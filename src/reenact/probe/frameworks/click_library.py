"""``click``, and typer, which brings its own copy of it: the params of each command that is invoked."""

from __future__ import annotations

from typing import Any

from ..arguments import described, write
from ..entropy import dress
from ..journal import complain
from ..state import Probe

ORIGINS = {
    "COMMANDLINE": "argument",
    "PROMPT": "argument",
    "ENVIRONMENT": "environment",
    "DEFAULT": "default",
    "DEFAULT_MAP": "config",
}


def hook(probe: Probe, core: Any) -> None:
    """Wraps ``Command.invoke``, which a group calls for itself too."""
    original = core.Command.invoke

    def invoke(self: Any, ctx: Any) -> Any:
        try:
            write(probe, "click", ctx.command_path, values(self, ctx))
        except Exception as problem:
            complain("click", problem)
        return original(self, ctx)

    dress(invoke, original)
    core.Command.invoke = invoke


def values(command: Any, ctx: Any) -> dict[str, dict[str, Any]]:
    """The params of one command, as its context has them."""
    found = {}
    for param in command.params:
        name = param.name
        if name not in ctx.params:
            continue
        source = ctx.get_parameter_source(name)
        origin = ORIGINS.get(getattr(source, "name", ""), "default")
        value = ctx.params[name]
        default = param.default
        # A default that is computed, or the mark of newer versions that there is none, is no value.
        if callable(default) or type(default).__name__ in ("Sentinel", "_Unset", "DefaultPlaceholder"):
            default = value if origin == "default" else None
        options = [] if param.param_type_name == "argument" else param.opts
        words: list[str] = []
        if origin == "environment":
            variable = param.resolve_envvar_value and param.envvar
            words = [str(variable if isinstance(variable, str) else name)]
        elif origin == "argument" and options:
            words = [max(options, key=len)]
        if getattr(param, "hide_input", False) and value is not None:
            value, default = "<redacted>", None
        found[name] = described(name, value, default, origin, options, words)
    return found
