"""The name of a file or folder that is written holds the time."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from ..finding import WARNING, Hit, hit
from ..module import Module

ID = "time-in-output-name"
SEVERITY = WARNING
WHAT = "the name of an output holds the time"
WHY = "each run writes under another name: outputs of two runs cannot be matched"
FIX = "name outputs by what is in them; when and by which run they were written belongs into the record"

CLOCKS = (
    "time.time",
    "time.time_ns",
    "time.strftime",
    "time.ctime",
    "time.asctime",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    *("datetime.datetime.today", "datetime.date.today", "uuid.uuid4", "uuid.uuid1"),
)
NAMES = re.compile(
    r".*(_|^)(dir|path|file|filename|folder|name|out|output|outdir|logdir|ckpt|checkpoint|prefix|save_to)$|.*(dir|path|filename|folder)$"
)
WRITERS = (
    "makedirs",
    "mkdir",
    "savefig",
    "save",
    "SummaryWriter",
    "FileHandler",
    "to_csv",
    "imsave",
    "save_image",
    "dump",
    "imwrite",
)
PARTS = ("os.path.join", "pathlib.Path", "builtins.open", "pathlib.PurePath")


def check(module: Module) -> Iterator[Hit]:
    for call in module.nodes(ast.Call):
        name = module.name(call.func)
        if name in CLOCKS and _text(call, module):
            where = _named(call, module)
            if where:
                yield hit(module.path, call, f"{name}() goes into {where}")


def _text(call: ast.Call, module: Module) -> bool:
    """Whether the time becomes text: in an f-string, by ``str``, ``%``, ``+`` or ``strftime``, or is text already."""
    if module.name(call.func) in ("time.strftime", "time.ctime", "time.asctime"):
        return True
    for node in module.above(call):
        if isinstance(node, (ast.JoinedStr, ast.FormattedValue)):
            return True
        if isinstance(node, ast.Attribute) and node.attr in ("strftime", "isoformat", "hex"):
            return True
        if isinstance(node, ast.Call) and (
            module.name(node.func) == "builtins.str"
            or (isinstance(node.func, ast.Attribute) and node.func.attr == "format")
        ):
            return True
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
            return False
        if isinstance(node, ast.stmt):
            return False
    return False


def _named(call: ast.Call, module: Module, depth: int = 0) -> str | None:
    """What path or name the text goes into; None for messages and the like."""
    file: str | None = None
    for node in module.above(call):
        if isinstance(node, (ast.BinOp, ast.JoinedStr)) and _file_name(node):
            file = "the name of a file"
        if isinstance(node, ast.Call):
            name = module.name(node.func) or ""
            last = (
                node.func.attr
                if isinstance(node.func, ast.Attribute)
                else name.rpartition(".")[2] or getattr(node.func, "id", "")
            )
            if last in ("print", "info", "write", "debug", "warning"):
                return None
            if name in PARTS or last in WRITERS:
                return f"what {last} is given"
        elif isinstance(node, ast.keyword) and node.arg and NAMES.fullmatch(node.arg):
            return node.arg
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            name = (
                target.id if isinstance(target, ast.Name) else target.attr if isinstance(target, ast.Attribute) else ""
            )
            if NAMES.fullmatch(name.lower()):
                return name
            if isinstance(target, ast.Name) and depth < 2:
                return file or _through(target, module, depth + 1)
            return file
        elif isinstance(node, ast.stmt):
            return file
    return file


def _file_name(node: ast.BinOp | ast.JoinedStr) -> bool:
    """True where a text is put together that ends like a file's name: ``stamp + ".pt"``."""
    last = node.values[-1] if isinstance(node, ast.JoinedStr) and node.values else getattr(node, "right", None)
    return isinstance(last, ast.Constant) and re.search(r"^[^\s]*\.[A-Za-z]\w{1,6}$", str(last.value)) is not None


def _through(target: ast.Name, module: Module, depth: int) -> str | None:
    """The name that a variable with the time goes on into."""
    bindings = module.names.lookup(target.id, target)
    for use in module.nodes(ast.Name):
        if use.id == target.id and isinstance(use.ctx, ast.Load) and module.names.lookup(use.id, use) is bindings:
            found = _named(use, module, depth)  # type: ignore[arg-type]
            if found:
                return found
    return None


EXAMPLES_POSITIVE = [
    "import time\nh = ''.join(str(time.time()).split('.'))\np.add_argument('--save', default=h + '.pt')\n",
    "import time\nrun_name = f'{task}__{int(time.time())}'\n",
    "from datetime import datetime as d\nimport os\nos.makedirs('runs/' + d.now().strftime('%Y'))\n",
    "import time\nstamp = time.strftime('%Y%m%d')\nopen('out_' + stamp, 'w')\n",
    "import datetime, os\nlog_dir = os.path.join('logs', str(datetime.datetime.now()))\n",
]
EXAMPLES_NEGATIVE = [
    "import time\nprint(f'{time.time()} wrote model.pt')\n",
    "import time\nstart = time.time()\nprint(f'took {time.time() - start}')\n",
    "import time\nprint(time.strftime('%H:%M'))\n",
    "import datetime\nlogger.info(f'{datetime.datetime.now()} begins')\n",
    "import time\nstart_time = time.time()\n",
]
