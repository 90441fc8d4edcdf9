"""From a script with hyperparameters in its code to a Hydra app that computes the same: `rewrite` is the way in."""

from .rewrite import Rewrite, rewrite

__all__ = ["Rewrite", "rewrite"]
