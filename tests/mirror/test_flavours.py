"""What a script saved in its framework's usual way is loaded by MLflow's own flavours, in another process, and predicts the same."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from servers import Server, copies

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
from endtoend import environment, record, reenact

from reenact.mirror.mlflow import Mirror
from reenact.mirror.settings import read_settings, with_uri
from reenact.store.project import Store

DATA = """\
import json, sys
import numpy as np
X = np.random.default_rng(0).random((40, 3)).astype(np.float32)
y = X @ np.array([1, 2, 3], np.float32)
label = (y > 3).astype(int)
def told(values):
    print("TOLD", json.dumps(np.asarray(values, float).reshape(-1).tolist()))
"""

LOADER = """
import importlib, mlflow, os, traceback
mlflow.set_tracking_uri(sys.argv[1])
for line in sys.stdin:
    uri, flavour, native, pyfunc, target = json.loads(line)
    try:
        if flavour:
            model = importlib.import_module("mlflow." + flavour).load_model(uri)
            told(eval(native))
        if pyfunc:
            told(eval(pyfunc, {"loaded": mlflow.pyfunc.load_model(uri), "X": X}))
        mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=target)
        print("DONE", flush=True)
    except Exception:
        print("FAILED", json.dumps(traceback.format_exc()), flush=True)
