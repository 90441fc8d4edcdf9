"""Dockerfiles: the one that an image is built by here, and those that a project may keep. No version is in them: locks have those."""

from __future__ import annotations

VENV = "/opt/venv"
USER = "app"
UID = 1000
WORKDIR = "/workspace"
ENV = {"VIRTUAL_ENV": VENV, "PYTHONDONTWRITEBYTECODE": "1"}
"""Besides PATH, on which the environment comes first."""

# A base may lack adduser; Python it has. What it has below the folder of the environment would be mixed with it.
_DRESS = f"""\
RUN rm -rf {VENV} && printf '%s\\n' 'import os, pwd' \\
    'if not any(one.pw_name == "{USER}" for one in pwd.getpwall()):' \\
    '    open("/etc/passwd", "a").write("{USER}:x:{UID}:{UID}::/home/{USER}:/bin/sh\\n")' \\
    '    open("/etc/group", "a").write("{USER}:x:{UID}:\\n")' \\
    'for path in ("/home/{USER}", "{WORKDIR}"):' \\
    '    os.makedirs(path, exist_ok=True)' \\
    '    os.chown(path, {UID}, {UID})' | python3
"""
_SETTINGS = f"""\
ENV PATH={VENV}/bin:$PATH {" ".join(f"{name}={value}" for name, value in ENV.items())}
USER {USER}
WORKDIR {WORKDIR}
CMD ["python"]
"""

_INSTALL = f"""\
python3 -m zipfile -e /reenact/tools/uv.whl /reenact/uv && chmod +x /reenact/uv/*.data/scripts/uv \\
    && uv="$(echo /reenact/uv/*.data/scripts/uv)" && export UV_NO_CONFIG=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never \\
    && "$uv" venv --quiet --clear --python "$PYTHON" {VENV} \\
    && "$uv" pip install --quiet --python {VENV}/bin/python --offline --no-cache --no-index --no-deps --compile-bytecode \\
        --find-links /reenact/wheels --require-hashes --requirement /reenact/wheels/requirements.txt \\
    && rm -rf /reenact/uv"""


def build_dockerfile(mounts: bool) -> str:
    """What an image is built by here: out of a context with ``tools/uv.whl``, ``heavy/`` and ``rest/``, with no network.

    Args:
        mounts: the builder is BuildKit, which looks at the wheels where they are; else they are copied into stages that are not
            kept. (Podman has mounts, but takes an old result when only what is mounted has changed.)
    """
    stages = []
    for name in ("heavy", "rest"):
        if mounts:
            both = "--mount=type=bind,source=tools,target=/reenact/tools"
            run = f"RUN {both} --mount=type=bind,source={name},target=/reenact/wheels \\\n    {_INSTALL}"
        else:
            run = f"LABEL dev.reenact.stage={name}\nCOPY tools /reenact/tools\nCOPY {name} /reenact/wheels\nRUN {_INSTALL}"
        stages.append(f"FROM ${{BASE}} AS {name}\nARG PYTHON\nUSER 0:0\n{run}\n")
    copies = "".join(f"COPY --from={name} {VENV} {VENV}\n" for name in ("heavy", "rest"))
    # PYTHON is the base's own: what is first on PATH may be an environment, and at that very place.
    return "ARG BASE\n\n" + "\n".join(stages) + f"\nFROM ${{BASE}}\nUSER 0:0\n{_DRESS}{copies}{_SETTINGS}"


_SPLIT = [
    "import os, re",
    'os.makedirs("/lock")',
    'rows = {"heavy": [], "rest": []}',
    'for block in open("/pylock.toml").read().split("[[packages]]")[1:]:',
    '    find = lambda key: (re.findall("(?m)^%s = [\\x22\\x27](.*)[\\x22\\x27]$" % key, block) + [""])[0]',
    '    hashes = "".join(" --hash=sha256:" + one for one in re.findall("sha256 = [\\x22\\x27](\\w{64})", block))',
    '    marker = " ; " + find("marker") if find("marker") else ""',
    '    heavy = re.fullmatch("torch|triton|pytorch-triton.*|nvidia-.*|cuda-.*|jaxlib|tensorflow.*", find("name"))',
    '    rows["heavy" if heavy else "rest"].append(find("name") + "==" + find("version") + marker + hashes)',
    "for name in rows:",
    '    open("/lock/%s.txt" % name, "w").write("\\n".join(rows[name]) + "\\n")',
]


def train_dockerfile() -> str:
    """A Dockerfile of the training environment for a project to keep: from an index, by BuildKit; versions are the lock's."""
    script = " \\\n    ".join(f"'{line}'" for line in _SPLIT)
    secrets = "--mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=ca,target=/run/secrets/ca.pem"
    install = (
        f"RUN --mount=type=bind,from=split,source=/lock,target=/lock {secrets} \\\n"
        "    if [ -s /run/secrets/ca.pem ]; then export PIP_CERT=/run/secrets/ca.pem; fi \\\n"
        "    && \"$(python3 -c 'import os, sys; print(os.path.realpath(sys.executable))')\" -m venv --clear --symlinks "
        f"{VENV} \\\n"
        f"    && {VENV}/bin/python -m pip install --disable-pip-version-check --no-cache-dir --no-deps -r /lock/NAME.txt \\\n"
        f"    && {VENV}/bin/python -m pip uninstall --quiet --yes pip setuptools"
    )
    stages = "\n".join(
        f"FROM ${{BASE}} AS {name}\nUSER 0:0\n{install.replace('NAME', name)}\n" for name in ("heavy", "rest")
    )
    copies = "".join(f"COPY --from={name} {VENV} {VENV}\n" for name in ("heavy", "rest"))
    return f"""\
# The training environment, out of pylock.toml. The code is not in it: `reenact run --image` mounts it.
# `reenact image build` builds this, and while the file is as `reenact` wrote it, with no network, out of fetched wheels.
# Without reenact, by BuildKit, with network; the base that the lock was built on is in its [tool.reenact.image]:
#     docker build -f train.dockerfile --build-arg BASE=NAME@DIGEST .
# Your own index:  --secret id=pip,src=$HOME/.config/pip/pip.conf     Your own CA:  --secret id=ca,src=ca.pem
ARG BASE

# Requirements with hashes, large packages apart, so that a change of another one leaves their layer as it is.
FROM ${{BASE}} AS split
USER 0:0
COPY pylock.toml /pylock.toml
RUN printf '%s\\n' \\
    {script} | python3

{stages}
FROM ${{BASE}}
USER 0:0
{_DRESS}{copies}{_SETTINGS}"""


def predict_dockerfile(project: str, module: str = "predict") -> str:
    """A Dockerfile that serves a model: the training image of a project, its ``src/`` and an entry point.

    Args:
        project: the name of the training image, without a tag.
        module: what ``python -m`` is given; it gets ``--port`` and ``--model``.
    """
    return f"""\
# The training environment and the code below src/, started as a service. The model is mounted, not copied:
#     reenact image build && docker build -f predict.dockerfile -t {project}-predict .
#     docker run --rm --init -p 8000:8000 --mount type=bind,source=$PWD/model,target=/model,readonly {project}-predict
ARG TRAIN={project}:latest
# Built here, of pylock.toml:  # reenact: ignore[floating-base-image]
FROM ${{TRAIN}}
COPY src {WORKDIR}/src
ENV PYTHONPATH={WORKDIR}/src
EXPOSE 8000
ENTRYPOINT ["python", "-m", "{module}"]
CMD ["--port", "8000", "--model", "/model"]
"""
