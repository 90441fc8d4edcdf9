"""torch: optimizers, modules, backward, save, seeds, and what the library says of itself."""

from __future__ import annotations

import os
import sys
from _thread import get_ident
from typing import Any

from ..callsite import call_site
from ..compiled import quick
from ..entropy import Seeds, dress
from ..journal import complain
from ..reading import states_of
from ..state import Probe
from ..training import Training
from .readers import note

passed_over: list[Any] = []
"""Code that ``torch.compile`` is to leave alone and look behind, as it does with torch's own: see :mod:`.torch_dynamo`."""


def hook(probe: Probe, torch: Any) -> None:
    """Installs torch's own global hooks, and wraps the few functions that have none."""
    training = Training(probe, torch)
    probe.training = training
    probe.on_end.append(training.finish)
    probe.on_fork.append(lambda _: _forget(probe, torch))
    probe.journal.write("library", name="torch", **_about(torch))
    if probe.deterministic:
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False
    _born_random(probe, torch)
    _watch_seeds(probe, torch)
    _watch_modules(probe, torch)
    _watch_optimizers(probe, torch)
    _watch_backward(probe, torch)
    _watch_files(probe, torch)
    _watch_hazards(probe, torch)
    _watch_exit(probe)


def _forget(probe: Probe, torch: Any) -> None:
    """A forked child trains, if at all, on its own."""
    probe.training.__init__(probe, torch)


def _busy_elsewhere(torch: Any) -> Any:
    """A function that says whether torch is tracing, transforming or dispatching to a mode: then nothing is observed."""
    tracing, depth, interpreter = states_of(torch)

    def busy() -> bool:
        return tracing() is not None or depth() > 0 or interpreter() is not None

    return busy


def _compiling(torch: Any) -> Any:
    """A function that torch.compile takes for True while it traces; called at every step, so the shortest there is."""
    compiler = getattr(torch, "compiler", None)
    return getattr(compiler, "is_dynamo_compiling", None) or (lambda: False)


def _watch_modules(probe: Probe, torch: Any) -> None:
    """Root modules only; calls inside another module's forward pass through.

    ``Module.__call__`` is wrapped, not hooked: as soon as there is one global hook, torch takes every submodule of every
    model through its long path, which costs some microseconds for each.
    """
    busy = _busy_elsewhere(torch)
    training = probe.training
    quick_returned = quick("returned")
    depth = [0]
    call = torch.nn.Module.__call__

    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        if depth[0] or training.thread != get_ident():
            return call(self, *args, **kwargs)
        depth[0] = 1
        try:
            output = call(self, *args, **kwargs)
        finally:
            depth[0] = 0
        try:
            if quick_returned(self, args, kwargs, output):
                return output
            known = training.model(self)
            if known is not None and not busy() and not in_worker():
                training.forward(known, self, args, kwargs, output)
        except Exception as problem:
            failed(probe, "forward", problem)
        return output

    dress(__call__, call)
    torch.nn.Module.__call__ = __call__
    passed_over.append(__call__.__code__)


def in_worker() -> bool:
    """True in a worker process of a DataLoader."""
    data = sys.modules.get("torch.utils.data._utils.worker")
    return data is not None and data._worker_info is not None


