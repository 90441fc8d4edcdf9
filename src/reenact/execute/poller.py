"""Wait for descriptors; one call, no state."""

from __future__ import annotations

import select
import sys
from collections.abc import Iterable

# poll() of macOS does not know terminals.
_USE_POLL = hasattr(select, "poll") and sys.platform != "darwin"


def ready(
    read: Iterable[int], write: Iterable[int], watch: Iterable[int], timeout: float
) -> tuple[set[int], set[int], set[int]]:
    """Wait at most ``timeout`` seconds.

    Args:
        read, write: descriptors to wait for.
        watch: descriptors of which only a vanished other end is of interest (not seen where there is no poll).

    Returns:
        Those that can be read (or are at their end), those that can be written, those whose other end is gone.
    """
    read, write, watch = list(read), list(write), list(watch)
    if not _USE_POLL:
        readable, writable, _ = select.select(read, write, [], timeout)
        return set(readable), set(writable), set()
    poll = select.poll()
    events: dict[int, int] = dict.fromkeys(watch, 0)
    for fd in read:
        events[fd] = events.get(fd, 0) | select.POLLIN
    for fd in write:
        events[fd] = events.get(fd, 0) | select.POLLOUT
    for fd, mask in events.items():
        poll.register(fd, mask)
    got = dict(poll.poll(max(0.0, timeout) * 1000))
    gone = select.POLLERR | select.POLLHUP | select.POLLNVAL
    return (
        {fd for fd in read if got.get(fd, 0) & (select.POLLIN | gone)},
        {fd for fd in write if got.get(fd, 0) & select.POLLOUT},
        {fd for fd in (*watch, *write) if got.get(fd, 0) & gone},
    )
