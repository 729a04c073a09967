"""What Linux says about the processes of a served ledger: who they are, what they hold."""

import os
from pathlib import Path

PROC = Path("/proc")
_STATE_PARENT = 1


def children(supervisor: int) -> dict[int, str]:
    """The supervised processes by their ids: `worker` or `keeper`."""
    found = {}
    for folder in PROC.iterdir():
        if not folder.name.isdecimal() or _parent(folder) != supervisor:
            continue
        words = (folder / "cmdline").read_bytes().split(b"\0")
        if b"sijill.child" in words:
            found[int(folder.name)] = words[words.index(b"sijill.child") + 1].decode()
    return dict(sorted(found.items()))


def workers(supervisor: int) -> list[int]:
    """The ids of the HTTP processes."""
    return [pid for pid, role in children(supervisor).items() if role == "worker"]


def resident_bytes(pid: int) -> int:
    """How much memory a process holds; 0 once it is gone."""
    try:
        pages = (PROC / str(pid) / "statm").read_text().split()[1]
    except FileNotFoundError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def answering(pids: list[int], port: int, client_port: int) -> int | None:
    """Which of the processes holds the other end of a connection to `port`; None: none of them."""
    wanted = (f"{port:04X}", f"{client_port:04X}")
    for line in (PROC / "net" / "tcp").read_text().splitlines()[1:]:
        _, local, remote, *rest = line.split()
        if (local.rpartition(":")[2], remote.rpartition(":")[2]) == wanted:
            inode = rest[6]
            return next((pid for pid in pids if _holds(pid, f"socket:[{inode}]")), None)
    return None


def _parent(folder: Path) -> int | None:
    try:
        text = (folder / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name stands in brackets and may hold anything.
    return int(text.rpartition(")")[2].split()[_STATE_PARENT])


def _holds(pid: int, name: str) -> bool:
    for link in (PROC / str(pid) / "fd").iterdir():
        try:
            if str(link.readlink()) == name:
                return True
        except FileNotFoundError:
            continue
    return False
