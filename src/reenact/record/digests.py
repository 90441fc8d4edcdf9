"""Recipe and result: the digests of everything that went into a run, and of everything that came out."""

from __future__ import annotations

import os
from typing import Any

from .canonical import digest_json
from .printed import FROM_LOG
from .schema import Manifest

_NO_INPUT = frozenset({"skip", FROM_LOG})
"""Settings that say what is looked at, and not what is computed."""


def recipe_parts(manifest: Manifest) -> dict[str, Any]:
    """What the recipe is the digest of.

    Entropy that the program got at random is left out, or no two runs would share a recipe; so is where the project
    lies. A file outside the root counts by its name alone, as it lies elsewhere on another machine.
    """
    command, environment = manifest.command, manifest.environment
    entropy = manifest.entropy
    fixed = entropy.hash_seed if entropy.hash_seed and not entropy.hash_seed.chosen else None
    container = manifest.container
    contained = {} if container is None else {"container": [container["image"]["diff_ids"], container["gpus"]]}
    return {
        **contained,
        "code": sorted([_place(file.path), file.digest] for file in manifest.code.files),
        "argv": _argv(manifest),
        "cwd": command.cwd,
        "params": manifest.params,
        "inputs": sorted([_place(file.path), file.digest or ""] for file in manifest.inputs),
        "distributions": sorted([d.name, d.version, d.fingerprint or ""] for d in environment.distributions),
        "python": environment.python.get("version"),
        "machine": environment.platform.get("machine"),
        "variables": environment.variables,
        "settings": {name: value for name, value in manifest.settings.items() if name not in _NO_INPUT},
        "seeds": [[seed.process, seed.lib, seed.fn, seed.value] for seed in entropy.seeds if seed.origin == "code"],
        "hash_seed": fixed.value if fixed else None,
    }


def recipe(manifest: Manifest) -> str:
    """Digest of everything that went in."""
    return digest_json(recipe_parts(manifest))


def result(manifest: Manifest) -> str:
    """Digest of everything that came out.

    Of a trace the ``core`` counts: the stride at which gradients and parameters are sampled depends on how fast the
    machine was, and two equal runs must have equal results.
    """
    return digest_json(
        {
            "traces": sorted([trace.process, trace.core] for trace in manifest.traces),
            "outputs": sorted([_place(file.path), file.digest] for file in manifest.outputs),
            "exit_code": manifest.exit_code,
        }
    )


def referenced(manifest: Manifest) -> set[str]:
    """Every digest that the manifest names and that may be a blob."""
    found: set[str | None] = {file.digest for file in manifest.code.files}
    found.update(file.digest for file in manifest.inputs)
    found.update(file.digest for file in manifest.outputs)
    found.update(file.digest for file in manifest.media_files)
    found.add(manifest.environment.lock)
    found.add(((manifest.container or {}).get("build") or {}).get("lock"))
    found.add(manifest.code.git.patch if manifest.code.git else None)
    return {digest for digest in found if digest}


def _place(path: str) -> str:
    return os.path.basename(path) if os.path.isabs(path) else path


def _argv(manifest: Manifest) -> list[str]:
    command = manifest.command
    words = [_inside(word, command.root) for word in command.argv]
    if words and command.kind != "command":
        words[0] = f"python {manifest.environment.python.get('version')}"
    elif words:
        words[0] = _place(words[0])
    return words


def _inside(word: str, root: str) -> str:
    """An argument with the project's own place taken out of it."""
    return os.path.relpath(word, root) if word == root or word.startswith(root.rstrip("/") + "/") else word
