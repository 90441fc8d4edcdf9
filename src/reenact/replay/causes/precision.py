"""Another precision or kernel choice: TF32, matmul precision, default dtype, cuDNN autotuning, deterministic mode."""

from __future__ import annotations

from .context import Cause, Context, told
from .examples import change, example, torch_library

WEIGHTS = {"out": 0.85, "grad": 0.7, "loss": 0.6, "param": 0.5}
FLAGS = (
    "matmul_precision",
    "allow_tf32_matmul",
    "allow_tf32_cudnn",
    "cudnn_benchmark",
    "cudnn_deterministic",
    "deterministic",
    "mkldnn",
    "default_dtype",
)
VARIABLES = (
    "NVIDIA_TF32_OVERRIDE",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
    "CUBLAS_WORKSPACE_CONFIG",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "DNNL_DEFAULT_FPMATH_MODE",
)


def judge(context: Context) -> Cause | None:
    """The flags as they were at the first step; they matter only where kernels have run."""
    flags = {name: context.torch(name) for name in FLAGS}
    differ = {name: pair for name, pair in flags.items() if None not in pair and pair[0] != pair[1]}
    changes = context.named("variable", *VARIABLES) + context.named("setting", "deterministic")
    weight = context.weigh(WEIGHTS, numeric=True)
    if "default_dtype" in differ:
        weight = max(weight, context.weigh({"init": 0.9, "out": 0.85, "loss": 0.6}))
    if not weight or not (differ or changes):
        return None
    if not differ:
        weight *= 0.8
    told_flags = ", ".join(f"{name} {a} -> {b}" for name, (a, b) in differ.items())
    evidence = "; ".join(part for part in (told_flags, told(changes)) if part)
    return Cause("precision", weight, f"{evidence}; {context.what()}", "set these flags as in the baseline")


EXAMPLES_POSITIVE = [
    example(
        "out",
        0,
        events_a=[torch_library(matmul_precision="highest")],
        events_b=[torch_library(matmul_precision="medium")],
    ),
    example("grad", 0, changes=[change("variable", "NVIDIA_TF32_OVERRIDE")]),
    example(
        "init",
        -1,
        "shape",
        events_a=[torch_library(default_dtype="torch.float32")],
        events_b=[torch_library(default_dtype="torch.float64")],
    ),
]
EXAMPLES_NEGATIVE = [
    example("batch", 0, changes=[change("variable", "NVIDIA_TF32_OVERRIDE")]),
    example("out", 0, events_a=[torch_library(deterministic=True)], events_b=[torch_library(deterministic=True)]),
]
