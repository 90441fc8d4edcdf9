"""What a project says that it needs: distributions and versions in requirements files, pyproject.toml, locks, Dockerfiles."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

LISTS = (
    "requirements*.txt",
    "pyproject.toml",
    "environment*.yml",
    "environment*.yaml",
    "setup.py",
    "setup.cfg",
    "Pipfile",
)
LOCKS = (
    *("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml", "pylock.*.toml", "requirements*.lock"),
    *("conda-lock.yml", "pixi.lock"),
)
DOCKERFILES = ("Dockerfile", "Dockerfile.*", "*.Dockerfile", "*.dockerfile", "Containerfile")

REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(@\s*\S+|[<>=!~^][^;#\"']*)?")
_EXACT = re.compile(r"===?\s*[^*,<>=!~\s]+$")

DISTRIBUTIONS = {
    "cv2": "opencv-python",
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "skimage": "scikit-image",
    "yaml": "pyyaml",
    "bs4": "beautifulsoup4",
    "Bio": "biopython",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "git": "gitpython",
    "hydra": "hydra-core",
    "pytorch_lightning": "pytorch-lightning",
    "torch_geometric": "torch-geometric",
    "tensorboardX": "tensorboardx",
    "umap": "umap-learn",
    "faiss": "faiss-cpu",
    "attr": "attrs",
    "serial": "pyserial",
    "google.protobuf": "protobuf",
    "jose": "python-jose",
    "wx": "wxpython",
    "fitz": "pymupdf",
    "nibabel": "nibabel",
    "ale_py": "ale-py",
    "stable_baselines3": "stable-baselines3",
    "sentence_transformers": "sentence-transformers",
    "pycocotools": "pycocotools",
    "imblearn": "imbalanced-learn",
}
"""Imports whose distribution has another name."""

KNOWN = frozenset(
    [
        "torch",
        "torchvision",
        "torchaudio",
        "torchtext",
        "numpy",
        "scipy",
        "pandas",
        "matplotlib",
        "seaborn",
        "tqdm",
        "tensorflow",
        "keras",
        "jax",
        "jaxlib",
        "flax",
        "optax",
        "transformers",
        "datasets",
        "accelerate",
        "tokenizers",
        "evaluate",
        "diffusers",
        "peft",
        "trl",
        "safetensors",
        "huggingface_hub",
        "lightning",
        "ignite",
        "timm",
        "einops",
        "kornia",
        "albumentations",
        "wandb",
        "mlflow",
        "tensorboard",
        "omegaconf",
        "nltk",
        "spacy",
        "gensim",
        "gym",
        "gymnasium",
        "h5py",
        "numba",
        "sympy",
        "networkx",
        "plotly",
        "imageio",
        "tyro",
        "click",
        "rich",
        "typer",
        "requests",
        "xgboost",
        "lightgbm",
        "catboost",
        "optuna",
        "ray",
        "dgl",
        "joblib",
        "statsmodels",
        "librosa",
        "soundfile",
        "sentencepiece",
        "tiktoken",
        "monai",
        "fastai",
        "skorch",
        "opacus",
        "mujoco",
        "pygame",
        "polars",
        "pyarrow",
        "pydantic",
        "fire",
        "absl",
        "torchmetrics",
        "torchdiffeq",
        "deepspeed",
        "bitsandbytes",
        "haiku",
        "equinox",
        "loguru",
    ]
) | set(DISTRIBUTIONS)
"""Imports that are known to be libraries, also where they are not installed."""

SAME = (
    {"opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"},
    {"tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tf-nightly", "tensorflow-macos"},
    {"faiss-cpu", "faiss-gpu", "faiss"},
    {"pytorch", "torch"},
    {"pytorch-lightning", "lightning"},
    {"absl-py", "absl"},
    {"dm-haiku", "haiku"},
    {"pytorch-ignite", "ignite"},
    {"pillow", "pillow-simd"},
)
"""Distributions that give the same module."""


@dataclass(frozen=True)
class Requirement:
    """One requirement: normalised name, the version as written, and where."""

    name: str
    version: str
    path: Path
    line: int

    @property
    def exact(self) -> bool:
        """True for one version, one archive or one commit."""
        return self.version.startswith("@") or _EXACT.match(self.version.strip()) is not None


def normal(name: str) -> str:
    """The name of a distribution as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@lru_cache(maxsize=256)
