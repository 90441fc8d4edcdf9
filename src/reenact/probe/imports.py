"""Hooks that run when, and only when, the program imports a module: nothing is imported on its behalf."""

from __future__ import annotations

import sys
from typing import Any

from .journal import complain
from .state import Probe

HOOKS = {
    "random": "random_module",
    "numpy.random": "numpy_random",
    "numpy": "numpy_library",
    "torch": "torch_library",
    "torch._dynamo.eval_frame": "torch_dynamo",
    "torch.utils.data.dataloader": "torch_loader",
    "subprocess": "subprocess_module",
    "multiprocessing.util": "multiprocessing_util",
    "safetensors": "safetensors_library",
    "safetensors.torch": "safetensors_library",
    "safetensors.numpy": "safetensors_library",
    "h5py": "h5py_library",
    "pyarrow": "pyarrow_library",
    "pyarrow.parquet": "pyarrow_library",
    "torch.distributed.distributed_c10d": "torch_distributed",
    "argparse": "argparse_module",
    "click.core": "click_library",
    "typer._click.core": "click_library",
    "absl.flags._flagvalues": "absl_flags",
    "jsonargparse": "jsonargparse_library",
    "omegaconf.base": "omegaconf_library",
    "hydra._internal.config_loader_impl": "hydra_loader",
    "hydra._internal.callbacks": "hydra_library",
    "hydra.compose": "hydra_library",
    "hydra.core.utils": "hydra_again",
    "hydra._internal.utils": "hydra_library",
    "torch.utils.tensorboard.writer": "tensorboard_writer",
    "tensorboardX.writer": "tensorboard_writer",
    "mlflow.tracking._tracking_service.client": "mlflow_client",
    "mlflow.tracking.client": "mlflow_artifacts",
    "wandb.sdk.wandb_run": "wandb_run",
    "lightning.pytorch.trainer.connectors.logger_connector.logger_connector": "lightning_logger",
    "pytorch_lightning.trainer.connectors.logger_connector.logger_connector": "lightning_logger",
    "transformers.trainer": "transformers_trainer",
    "keras.src.callbacks.callback_list": "keras_callbacks",
    "sklearn.base": "sklearn_library",
    "sklearn.pipeline": "sklearn_library",
    "sklearn.metrics._classification": "sklearn_library",
    "sklearn.metrics._regression": "sklearn_library",
    "sklearn.metrics._ranking": "sklearn_library",
    "sklearn.metrics.cluster._supervised": "sklearn_library",
    "sklearn.metrics.cluster._unsupervised": "sklearn_library",
    "sklearn.model_selection._validation": "sklearn_library",
    "sklearn.model_selection._search": "sklearn_library",
    "sklearn.model_selection._search_successive_halving": "sklearn_library",
    "sklearn.neural_network._multilayer_perceptron": "sklearn_library",
    "sklearn.ensemble._gb": "sklearn_library",
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting": "sklearn_library",
    "sklearn.cluster._kmeans": "sklearn_library",
    "sklearn.mixture._base": "sklearn_library",
    "sklearn.linear_model._logistic": "sklearn_library",
    "sklearn.linear_model._glm.glm": "sklearn_library",
    "sklearn.neighbors._classification": "sklearn_library",
    "lightgbm.basic": "boosting",
    "lightgbm.engine": "boosting",
    "xgboost.callback": "boosting",
    "joblib.externals.loky.backend.fork_exec": "loky_backend",
    "loky.backend.fork_exec": "loky_backend",
}
"""Module -> file in :mod:`.frameworks` whose ``hook(probe, module)`` is called after it was imported."""


class Finder:
    """A meta path finder that finds nothing itself: it lets the others find, and wraps the loader of hooked modules."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._busy: set[str] = set()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The spec that the other finders give for a hooked module, with a loader that calls the hook; else None."""
        if name not in HOOKS or name in self._busy:
            return None
        self._busy.add(name)
        try:
            for finder in sys.meta_path:
                find = getattr(finder, "find_spec", None)
                if finder is self or find is None:
                    continue
                spec = find(name, path, target)
                if spec is not None:
                    if spec.loader is not None and hasattr(spec.loader, "exec_module"):
                        spec.loader = _Loader(spec.loader, self._probe, name)
                    return spec
            return None
        finally:
            self._busy.discard(name)


class _Loader:
    """Loads as the real loader does, puts that one back in the module, then runs the hook."""

    def __init__(self, loader: Any, probe: Probe, name: str) -> None:
        self._loader = loader
        self._probe = probe
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: Any) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        spec = module.__spec__
        if spec is not None:
            spec.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        run_hook(self._probe, self._name, sys.modules.get(self._name, module))


def run_hook(probe: Probe, name: str, module: Any) -> None:
    """Calls the hook of a module that has just been imported; a failure is a gap, never an error."""
    try:
        hooks = __import__(f"{__package__}.frameworks.{HOOKS[name]}", fromlist=["hook"])
        hooks.hook(probe, module)
    except Exception as problem:
        complain(name, problem)
        probe.journal.gap("hook-failed", f"{name}: {problem!r}")


def install(probe: Probe) -> None:
    """Puts the finder first on the meta path, and runs the hooks of what is imported already."""
    for name in HOOKS:
        module = sys.modules.get(name)
        if module is not None:
            run_hook(probe, name, module)
    sys.meta_path.insert(0, Finder(probe))
