"""Which keys of a config the program reads: the nodes of the tree that it was given tell when they are asked for.

Looking at a config as a whole (``OmegaConf.to_yaml``, ``OmegaConf.resolve``) is no use of its keys; what an interpolation
reads is one. Where the whole config is turned into plain data, nobody knows what is read of that.
"""

from __future__ import annotations

import sys
import weakref
from _thread import get_ident
from typing import Any

from .configs import content_of, leaves
from .entropy import dress
from .journal import complain
from .state import Probe

TRACKED = 20_000
"""Mappings that are watched at once; of a copy beyond them all keys count as read."""

_ELSEWHERE = ("multiprocessing.popen_spawn_posix", "multiprocessing.popen_forkserver", "submitit", "ray", "distributed")
"""Where one of these was imported, another process may have got the config."""


class Tree:
    """One watched config.

    Attributes:
        number: number of the config in the journal.
        names: its keys.
        read: those that were asked for.
        whole: it was turned into plain data as a whole.
    """

    def __init__(self, number: int, root: Any) -> None:
        self.number = number
        self.names = [name for name in dict.fromkeys(leaves(root)) if not name.startswith("hydra.")]
        self.read: set[str] = set()
        self.whole = False

    def unread(self) -> list[str] | None:
        """Keys that nobody asked for; None when that is not known."""
        if self.whole or any(name in sys.modules for name in _ELSEWHERE):
            return None
        return [name for name in self.names if name not in self.read]


class Reads:
    """Watches the configs that jobs get.

    Args:
        probe: this process's probe.
    """

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        # id -> (tree, path, reference that takes the entry away with the mapping)
        self._nodes: dict[int, tuple[Tree, str, Any]] = {}
        self._looking: set[int] = set()
        self._resolving: set[int] = set()
        self._installed = False
        self._forked = False
        probe.on_fork.append(self._after_fork)

    def watch(self, number: int, root: Any) -> Tree | None:
        """Starts watching a config; None when it is not one that can be watched."""
        modules: list[Any] = [sys.modules.get(f"omegaconf.{name}") for name in ("dictconfig", "omegaconf", "base")]
        if None in modules or type(root) is not modules[0].DictConfig:
            return None
        tree = Tree(number, root)
        self._enter(tree, "", root)
        if not self._installed:
            self._installed = True
            self._install(*modules)
        return tree

    def _after_fork(self, probe: Probe) -> None:
        # Workers end without a word: each tells at once what it is the first to read.
        self._forked = True
        self._looking, self._resolving = set(), set()

    def _enter(self, tree: Tree, path: str, node: Any) -> None:
        content = content_of(node)
        if not isinstance(content, dict):
            return
        if not self._add(tree, path, node):
            return
        for key, child in content.items():
            if isinstance(content_of(child), dict):
                self._enter(tree, f"{path}.{key}" if path else str(key), child)

    def _add(self, tree: Tree, path: str, node: Any) -> bool:
        key = id(node)
        if len(self._nodes) >= TRACKED:
            tree.read.update(name for name in tree.names if not path or name.startswith(path + "."))
            return False
        nodes = self._nodes

        def gone(_: Any) -> None:
            nodes.pop(key, None)

        nodes[key] = (tree, path, weakref.ref(node, gone))
        return True

    def _note(self, found: tuple[Tree, str, Any], key: Any) -> None:
        tree, path, _ = found
        name = f"{path}.{key}" if path else str(key)
        if name not in tree.read:
            tree.read.add(name)
            if self._forked:
                self._probe.journal.write("config-read", config=tree.number, read=[name])

    def _install(self, dictconfig: Any, omegaconf: Any, base: Any) -> None:
        nodes, looking, resolving, note = self._nodes, self._looking, self._resolving, self._note
        get_node = dictconfig.DictConfig._get_node
        deepcopy = dictconfig.DictConfig.__deepcopy__

        def _get_node(self: Any, key: Any, *args: Any, **kwargs: Any) -> Any:
            found = nodes.get(id(self))
            if found is not None:
                try:
                    thread = get_ident()
                    if thread not in looking or thread in resolving:
                        note(found, key)
                except Exception as problem:
                    complain("config read", problem)
            return get_node(self, key, *args, **kwargs)

        def __deepcopy__(self: Any, memo: Any) -> Any:
            copied = deepcopy(self, memo)
            found = nodes.get(id(self))
            if found is not None:
                try:
                    outer._add(found[0], found[1], copied)
                except Exception as problem:
                    complain("config copy", problem)
            return copied

        outer = self
        dress(_get_node, get_node)
        dress(__deepcopy__, deepcopy)
        dictconfig.DictConfig._get_node = _get_node
        dictconfig.DictConfig.__deepcopy__ = __deepcopy__
        self._pause(omegaconf.OmegaConf, "to_yaml", False)
        self._pause(omegaconf.OmegaConf, "resolve", False)
        self._pause(omegaconf.OmegaConf, "to_container", True)
        self._pause(omegaconf.OmegaConf, "to_object", True)
        self._while_resolving(base.Container)

    def _pause(self, owner: Any, name: str, gives: bool) -> None:
        """Lets a function look at a config without that being a use of every key.

        Args:
            gives: the caller gets all values out of it: of the whole config, nobody knows then what is read.
        """
        original = getattr(owner, name, None)
        if original is None:
            return
        looking, nodes = self._looking, self._nodes

        def paused(cfg: Any, *args: Any, **kwargs: Any) -> Any:
            found = nodes.get(id(cfg))
            if found is None or (gives and found[1]):
                return original(cfg, *args, **kwargs)
            thread = get_ident()
            if thread in looking:
                return original(cfg, *args, **kwargs)
            if gives:
                found[0].whole = True
            looking.add(thread)
            try:
                return original(cfg, *args, **kwargs)
            finally:
                looking.discard(thread)

        dress(paused, original)
        setattr(owner, name, staticmethod(paused))

    def _while_resolving(self, container: Any) -> None:
        original = getattr(container, "_resolve_interpolation_from_parse_tree", None)
        if original is None:
            return
        resolving = self._resolving

        def _resolve_interpolation_from_parse_tree(self: Any, *args: Any, **kwargs: Any) -> Any:
            thread = get_ident()
            if thread in resolving:
                return original(self, *args, **kwargs)
            resolving.add(thread)
            try:
                return original(self, *args, **kwargs)
            finally:
                resolving.discard(thread)

        dress(_resolve_interpolation_from_parse_tree, original)
        container._resolve_interpolation_from_parse_tree = _resolve_interpolation_from_parse_tree