"""


@dataclass(frozen=True)
class Case:
    """A script's end, what it saves, and how MLflow's native flavour and its pyfunc are asked for a prediction."""

    script: str
    saved: str
    kind: str
    flavour: str
    native: str = "model.predict(X)"
    pyfunc: str = "loaded.predict(X)"
    needs: str = ""
    files: dict[str, str] = field(default_factory=dict)
    requires: str = ""
    env: dict[str, str] = field(default_factory=dict)


TORCH = "with torch.no_grad(): told(net(torch.from_numpy(X)))\n"
NATIVE_TORCH = "model(__import__('torch').from_numpy(X)).detach()"
CASES = {
    "pickle": Case(
        "import pickle\nfrom sklearn.linear_model import LogisticRegression\n"
        "m = LogisticRegression().fit(X, label)\npickle.dump(m, open('m.pkl', 'wb'))\ntold(m.predict(X))\n",
        "m.pkl",
        "sklearn.linear_model._logistic.LogisticRegression",
        "sklearn",
        requires="scikit-learn",
    ),
    "pickle, a class of the project": Case(
        "import pickle, sys\nsys.path.insert(0, 'lib')\nfrom steps import scale\n"
        "from sklearn.linear_model import LinearRegression\nfrom sklearn.pipeline import make_pipeline\n"
        "m = make_pipeline(scale.Scale(), LinearRegression()).fit(X, y)\n"
        "pickle.dump(m, open('m.pkl', 'wb'))\ntold(m.predict(X))\n",
        "m.pkl",
        "sklearn.pipeline.Pipeline",
        "sklearn",
        files={
            "lib/steps/__init__.py": "",
            "lib/steps/factor.py": "FACTOR = 3.5\n",
            "lib/steps/scale.py": "from sklearn.base import BaseEstimator, TransformerMixin\nfrom .factor import FACTOR\n"
            "class Scale(TransformerMixin, BaseEstimator):\n    def fit(self, X, y=None): return self\n"
            "    def transform(self, X): return X * FACTOR\n",
        },
    ),
    "joblib": Case(
        "import joblib\nfrom sklearn.ensemble import RandomForestRegressor\n"
        "m = RandomForestRegressor(5, random_state=0).fit(X, y)\njoblib.dump(m, 'm.joblib')\ntold(m.predict(X))\n",
        "m.joblib",
        "sklearn.ensemble._forest.RandomForestRegressor",
        "",
        requires="joblib",
    ),
    "joblib, packed": Case(
        "import joblib\nfrom sklearn.linear_model import Ridge\n"
        "m = Ridge().fit(X, y)\njoblib.dump(m, 'm.joblib', compress=3)\ntold(m.predict(X))\n",
        "m.joblib",
        "sklearn.linear_model._ridge.Ridge",
        "",
    ),
    "xgboost, json": Case(
        "import xgboost as xgb\nm = xgb.train({'max_depth': 2}, xgb.DMatrix(X, y), 4)\nm.save_model('m.json')\n"
        "told(m.predict(xgb.DMatrix(X)))\n",
        "m.json",
        "xgboost.core.Booster",
        "xgboost",
        native="model.predict(__import__('xgboost').DMatrix(X))",
        needs="xgboost",
        requires="xgboost",
    ),
    "xgboost, ubj": Case(
        "import xgboost as xgb\nm = xgb.XGBClassifier(n_estimators=4).fit(X, label)\nm.save_model('m.model')\n"
        "told(m.predict(X))\n",
        "m.model",
        "xgboost.sklearn.XGBClassifier",
        "xgboost",
        needs="xgboost",
    ),
    "lightgbm": Case(
        "import lightgbm\nm = lightgbm.train({'verbose': -1, 'min_data_in_leaf': 3}, lightgbm.Dataset(X, y), 4)\n"
        "m.save_model('m.txt')\ntold(m.predict(X))\n",
        "m.txt",
        "lightgbm.basic.Booster",
        "lightgbm",
        needs="lightgbm",
        requires="lightgbm",
    ),
    "catboost": Case(
        "import catboost\nm = catboost.CatBoostClassifier(iterations=4, verbose=0, allow_writing_files=False)\n"
        "m.fit(X, label)\nm.save_model('m.cbm')\ntold(m.predict(X))\n",
        "m.cbm",
        "catboost.core.CatBoostClassifier",
        "catboost",
        needs="catboost",
    ),
    "onnx": Case(
        "import onnx\nfrom onnx import TensorProto as T, helper, numpy_helper\n"
        "w = np.array([[1], [2], [3]], np.float32)\n"
        "g = helper.make_graph([helper.make_node('MatMul', ['x', 'w'], ['y'])], 'g',\n"
        "    [helper.make_tensor_value_info('x', T.FLOAT, [None, 3])],\n"
        "    [helper.make_tensor_value_info('y', T.FLOAT, [None, 1])], [numpy_helper.from_array(w, 'w')])\n"
        "m = helper.make_model(g, opset_imports=[helper.make_opsetid('', 17)], ir_version=9)\n"
        "onnx.save(m, 'm.onnx', save_as_external_data=True, location='m.data', size_threshold=0)\ntold(X @ w)\n",
        "m.onnx",
        "onnx.ModelProto",
        "onnx",
        native="__import__('onnx.reference').reference.ReferenceEvaluator(model).run(None, {'x': X})[0]",
        pyfunc="loaded.predict(X)['y']",
        needs="onnx",
        requires="onnxruntime",
    ),
    "keras": Case(
        "import keras\nkeras.utils.set_random_seed(0)\n"
        "m = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation='relu'), keras.layers.Dense(1)])\n"
        "m.compile('adam', 'mse', metrics=['mae'])\nm.fit(X, y, verbose=0)\nm.save('m.keras')\ntold(m.predict(X, verbose=0))\n",
        "m.keras",
        "keras.Sequential",
        "keras",
        native="model.predict(X, verbose=0)",
        requires="torch",
        env={"KERAS_BACKEND": "torch"},
    ),
    "torch, a module": Case(
        "import torch\nnet = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))\n"
        "torch.save(net, 'm.pt')\n" + TORCH,
        "m.pt",
        "torch.nn.modules.container.Sequential",
        "pytorch",
        NATIVE_TORCH,
        requires="torch",
    ),
    "torch, a class of the project": Case(
        "import torch\nimport other.net\nfrom net import Net\nnet = Net()\ntorch.save(net, 'm.pth')\n" + TORCH,
        "m.pth",
        "net.Net",
        "pytorch",
        NATIVE_TORCH,
        files={
            "net.py": "import torch\nimport sizes\nclass Net(torch.nn.Module):\n    def __init__(self):\n"
            "        super().__init__()\n        self.line = torch.nn.Linear(3, sizes.OUT)\n"
            "    def forward(self, x): return self.line(x).sin()\n",
            "sizes.py": "OUT = 2\n",
            "other/net.py": "class Net: pass\n",
        },
    ),
    "torch, a script": Case(
        "import torch\nnet = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU())\n"
        "torch.jit.script(net).save('m.pt')\n" + TORCH,
        "m.pt",
        "torch.jit.ScriptModule",
        "pytorch",
        NATIVE_TORCH,
    ),
    "torch, exported": Case(
        "import torch\nnet = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU())\n"
        "torch.export.save(torch.export.export(net, (torch.from_numpy(X),)), 'm.pt2')\n" + TORCH,
        "m.pt2",
        "torch.export.ExportedProgram",
        "pytorch",
        NATIVE_TORCH,
    ),
    "transformers": Case(
        "from tokenizers import Tokenizer, models, pre_tokenizers\n"
        "from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast, pipeline\n"
        "words = {word: at for at, word in enumerate(['[PAD]', '[UNK]', 'good', 'bad', 'film'])}\n"
        "split = Tokenizer(models.WordLevel(words, unk_token='[UNK]'))\n"
        "split.pre_tokenizer = pre_tokenizers.Whitespace()\n"
        "tokenizer = PreTrainedTokenizerFast(tokenizer_object=split, pad_token='[PAD]', unk_token='[UNK]')\n"
        "config = BertConfig(vocab_size=5, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,\n"
        "    intermediate_size=16)\n"
        "m = BertForSequenceClassification(config).eval()\n"
        "m.save_pretrained('out/bert')\ntokenizer.save_pretrained('out/bert')\n"
        "pipe = pipeline('text-classification', model=m, tokenizer=tokenizer)\n"
        "told([one['score'] for one in pipe(['good film', 'bad'])])\n",
        "out/bert/model.safetensors",
        "transformers.BertForSequenceClassification",
        "transformers",
        native="[one['score'] for one in model(['good film', 'bad'])]",
        pyfunc="loaded.predict(['good film', 'bad'])['score']",
        requires="transformers",
    ),
}


def mirror(project: Path, server: Server, run: str) -> Any:
    return reenact("mirror", "mlflow", run, cwd=project, env={"MLFLOW_TRACKING_URI": server.uri}, timeout=180)


def predictions(text: str) -> list[list[float]]:
    return [json.loads(line.removeprefix("TOLD ")) for line in text.splitlines() if line.startswith("TOLD ")]


# CatBoost's wheel has 97 MB; the small one of XGBoost is for Linux. What else is missing fails.
OPTIONAL = ("catboost",) if sys.platform == "linux" else ("catboost", "xgboost")


@pytest.fixture(scope="module")
def loader(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    """A process that knows nothing of the projects and loads models out of MLflow."""
    process = subprocess.Popen(
        [sys.executable, "-c", DATA + LOADER, server.uri],
        cwd=tmp_path_factory.mktemp("elsewhere"),
        env=environment({"KERAS_BACKEND": "torch"}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    yield process
    process.communicate()


def load(loader: subprocess.Popen[str], *words: str) -> str:
    """What the loader says of a model."""
    assert loader.stdin is not None and loader.stdout is not None
    loader.stdin.write(json.dumps(words) + "\n")
    loader.stdin.flush()
    lines: list[str] = []
    while not lines or not lines[-1].startswith(("DONE", "FAILED")):
        lines.append(loader.stdout.readline())
        assert lines[-1], "the loader has ended"
    assert lines[-1].startswith("DONE"), json.loads(lines[-1].removeprefix("FAILED "))
    return "".join(lines)


@pytest.mark.parametrize("name", CASES)
def test_predicts_the_same(
    name: str, project: Path, server: Server, loader: subprocess.Popen[str], tmp_path: Path
) -> None:
    case = CASES[name]
    if case.needs in OPTIONAL and importlib.util.find_spec(case.needs) is None:
        pytest.skip(f"{case.needs} is not installed")
    for place, content in {**case.files, "train.py": DATA + case.script}.items():
        (project / place).parent.mkdir(parents=True, exist_ok=True)
        (project / place).write_text(content)
    run = record("train.py", cwd=project, env=case.env, timeout=180)
    log = (project / ".reenact" / "runs" / run / "log.txt").read_text(errors="replace")
    (expected,) = predictions(log)
    assert len(set(expected)) > 1
    store = Store.open(project)
    Mirror(store, with_uri(read_settings(project), server.uri, store), ()).copy(run)
    client = server.client()
    (output,) = copies(client, project.name)[run].outputs.model_outputs
    logged = client.get_logged_model(output.model_id)
    assert logged.tags["reenact.path"] == case.saved
    # Saving ONNX takes no runtime, predicting with pyfunc does.
    pyfunc = case.pyfunc if case.flavour != "onnx" or importlib.util.find_spec("onnxruntime") else ""
    folder = tmp_path / "model"
    found = predictions(load(loader, logged.model_uri, case.flavour, case.native, pyfunc, str(folder)))
    assert len(found) == bool(case.flavour) + bool(pyfunc)
    assert all(one == pytest.approx(expected, rel=1e-6, abs=1e-7) for one in found)
    told = json.loads((folder / "MLmodel").read_text())
    assert told["metadata"]["reenact"]["class"] == case.kind
    assert case.requires in (folder / "requirements.txt").read_text()


LOOKALIKES = """\
import gzip, importlib.util, io, joblib, json, os, pickle, zipfile
import numpy as np, torch
from sklearn.linear_model import Ridge
from sklearn.utils import Bunch