def _watch_optimizers(probe: Probe, torch: Any) -> None:
    """Every ``torch.optim.Optimizer``; a step inside a step (``super().step()``) counts once."""
    from_optimizer = sys.modules["torch.optim.optimizer"]
    is_compiling = _compiling(torch)
    training = probe.training
    quick_before, quick_after = quick("before_step"), quick("after_step")
    first = [True]

    def before(optimizer: Any, args: Any, kwargs: Any) -> None:
        if is_compiling():
            return
        try:
            if quick_before(optimizer) or not training.claim():
                return
            training.take_back()
            inside = training.inside
            if inside:
                # One that ended with an exception was never left.
                del inside[_depth(sys._getframe(1)) - 1 :]
            inside.append(id(optimizer))
            if len(inside) == 1:
                training.before_step(optimizer)
        except Exception as problem:
            failed(probe, "step", problem)

    def after(optimizer: Any, args: Any, kwargs: Any) -> None:
        if is_compiling():
            return
        try:
            if quick_after(optimizer) or training.thread != get_ident():
                return
            training.take_back()
            inside = training.inside
            if inside:
                inside.pop()
            if id(optimizer) in inside:
                return
            inside.clear()
            training.stepped(optimizer)
            if first[0]:
                first[0] = False
                probe.journal.write("library", name="torch", **_settings(torch))
        except Exception as problem:
            failed(probe, "step", problem)

    if not hasattr(from_optimizer, "register_optimizer_step_post_hook"):
        probe.journal.gap(
            "torch-version", f"torch {torch.__version__} has no global optimizer hooks: steps were not traced"
        )
        return
    from_optimizer.register_optimizer_step_pre_hook(before)
    from_optimizer.register_optimizer_step_post_hook(after)

    make = torch.optim.Optimizer.__init__

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        probe.training.has_optimizer = True
        make(self, *args, **kwargs)

    dress(__init__, make)
    torch.optim.Optimizer.__init__ = __init__

    def __del__(self: Any) -> None:
        try:
            if probe.training.mine() and not sys.is_finalizing():
                probe.training.leaving(self)
        except Exception as problem:
            complain("optimizer", problem)

    if not hasattr(torch.optim.Optimizer, "__del__"):
        torch.optim.Optimizer.__del__ = __del__


def _depth(frame: Any) -> int:
    """How many calls of a frame's function are on the stack, its own among them."""
    code, count = frame.f_code, 0
    while frame is not None:
        count += frame.f_code is code
        frame = frame.f_back
    return count


def _watch_backward(probe: Probe, torch: Any) -> None:
    original = torch.autograd.backward
    is_compiling = _compiling(torch)
    busy = _busy_elsewhere(torch)
    training = probe.training
    quick_backward = quick("backward")

    def backward(tensors: Any, *args: Any, **kwargs: Any) -> None:
        if not is_compiling():
            try:
                if not quick_backward(tensors) and not busy() and training.claim():
                    training.backward(tensors)
            except Exception as problem:
                failed(probe, "backward", problem)
        return original(tensors, *args, **kwargs)

    dress(backward, original)
    torch.autograd.backward = backward


