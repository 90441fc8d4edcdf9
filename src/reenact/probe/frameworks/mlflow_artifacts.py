"""MLflow: images, figures, texts and tables, by the client that ``mlflow.log_image`` and the like come down to."""

from __future__ import annotations

from typing import Any

from ..state import Probe
from .loggers import watch


def hook(probe: Probe, module: Any) -> None:
    """Keeps what is logged as an artifact of a known kind, under its file's name or its key."""

    def show(kind: str, name: Any, data: Any, step: Any = None) -> None:
        probe.metrics.show(str(name), kind, None if step is None else int(step), data)

    def image(
        _: Any, run_id: Any, image: Any, artifact_file: Any = None, key: Any = None, step: Any = None, *a: Any, **k: Any
    ) -> None:
        show("image", artifact_file or key, image.to_pil() if hasattr(image, "to_pil") else image, step)

    def figure(_: Any, run_id: Any, figure: Any, artifact_file: Any, *args: Any, **kwargs: Any) -> None:
        show("figure", artifact_file, figure)

    def text(_: Any, run_id: Any, text: Any, artifact_file: Any) -> None:
        show("html" if str(artifact_file).endswith((".html", ".htm")) else "text", artifact_file, text)

    def table(_: Any, run_id: Any, data: Any, artifact_file: Any) -> None:
        show("table", artifact_file, data)

    for name, look in (("log_image", image), ("log_figure", figure), ("log_text", text), ("log_table", table)):
        watch(probe, module.MlflowClient, name, look)
