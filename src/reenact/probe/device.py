"""Values that are still being computed on an accelerator, fetched without making the program wait."""

from __future__ import annotations

from typing import Any

from ..fingerprint.weights import MASK
from .trace import combine

SLOTS = 1024


class Mailbox:
    """Pinned host memory into which results are copied asynchronously, one CUDA event for each batch of copies.

    Args:
        torch: the torch module.
    """

    def __init__(self, torch: Any) -> None:
        self._torch = torch
        self._cuda = torch.cuda
        self._free: list[Any] = []

    def slot(self) -> Any:
        """A 1-element int64 tensor in pinned memory."""
        if not self._free:
            block = self._torch.empty(SLOTS, dtype=self._torch.int64, pin_memory=True)
            self._free = list(block.split(1))
        return self._free.pop()

    def send(self, values: list[Any]) -> tuple[list[Any], Any]:
        """Starts copying 0-dim int64 device tensors to the host; (their slots, the event that marks their arrival)."""
        slots = []
        for value in values:
            slot = self.slot()
            slot.copy_(value.reshape(1), non_blocking=True)
            slots.append(slot)
        event = self._cuda.Event()
        event.record(self._cuda.current_stream(values[0].device))
        return slots, event

    def give_back(self, slots: list[Any]) -> None:
        """Returns slots whose values have been read."""
        self._free.extend(slots)


class Pending:
    """A fingerprint, or a scalar's float64 bits, that is on its way from a device.

    Args:
        mailbox: where the copies land.
        parts: (weighted sum, bytes) with the sum an int or a 0-dim device tensor; or one (0-dim int64 device tensor, None)
            that holds the bits themselves.
    """

    def __init__(self, mailbox: Mailbox, parts: list[tuple[Any, int | None]]) -> None:
        self._mailbox = mailbox
        self._parts = parts
        on_device = [number for number, _ in parts if type(number) is not int]
        self._slots, self._event = mailbox.send(on_device)

    def ready(self) -> bool:
        """True once the device has come this far; does not wait."""
        return bool(self._event.query())

    def result(self) -> int:
        """The 64-bit value; waits if it is not ready."""
        self._event.synchronize()
        slots = iter(self._slots)
        parts = [
            (number if type(number) is int else int(next(slots).item()) & MASK, nbytes)
            for number, nbytes in self._parts
        ]
        self._mailbox.give_back(self._slots)
        if parts[0][1] is None:
            return parts[0][0]
        return combine(parts)  # type: ignore[arg-type]


class Fetched:
    """The same for accelerators without CUDA events: waits for the device when it is read."""

    def __init__(self, parts: list[tuple[Any, int | None]]) -> None:
        self._parts = parts

    def ready(self) -> bool:
        """Always true: reading is what waits."""
        return True

    def result(self) -> int:
        """The 64-bit value."""
        parts = [(n if type(n) is int else int(n.item()) & MASK, nbytes) for n, nbytes in self._parts]
        return parts[0][0] if parts[0][1] is None else combine(parts)  # type: ignore[arg-type]
