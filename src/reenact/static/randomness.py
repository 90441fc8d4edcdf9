"""Which calls draw random numbers from a library's global generator, and which seed it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from .module import Module
from .signatures import LAYERS
from .values import NoValue, literal

_PYTHON = frozenset(
    [
        "random",
        "randint",
        "randrange",
        "choice",
        "choices",
        "shuffle",
        "sample",
        "uniform",
        "gauss",
        "normalvariate",
        "betavariate",
        "expovariate",
        "triangular",
        "vonmisesvariate",
        "lognormvariate",
        "gammavariate",
        "paretovariate",
        "weibullvariate",
        "getrandbits",
        "randbytes",
    ]
)
_NUMPY_NOT = frozenset(
    [
        "default_rng",
        "Generator",
        "RandomState",
        "SeedSequence",
        "BitGenerator",
        "PCG64",
        "PCG64DXSM",
        "MT19937",
        "Philox",
        "SFC64",
        "seed",
        "get_state",
        "set_state",
        "bit_generator",
        "mtrand",
    ]
)
_TORCH = frozenset(
    [
        "rand",
        "randn",
        "randint",
        "randperm",
        "rand_like",
        "randn_like",
        "randint_like",
        "normal",
        "bernoulli",
        "multinomial",
        "poisson",
    ]
)
_TORCH_LAYERS = (
    frozenset(LAYERS)
    - {"LeakyReLU", "ELU", "CrossEntropyLoss", "SmoothL1Loss", "HuberLoss", "GroupNorm"}
    - {f"BatchNorm{n}d" for n in "123"}
    - {"TransformerEncoder", "TransformerDecoder"}
)
_TORCH_INIT = frozenset(
    f"{name}_"
    for name in [
        "uniform",
        "normal",
        "trunc_normal",
        "xavier_uniform",
        "xavier_normal",
        "kaiming_uniform",
        "kaiming_normal",
        "orthogonal",
        "sparse",
    ]
)
_IN_PLACE = frozenset(
    {"normal_", "uniform_", "random_", "bernoulli_", "exponential_", "cauchy_", "log_normal_", "geometric_"}
)
_SAMPLERS = frozenset(
    {"torch.utils.data.random_split", "torch.utils.data.RandomSampler", "torch.utils.data.WeightedRandomSampler"}
)
_FUNCTIONAL = frozenset({"dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "gumbel_softmax", "rrelu"})
_TENSORFLOW = frozenset({"normal", "uniform", "truncated_normal", "gamma", "poisson", "shuffle", "categorical"})
_KERAS_LAYERS = frozenset(
    [
        "Dense",
        "Conv1D",
        "Conv2D",
        "Conv3D",
        "Conv2DTranspose",
        "SeparableConv2D",
        "LSTM",
        "GRU",
        "SimpleRNN",
        "Embedding",
        "Dropout",
        "MultiHeadAttention",
    ]
)
_SKLEARN = frozenset(
    [
        "train_test_split",
        "ShuffleSplit",
        "StratifiedShuffleSplit",
        "RandomForestClassifier",
        "RandomForestRegressor",
        "ExtraTreesClassifier",
        "ExtraTreesRegressor",
        "GradientBoostingClassifier",
        "GradientBoostingRegressor",
        "MLPClassifier",
        "MLPRegressor",
        "KMeans",
        "MiniBatchKMeans",
        "SGDClassifier",
        "SGDRegressor",
        "RandomizedSearchCV",
        "TSNE",
        "GaussianMixture",
        "BaggingClassifier",
        "make_classification",
        "make_regression",
        "make_blobs",
        "make_moons",
        "make_circles",
    ]
)

EVERYTHING = ("random", "numpy", "torch", "tensorflow")
_SEEDING: dict[str, tuple[str, ...]] = {
    "random.seed": ("random",),
    "numpy.random.seed": ("numpy",),
    "torch.manual_seed": ("torch", "cuda"),
    "torch.cuda.manual_seed": ("cuda",),
    "torch.cuda.manual_seed_all": ("cuda",),
    "torch.set_rng_state": ("torch",),
    "random.setstate": ("random",),
    "numpy.random.set_state": ("numpy",),
    "tensorflow.random.set_seed": ("tensorflow",),
    "tensorflow.set_random_seed": ("tensorflow",),
    "tensorflow.compat.v1.set_random_seed": ("tensorflow",),
    "keras.utils.set_random_seed": EVERYTHING,
}
_ALL = re.compile(
    r"(set|fix|init|setup|manual|control|apply)_?(all_|the_|random_|global_|numpy_)*(seeds?|randomness|determinism)(_all|_everything)?|seed_?(everything|all|torch|it_all|worker_all)|enable_full_determinism|set_determinism|setseed|same_seeds?|set_reproducib\w+|make_deterministic"
)


def draws(module: Module) -> list[tuple[str, ast.Call, str]]:
    """Library, call, and what draws there: from a generator that only a global seed controls."""
    if "draws" not in module.kept:
        module.kept["draws"] = list(_draws(module))
    return module.kept["draws"]


def seeds(module: Module) -> list[tuple[tuple[str, ...], ast.Call, str]]:
    """Libraries, call and function of what seeds global generators. A seed of None is none."""
    if "seeds" not in module.kept:
        module.kept["seeds"] = list(_seeds(module))
    return module.kept["seeds"]


def _draws(module: Module) -> Iterator[tuple[str, ast.Call, str]]:
    for call, name in module.called:
        library = _drawn(call, name)
        if library:
            yield library, call, name
    torch = "torch" in module.imported
    for call in module.nodes(ast.Call):
        if isinstance(call.func, ast.Attribute) and module.name(call.func) is None:
            if torch and call.func.attr in _IN_PLACE and not keyword(call, "generator"):
                yield "torch", call, call.func.attr
            elif call.func.attr == "sample" and keyword(call, "frac") and not keyword(call, "random_state"):
                yield "numpy", call, "DataFrame.sample"


def _drawn(call: ast.Call, name: str) -> str | None:
    head, _, last = name.rpartition(".")
    if head == "random":
        return "random" if last in _PYTHON else None
    if head == "numpy.random":
        return None if last in _NUMPY_NOT else "numpy"
    if name.startswith("torch"):
        return "torch" if _drawn_by_torch(call, head, last, name) else None
    if (head == "tensorflow.random" and last in _TENSORFLOW) or (head == "keras.layers" and last in _KERAS_LAYERS):
        return "tensorflow"
    if head.startswith("sklearn.") and last in _SKLEARN and not keyword(call, "random_state"):
        return None if last == "train_test_split" and is_false(keyword(call, "shuffle")) else "numpy"
    if name.startswith("sklearn.") and last in ("KFold", "StratifiedKFold") and is_true(keyword(call, "shuffle")):
        return None if keyword(call, "random_state") else "numpy"
    return "gym" if name in ("gym.make", "gymnasium.make") else None


def _drawn_by_torch(call: ast.Call, head: str, last: str, name: str) -> bool:
    if keyword(call, "generator"):
        return False
    if head == "torch":
        return last in _TORCH
    if head == "torch.nn":
        return last in _TORCH_LAYERS
    if head == "torch.nn.init":
        return last in _TORCH_INIT
    if head == "torch.nn.functional":
        return last in _FUNCTIONAL
    if name == "torch.utils.data.DataLoader":
        return is_true(keyword(call, "shuffle"))
    return name in _SAMPLERS or (head == "torchvision.transforms" and last.startswith("Random"))


def _seeds(module: Module) -> Iterator[tuple[tuple[str, ...], ast.Call, str]]:
    for call in module.nodes(ast.Call):
        name = module.name(call.func) or ""
        libraries = _SEEDING.get(name)
        if libraries:
            if seeded(call):
                yield libraries, call, name
            continue
        last = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        last = name.rpartition(".")[2] or last
        if _ALL.fullmatch(last) and name.partition(".")[0] not in ("numpy", "torch", "random", "tensorflow"):
            yield EVERYTHING, call, name or last
        elif (last in ("reset", "seed") and keyword(call, "seed")) or (last == "seed" and call.args and not name):
            yield ("gym",), call, last


def seeded(call: ast.Call) -> bool:
    """True where a seed is given, and is not None."""
    value = call.args[0] if call.args else keyword(call, "seed") or keyword(call, "x") or keyword(call, "a")
    return value is not None and not (isinstance(value, ast.Constant) and value.value is None)


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """The expression of a keyword argument, or None."""
    return next((one.value for one in call.keywords if one.arg == name), None)


def is_true(node: ast.expr | None) -> bool:
    """True for the literal ``True`` (or 1)."""
    try:
        return bool(literal(node)) and node is not None
    except NoValue:
        return False


def is_false(node: ast.expr | None) -> bool:
    """True for a literal that is false."""
    try:
        return node is not None and not literal(node)
    except NoValue:
        return False
