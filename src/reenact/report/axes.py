"""Axes of a plot: where its ticks are, what stands at them, and where a value is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """A scale from ``low`` to ``high``; logarithmic when ``log``."""

    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float | None:
        """Where a value is, from 0 to 1; None for one that cannot be shown (NaN, infinite, not positive on a log scale)."""
        if not math.isfinite(value) or (self.log and value <= 0):
            return None
        low, high, at = (
            (math.log10(x) for x in (self.low, self.high, value)) if self.log else (self.low, self.high, value)
        )
        # Halved: the difference of the largest floats is infinite.
        span = high / 2 - low / 2
        return 0.5 if span <= 0 else min(1.0, max(0.0, (at / 2 - low / 2) / span))

    def ticks(self, about: int) -> list[float]:
        """About so many round values between its ends."""
        if self.log:
            return _log_ticks(self.low, self.high, about)
        for more in range(about, 3 * about + 1):
            found = _ticks(self.low, self.high, more)
            if len(found) > 2:
                break
        return found


def axis_of(values: Iterable[Sequence[float]], log: bool = False) -> Axis | None:
    """An axis that all values fit on; None when there is none to show.

    A log scale is used only where some value is positive.
    """
    low, high = math.inf, -math.inf
    for several in values:
        shown = [x for x in several if math.isfinite(x) and (x > 0 or not log)]
        if shown:
            low, high = min(low, min(shown)), max(high, max(shown))
    if low > high:
        return None
    if low == high and log:
        return Axis(low / 2 or low, high * 2 if math.isfinite(high * 2) else high, log)
    if low == high:
        room = abs(low) * 0.1 or 1.0
        return Axis(low - room, high + room if math.isfinite(high + room) else high)
    return Axis(low, high, log)


def _ticks(low: float, high: float, about: int) -> list[float]:
    rough = (high / 2 - low / 2) / max(1, about) * 2
    if rough <= 0 or not math.isfinite(rough):
        return [low, high] if high > low else [low]
    size = 10.0 ** math.floor(math.log10(rough))
    if size == 0.0:
        return [low, high]
    step = next((size * factor for factor in (1, 2, 5) if size * factor >= rough * 0.999), size * 10)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    if last - first > 100:
        return [low, high]
    return [number * step + 0.0 for number in range(first, last + 1)]


def _log_ticks(low: float, high: float, about: int) -> list[float]:
    first, last = math.ceil(math.log10(low) - 1e-4), math.floor(math.log10(high) + 1e-4)
    stride = max(1, math.ceil((last - first) / max(1, about)))
    found = [10.0**power for power in range(first, last + 1, stride)]
    if len(found) < 3 and last - first <= 2:
        every = [factor * 10.0**power for power in range(first - 1, last + 1) for factor in (1, 2, 5)]
        found = [value for value in every if low * 0.999 <= value <= high * 1.001 and math.isfinite(value)]
    return found or [low, high]


def labels(ticks: Sequence[float]) -> list[str]:
    """What stands at ticks: as few digits as tell them apart."""
    for digits in range(3, 16):
        shown = [_short(f"{tick:.{digits}g}") for tick in ticks]
        if len(set(shown)) == len(ticks):
            return shown
    return [repr(tick) for tick in ticks]


def step_labels(ticks: Sequence[float]) -> list[str]:
    """What stands at steps: ``200``, ``20k``, ``1.5M``."""
    top = max(map(abs, ticks), default=0.0)
    for size, unit, least in ((1e9, "G", 1e9), (1e6, "M", 1e6), (1e3, "k", 1e4)):
        if top >= least:
            shown = [f"{tick / size:.6g}{unit}" if tick else "0" for tick in ticks]
            if len(set(shown)) == len(ticks):
                return shown
    return [f"{tick:.12g}" for tick in ticks]


def _short(text: str) -> str:
    mantissa, sign, power = text.partition("e")
    return f"{mantissa}e{int(power)}" if sign else text
