"""Numbers of the training are printed, and kept nowhere."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from ..finding import NOTE, Hit, hit
from ..module import Module
from ..project import Project
from ..training import training_loops

ID = "print-without-log"
SEVERITY = NOTE
WHAT = "numbers of the training are printed and reach no log"
WHY = "what is printed scrolls away: nobody can compare it later"
FIX = "write them to a log or a file too; `reenact run` keeps the terminal's output with the run"

LOGS = re.compile(
    r"(wandb|mlflow|tensorboard|tensorboardX|torch\.utils\.tensorboard|logging|loguru|csv|comet_ml|neptune|aim|clearml|"
    r"visdom|trackio|swanlab|reenact|sacred|dvclive|tensorboard_logger|absl\.logging|structlog)\b"
)
LOG_FILE = re.compile(r"log|csv|tsv|json|metric|history|result|loss|record|curve|score", re.I)
METHODS = ("add_scalar", "log_metric", "log_metrics", "to_csv", "writerow", "savetxt", "dump")
NUMBER = re.compile(
    r"loss|acc|error|score|reward|return|metric|epoch|perplexity|ppl|f1|auc|iou|psnr|elbo|ep_r|step", re.I
)


def check_project(project: Project) -> Iterator[Hit]:
    for module in project.modules.values():
        prints = _prints(module)
        if prints and not any(_logs(other) for other in (module, *project.imports(module))):
            more = f" (and {len(prints) - 1} more)" if len(prints) > 1 else ""
            yield hit(module.path, prints[0], f"print of the training's numbers{more}, and no log in this file")


def _prints(module: Module) -> list[ast.Call]:
    """Prints of numbers, where the file trains: below a loop that does, or in functions that such a loop may call."""
    if not training_loops(module):
        return []
    prints = [call for call, name in module.called if name == "builtins.print" and _of_numbers(call)]
    return [
        call
        for call in prints
        if any(isinstance(node, (ast.For, ast.While, ast.FunctionDef)) for node in module.above(call))
    ]


def _of_numbers(call: ast.Call) -> bool:
    if any(keyword.arg == "file" for keyword in call.keywords):
        return False
    names = [getattr(node, "id", None) or getattr(node, "attr", None) for node in ast.walk(call)]
    texts = [node.value for node in ast.walk(call) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return any(name and NUMBER.search(name) for name in (*names, *texts) if name not in ("print", "format"))


def _logs(module: Module) -> bool:
    imports = [alias.name for node in module.nodes(ast.Import) for alias in node.names]
    imports += [f"{node.module}.{alias.name}" for node in module.nodes(ast.ImportFrom) for alias in node.names]
    if any(LOGS.match(name) for name in imports):
        return True
    for call in module.nodes(ast.Call):
        if isinstance(call.func, ast.Attribute) and call.func.attr in METHODS:
            return True
        if module.name(call.func) == "builtins.open" and _is_log(call):
            return True
    return False


def _is_log(call: ast.Call) -> bool:
    """A file opened to append to, or to write, and called log, results and the like."""
    modes = call.args[1:2] + [keyword.value for keyword in call.keywords if keyword.arg == "mode"]
    mode = "".join(str(part.value) for part in modes if isinstance(part, ast.Constant))
    return (
        "a" in mode or ("w" in mode and LOG_FILE.search(ast.unparse(call.args[0])) is not None) if call.args else False
    )


_LOOP = "for epoch in range(9):\n    loss.backward()\n    print(epoch, loss.item())\n"
EXAMPLES_POSITIVE = [
    _LOOP,
    _LOOP + "open('sample.txt', 'w').write(text)\n",
    "def train():\n    loss.backward()\n    print('loss', loss)\nfor i in range(n):\n    train()\n",
]
EXAMPLES_NEGATIVE = [
    "import wandb\n" + _LOOP,
    "from torch.utils.tensorboard import SummaryWriter\n" + _LOOP,
    "print('start')\nfor x in y:\n    loss.backward()\n",
    "for x in y:\n    print(x)\n",
    "out = open('log.txt', 'w')\n" + _LOOP,
    "out = open(path, 'a')\n" + _LOOP,
]
