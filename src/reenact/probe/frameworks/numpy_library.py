"""numpy itself: its version and the libraries it computes with."""

from __future__ import annotations

from typing import Any

from ..state import Probe


def hook(probe: Probe, numpy: Any) -> None:
    """Records numpy's version and, where it tells them, its BLAS and CPU features."""
    fields: dict[str, Any] = {"version": numpy.__version__}
    core = getattr(numpy, "_core", None) or getattr(numpy, "core", None)
    umath = getattr(core, "_multiarray_umath", None)
    features = getattr(umath, "__cpu_features__", None)
    if isinstance(features, dict):
        fields["cpu_features"] = sorted(name for name, on in features.items() if on)
    config = getattr(numpy, "__config__", None)
    built = getattr(config, "CONFIG", None)
    if isinstance(built, dict):
        blas = built.get("Build Dependencies", {}).get("blas", {})
        fields["blas"] = {key: blas.get(key) for key in ("name", "version", "openblas configuration")}
    probe.journal.write("library", name="numpy", **fields)
