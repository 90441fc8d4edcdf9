"""A package, or Python itself, has another version or content."""

from __future__ import annotations

import re

from .context import Cause, Context, told
from .examples import change, example

KERNELS = {"init": 0.8, "rng": 0.7, "out": 0.8, "loss": 0.7, "grad": 0.8, "param": 0.8, "hyper": 0.5, "batch": 0.4}
NUMPY = {"batch": 0.6, "rng": 0.6, "init": 0.4, "seed": 0.3, "loss": 0.3}
DATA = {"batch": 0.6, "loss": 0.15}
MODELS = {"init": 0.6, "out": 0.6, "loss": 0.6, "hyper": 0.5, "param": 0.4, "batch": 0.5, "rng": 0.4, "grad": 0.3}
PYTHON = {"rng": 0.4, "batch": 0.4, "init": 0.3, "seed": 0.3, "loss": 0.3}
LOW = 0.05

_GROUPS = (
    (re.compile(r"torch|triton|intel-openmp|mkl|nvidia-.*|jax|jaxlib|tensorflow|keras"), KERNELS),
    (re.compile(r"numpy|scipy|numba"), NUMPY),
    (re.compile(r"torchvision|torchaudio|torchtext|torchdata|pandas|pillow|datasets|opencv-.*|albumentations"), DATA),
    (re.compile(r"pyarrow|scikit-learn|scikit-image|h5py|tokenizers|librosa|polars|imageio|webdataset"), DATA),
    (
        re.compile(r"transformers|(pytorch-)?lightning|accelerate|timm|diffusers|peft|deepspeed|torch-.*|hydra-.*"),
        MODELS,
    ),
)


def judge(context: Context) -> Cause | None:
    """Ranked by what each package can reach; one that cannot explain the first event stays low and is told as such."""
    changes = [*context.of("package", "python", bits=True), *context.named("library", "torch.version", "torch.config")]
    if not changes or context.difference is None:
        return None
    weighed = sorted(((_weight(context, one.kind, one.name), one) for one in changes), key=lambda pair: -pair[0])
    best = weighed[0][0]
    if best <= 0:
        return Cause(
            "library-version",
            LOW,
            f"{told([one for _, one in weighed])}; none of them is known to reach {context.difference.kind} first",
            "look at the other causes first",
        )
    named = [one for weight, one in weighed if weight == best]
    return Cause("library-version", best, f"{told(named)}; {context.what()}", "install the recorded versions")


def _weight(context: Context, kind: str, name: str) -> float:
    if kind == "python":
        return context.weigh(PYTHON) if name in ("version", "implementation") else 0.0
    if kind == "library":
        return context.weigh(KERNELS)
    plain = name.lower().replace("_", "-")
    return next((context.weigh(weights) for pattern, weights in _GROUPS if pattern.fullmatch(plain)), 0.0)


EXAMPLES_POSITIVE = [
    example("out", 0, changes=[change("package", "torch", "2.12.0", "2.13.0")]),
    example("batch", 0, changes=[change("package", "Pillow", "10.0", "11.0")]),
    example("grad", 0, changes=[change("package", "rich", "13", "14")]),
]
EXAMPLES_NEGATIVE = [
    example("out", 0),
    example(None, changes=[change("package", "torch")]),
    example("out", 0, changes=[change("package", "torch", bits=False)]),
]
