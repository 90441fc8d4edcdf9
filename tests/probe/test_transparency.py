"""Watch, don't touch: a probed program behaves as it does bare."""

from __future__ import annotations

import pytest
from probed import Recorder, journal, of_kind

PLAIN = {
    "argv and path": """
import sys, os
print(sys.argv, sys.path, sys.flags, __name__, __file__)
print(sorted(os.environ))
print('sitecustomize' in sys.modules, sorted(m for m in sys.modules if 'reenact' in m and not m.startswith('_reenact')))
""",
    "exit code": "import sys\nprint('x')\nsys.exit(3)\n",
    "exit message": "raise SystemExit('a message')\n",
    "exception": "def f(x):\n    return 1 / x\n\nf(0)\n",
    "chained exception": "try:\n    {}['a']\nexcept KeyError as e:\n    raise ValueError('b') from e\n",
    "missing child program": "import subprocess\nsubprocess.run(['/nonexistent/program'])\n",
    "urandom of a bad size": "import os\nos.urandom(-1)\n",
    "os._exit": "import os, sys\nprint('x')\nsys.stdout.flush()\nos._exit(4)\n",
    "abort": "import os\nos.abort()\n",
    "killed": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n",
    "terminated": "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n",
    "interrupted": "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(5)\n",
    "handled signal": """
import os, signal, sys
signal.signal(signal.SIGTERM, lambda n, f: (print('cleanup'), sys.exit(9)))
os.kill(os.getpid(), signal.SIGTERM)
""",
    "chdir": "import os\nos.mkdir('d') if not os.path.isdir('d') else None\nos.chdir('d')\nprint(os.getcwd())\nopen('f', 'w').write('x')\n",
    "random": """
import random, os
random.seed(5)
print([random.random() for _ in range(5)], random.Random(3).random(), random.getstate()[1][:3])
print(len(os.urandom(4)), os.urandom.__name__, random.seed.__name__)
""",
    "pickled main class": """
import pickle
class Point:
    def __init__(self, x): self.x = x
    def __reduce__(self): return Point, (self.x,)
print(pickle.dumps(Point(3)), pickle.loads(pickle.dumps(Point(3))).x, Point.__module__)
""",
    "fork": """
import os, sys
pid = os.fork()
if pid == 0:
    print('child', flush=True)
    os._exit(2)
print('status', os.waitpid(pid, 0)[1])
""",
    "multiprocessing fork": """
import multiprocessing as mp
def work(n): return n * n
if __name__ == '__main__':
    with mp.get_context('fork').Pool(2) as pool: print(pool.map(work, range(5)))
""",
    "multiprocessing spawn": """
import multiprocessing as mp, os, sys
def work(n): return n * n, 'REENACT_PROBE' in os.environ, os.environ.get('PYTHONPATH')
if __name__ == '__main__':
    with mp.get_context('spawn').Pool(1) as pool: print(pool.map(work, range(3)), sys.path[0])
""",
    "subprocess": """
import subprocess, sys, os
show = "import os, sys; print(sorted(k for k in os.environ), sys.argv)"
print(subprocess.run([sys.executable, '-c', show, 'a'], capture_output=True).stdout)
print(subprocess.run([sys.executable, '-c', show, 'b'], env=dict(os.environ, X='1'), capture_output=True).stdout)
print(subprocess.run([sys.executable, '-c', show], env={'PATH': os.environ['PATH']}, capture_output=True).stdout)
os.system(f'"{sys.executable}" -c "print(5)"')
""",
    "import of a missing module": "import importlib.util\nprint(importlib.util.find_spec('nothing_here'))\nimport nothing_here\n",
    "stdin": "import sys\nprint(sys.stdin.read()[::-1])\n",
    "descriptors": "import os\nprint(os.open('/dev/null', os.O_RDONLY), open('/dev/null').fileno())\n",
    "threads": "import threading\nt = threading.Thread(target=lambda: print('t', threading.active_count()))\nt.start()\nt.join()\n",
    "environment changes": """
import os
print(os.environ.pop('PYTHONPATH', None), 'PYTHONPATH' in os.environ)
os.environ['PYTHONPATH'] = '/x'
print(os.environ['PYTHONPATH'])
""",
    "warning": "import warnings\nwarnings.warn('w')\nimport random\nrandom.seed(1.5)\n",
    "syntax error": "print('a'\n",
}


