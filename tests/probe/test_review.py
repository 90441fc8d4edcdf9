"""Cases in which a program once behaved otherwise than bare, or was not given its entropy back."""

from __future__ import annotations

import pytest
from probed import Recorder, journal, of_kind

AS_BARE = {
    "closed descriptors": """
import os
os.closerange(3, 4096)
files = [open(f'f{i}', 'w') for i in range(110)]
open('late.txt', 'w').write('late')
for file in files: file.close()
print([os.path.getsize(f'f{i}') for i in range(110)])
""",
    "pickled functions": """
import os, pickle, random
print(pickle.loads(pickle.dumps(os.urandom)).__name__)
import multiprocessing as mp
def work(n): return n
if __name__ == '__main__':
    with mp.get_context('spawn').Pool(1, initializer=random.seed, initargs=(0,)) as pool: print(pool.map(work, [1]))
""",
}


@pytest.mark.parametrize("name", AS_BARE)
def test_program_behaves_as_bare(recorder: Recorder, name: str) -> None:
    recorder.script(AS_BARE[name])
    bare = recorder.bare("script.py")
    assert bare.code == 0
    assert recorder.probed("script.py")[0] == bare


def test_own_module_with_the_name_of_one_of_pythons(recorder: Recorder) -> None:
    recorder.script("mine = 'yes'\n", "json.py")
    recorder.script("import json\nprint(json.mine)\n")
    bare = recorder.bare("script.py")
    assert bare.out == b"yes\n"
    assert recorder.probed("script.py")[0] == bare


FORKED = {
    "random": "import random\nshow = lambda: random.random()\n",
    "urandom": "import os\nshow = lambda: os.urandom(4)\n",
    "numpy": "import numpy\nshow = lambda: numpy.random.default_rng().random()\n",
}


@pytest.mark.parametrize("name", FORKED)
def test_forked_children_get_their_entropy_back(recorder: Recorder, name: str) -> None:
    recorder.script(
        FORKED[name] + "import os\nfor _ in range(2):\n    pid = os.fork()\n    if pid == 0:\n"
        "        print(show(), flush=True)\n        os._exit(0)\n    os.waitpid(pid, 0)\n"
    )
    first, run = recorder.probed("script.py")
    assert recorder.probed("script.py")[0].out != first.out, "the script draws nothing, so this test shows nothing"
    assert recorder.probed("script.py", replay=run)[0].out == first.out


def test_seed_that_is_no_constant_is_given_back(recorder: Recorder) -> None:
    recorder.script("import os, random\nrandom.seed(os.getpid() * 7)\nprint(random.random())\n")
    first, run = recorder.probed("script.py")
    assert recorder.probed("script.py", replay=run)[0].out == first.out


def test_second_training_thread_is_a_gap(recorder: Recorder) -> None:
    pytest.importorskip("torch")
    recorder.script(
        """
import threading, torch
barrier = threading.Barrier(2)
def train():
    layer = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    barrier.wait()
    for _ in range(5):
        layer(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        barrier.wait()
threads = [threading.Thread(target=train) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
    )
    ran, run = recorder.probed("script.py")
    assert ran.code == 0
    assert [event["id"] for event in of_kind(journal(run), "gap")] == ["threads"]
    assert of_kind(journal(run), "end")[0]["steps"] == 5


def test_compiled_model_warns_as_bare(recorder: Recorder) -> None:
    pytest.importorskip("torch")
    recorder.script(
        """
import torch
model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())
compiled = torch.compile(model, backend='eager', fullgraph=True)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
torch.manual_seed(0)
for _ in range(3):
    compiled(torch.ones(1, 2)).sum().backward()
    optimizer.step()
print(sum(p.sum().item() for p in model.parameters()).hex())
"""
    )
    bare = recorder.bare("script.py", env={"PYTHONWARNINGS": "default"})
    ran, _ = recorder.probed("script.py", env={"PYTHONWARNINGS": "default"})
    assert ran.err == bare.err
    assert ran.code == bare.code == 0


def test_relative_names_after_chdir_and_below_a_descriptor(recorder: Recorder) -> None:
    recorder.script(
        "import os, shutil\n"
        "for folder in ('a', 'b', 'stage'): os.mkdir(folder)\n"
        "for name in ('a/x', 'b/x', 'stage/keep.py', 'keep.py'): open(name, 'w').close()\n"
        "os.system('touch a/y b/y')\n"
        "for folder in ('a', '../b', '../b'):\n"
        "    os.chdir(folder)\n"
        "    open('y').close()\n"
        "os.chdir('..')\n"
        "shutil.rmtree('stage')\n"
        "fd = os.open('a', os.O_RDONLY)\n"
        "os.mkdir('made', dir_fd=fd)\n"
        "os.rename('x', 'z', src_dir_fd=fd, dst_dir_fd=fd)\n"
        "os.symlink('z', 'link', dir_fd=fd)\n"
    )
    ran, run_dir = recorder.probed("script.py")
    assert ran.code == 0, ran.err
    root = str(recorder.folder)
    events = [event for event in of_kind(journal(run_dir), "file") if event["path"].startswith(root)]
    told = [(event["op"], event["path"][len(root) + 1 :]) for event in events]
    assert [path for op, path in told if op == "r" and path.endswith("/y")] == ["a/y", "b/y"]
    assert [path for op, path in told if op == "remove"] == ["stage/keep.py"]
    assert ("mkdir", "a/made") in told and ("w", "a/link") in told
    assert [(event["path"], event["to"]) for event in events if event["op"] == "rename"] == [
        (f"{root}/a/x", f"{root}/a/z")
    ]
