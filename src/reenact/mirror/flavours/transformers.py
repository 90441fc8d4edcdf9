"""Folders of transformers' ``save_pretrained``: config, weights in safetensors, and the tokenizer beside them."""

from __future__ import annotations

import json
import struct
from pathlib import PurePosixPath
from typing import Any

from ...record.schema import OutputFile
from . import reading
from .model import Model, Recorded

_WEIGHTS = "model.safetensors"
_TASKS = {
    "ForSequenceClassification": ("text-classification", "TextClassificationPipeline"),
    "ForTokenClassification": ("token-classification", "TokenClassificationPipeline"),
    "ForMaskedLM": ("fill-mask", "FillMaskPipeline"),
    "ForQuestionAnswering": ("question-answering", "QuestionAnsweringPipeline"),
    "ForCausalLM": ("text-generation", "TextGenerationPipeline"),
    "LMHeadModel": ("text-generation", "TextGenerationPipeline"),
}
"""Task and pipeline by the end of the model's class."""

_BESIDE = ("generation_config.json",)
_TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "tokenizer.model",
    "sentencepiece.bpe.model",
    "chat_template.jinja",
)


def model(recorded: Recorded, output: OutputFile) -> Model | None:
    """A model of transformers' own classes for one of the tasks with text, told by the files of its folder."""
    folder = PurePosixPath(output.path)
    if folder.name != _WEIGHTS or not _whole(recorded, output):
        return None
    config = _told(recorded, recorded.beside(output, "config.json"))
    tokenizer = _told(recorded, recorded.beside(output, "tokenizer_config.json"))
    # An `auto_map` names code of the folder's own, which loading would execute.
    if not config or not tokenizer or "auto_map" in config or "auto_map" in tokenizer:
        return None
    (kind,) = config["architectures"]
    task, pipeline = next((told for end, told in _TASKS.items() if kind.endswith(end)), ("", ""))
    if not task:
        return None
    dtype = config.get("dtype") or config.get("torch_dtype")
    flavors = {
        "python_function": recorded.pyfunc("mlflow.transformers"),
        "transformers": {
            "code": None,
            "components": ["tokenizer"],
            "framework": "pt",
            "instance_type": pipeline,
            "model_binary": "model",
            "pipeline_model_type": kind,
            "source_model_name": "",
            "task": task,
            "tokenizer_type": tokenizer["tokenizer_class"],
            **({"torch_dtype": f"torch.{dtype}"} if dtype else {}),
            "transformers_version": recorded.version("transformers"),
        },
    }
    places = dict.fromkeys(("config.json", *_BESIDE), "model") | dict.fromkeys(_TOKENIZER, "components/tokenizer")
    blobs = {
        f"{place}/{name}": other.digest
        for name, place in places.items()
        if (other := recorded.beside(output, name)) is not None
    }
    requirements = recorded.pinned(
        ["transformers", "torch", "accelerate", "tokenizers", "sentencepiece", "safetensors", "numpy", "pandas"]
    )
    name = folder.parent.name or "model"
    return Model(output, f"transformers.{kind}", flavors, requirements, f"model/{_WEIGHTS}", blobs, name=name)


def _whole(recorded: Recorded, output: OutputFile) -> bool:
    """Whether the tensors end where the file does."""
    with open(recorded.path(output), "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > min(reading.MOST, output.size):
            return False
        header = json.loads(file.read(length))
    ends = [one["data_offsets"][1] for name, one in header.items() if name != "__metadata__"]
    return bool(ends) and 8 + length + max(ends) == output.size


def _told(recorded: Recorded, output: OutputFile | None) -> dict[str, Any]:
    if output is None or output.size > reading.MOST:
        return {}
    found = json.loads(recorded.path(output).read_bytes())
    return found if isinstance(found, dict) else {}
