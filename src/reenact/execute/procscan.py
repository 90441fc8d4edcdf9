"""Look at a process from outside, through /proc: its descendants and the files they hold. Empty where there is none."""

from __future__ import annotations

import os
import stat


def start_ticks(pid: int) -> int | None:
    """Field 22 of ``/proc/PID/stat``: clock ticks from boot to the process's start. With the pid it names a process for
    good. None when there is no such process or no /proc."""
    fields = _stat_fields(pid)
    return int(fields[19]) if fields else None


def usage(pid: int) -> tuple[int, int] | None:
    """Clock ticks of CPU time so far, and resident bytes, of one process; None when there is no such process or no /proc."""
    fields = _stat_fields(pid)
    if not fields:
        return None
    return int(fields[11]) + int(fields[12]), int(fields[21]) * os.sysconf("SC_PAGE_SIZE")


def descendants(pid: int) -> list[int]:
    """Pids of children, their children and so on, parents first; not ``pid`` itself."""
    found: list[int] = []
    todo = [pid]
    table: dict[int, list[int]] | None = None
    while todo:
        parent = todo.pop(0)
        children = None if table is not None else _children(parent)
        if children is None:
            table = table if table is not None else _children_of_all()
            children = table.get(parent, [])
        fresh = [c for c in children if c not in found and c != pid]
        found += fresh
        todo += fresh
    return found


def open_files(pid: int) -> set[tuple[str, str]]:
    """Regular files that the process and its descendants hold now: ``(absolute path, op)``.

    ``op`` is ``r``, ``w``, ``a`` (append) or ``u`` (read and write), as in the journal; a mapped file is ``u`` when the
    mapping is shared and writable, else ``r``. Deleted files and what may not be looked at are left out. It takes
    some milliseconds for a process with hundreds of mappings.
    """
    found: set[tuple[str, str]] = set()
    for each in (pid, *descendants(pid)):
        _add_descriptors(each, found)
        _add_mappings(each, found)
    return found


def _stat_fields(pid: int) -> list[bytes] | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            text = stream.read()
        # The name in parentheses may itself hold blanks and parentheses.
        return text[text.rindex(b")") + 2 :].split()
    except (OSError, ValueError):
        return None


def _children(pid: int) -> list[int] | None:
    """Children by the kernel's own lists; None where it does not offer them."""
    children: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            try:
                with open(f"/proc/{pid}/task/{thread}/children", "rb") as stream:
                    children += map(int, stream.read().split())
            except FileNotFoundError:
                if os.path.exists(f"/proc/{pid}/task/{thread}"):
                    return None
    except OSError:
        pass
    return children


def _children_of_all() -> dict[int, list[int]]:
    """Parent to children for every process there is."""
    table: dict[int, list[int]] = {}
    try:
        names = os.listdir("/proc")
    except OSError:
        return table
    for name in names:
        if name.isdigit() and (fields := _stat_fields(int(name))):
            table.setdefault(int(fields[1]), []).append(int(name))
    return table


def _add_descriptors(pid: int, found: set[tuple[str, str]]) -> None:
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        try:
            info = os.stat(f"{folder}/{name}")
            if not stat.S_ISREG(info.st_mode) or info.st_nlink == 0:
                continue
            path = os.readlink(f"{folder}/{name}")
            with open(f"/proc/{pid}/fdinfo/{name}", "rb") as stream:
                text = stream.read()
            flags = int(text.split(b"flags:", 1)[1].split(None, 1)[0], 8)
        except (OSError, ValueError, IndexError):
            continue
        if path.startswith("/"):
            found.add((path, _op(flags)))


def _op(flags: int) -> str:
    access = flags & os.O_ACCMODE
    if access == os.O_RDONLY:
        return "r"
    if flags & os.O_APPEND:
        return "a"
    return "w" if access == os.O_WRONLY else "u"


def _add_mappings(pid: int, found: set[tuple[str, str]]) -> None:
    mapped: set[tuple[str, str]] = set()
    try:
        with open(f"/proc/{pid}/maps", "rb") as stream:
            lines = stream.read().splitlines()
    except OSError:
        return
    for line in lines:
        fields = line.split(None, 5)
        if len(fields) < 6 or not fields[5].startswith(b"/") or fields[5].endswith(b" (deleted)"):
            continue
        shared_write = fields[1][1:2] == b"w" and fields[1][3:4] == b"s"
        mapped.add((os.fsdecode(fields[5].replace(rb"\012", b"\n")), "u" if shared_write else "r"))
    for path, op in mapped - found:
        try:
            if stat.S_ISREG(os.stat(path).st_mode):
                found.add((path, op))
        except OSError:
            continue
