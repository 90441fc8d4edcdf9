"""Hydra's composition of a config: which file gave which keys, in which order, and what the overrides then changed.

Three functions are wrapped that call nothing of Hydra's above them: warnings count stack frames from there.
"""

from __future__ import annotations

import sys
import weakref
from _thread import get_ident
from typing import Any

from ..argv import without_secrets
from ..configs import leaves
from ..entropy import dress
from ..journal import complain
from ..state import Probe

compositions: Compositions | None = None
"""This process's, for the hook of jobs."""


def hook(probe: Probe, module: Any) -> None:
    """Wraps ``create_defaults_list`` and two static methods of ``ConfigLoaderImpl``."""
    global compositions
    loader = module.ConfigLoaderImpl
    found = compositions = Compositions(probe)
    create = module.create_defaults_list
    embed = loader._embed_result_config
    apply = loader._apply_overrides_to_config

    def create_defaults_list(*args: Any, **kwargs: Any) -> Any:
        try:
            result = create(*args, **kwargs)
        except Exception as error:
            found.failed(error, args, kwargs)
            raise
        found.begin(result, args, kwargs)
        return result

    def _embed_result_config(ret: Any, package_override: Any) -> Any:
        result = embed(ret, package_override)
        found.layer(ret, result)
        return result

    def _apply_overrides_to_config(overrides: Any, cfg: Any) -> None:
        try:
            apply(overrides, cfg)
        except Exception as error:
            found.failed(error, (), {})
            raise
        found.done(overrides, cfg)

    dress(create_defaults_list, create)
    dress(_embed_result_config, embed)
    dress(_apply_overrides_to_config, apply)
    module.create_defaults_list = create_defaults_list
    loader._embed_result_config = staticmethod(_embed_result_config)
    loader._apply_overrides_to_config = staticmethod(_apply_overrides_to_config)


