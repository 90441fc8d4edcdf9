"""What builds images."""

from __future__ import annotations

from collections.abc import Iterator

from ..row import Context, Row

_WORDS = {
    "buildx": "BuildKit, as the plug-in buildx",
    "buildkit": "BuildKit, built into this docker",
    "buildah": "Podman's own, buildah",
}


def check(context: Context) -> Iterator[Row]:
    if context.engine is None:
        yield Row("builder", "not checked", "no engine answers")
        return
    builder = context.engine.engine.builder
    if builder == "legacy":
        seen = "Docker's old builder: no cache mounts, no secrets in a Dockerfile"
        yield Row(
            "builder",
            "warning",
            seen,
            "sudo apt-get install docker-buildx (Docker's own packages: docker-buildx-plugin)",
        )
        return
    yield Row("builder", "ok", _WORDS[builder])
