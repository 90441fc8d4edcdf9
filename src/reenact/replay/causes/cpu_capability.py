"""Another instruction set: another processor, or a variable that limits it."""

from __future__ import annotations

from .context import Cause, Context, told
from .examples import change, example, torch_library

WEIGHTS = {"out": 0.8, "grad": 0.7, "init": 0.7, "param": 0.6, "loss": 0.6, "batch": 0.15}
VARIABLES = (
    "ATEN_CPU_CAPABILITY",
    "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "MKL_DEBUG_CPU_TYPE",
    "OPENBLAS_CORETYPE",
    "NPY_DISABLE_CPU_FEATURES",
    "NPY_ENABLE_CPU_FEATURES",
)
HARDWARE = ("cpu flags", "cpu model", "cpu vendor", "machine", "cpu caches")


def judge(context: Context) -> Cause | None:
    """Kernels are chosen by instruction set, and each rounds in its own way; torch's randn is one of them."""
    weight = context.weigh(WEIGHTS, numeric=True)
    if not weight:
        return None
    a, b = context.torch("cpu_capability")
    changes = context.named("variable", *VARIABLES)
    hardware = [one for one in context.named("hardware", *HARDWARE) if one.bits]
    if a is not None and b is not None and a != b:
        evidence = f"torch's CPU capability is {a} and {b}"
        if changes:
            evidence += f" ({told(changes)})"
    elif changes:
        evidence = told(changes)
    elif hardware:
        evidence, weight = told(hardware), weight * 0.8
    else:
        return None
    return Cause(
        "cpu-capability",
        weight,
        f"{evidence}; {context.what()}",
        "set ATEN_CPU_CAPABILITY, ONEDNN_MAX_CPU_ISA and MKL_CBWR alike (avx2 exists on most machines), or use the "
        "same kind of processor",
    )


EXAMPLES_POSITIVE = [
    example("init", -1, changes=[change("variable", "ATEN_CPU_CAPABILITY", None, "avx2")]),
    example(
        "out", 0, events_a=[torch_library(cpu_capability="AVX512")], events_b=[torch_library(cpu_capability="AVX2")]
    ),
    example("out", 0, changes=[change("hardware", "cpu model")]),
]
EXAMPLES_NEGATIVE = [
    example("seed", -1, changes=[change("variable", "MKL_CBWR")]),
    example("out", 0),
    example("out", 0, "missing", changes=[change("variable", "MKL_CBWR")]),
]
