"""Who serves a data folder now: what postmaster.pid says, and whether it is true."""

from dataclasses import dataclass
from pathlib import Path

# The lines of postmaster.pid (PostgreSQL's miscadmin.h, LOCK_FILE_LINE_*), counted from 0.
PID, SOCKET_FOLDER = 0, 4


@dataclass(frozen=True)
class Postmaster:
    """One reading of postmaster.pid; the server adds to the file as it starts."""

    pid: int
    socket_folder: str
    data: Path

    @property
    def alive(self) -> bool:
        """Whether that process exists and serves this folder.

        The number in a stale file may by now be anybody's; a server works in its data folder.
        """
        try:
            return Path(f"/proc/{self.pid}/cwd").samefile(self.data)
        except OSError:
            return False

    @property
    def number_taken(self) -> bool:
        """Whether any process at all has that number."""
        return Path(f"/proc/{self.pid}").exists()


def read_postmaster(data: Path) -> Postmaster | None:
    """What the folder's postmaster.pid says; None without a file, or before its first line."""
    try:
        lines = (data / "postmaster.pid").read_text().split("\n")
    except OSError:
        return None
    if not lines[PID].strip().isdecimal():
        return None
    lines += [""] * (SOCKET_FOLDER + 1 - len(lines))
    return Postmaster(int(lines[PID]), lines[SOCKET_FOLDER], data)