def read(path: Path) -> list[Requirement]:
    """The requirements that a file lists; empty where it lists none or cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    if path.name == "pyproject.toml" or path.name == "Pipfile":
        parts = _toml(lines)
    elif path.suffix in (".yml", ".yaml"):
        parts = _conda(lines)
    elif path.name in ("setup.py", "setup.cfg"):
        parts = _setup(lines)
    else:
        parts = _plain(lines)
    return [Requirement(normal(name), version, path, line) for line, name, version in parts]


def pinned_in_dockerfile(path: Path) -> list[Requirement]:
    """What ``pip install name==version`` in a Dockerfile pins."""
    found = []
    for number, line in dockerfile(path):
        for install in re.finditer(r"\b(?:pip3?|uv pip|conda)\s+install\s+([^&|;]*)", line):
            for word in re.finditer(r"(?<![\w./-])([A-Za-z][\w.-]*)(?:\[[\w,]*\])?(==)([\w.+!-]+)", install.group(1)):
                found.append(Requirement(normal(word.group(1)), "==" + word.group(3), path, number))
    return found


def dockerfile(path: Path) -> Iterator[tuple[int, str]]:
    """Instructions of a Dockerfile with their first line's number; continued lines joined, comments left out."""
    whole, start = "", 0
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("#"):
            continue
        start = start or number
        if line.rstrip().endswith("\\"):
            whole += line.rstrip()[:-1] + " "
            continue
        yield start, whole + line
        whole, start = "", 0
    if whole:
        yield start, whole


def distributions(module: str) -> set[str]:
    """Normalised names of the distributions that may give a top-level module."""
    names = {normal(DISTRIBUTIONS.get(module, module))} | {normal(name) for name in _installed().get(module, ())}
    return names.union(*(same for same in SAME if same & names))


def is_library(module: str) -> bool:
    """True for a top-level module that comes from a distribution: it is installed here, or well known."""
    if module in ("setuptools", "pkg_resources", "pip", "distutils"):
        return False
    return module not in sys.stdlib_module_names and (module in KNOWN or module in _installed())


@lru_cache(maxsize=1)
def _installed() -> dict[str, list[str]]:
    from importlib.metadata import packages_distributions

    return dict(packages_distributions())


def _plain(lines: list[str]) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(lines, 1):
        text = line.split(" #")[0].strip().rstrip("\\").strip()
        if not text or text.startswith(("#", "-", "http:", "https:", "git+", ".", "/")):
            continue
        match = REQUIREMENT.match(text)
        if match:
            yield number, match.group(1), (match.group(2) or "").strip()


def _toml(lines: list[str]) -> Iterator[tuple[int, str, str]]:
    """By lines: dependencies of [project], its extras, [dependency-groups], and poetry's tables."""
    section, inside = "", False
    for number, line in enumerate(lines, 1):
        text = line.strip()
        header = re.match(r"\[+([^\]]+)\]+\s*(?:#.*)?$", text)
        if header and not inside:
            section = header.group(1).strip()
            continue
        if re.match(r"tool\.poetry\.(group\.[\w-]+\.)?(dev-)?dependencies$", section) or section in (
            "packages",
            "dev-packages",
        ):
            entry = re.match(r"([\w.-]+)\s*=\s*(?:\{.*?version\s*=\s*)?[\"']([^\"']*)[\"']", text)
            if entry and entry.group(1) != "python":
                version = entry.group(2)
                yield number, entry.group(1), "==" + version if re.match(r"\d+\.\d+\.\d", version) else version
            continue
        key = re.match(r"([\w-]+)\s*=\s*\[(.*)", text)
        wanted = section == "project" and key and key.group(1) == "dependencies"
        wanted = wanted or bool(key and section in ("project.optional-dependencies", "dependency-groups"))
        if wanted and key:
            inside, text = True, key.group(2)
        if inside:
            for quoted in re.findall(r"\"([^\"]+)\"|'([^']+)'", text):
                match = REQUIREMENT.match((quoted[0] or quoted[1]).strip())
                if match:
                    yield number, match.group(1), (match.group(2) or "").strip()
            inside = not re.search(r"\]\s*,?\s*(#.*)?$", re.sub(r"\"[^\"]*\"|'[^']*'", "", text))


def _conda(lines: list[str]) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(lines, 1):
        match = re.match(r"\s*-\s+(?:[\w-]+::)?([A-Za-z][\w.-]*)\s*([=<>!~][^#\s]*)?\s*(#.*)?$", line)
        if match and match.group(1) not in ("python", "pip", "defaults", "conda-forge", "pytorch", "nvidia"):
            version = match.group(2) or ""
            yield number, match.group(1), re.sub(r"^=(?!=)", "==", version)


def _setup(lines: list[str]) -> Iterator[tuple[int, str, str]]:
    inside = False
    for number, line in enumerate(lines, 1):
        if re.search(r"\binstall_requires\b\s*=", line):
            inside = True
        if inside:
            quoted = [a or b for a, b in re.findall(r"\"([^\"]+)\"|'([^']+)'", line)]
            for text in quoted or ([line] if line.startswith((" ", "\t")) and "=" not in line.split("=")[0] else []):
                match = REQUIREMENT.match(text.strip())
                if match:
                    yield number, match.group(1), (match.group(2) or "").strip()
            inside = "]" not in line and (line.strip() != "" or not quoted)
