"""Another GPU, driver, CUDA or cuDNN."""

from __future__ import annotations

from .context import Cause, Context, told
from .examples import change, example

WEIGHTS = {"out": 0.75, "grad": 0.7, "param": 0.6, "loss": 0.6, "init": 0.5}
LIBRARY = ("torch.cuda", "torch.cudnn", "torch.devices", "torch.hip")


def judge(context: Context) -> Cause | None:
    """Kernels of a GPU are chosen by its model and by the libraries; a driver alone hardly ever changes bits."""
    changes = [*context.of("gpu"), *context.named("library", *LIBRARY)]
    weight = context.weigh(WEIGHTS, numeric=True)
    if not changes or not weight:
        return None
    if not any(one.bits for one in changes):
        weight *= 0.4
    return Cause(
        "gpu-or-driver",
        weight,
        f"{told(changes)}; {context.what()}",
        "run on the same GPU model with the same CUDA and cuDNN",
    )


EXAMPLES_POSITIVE = [
    example("out", 0, changes=[change("gpu", "gpu 0", "A100", "H100")]),
    example("grad", 0, changes=[change("library", "torch.cudnn", "90100", "90200")]),
]
EXAMPLES_NEGATIVE = [example("batch", 0, changes=[change("gpu", "gpu 0")]), example("out", 0)]