class Compositions:
    """What is known of each composition, until its job asks for it."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._under_way: dict[int, dict[str, Any]] = {}
        self._done: dict[int, tuple[int, Any]] = {}
        self._failed = 0
        probe.on_fork.append(lambda probe: self._under_way.clear())

    def number_of(self, cfg: Any) -> int | None:
        """Number of the composition that made a config, None when it was made elsewhere."""
        found = self._done.get(id(cfg))
        return found[0] if found is not None and found[1]() is cfg else None

    def begin(self, result: Any, args: Any, kwargs: Any) -> None:
        """The defaults list is known."""
        try:
            order = []
            for default in getattr(result, "defaults", ()):
                order.append(
                    {
                        "config": getattr(default, "config_path", None),
                        "parent": getattr(default, "parent", None),
                        "package": getattr(default, "package", None),
                        "group": getattr(default, "override_key", None),
                    }
                )
            words = _words(_argument(args, kwargs, 2, "overrides_list"))
            chosen = getattr(getattr(result, "overrides", None), "known_choices", None) or {}
            repo = _argument(args, kwargs, 0, "repo")
            self._under_way[get_ident()] = {
                "layers": order,
                "at": 0,
                "sweep": bool(_argument(args, kwargs, 4, "skip_missing")),
                "about": {
                    "config_name": _argument(args, kwargs, 1, "config_name"),
                    "overrides": words,
                    "choices": {k: v for k, v in chosen.items() if not str(k).startswith("hydra/")},
                    "sources": [_source(one) for one in repo.get_sources()],
                    **_versions(),
                },
            }
        except Exception as problem:
            complain("hydra defaults", problem)

    def layer(self, loaded: Any, placed: Any) -> None:
        """The next config of the defaults list was loaded."""
        try:
            state = self._under_way.get(get_ident())
            if state is None or state["at"] >= len(state["layers"]):
                return
            layer = state["layers"][state["at"]]
            state["at"] += 1
            if str(layer["config"]).startswith("hydra/") and getattr(loaded, "provider", None) in ("hydra", "schema"):
                layer["hydra"] = True
                return
            layer["provider"], layer["source"] = getattr(loaded, "provider", None), getattr(loaded, "path", None)
            layer["structured"] = bool(getattr(loaded, "is_schema_source", False))
            layer["keys"] = [name for name in leaves(placed.config) if not name.startswith(("hydra.", "defaults"))]
        except Exception as problem:
            complain("hydra layer", problem)

    def done(self, overrides: Any, cfg: Any) -> None:
        """The overrides were applied: the config is complete, but for what Hydra notes in its own node."""
        try:
            state = self._under_way.pop(get_ident(), None)
            if state is None or state["sweep"]:
                return
            number = self._probe.next_number("hydra.compose")
            self._done[id(cfg)] = (number, weakref.ref(cfg))
            if len(self._done) > 64:
                self._done = {key: one for key, one in self._done.items() if one[1]() is not None}
            layers = [
                {key: value for key, value in layer.items() if value not in (None, False)}
                for layer in state["layers"]
                if not layer.get("hydra")
            ]
            self._probe.journal.write(
                "compose",
                n=number,
                **state["about"],
                layers=layers,
                keys=[_override(one) for one in overrides if not str(one.key_or_group).startswith("hydra.")],
            )
        except Exception as problem:
            complain("hydra compose", problem)

    def printed(self, error: BaseException) -> None:
        """Hydra prints an error with its traceback: one of a config that it has read before it made the defaults list."""
        if isinstance(error, Exception) and self._failed != id(error):
            self.failed(error, (), {})

    def failed(self, error: Exception, args: Any, kwargs: Any) -> None:
        """Hydra could not compose a config; the last such error is the one that the user sees."""
        try:
            self._failed = id(error)
            state = self._under_way.pop(get_ident(), None) or {}
            about = state.get("about") or {}
            words = about.get("overrides") or _words(_argument(args, kwargs, 2, "overrides_list"))
            repo = _argument(args, kwargs, 0, "repo")
            keys = [key for layer in state.get("layers", ()) for key in layer.get("keys", ())]
            sources = about.get("sources") or ([_source(one) for one in repo.get_sources()] if repo is not None else [])
            self._probe.journal.write(
                "compose",
                n=self._probe.next_number("hydra.compose"),
                overrides=words,
                error={"type": type(error).__name__, "message": without_secrets([str(error)[:2000]])[0]},
                sources=sources,
                stored=_stored(),
                keys=keys[:500],
            )
        except Exception as problem:
            complain("hydra error", problem)


def _argument(args: Any, kwargs: Any, index: int, name: str) -> Any:
    return kwargs[name] if name in kwargs else args[index] if len(args) > index else None


def _versions() -> dict[str, Any]:
    hydra = sys.modules.get("hydra")
    base = sys.modules.get("hydra.version")
    found = {"version": getattr(hydra, "__version__", None), "version_base": base.getbase() if base else None}
    return {key: None if value is None else str(value) for key, value in found.items()}


def _words(overrides: Any) -> list[str]:
    return without_secrets(str(getattr(one, "input_line", None) or one) for one in overrides or ())


def _override(one: Any) -> dict[str, Any]:
    (word,) = without_secrets([str(one.input_line)])
    return {"key": str(one.key_or_group), "word": word, "delete": bool(one.is_delete())}


def _source(source: Any) -> dict[str, Any]:
    """Where Hydra looks for configs: a folder for files and packages, where that is known without importing one."""
    scheme, path = source.scheme(), getattr(source, "path", "")
    folder = path if scheme == "file" else None
    if scheme == "pkg":
        module = sys.modules.get(path.replace("/", "."))
        folder = next(iter(getattr(module, "__path__", ())), None)
    return {"provider": source.provider, "scheme": scheme, "path": path, "folder": folder}


def _stored() -> list[str]:
    """Groups and configs that the program has put into Hydra's ConfigStore, as ``group/name``."""
    store = sys.modules.get("hydra.core.config_store")
    found: list[str] = []

    def walk(tree: Any, prefix: str) -> None:
        for name, value in tree.items():
            if isinstance(value, dict):
                if not (prefix == "" and name in ("hydra", "_dummy_empty_config_.yaml")):
                    walk(value, f"{prefix}{name}/")
            else:
                found.append(prefix + (name[:-5] if name.endswith(".yaml") else name))

    if store is not None:
        walk(store.ConfigStore.instance().repo, "")
    return found[:500]
