"""The training loop as the probe sees it: batches, forward passes, losses, optimizer steps, turned into trace events.

Every public method is called from a hook of the framework. None raises, none draws a random number, none waits for a device.
"""

from __future__ import annotations

import sys
import weakref
from _thread import get_ident
from time import perf_counter
from typing import Any

from ..fingerprint.tensors import TensorHasher, Unhashable
from ..fingerprint.values import ValueHasher
from . import compiled, reading
from . import schedule as when
from .device import Fetched, Mailbox, Pending
from .journal import complain
from .leaves import leaves
from .state import Probe
from .trace import INTERVAL
from .traceformat import BATCH, GRAD, HYPER, INIT, LOSS, NOGRAD, OUT, PARAM, RAW, RNG, SAVE

EVALUATIONS = 16
"""Forward passes without gradient that are recorded within one step; of later ones those at powers of two."""

OPTIMIZERS = 16
"""Optimizers whose last step is sampled when they are collected; a program that makes one in every round has many."""

FUTILE = 8
"""Times that nothing was written by ``steps.c`` before Python had to, after which it is tried once in so many steps."""

WARM = 4
"""Steps left out when the time of a step is measured."""


class Training:
    """State of the training loop in one process.

    Args:
        probe: this process's probe.
        torch: the torch module that the program imported.
    """

    def __init__(self, probe: Probe, torch: Any) -> None:
        self._probe = probe
        self._torch = torch
        self._trace = probe.trace
        self._hasher = TensorHasher(torch)
        self._tensor = torch.Tensor
        self._grad_enabled = torch.is_grad_enabled
        self._mailbox: Mailbox | None = None
        recorded = probe.given.schedule if probe.given is not None else []
        self._schedule = when.Schedule(recorded, probe.settings.get("window"))
        self.thread = get_ident()
        """The thread whose training is traced: the one that imported torch, until another trains first."""
        self.inside: list[int] = []
        """Optimizers that are in their step: one may call another's, or its own again."""
        self.quick = self._set_up_quick()
        """``steps.c``, or None."""
        self._handed_over = -1
        """The step from which ``steps.c`` has been writing, or -1."""
        self._futile = 0
        self._trained = False
        self.steps = 0
        """Optimizer steps completed."""
        self.has_optimizer = False
        """An optimizer has been made: its steps are the steps. Without one, each backward pass is one."""
        self._passed = False
        self._begun = False
        self._loaded: list[tuple[Any, int, int, int]] = []
        """Tensors that the loader handed over, not kept alive: weak reference, address, elements, version."""
        self._models: dict[int, Any] = {}
        self._names: dict[int, tuple[Any, str]] = {}
        self._optimizers: dict[int, Any] = {}
        self._hyper: dict[int, Any] = {}
        self._evaluations = 0
        self._finals: dict[int, list[Any]] = {}
        self._last_whole: dict[int, int] = {}
        self._last_step: dict[int, int] = {}
        self._unused: list[tuple[Any, int, int]] = []
        self._joint_cost = 0.0
        self._periods: list[float] = []
        self._spent = 0.0
        self._since = 0.0
        self.opaque: set[str] = set()

    def go_on(self, before: dict[str, Any]) -> None:
        """Goes on where it was when these were its attributes."""
        self.__dict__.update(before)
        self.quick = self._set_up_quick()

    def mine(self) -> bool:
        """True on the thread whose training is traced."""
        return self.thread == get_ident()

    def claim(self) -> bool:
        """Called where a thread trains. True when it is the traced one, or becomes it; a second one is a gap."""
        here = get_ident()
        if here == self.thread:
            self._trained = True
            return True
        if not self._trained or self.thread not in sys._current_frames():
            self.take_back()
            self.thread, self._trained = here, True
            if self.quick is not None:
                self.quick.set_thread(here)
            return True
        self._probe.journal.gap("threads", "several threads train at once; the first one alone was traced", True)
        return False

    def step_now(self) -> int:
        """The step that an event belongs to: -1 before training has begun."""
        self.take_back()
        return self.steps if self._begun else -1

    def _value(self, parts: list[tuple[Any, Any]]) -> Any:
        """An event's value from its parts: themselves where they are all known, else something that will know."""
        for number, _ in parts:
            if type(number) is not int:
                if number.device.type != "cuda":
                    return Fetched(parts)
                if self._mailbox is None:
                    self._mailbox = Mailbox(self._torch)
                return Pending(self._mailbox, parts)
        return parts

    def _emit(
        self, kind: int, label: str, found: list[tuple[str, Any]], step: int, whole: bool, flags: int = 0
    ) -> None:
        """Emits one event for each tensor, or one joint event for all of them."""
        if not whole and len(found) > 1:
            self._emit_joint(kind, label, [tensor for _, tensor in found], step, flags)
            return
        value_of = self._hasher.value
        for name, tensor in found:
            try:
                value = value_of(tensor)
            except Unhashable:
                continue
            if type(value) is not int:
                value = self._value(value)
            self._trace.emit(kind, label + name, tensor.dtype, tensor.shape, step, value, flags)

    def _emit_joint(self, kind: int, label: str, tensors: list[Any], step: int, flags: int) -> None:
        parts = self._hasher.joint(tensors)
        if parts:
            self._trace.emit(kind, f"{label} ({len(tensors)} tensors)", None, None, step, self._value(parts), flags)

    # -- steps.c ---------------------------------------------------------------------------------------------------

    def _set_up_quick(self) -> Any:
        """``steps.c``, or None where it was not built or torch cannot show it its tensors."""
        quick, torch, trace = compiled.steps(), self._torch, self._trace
        look = getattr(self._tensor, "__dlpack_c_exchange_api__", None)
        if quick is None or look is None:
            return None
        try:
            reads = *reading.states_of(torch), self._grad_enabled, self._tensor.is_neg
            quick.set_up(self.thread, INTERVAL, self._tensor, torch.nn.Parameter, look, *reads, trace.row, trace.flush)
        except Exception as problem:
            complain("steps", problem)
            return None
        trace.drain, trace.before_event = quick.drain, None
        return quick

    def _hand_over(self) -> None:
        """Lets ``steps.c`` write, until something comes that is for Python to do; not where that was soon, time after time."""
        if self.quick is None or self._unused or not self.has_optimizer or when.always(self.steps):
            return
        if self._futile > FUTILE and self.steps % FUTILE:
            return
        self._trace.name_queued()
        self.quick.arm(self.steps, *self._schedule.following(self.steps), self._loaded)
        self._trace.before_event = self.take_back
        self._handed_over = self.steps

    def take_back(self) -> None:
        """Python writes from here on: what ``steps.c`` has written and learned is taken over."""
        if self._handed_over < 0:
            return
        began, self._handed_over = self._handed_over, -1
        self._trace.before_event = None
        self.steps, self._loaded, last, stepping = self.quick.take()
        self._last_step.update(last)
        if stepping:
            self.inside[:] = [stepping]
        if self.steps > began:
            self._evaluations = 0
        wrote = self._trace.take_in() or self.steps > began
        self._futile = 0 if wrote else self._futile + 1

    # -- events ----------------------------------------------------------------------------------------------------

    def loaded(self, batch: Any) -> None:
        """A DataLoader has handed over a batch."""
        began = perf_counter()
        self.take_back()
        self._begun = True
        if self._passed:
            self._end_pass()
        found = leaves(batch, self._tensor)
        if found:
            self._emit(BATCH, "loader", found, self.steps, when.always(self.steps))
            self._loaded = [(weakref.ref(t), t.data_ptr(), t.numel(), reading.version_of(t)) for _, t in found]
        elif batch is not None:
            hasher = self.value_hasher()
            self._trace.emit(BATCH, "loader", type(batch).__name__, None, self.steps, hasher.fingerprint(batch))
            for name in hasher.opaque:
                self._probe.journal.gap("opaque-batch", f"the loader hands over {name}, whose content cannot be seen")
        self._spent += perf_counter() - began

    def model(self, module: Any) -> Any:
        """What is known of a root module that has parameters; None for others: criteria, transforms."""
        known = self._models.get(id(module))
        if known is None or known[0]() is not module:
            known = self._meet_model(module)
        return known if known[1] else None

    def forward(self, known: Any, module: Any, args: Any, kwargs: Any, output: Any) -> None:
        """A root module has returned; ``known`` is what :meth:`model` says of it."""
        began = perf_counter()
        self.take_back()
        training = self._grad_enabled()
        if training:
            if not known[2]:
                known[2] = True
                self._born(module)
            if self.quick is not None:
                self.quick.meet(module, known[0], True)
            self._begun = True
            if self._passed:
                self._end_pass()
            flags = 0
        else:
            count = self._evaluations
            self._evaluations += 1
            if count >= EVALUATIONS and count & (count - 1):
                return
            flags = NOGRAD
        sampled = bool(self._unused)
        if sampled:
            self._use_params()
        whole = when.always(self.steps)
        step = self.steps if self._begun else -1
        inputs = leaves((args, kwargs) if kwargs else args, self._tensor)
        if self._loaded:
            inputs = [pair for pair in inputs if not self._is_loaded(pair[1])]
        if inputs:
            self._emit(BATCH, "input", inputs, step, whole, flags)
        self._emit(OUT, "out", leaves(output, self._tensor), step, whole, flags)
        now = perf_counter()
        self._spent += now - began
        if not training:
            self._trace.tick(now)
        elif sampled:
            self._hand_over()

    def backward(self, tensors: Any) -> None:
        """``backward`` is about to run from these tensors: the loss."""
        began = perf_counter()
        self.take_back()
        self._begun = True
        if self._passed:
            self._end_pass()
        self._passed = True
        if self._unused:
            self._use_params()
        for index, tensor in enumerate([tensors] if isinstance(tensors, self._tensor) else list(tensors)):
            name = f"loss[{index}]" if index else "loss"
            if tensor.numel() != 1 or not tensor.is_floating_point():
                self._emit(LOSS, name, [("", tensor)], self.steps, True)
                continue
            value: Any
            if tensor.is_cpu:
                value = tensor.item()
            else:
                bits = tensor.detach().reshape(()).double().view(self._torch.int64)
                value = self._value([(bits, None)])
            self._trace.emit(LOSS, name, tensor.dtype, tensor.shape, self.steps, value, RAW)
        self._spent += perf_counter() - began

    def stepped(self, optimizer: Any) -> None:
        """An optimizer has made a step."""
        began = perf_counter()
        self.take_back()
        self._begun = True
        step = self.steps
        key = id(optimizer)
        if key not in self._optimizers or self._optimizers[key]() is not optimizer:
            self._meet(optimizer)
        groups = optimizer.param_groups
        self._note_hyper(optimizer, groups, step)
        how = self._schedule.at(step)
        if how != when.NONE:
            self._sample(GRAD, groups, step, how)
            self._unused.append((weakref.ref(optimizer), step, how))
            if step == when.FIRST - 1:
                self._joint_cost = reading.cost_of(self._hasher, reading.tensors_of(GRAD, groups))
        self._last_step[key] = step
        self.steps = step + 1
        self._evaluations = 0
        now = perf_counter()
        if step < when.FIRST:
            self._measure(step, began, now)
        self._spent += now - began
        self._trace.tick(now)
        self._hand_over()

    def saved(self, what: str, path: str, value: Any, site: str) -> None:
        """Something is about to be saved; its content and the generators' states are fingerprinted."""
        self.take_back()
        self._use_params()
        self._trace.flush()
        hasher = self.value_hasher()
        found = hasher.fingerprint(value)
        self.opaque |= hasher.opaque
        self._trace.emit(SAVE, what, None, None, self.step_now(), found)
        self.generators()
        self._trace.flush()
        self._probe.journal.write("save", path=path, step=self.step_now(), site=site, what=what, fp=f"{found:016x}")

    def generators(self) -> None:
        """Fingerprints the states of the random generators that the program has imported."""
        step = self.step_now()
        for name, fingerprint in reading.generator_states(self._torch, self._hasher.fingerprint):
            self._trace.emit(RNG, name, None, None, step, fingerprint)

    def value_hasher(self) -> ValueHasher:
        """A hasher of nested values that knows torch's tensors."""
        return ValueHasher(self._hasher.fingerprint)

    # -- parts -----------------------------------------------------------------------------------------------------

    def _end_pass(self) -> None:
        """Where parameters are updated by hand, what follows a backward pass belongs to the next step."""
        self._passed = False
        if not self.has_optimizer:
            self.steps += 1
            self._evaluations = 0
            self._trace.tick(perf_counter())

    def _is_loaded(self, tensor: Any) -> bool:
        """True when the loader's batch holds the same bytes: the same memory, not written since. No need to write them twice."""
        for reference, address, numel, version in self._loaded:
            same = reference()
            if tensor is same or (same is not None and tensor.data_ptr() == address):
                return bool(
                    tensor.numel() == numel and reading.version_of(tensor) == version and tensor.is_contiguous()
                )
        return False

    def _meet_model(self, module: Any) -> list[Any]:
        """[weak reference, has parameters, has been seen to train]"""
        key = id(module)
        trains = next(iter(module.parameters()), None) is not None
        known = self._models[key] = [weakref.ref(module, reading.forget(self._models, key)), trains, False]
        if not trains and self.quick is not None:
            self.quick.meet(module, known[0], False)
        return known

    def _born(self, module: Any) -> None:
        """Fingerprints a model's parameters and buffers before its first step."""
        found = []
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            key = id(tensor)
            if key not in self._names or self._names[key][0]() is not tensor:
                self._names[key] = (weakref.ref(tensor, reading.forget(self._names, key)), name)
            if not reading.uninitialized(tensor):
                found.append((name, tensor))
        self._emit(INIT, "", found, -1 if self.steps == 0 else self.steps, True)

    def before_step(self, optimizer: Any) -> None:
        """An optimizer is about to make a step: parameters of no module that was called are fingerprinted now."""
        self.take_back()
        if self._unused:
            self._use_params()
        known = self._optimizers.get(id(optimizer))
        if known is not None and known() is optimizer:
            return
        self._meet(optimizer)
        fresh = [pair for pair in self._parameters(optimizer.param_groups) if id(pair[1]) not in self._names]
        if fresh:
            self._emit(INIT, "", fresh, -1 if self.steps == 0 else self.steps, True)

    def _meet(self, optimizer: Any) -> None:
        self._optimizers[id(optimizer)] = weakref.ref(optimizer)
        self._hyper.pop(id(optimizer), None)

    def _parameters(self, groups: Any) -> list[tuple[str, Any]]:
        found = []
        for number, group in enumerate(groups):
            for index, param in enumerate(group["params"]):
                entry = self._names.get(id(param))
                name = entry[1] if entry is not None and entry[0]() is param else f"group{number}.{index}"
                found.append((name, param))
        return found

    def _note_hyper(self, optimizer: Any, groups: Any, step: int) -> None:
        """Records the settings of an optimizer when they are new or have changed."""
        before = self._hyper.get(id(optimizer))
        if before is not None and len(before) == len(groups):
            try:
                for group, (size, values_of, values) in zip(groups, before):
                    if len(group) != size or values_of(group) != values:
                        break
                else:
                    return
            except (RuntimeError, KeyError):
                pass
        settings = self._hyper[id(optimizer)] = [reading.settings_of(group) for group in groups]
        if self.quick is not None:
            self.quick.meet(optimizer, self._optimizers[id(optimizer)], settings)
        named = [{name: value for name, value in group.items() if name != "params"} for group in groups]
        name = type(optimizer).__name__
        self._trace.emit(HYPER, name, None, None, step, self.value_hasher().fingerprint(named))
        shown = [{key: reading.readable(value) for key, value in group.items()} for group in named]
        self._probe.journal.write("hyper", step=step, optimizer=name, name=name, values=shown)

    def _grads(self, groups: Any) -> list[tuple[str, Any]]:
        return [(name, p.grad) for name, p in self._parameters(groups) if p.grad is not None]

    def _sample(self, kind: int, groups: Any, step: int, how: int) -> None:
        """Fingerprints all gradients or parameters, together or each for itself."""
        if how & when.JOINT:
            found = reading.tensors_of(kind, groups)
            if len(found) > 1:
                self._emit_joint(kind, "", found, step, 0)
            else:
                how = when.WHOLE
        if how & when.WHOLE:
            self._emit(kind, "", self._grads(groups) if kind == GRAD else self._parameters(groups), step, True)

    def _use_params(self) -> None:
        """Fingerprints what sampled steps left in the parameters, when they are next used: with all that came after."""
        while self._unused:
            reference, step, how = self._unused.pop(0)
            optimizer = reference()
            if optimizer is not None:
                self._sample(PARAM, optimizer.param_groups, step, how)
                if how & when.WHOLE:
                    self._last_whole[id(optimizer)] = step

    def _measure(self, step: int, began: float, now: float) -> None:
        """Learns what a step takes and what watching it costs; chooses the stride at the end of the first steps."""
        if self._since and step >= WARM:
            spent = self._spent + now - began
            self._periods.append(max(now - self._since - spent, 1e-6))
        self._since = now
        self._spent = -(now - began)
        if step == when.FIRST - 1 and self._periods:
            period = sorted(self._periods)[len(self._periods) // 2]
            chosen = self._schedule.choose(when.FIRST, 2 * self._joint_cost, period)
            if chosen is not None:
                self._probe.journal.write("schedule", **{"from": when.FIRST, "stride": chosen})
            for first, stride in self._schedule.pending():
                self._probe.journal.write("schedule", **{"from": first, "stride": stride})

    # -- the end ---------------------------------------------------------------------------------------------------

    def leaving(self, optimizer: Any) -> None:
        """An optimizer is being collected: its parameters are still alive, and its last step may not be sampled."""
        self.take_back()
        key = id(optimizer)
        last = self._last_step.pop(key, None)
        sampled = [one for one in self._unused if one[0]() is optimizer and one[2] & when.WHOLE]
        self._unused = [one for one in self._unused if one[0]() is not optimizer]
        self._optimizers.pop(key, None)
        self._hyper.pop(key, None)
        if last is None or self._last_whole.pop(key, None) == last or len(self._finals) >= OPTIMIZERS:
            return
        groups = optimizer.param_groups
        found = [(PARAM, name, param) for name, param in self._parameters(groups)]
        if not sampled:
            found = [(GRAD, name, grad) for name, grad in self._grads(groups)] + found
        parts = []
        for kind, name, tensor in found:
            try:
                value = self._hasher.value(tensor)
            except Unhashable:
                continue
            parts.append((kind, name, tensor.dtype, tensor.shape, value if type(value) is int else self._value(value)))
        self._finals[len(self._finals)] = [last, parts]

    def finish(self, probe: Probe) -> dict[str, Any]:
        """Samples the last step of every optimizer, writes what is still queued, and gives the end event's fields."""
        self.take_back()
        for reference in list(self._optimizers.values()):
            optimizer = reference()
            if optimizer is not None:
                self.leaving(optimizer)
        for last, parts in self._finals.values():
            for kind, name, dtype, shape, value in parts:
                self._trace.emit(kind, name, dtype, shape, last, value)
        if self._passed:
            self._end_pass()
        self._trace.flush(wait=True)
        return {"steps": self.steps, "events": self._trace.events, "opaque": sorted(self.opaque)}