class Mine(torch.nn.Linear):
    pass

class Evil:
    def __reduce__(self):
        return os.system, ("touch executed",)

class Steps(Ridge):
    pass

good = Ridge().fit([[1.0], [2.0]], [1.0, 2.0])
net = torch.nn.Sequential(torch.nn.Linear(1, 1))
pickle.dump(good, open("good.pkl", "wb"))
joblib.dump(good, "good.joblib")
torch.save(net, "good.pt")
torch.jit.script(net).save("good_script.pt")
torch.export.save(torch.export.export(net, (torch.ones(2, 1),)), "good.pt2")
open("good.txt", "wb").write(open(PARTS + "/m.txt", "rb").read())
for name in ("m.json", "m.ubj", "m.onnx", "m.keras", "m.cbm"):
    if os.path.exists(PARTS + "/" + name):
        open("good" + name[1:], "wb").write(open(PARTS + "/" + name, "rb").read())
for name in [one for one in os.listdir() if one.startswith("good")]:
    data = open(name, "rb").read()
    for cut in (10, len(data) // 2, len(data) - 3):
        open(f"cut{cut}_{name}", "wb").write(data[:-cut])
    if not name.endswith((".cbm", ".txt")):
        open(f"more_{name}", "wb").write(data + b"{}" * 40_000)

torch.save(net.state_dict(), "state.pt")
torch.save({"model": net.state_dict(), "epoch": 3}, "checkpoint.ckpt")
torch.save(Mine(1, 1), "main_class.pt")
torch.save(torch.nn.Sequential(Mine(1, 1)), "main_class_inside.pt")
torch.save(Evil(), "evil.pt")
pickle.dump(Evil(), open("evil.pkl", "wb"))
pickle.dump([Evil(), good], open("list.pkl", "wb"))
pickle.dump(Bunch(data=1), open("bunch.pkl", "wb"))
pickle.dump(Steps(), open("main_estimator.pkl", "wb"))
json.dump({"learner": {"attributes": {}}, "version": "1.2.3"}, open("other.json", "w"))
json.dump([1, 2, 3], open("list.json", "w"))
open("tree.txt", "w").write("tree\\nversion=v4\\ntree_sizes=10\\n\\nTree=0\\nend of parameters\\n")
open("words.onnx", "wb").write(b"\\x08\\x08" + b"words " * 100)
open("empty.pt", "wb").close()
open("magic.cbm", "wb").write(b"CBM1\\xff\\xff\\xff\\x00FlabuffersModel_v1")
os.mkdir("cut_folder")
open("cut_folder/model.safetensors", "wb").write((90).to_bytes(8, "little") + b'{"a": {"dtype": "F32"')
json.dump({"architectures": ["BertForMaskedLM"]}, open("cut_folder/config.json", "w"))
json.dump({"tokenizer_class": "X"}, open("cut_folder/tokenizer_config.json", "w"))
with gzip.open("bomb.pkl.gz", "wb", 1) as bomb:
    bomb.write(b"\\x80\\x04_sklearn_version")
    for _ in range(500):
        bomb.write(bytes(1_000_000))
for name, member in (("bomb.keras", "config.json"), ("bomb.pt", "bomb/data.pkl")):
    with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("metadata.json" if "keras" in name else "bomb/version", '{"keras_version": "3.0"}')
        if "keras" in name:
            archive.writestr("model.weights.h5", "x")
        with archive.open(member, "w") as bomb:
            for _ in range(500):
                bomb.write(bytes(1_000_000))
with zipfile.ZipFile("custom.keras", "w") as archive:
    archive.writestr("metadata.json", '{"keras_version": "3.5.0"}')
    archive.writestr("config.json", '{"module": "keras", "class_name": "Sequential", "config": {"layers": ['
        '{"module": "__main__", "class_name": "Mine", "config": {}, "registered_name": "Mine"}]}}')
    archive.writestr("model.weights.h5", "x")
print("done")
"""

LOOK = """\
import json, resource, sys
from pathlib import Path
from reenact.mirror.flavours import models
from reenact.record.schema import load_manifest
from reenact.store.project import Store
store = Store(Path(sys.argv[1]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
sealed = load_manifest(store.run_dir(sys.argv[2]) / "manifest.json")
found = sorted(one.output.path for one in models(store, sealed))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
imported = sorted(set(sys.modules) & {"torch", "numpy", "sklearn", "keras", "xgboost", "onnx", "joblib", "lightgbm"})
print(json.dumps([found, (after - before) // 1024, imported]))
"""

PARTS = """\
import os, sys
import numpy as np
X = np.ones((30, 1)) * np.arange(30)[:, None]
os.chdir(sys.argv[1])
import lightgbm
lightgbm.train({"verbose": -1, "min_data_in_leaf": 3}, lightgbm.Dataset(X, X[:, 0]), 2).save_model("m.txt")
import keras
keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save("m.keras")
try:
    import xgboost
    booster = xgboost.train({}, xgboost.DMatrix(X, X[:, 0]), 2)
    booster.save_model("m.json")
    booster.save_model("m.ubj")
except ImportError: pass
try:
    import onnx
    from onnx import TensorProto as T, helper
    tensor = lambda name: helper.make_tensor_value_info(name, T.FLOAT, [None])
    graph = helper.make_graph([helper.make_node("Abs", ["x"], ["y"])], "g", [tensor("x")], [tensor("y")])
    onnx.save(helper.make_model(graph), "m.onnx")
except ImportError: pass
try:
    import catboost
    model = catboost.CatBoostRegressor(iterations=2, verbose=0, allow_writing_files=False).fit(X, X[:, 0])
    model.save_model("m.cbm")
except ImportError: pass
"""


def test_what_only_looks_like_a_model_is_an_artifact(project: Path, server: Server, tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    parts.mkdir()
    env = environment({"KERAS_BACKEND": "torch"})
    subprocess.run([sys.executable, "-c", PARTS, str(parts)], env=env, check=True, timeout=180)
    (project / "train.py").write_text(f"PARTS = {str(parts)!r}\n" + LOOKALIKES)
    run = record("train.py", cwd=project, timeout=300)
    expected = sorted(path.name for path in project.glob("good*"))
    assert {"good.pkl", "good.pt", "good.txt", "good.keras", "good.onnx"} <= set(expected)
    assert "xgboost" in OPTIONAL or {"good.json", "good.ubj"} <= set(expected)
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(project), run], env=environment(), capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr
    found, megabytes, imported = json.loads(done.stdout)
    assert found == expected
    assert megabytes < 400 and imported == [] and not (project / "executed").exists()
    # And the mirror goes through without a word.
    done = mirror(project, server, run)
    assert done.returncode == 0 and "1 of 1 runs copied" in done.stderr, done.stderr
    copy = copies(server.client(), project.name)[run]
    assert len(copy.outputs.model_outputs) == len(expected)


def test_more_models_than_mlflow_lists_at_once_are_there_once(project: Path, server: Server) -> None:
    (project / "train.py").write_text(
        "import pickle\nfrom sklearn.linear_model import Ridge\nmodel = Ridge().fit([[1.0], [2.0]], [1.0, 2.0])\n"
        "for i in range(55): pickle.dump(model, open(f'{i}.pkl', 'wb'))\n"
    )
    run = record("train.py", cwd=project)
    client = server.client()
    for _ in range(2):
        done = mirror(project, server, run)
        assert done.returncode == 0 and "1 of 1 runs copied" in done.stderr, done.stderr
        copy = copies(client, project.name)[run]
        first = client.search_logged_models([copy.info.experiment_id])
        assert first.token
        second = client.search_logged_models([copy.info.experiment_id], page_token=first.token)
        assert len(first) + len(second) == 55 and not second.token
        assert len({one.tags["reenact.path"] for one in [*first, *second]}) == len(first) + len(second)
        # As if the first time had been cut short after its models.
        client.delete_tag(copy.info.run_id, "reenact.mirrored")
