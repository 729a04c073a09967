"""Processes as the system shows them: for tests that kill."""

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path


def listed() -> Iterator[tuple[int, int, list[str]]]:
    """Every process that lives: its number, its parent's, the words of its command line."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes().decode(errors="replace").split("\0")
            state, above, *_ = (path / "stat").read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            continue
        if state != "Z":
            yield int(path.name), int(above), words


def children(parent: int) -> dict[int, str]:
    """The supervised processes of a supervisor that live, and what each is: keeper or worker."""
    return {
        pid: words[words.index("sijill.child") + 1]
        for pid, above, words in listed()
        if above == parent and "sijill.child" in words
    }


def peak_kib(pid: int | str) -> int:
    """The most memory that a process has held since it began its program."""
    status = Path(f"/proc/{pid}/status").read_text()
    [peak] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(peak)


def telling_its_peak(*words: str) -> list[str]:
    """A command of the client's; its last line is what it held at most, in KiB.

    Not `getrusage`: what that tells begins with what the process held that started this one.
    """
    code = (
        "import sys; from sijill import cli; from tests.processes import peak_kib;"
        "done = cli.run(sys.argv[1:]); print(peak_kib('self')); sys.exit(done)"
    )
    return [sys.executable, "-c", code, *words]


def lives(pid: int) -> bool:
    """Whether a process runs; one that nobody has asked about yet is dead all the same."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(condition: Callable[[], bool], what: str) -> None:
    """Return when something is so; the system tells nobody when a stranger's process is gone."""
    pause = threading.Event()
    for _ in range(600):
        if condition():
            return
        pause.wait(0.05)
    raise AssertionError(what)
