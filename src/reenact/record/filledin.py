"""Settings that optimizers fill in by themselves, told apart from the params that somebody chose."""

from __future__ import annotations

_SETTINGS = frozenset(
    [
        "amsgrad",
        "betas",
        "beta_1",
        "beta_2",
        "capturable",
        "centered",
        "clipnorm",
        "clipvalue",
        "dampening",
        "decoupled_weight_decay",
        "differentiable",
        "ema_momentum",
        "ema_overwrite_frequency",
        "epsilon",
        "eps",
        "foreach",
        "fused",
        "global_clipnorm",
        "initial_lr",
        "jit_compile",
        "loss_scale_factor",
        "maximize",
        "nesterov",
        "rho",
        "use_ema",
    ]
)
"""Those of torch.optim and of Keras; not lr, momentum and weight_decay, which are chosen."""


def filled_in(name: str) -> bool:
    """Whether a param is a setting of an optimizer that is rarely chosen: ``amsgrad``, ``optimizer.betas``."""
    return name.replace("/", ".").rpartition(".")[2] in _SETTINGS
