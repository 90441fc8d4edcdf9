"""PyTorch: whole modules of ``torch.save``, TorchScript, and programs of ``torch.export``, in the zip form."""

from __future__ import annotations

import io
import json

from ...record.schema import OutputFile
from ...replay.outputs.unpickle import Opaque
from . import reading
from .model import CODE, Model, Recorded
from .named import named, needed

_LOADER = "mlflow.pytorch"
_PICKLED, _EXPORTED = "data/model.pth", "data/model.pt2"
_PARTS = {"_parameters", "_buffers", "_modules"}
"""What the state of every module has."""


def model(recorded: Recorded, output: OutputFile) -> Model | None:
    """A model of one of the three kinds; a state_dict has no class, and stays an artifact."""
    path = recorded.path(output)
    if reading.head(path, 4) != b"PK\x03\x04":
        return None
    with reading.archive(path) as opened:
        names = set(opened.namelist())
        roots = {name.partition("/")[0] for name in names}
        if len(roots) != 1:
            return None
        root = roots.pop()
        if f"{root}/models/model.json" in names and f"{root}/archive_format" in names:
            if reading.member(opened, f"{root}/archive_format") != b"pt2":
                return None
            if "graph_module" not in json.loads(reading.member(opened, f"{root}/models/model.json")):
                return None
            return _model(recorded, output, "torch.export.ExportedProgram", _EXPORTED, ())
        if f"{root}/data.pkl" not in names:
            return None
        found = named(io.BytesIO(reading.member(opened, f"{root}/data.pkl")), tensors=True)
    if found.kind.startswith("__torch__."):
        whole = f"{root}/constants.pkl" in names and any(name.startswith(f"{root}/code/") for name in names)
        return _model(recorded, output, "torch.jit.ScriptModule", _PICKLED, ()) if whole else None
    state = found.root.state if isinstance(found.root, Opaque) else None
    if not (isinstance(state, dict) and state.keys() >= _PARTS):
        return None
    wanted = needed(recorded, found.modules)
    if wanted is None:
        return None
    return _model(recorded, output, found.kind, _PICKLED, wanted.distributions, wanted.code)


def _model(
    recorded: Recorded,
    output: OutputFile,
    kind: str,
    place: str,
    distributions: tuple[str, ...] | list[str],
    blobs: dict[str, str] | None = None,
) -> Model:
    code = CODE if blobs else None
    flavors = {
        "python_function": recorded.pyfunc(_LOADER, data="data", code=code),
        "pytorch": {"code": code, "model_data": "data", "pytorch_version": recorded.version("torch")},
    }
    # By this name MLflow knows with what to unpickle; it is plain pickle in torch.save, too.
    texts = {"data/pickle_module_info.txt": "pickle"} if place == _PICKLED else {}
    requirements = recorded.pinned(["torch", "numpy", "pandas", *distributions])
    return Model(output, kind, flavors, requirements, place, blobs or {}, texts)
