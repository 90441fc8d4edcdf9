"""Whether a container is given the GPU, tried with an image that reenact has made."""

from __future__ import annotations

from collections.abc import Iterator

from ...engine.image import list_images
from ...environment.gpus import gpus
from ...environment.images.build import LABEL_LOCK
from ...errors import ReenactError
from ..row import Context, Row

_PATIENCE_S = 60.0


def check(context: Context) -> Iterator[Row]:
    if not any(gpu["vendor"] == "nvidia" for gpu in gpus()):
        yield Row("gpu in container", "not checked", "no NVIDIA GPU here")
        return
    if context.engine is None:
        yield Row("gpu in container", "not checked", "no engine answers")
        return
    engine = context.engine.engine
    images = list_images(engine, f"label={LABEL_LOCK}")
    if not images:
        fix = "reenact image build, then ask again"
        yield Row("gpu in container", "not checked", "there is no image that reenact has made to try it with", fix)
        return
    given = ["--device", "nvidia.com/gpu=all"] if engine.kind == "podman" else ["--gpus", "all"]
    words = ["run", "--rm", "--network", "none", *given, "--entrypoint", "nvidia-smi", images[0].id, "--list-gpus"]
    try:
        said = engine.call(*words, timeout=_PATIENCE_S).stdout.strip()
    except ReenactError as error:
        toolkit = "install the NVIDIA Container Toolkit, then: sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker"
        if engine.kind == "podman":
            toolkit = (
                "install the NVIDIA Container Toolkit, then: sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"
            )
        yield Row("gpu in container", "warning", error.what, toolkit)
        return
    yield Row("gpu in container", "ok", said.splitlines()[0] if said else "nvidia-smi answers, and shows none")
