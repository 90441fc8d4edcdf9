"""Whether less or more of a metric is better, as its name tells."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

Direction = Literal["min", "max"]

_LESS = """loss losses error err errors perplexity ppl mse rmse mae mape smape rmsle nll nllloss logloss crossentropy xent ce bce kl kld
wer cer ter fid kid bpc bpb elbo_loss eer brier regret cost deviance residual chi2 divergence violation latency"""
_MORE = """acc accuracy score scores f1 f2 fbeta fscore auc auroc auprc prauc r2 precision recall sensitivity specificity map ap iou miou
jaccard dice bleu rouge rougel meteor cider chrf bertscore reward rewards return returns psnr ssim ndcg mrr hit hits top1 top5 top10 mcc
kappa correlation corr pearson spearman likelihood elbo success wins winrate em exact throughput"""
_WORDS: dict[str, Direction] = {**dict.fromkeys(_LESS.split(), "min"), **dict.fromkeys(_MORE.split(), "max")}
_SPLIT = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])")


def direction(name: str) -> Direction | None:
    """``min`` for ``val/loss``, ``max`` for ``topKAccuracy``, None where the name does not tell.

    The last word that tells decides: ``acc_error`` is an error.
    """
    found: Direction | None = None
    for part in _SPLIT.split(name):
        word = part.lower()
        found = _WORDS.get(word) or _WORDS.get(word.rstrip("0123456789")) or _ending(word) or found
    return found


def _ending(word: str) -> Direction | None:
    """``logitloss``, ``balancedaccuracy``: words that are written together."""
    if word.endswith(("loss", "error", "perplexity")):
        return "min"
    return "max" if word.endswith(("accuracy", "score")) else None


def best(name: str, metric: Mapping[str, Any], towards: Direction | None = None) -> Any:
    """The best value of a metric's summary: its smallest, its largest, or where its name does not tell, its last.

    Args:
        name: the metric's.
        metric: {last, min, max, count, first}.
        towards: which it is, when not as the name tells.
    """
    return metric.get(towards or direction(name) or "last")
