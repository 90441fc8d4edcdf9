"""Dataclasses of the config, for an app whose config is checked for types."""

from __future__ import annotations

from collections.abc import Sequence

from .conf import Value
from .names import free


def schema_source(values: Sequence[Value], seed: int | None, taken: set[str]) -> str:
    """Dataclasses for the groups and the whole, and the call that makes Hydra know them.

    Args:
        values: of all groups.
        seed: the value of ``seed``, or None where there is none.
        taken: names that the script uses.
    """
    out = []
    fields = []
    for group in sorted({value.group for value in values}):
        name = free(taken, f"{group.capitalize()}Config", f"{group.capitalize()}Settings")
        body = [f"    {v.name}: {type(v.value).__name__} = {v.value!r}" for v in values if v.group == group]
        out.append(f"@dataclass\nclass {name}:\n" + "\n".join(body))
        fields.append(f"    {group}: {name} = field(default_factory={name})")
    if seed is not None:
        fields.append(f"    seed: int = {seed}")
    whole = free(taken, "Config", "AppConfig")
    out.append(f"@dataclass\nclass {whole}:\n" + ("\n".join(fields) or "    pass"))
    return "\n\n" + "\n\n\n".join(out) + f'\n\n\nConfigStore.instance().store(name="schema", node={whole})\n'