def _watch_files(probe: Probe, torch: Any) -> None:
    """``torch.save`` writes from C++; so do ``torch.jit.save`` and the memory maps of ``torch.from_file``."""
    original = torch.save

    def save(obj: Any, f: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            named = isinstance(f, (str, bytes, os.PathLike))
            if named:
                note(f, "w", "torch.save")
            if probe.training.mine() and not in_worker():
                path = os.path.abspath(os.fsdecode(f)) if named else getattr(f, "name", None)
                path = path if isinstance(path, str) else ""
                probe.training.saved("torch.save", path, obj, call_site())
        except Exception as problem:
            complain("save", problem)
        return original(obj, f, *args, **kwargs)

    dress(save, original)
    torch.save = save
    torch.serialization.save = save
    original_map = getattr(torch, "from_file", None)
    if original_map is not None:

        def from_file(filename: Any, shared: Any = None, *args: Any, **kwargs: Any) -> Any:
            note(filename, "u" if shared else "r", "torch.from_file")
            return original_map(filename, shared, *args, **kwargs)

        dress(from_file, original_map)
        torch.from_file = from_file


def _born_random(probe: Probe, torch: Any) -> None:
    """torch seeds its generators from the operating system when it is imported, and a GPU's when that is first used."""

    def started(what: str, generator: Any, seed: int) -> None:
        owner = probe.owner()
        n = owner.next_number("state." + what)
        if owner.given is not None:
            before = owner.given.state(what, n)
            if before is not None:
                seed = int(before)
                generator.manual_seed(seed)
        owner.journal.write("state", what=what, n=n, data=str(seed), site="")

    def devices() -> None:
        try:
            for index, generator in enumerate(torch.cuda.default_generators):
                started(f"torch.cuda:{index}", generator, generator.initial_seed())
        except Exception as problem:
            failed(probe, "cuda-seed", problem)

    started("torch", torch.default_generator, torch.initial_seed())
    later = getattr(torch.cuda, "_lazy_call", None)
    if later is not None and not torch.cuda.is_initialized():
        later(devices)


def _watch_seeds(probe: Probe, torch: Any) -> None:
    seeds = Seeds(probe, "torch")
    manual = seeds.wrap(torch.manual_seed, "manual_seed")
    torch.manual_seed = torch.random.manual_seed = manual
    original = torch.seed

    def seed() -> int:
        value = int(original())
        try:
            n = probe.next_number("torch.seed")
            if probe.given is not None:
                before = probe.given.seed("torch", "seed", n)
                if before is not None:
                    value = before["value"]
                    torch.default_generator.manual_seed(value)
            probe.journal.write("seed", lib="torch", fn="seed", value=value, site=call_site(), origin="none", n=n)
        except Exception as problem:
            complain("seed", problem)
        return value

    dress(seed, original)
    torch.seed = torch.random.seed = seed


def _watch_hazards(probe: Probe, torch: Any) -> None:
    """What is known to make runs differ: noted where the program asks for it."""
    for owner, name, hazard, detail in (
        (torch, "compile", "torch-compile", "torch.compile was used"),
        (torch.nn.Module, "share_memory", "shared-memory", "a model was put into memory that processes share"),
    ):
        original = getattr(owner, name, None)
        if original is not None:
            setattr(owner, name, _noting(probe, original, hazard, detail))


def _watch_exit(probe: Probe) -> None:
    """``os._exit`` skips ``atexit``: the last steps are written before it."""
    original = os._exit

    def _exit(status: int) -> None:
        try:
            probe.trace.flush()
        except Exception as problem:
            complain("exit", problem)
        original(status)

    dress(_exit, original)
    os._exit = _exit  # type: ignore[assignment]


def _noting(probe: Probe, original: Any, hazard: str, detail: str) -> Any:
    def noting(*args: Any, **kwargs: Any) -> Any:
        try:
            probe.journal.write("hazard", id=hazard, detail=detail, site=call_site())
        except Exception as problem:
            complain(hazard, problem)
        return original(*args, **kwargs)

    dress(noting, original)
    return noting


def failed(probe: Probe, where: str, problem: Exception) -> None:
    """A hook failed: said once in the record, and nothing else happens."""
    complain(where, problem)
    probe.journal.gap("trace-" + where, f"an event could not be fingerprinted: {type(problem).__name__}: {problem}")


def _about(torch: Any) -> dict[str, Any]:
    """What the library is: version, build, CPU capability."""
    about: dict[str, Any] = {"version": str(torch.__version__)}
    for name, read in (
        ("config", lambda: torch.__config__.show()),
        ("parallel_info", lambda: torch.__config__.parallel_info()),
        ("cpu_capability", lambda: torch.backends.cpu.get_cpu_capability()),
        ("cuda", lambda: torch.version.cuda),
        ("hip", lambda: torch.version.hip),
        ("git", lambda: torch.version.git_version),
    ):
        try:
            about[name] = read()
        except Exception:
            about[name] = None
    return about


def _settings(torch: Any) -> dict[str, Any]:
    """The settings in force at the first step that change bits."""
    cuda = torch.backends.cuda
    cudnn = torch.backends.cudnn
    found: dict[str, Any] = {"version": str(torch.__version__)}
    for name, read in (
        ("threads", lambda: torch.get_num_threads()),
        ("interop_threads", lambda: torch.get_num_interop_threads()),
        ("deterministic", lambda: torch.are_deterministic_algorithms_enabled()),
        ("matmul_precision", lambda: torch.get_float32_matmul_precision()),
        ("default_dtype", lambda: str(torch.get_default_dtype())),
        ("allow_tf32_matmul", lambda: cuda.matmul.allow_tf32),
        ("allow_tf32_cudnn", lambda: cudnn.allow_tf32),
        ("cudnn_benchmark", lambda: cudnn.benchmark),
        ("cudnn_deterministic", lambda: cudnn.deterministic),
        ("mkldnn", lambda: torch.backends.mkldnn.enabled),
    ):
        try:
            found[name] = read()
        except Exception:
            found[name] = None
    if torch.cuda.is_initialized():
        found["cudnn"] = cudnn.version()
        found["devices"] = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return found
