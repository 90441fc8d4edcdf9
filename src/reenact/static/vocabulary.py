"""What people call hyperparameters. A name says what a number is for; its value never does."""

from __future__ import annotations

import re

_WORDS = r"""
    lr | l_?rate | eta | (base|max|min|init|initial|start|end|final|peak|actor|critic|policy|q|g|d|gen|disc|head|backbone)_lr
  | lr_?(g|d|actor|critic|policy|q|decay|min|max|init|start|end|factor|step|gamma|drop|scale|warmup)[a-z_]*
  | ([a-z0-9]+_)*learning_?rate([_a-z0-9]*) | decay_lr
  | bs | bsz | ([a-z0-9]+_)*batch_?size | (batch|minibatch|micro_batch)(es)?_?(size|sz)
  | (n|num|nb|max|total|train|training|number_of)?_?(epochs?|iters?|iterations?|episodes?|timesteps|updates) | epochs_?\d*
  | (max|num|n|total|train|training)_(train_)?(steps?|iter[a-z]*)
  | (lr_)?(warmup|decay)_?(steps?|iters?|epochs?|ratio|factor|rate) | lr_decay[a-z_]* | warmup | weight_?decay | wd | l[12]_?(reg|lambda|penalty|weight)?
  | momentum | beta_?[012s]? | adam_(beta_?[12]|eps(ilon)?) | b[12]
  | (p_)?drop_?(out|path|connect)?(_?(p|rate|prob|ratio))? | [a-z0-9]+_drop(out)?(_?(p|rate|prob))?
  | (n|num|size|dim|d|n_units)?_?(hidden|latent|embed|embedding|emb|embd|bottleneck)(s|_?(size|dim|dims|units|layers?|features|channels|nodes|sizes))?\d*
  | n_?hid | h_?size | hid
  | ([a-z0-9]+_)+dims? | dim_[a-z0-9]+ | d_(model|ff|inner|head|k|v|state|hidden|latent|embed) | [hz]dim
  | (n|num|nb)_?(heads?|layers?|blocks?|embd|embed|filters|units|kernels|experts|hidden|neurons|latents?|mixtures?|components|clusters|estimators|trees|codes|embeddings|levels|stages|critic|samples_per_[a-z]+)
  | nhead | nlayers | ffn_?(dim|mult|size) | mlp_?(dim|ratio|size|hidden) | (kernel|filter|window|block|patch|context|hidden|embed|embedding|beam|chunk|memory|replay|buffer|queue|codebook|vocab)_(size|len|length|capacity)
  | ksize | (max|min)?_?seq(uence)?_?len(gth)? | bptt | context_length
  | gamma | tau | epsilon | eps_(start|end|decay|min|max|greedy) | epsilon_[a-z]+ | [a-z]+_epsilon | discount(_factor)? | gae_lambda | ent(ropy)?_coef[a-z]* | vf_coef | clip_(coef|range|eps|param|ratio)
  | temperature | temp | alpha | lambda_[a-z0-9_]+ | lambd?a? | [a-z]+_lambda | [a-z]+_(coef|coeff|weight_decay) | kl_(weight|beta|coef) | margin
  | (grad(ient)?_)?clip(ping)?(_?(norm|val|value|grad|norm_value))? | max_(grad_)?norm
  | (grad(ient)?_)?accum[a-z]*(_(steps?|iter))? | gradient_accumulation_steps
  | target_(replace|update|network|net)[a-z_]* | learning_starts | train_(freq|frequency) | exploration_[a-z]+
  | label_smoothing | patience | max_depth | min_samples_[a-z]+ | max_features | n_neighbors | test_(size|ratio|frac|fraction|split) | val(id|idation)?_(size|ratio|split|frac|fraction|percent) | (train|split)_(size|ratio|frac|fraction)
  | (random_|manual_|np_|torch_)?seed | random_state
  | n[zgd]f? | (in|out|hidden|base|mid)_(channels|features|planes) | growth_rate | width_mult(iplier)? | ema_(decay|rate) | noise_(std|level|scale|dim|factor) | init_(std|scale) | sigma_(min|max)
"""
NAMES = re.compile(rf"(?:{_WORDS})", re.VERBOSE)

ELSEWHERE = frozenset(
    {"dim", "dims", "keepdim", "axis", "n_dim", "n_dims", "ndim", "num_dims", "max_iter", "n_iter", "n_updates"}
)
"""Names that fit, and mostly are something else: an axis, a solver's limit."""

COUNTERS = frozenset(
    {
        "epoch",
        "iter",
        "iteration",
        "step",
        "episode",
        "iters",
        "nf",
        "nd",
        "ng",
        "nz",
        "update",
        "start_epoch",
        "hidden",
        "embedding",
    }
    | {"batch", "emb", "embed", "latent", "drop", "temp", "end_iter"}
)
"""Names that a variable of the loop or a tensor has more often than a setting; as constants of a module they count only in capitals."""


_DATA = re.compile(
    r"nc|(n|num|nb|img|image|input|output)?_?(channels?|classes|labels|actions|states|letters|tokens|categories|words)|nclass(es)?"
    r"|(img|image|input)_?(size|shape|h|w|height|width)|vocab_?size|ntokens?|in_channels|n_?feat|num_features|n_features"
)


def is_size_of_data(name: str) -> bool:
    """True for a name of what the data set fixes: classes, channels, the size of an image, of a vocabulary."""
    return _DATA.fullmatch(snake(name)) is not None


def snake(name: str) -> str:
    """``batchSize`` and ``BATCH_SIZE`` as ``batch_size``."""
    if not name.isupper():
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return name.lower().strip("_")


def is_hyperparameter(name: str) -> bool:
    """True where the name of an argument, a constant or a field says that it is a hyperparameter."""
    plain = snake(name)
    return plain not in ELSEWHERE and NAMES.fullmatch(plain) is not None


def is_learning_rate(name: str) -> bool:
    """True for ``lr``, ``learning_rate``, ``base_lr`` …"""
    return re.fullmatch(r"([a-z]+_)?lr|([a-z]+_)?learning_?rate", snake(name)) is not None
