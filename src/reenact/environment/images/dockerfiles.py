"""The Dockerfiles that a project starts with."""

from __future__ import annotations

_TRAIN = """\
# The environment of pylock.toml, without the project: it is mounted where it runs.
FROM python:3.11-slim-bookworm AS build
RUN pip install --no-cache-dir uv==0.8.22
RUN uv venv /opt/venv
COPY pylock.toml /tmp/pylock.toml
RUN uv pip sync --python /opt/venv/bin/python --link-mode copy /tmp/pylock.toml

FROM python:3.11-slim-bookworm
RUN useradd --create-home --uid 1000 app
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH VIRTUAL_ENV=/opt/venv PYTHONUNBUFFERED=1
USER app
WORKDIR /project
"""

_PREDICT = """\
# Serves predictions of {project}.
FROM python:3.11-slim-bookworm AS build
RUN pip install --no-cache-dir uv==0.8.22
RUN uv venv /opt/venv
COPY pylock.toml /tmp/pylock.toml
RUN uv pip sync --python /opt/venv/bin/python --link-mode copy /tmp/pylock.toml

FROM python:3.11-slim-bookworm
RUN useradd --create-home --uid 1000 app
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH VIRTUAL_ENV=/opt/venv PYTHONUNBUFFERED=1
WORKDIR /app
COPY src src
COPY outputs outputs
USER app
EXPOSE 8000
CMD ["python", "src/predict.py", "--serve", "--host", "0.0.0.0", "--port", "8000"]
"""


def train_dockerfile() -> str:
    """A Dockerfile with the locked environment and without the project."""
    return _TRAIN


def predict_dockerfile(project: str) -> str:
    """A Dockerfile that serves the predictions of a project."""
    return _PREDICT.format(project=project)