@pytest.mark.parametrize("name", PLAIN)
def test_program_behaves_as_bare(recorder: Recorder, name: str) -> None:
    recorder.script(PLAIN[name])
    bare = recorder.bare("script.py", "--a", "b c", stdin=b"hello")
    ran, run_dir = recorder.probed("script.py", "--a", "b c", stdin=b"hello")
    assert ran == bare
    if name != "syntax error":
        assert of_kind(journal(run_dir), "start"), "the probe did not run, so this test showed nothing"


def test_module_runs_as_bare(recorder: Recorder) -> None:
    recorder.script("import sys\nprint(sys.argv, __name__, __spec__.name, sys.path[0])\n", "pkg/mod.py")
    recorder.script("", "pkg/__init__.py")
    assert recorder.probed("-m", "pkg.mod", "1")[0] == recorder.bare("-m", "pkg.mod", "1")


def test_own_sitecustomize_runs(recorder: Recorder) -> None:
    recorder.script("import sys\nsys.from_site = 'yes'\nprint('site', __file__, __name__)\n", "lib/sitecustomize.py")
    recorder.script(
        "import sys, sitecustomize\nprint(sys.from_site, sitecustomize.__file__, sitecustomize.__spec__.name)\n"
    )
    env = {"PYTHONPATH": str(recorder.folder / "lib")}
    ran = recorder.probed("script.py", env=env)[0]
    assert b"yes" in ran.out
    assert ran == recorder.bare("script.py", env=env)


def test_broken_sitecustomize_is_reported_as_bare(recorder: Recorder) -> None:
    recorder.script("import sys\nraise RuntimeError('broken')\n", "lib/sitecustomize.py")
    recorder.script("print('goes on')\n")
    env = {"PYTHONPATH": str(recorder.folder / "lib")}
    ran, bare = recorder.probed("script.py", env=env)[0], recorder.bare("script.py", env=env)
    assert (ran.code, ran.out) == (bare.code, bare.out)
    assert b"RuntimeError: broken" in ran.err


def test_isolated_interpreter_leaves_no_start(recorder: Recorder) -> None:
    recorder.script("print(1)\n")
    ran, run_dir = recorder.probed("-I", "script.py")
    assert ran.out == b"1\n"
    assert not (run_dir / "journal").exists()


TORCH = {
    "training": """
import torch
from torch import nn
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 4), nn.Tanh(), nn.Linear(4, 1))
opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for step in range(40):
    x = torch.randn(16, 8)
    loss = model(x).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
print(loss.item().hex(), torch.get_rng_state().sum())
torch.save(model.state_dict(), 'w.pt')
import hashlib
print(hashlib.sha256(open('w.pt', 'rb').read()).hexdigest())
""",
    "error in forward": """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(8, 4))
    def forward(self, x):
        return self.inner(x)
Net()(torch.zeros(2, 3))
""",
    "error in backward": "import torch\ntorch.zeros(3).sum().backward()\n",
    "error in a data set": """
import torch
from torch.utils.data import DataLoader
class Set(torch.utils.data.Dataset):
    def __len__(self): return 4
    def __getitem__(self, i): return [][i]
for batch in DataLoader(Set()): pass
""",
    "error in save": "import torch\ntorch.save({}, '/nonexistent/folder/x.pt')\n",
    "spawned training": """
import torch, torch.multiprocessing as mp
def work(rank):
    torch.manual_seed(rank)
    layer = torch.nn.Linear(3, 1)
    opt = torch.optim.SGD(layer.parameters(), lr=0.1)
    layer(torch.ones(2, 3)).sum().backward()
    opt.step()
    print(rank, layer.weight.sum().item(), flush=True)
if __name__ == '__main__':
    mp.spawn(work, nprocs=1)
""",
    "workers": """
import torch
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(1)
for n in (0, 2):
    loader = DataLoader(TensorDataset(torch.arange(20.)), batch_size=4, shuffle=True, num_workers=n)
    print([b[0].tolist() for b in loader], torch.initial_seed())
""",
}


@pytest.mark.parametrize("name", TORCH)
def test_torch_program_behaves_as_bare(recorder: Recorder, name: str) -> None:
    pytest.importorskip("torch")
    recorder.script(TORCH[name])
    bare = recorder.bare("script.py")
    ran, run_dir = recorder.probed("script.py")
    assert ran == bare
    assert not of_kind(journal(run_dir), "gap")
