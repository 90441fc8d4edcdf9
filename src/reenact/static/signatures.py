"""Which arguments of well-known calls are hyperparameters, and in which order they come."""

from __future__ import annotations

OPTIMIZERS = {
    "Adam": "lr betas eps weight_decay",
    "AdamW": "lr betas eps weight_decay",
    "NAdam": "lr betas eps weight_decay momentum_decay",
    "RAdam": "lr betas eps weight_decay",
    "Adamax": "lr betas eps weight_decay",
    "SparseAdam": "lr betas eps",
    "SGD": "lr momentum dampening weight_decay nesterov",
    "ASGD": "lr lambd alpha t0 weight_decay",
    "Adagrad": "lr lr_decay weight_decay",
    "Adadelta": "lr rho eps weight_decay",
    "RMSprop": "lr alpha eps weight_decay momentum",
    "Rprop": "lr etas step_sizes",
    "LBFGS": "lr max_iter max_eval tolerance_grad tolerance_change history_size",
    "Adafactor": "lr beta2_decay eps d weight_decay",
    "Muon": "lr weight_decay momentum",
}
"""After the parameters, which come first."""

SCHEDULERS = {
    "StepLR": "step_size gamma",
    "MultiStepLR": "milestones gamma",
    "ExponentialLR": "gamma",
    "CosineAnnealingLR": "T_max eta_min",
    "CosineAnnealingWarmRestarts": "T_0 T_mult eta_min",
    "ReduceLROnPlateau": "- factor patience threshold - cooldown min_lr",
    "OneCycleLR": "max_lr total_steps epochs steps_per_epoch pct_start",
    "CyclicLR": "base_lr max_lr step_size_up step_size_down",
    "LinearLR": "start_factor end_factor total_iters",
    "ConstantLR": "factor total_iters",
    "PolynomialLR": "total_iters power",
}
"""After the optimizer, which comes first."""

_CONV = "in_channels out_channels kernel_size stride padding dilation groups"
_RECURRENT = "input_size hidden_size num_layers - - dropout"
LAYERS = {
    "Linear": "in_features out_features",
    "LazyLinear": "out_features",
    "Bilinear": "in1_features in2_features out_features",
    **{f"Conv{n}d": _CONV for n in "123"},
    **{f"ConvTranspose{n}d": "in_channels out_channels kernel_size stride padding" for n in "123"},
    "RNN": _RECURRENT,
    "LSTM": _RECURRENT,
    "GRU": _RECURRENT,
    **dict.fromkeys(("RNNCell", "LSTMCell", "GRUCell"), "input_size hidden_size"),
    "Embedding": "num_embeddings embedding_dim",
    "EmbeddingBag": "num_embeddings embedding_dim",
    **{f"BatchNorm{n}d": "num_features eps momentum" for n in "123"},
    "GroupNorm": "num_groups num_channels eps",
    "MultiheadAttention": "embed_dim num_heads dropout",
    "TransformerEncoderLayer": "d_model nhead dim_feedforward dropout",
    "TransformerDecoderLayer": "d_model nhead dim_feedforward dropout",
    "TransformerEncoder": "- num_layers",
    "TransformerDecoder": "- num_layers",
    "Transformer": "d_model nhead num_encoder_layers num_decoder_layers dim_feedforward dropout",
    **dict.fromkeys(("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout"), "p"),
    "LeakyReLU": "negative_slope",
    "ELU": "alpha",
    "CrossEntropyLoss": "- - - - label_smoothing",
    "SmoothL1Loss": "- - - beta",
    "HuberLoss": "- delta",
}

_KERAS = {
    "Dense": "units",
    "Conv1D": "filters kernel_size strides",
    "Conv2D": "filters kernel_size strides",
    "Conv3D": "filters kernel_size strides",
    "LSTM": "units",
    "GRU": "units",
    "SimpleRNN": "units",
    "Embedding": "input_dim output_dim",
    "Dropout": "rate",
    "SpatialDropout2D": "rate",
    "MultiHeadAttention": "num_heads key_dim",
}
_KERAS_OPTIMIZERS = ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax", "Nadam", "Ftrl", "Lion")

OTHERS = {
    "torch.utils.data.DataLoader": "- batch_size",
    "torch.utils.data.random_split": "- lengths",
    "torch.nn.functional.dropout": "- p",
    "torch.nn.functional.dropout2d": "- p",
    "torch.nn.functional.leaky_relu": "- negative_slope",
    "torch.nn.functional.cross_entropy": "- - - - - - - label_smoothing",
    "torch.nn.utils.clip_grad_norm_": "- max_norm",
    "torch.nn.utils.clip_grad_value_": "- clip_value",
    "torch.nn.init.normal_": "- mean std",
    "torch.nn.init.trunc_normal_": "- mean std",
    "torch.nn.init.uniform_": "- a b",
    "torch.nn.init.constant_": "- val",
    "torch.nn.init.xavier_uniform_": "- gain",
    "torch.nn.init.xavier_normal_": "- gain",
    "torch.nn.init.orthogonal_": "- gain",
    "torch.manual_seed": "seed",
    "torch.cuda.manual_seed": "seed",
    "torch.cuda.manual_seed_all": "seed",
    "numpy.random.seed": "seed",
    "numpy.random.default_rng": "seed",
    "numpy.random.RandomState": "seed",
    "random.seed": "seed",
    "random.Random": "seed",
    "tensorflow.random.set_seed": "seed",
    "keras.utils.set_random_seed": "seed",
    "pytorch_lightning.seed_everything": "seed",
    "transformers.set_seed": "seed",
    "accelerate.utils.set_seed": "seed",
    "sklearn.model_selection.train_test_split": "",
    "jax.random.PRNGKey": "seed",
    "jax.random.key": "seed",
}

IN_PLACE = {"normal_": "mean std", "uniform_": "a b", "trunc_normal_": "mean std"}
"""Methods of tensors that draw: what they are given is how weights start."""


def _table() -> dict[str, tuple[str, ...]]:
    table = {f"torch.optim.{name}": "- " + args for name, args in OPTIMIZERS.items()}
    table |= {f"torch.optim.lr_scheduler.{name}": "- " + args for name, args in SCHEDULERS.items()}
    table |= {f"torch.nn.{name}": args for name, args in LAYERS.items()}
    table |= {f"keras.layers.{name}": args for name, args in _KERAS.items()}
    table |= {f"keras.optimizers.{name}": "learning_rate" for name in _KERAS_OPTIMIZERS}
    table |= OTHERS
    return {name: tuple(args.split()) for name, args in table.items()}


CALLS = _table()
"""Full name -> its positional arguments in order; ``-`` for one that is no hyperparameter."""

KEYWORDS = frozenset(
    [
        "lr",
        "betas",
        "eps",
        "weight_decay",
        "momentum",
        "nesterov",
        "alpha",
        "rho",
        "dropout",
        "p",
        "rate",
        "learning_rate",
        "beta_1",
        "beta_2",
        "epsilon",
        "weight_decay",
        "label_smoothing",
        "gain",
        "std",
        "mean",
        "seed",
        "recurrent_dropout",
        "num_layers",
        "bidirectional",
        "reduction_ratio",
        "test_size",
        "train_size",
        "random_state",
        "batch_size",
        "negative_slope",
        "gamma",
        "factor",
        "patience",
    ]
)
"""Arguments of those calls that are hyperparameters also where they are not in the list of positional ones."""
