"""Small disks that only one service sees: tmpfs in a mount namespace that ends with its processes.

From outside they are reached through /proc, by way of any process that lives inside.
"""

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.machine import FORBIDDEN

PIECE = bytes(1 << 20)
# Each disk takes over what lies in its place, and then the command behind goes on.
_MOUNT = """
set -e
size=$1 count=$2
shift 2
while [ "$count" -gt 0 ]; do
    mkdir "$1.disk"
    mount -t tmpfs -o "size=$size,mode=0700" tmpfs "$1.disk"
    cp -a "$1/." "$1.disk/"
    mount --move "$1.disk" "$1"
    rmdir "$1.disk"
    shift
    count=$((count - 1))
done
exec "$@"
"""
_NAMESPACE = ("unshare", "--mount", "--propagation", "private", "--")


def require_small_disks() -> None:
    """Skip where this process may not mount."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts a small disk")
    if shutil.which("unshare") is None:
        pytest.skip("no unshare (Debian: apt-get install util-linux)")
    command = [*_NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    tried = subprocess.run(command, check=False, capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"{FORBIDDEN} to mount: {tried.stderr.strip()}")


def on_small_disks(places: Sequence[Path], *, megabytes: int) -> list[str]:
    """The prefix of a command that finds each of these folders on a small disk of its own."""
    words = [f"{megabytes}m", str(len(places)), *map(str, places)]
    return [*_NAMESPACE, "sh", "-c", _MOUNT, "small-disks", *words]


class SmallDisk:
    """A small disk as a test fills it and makes room on it again.

    Args:
        place: where it is mounted.
        inside: a process that sees it.
    """

    def __init__(self, place: Path, inside: int) -> None:
        self._ballast = Path(f"/proc/{inside}/root{place}") / "ballast"

    @contextmanager
    def full(self) -> Iterator[None]:
        """Leave no room while the block runs."""
        try:
            with self._ballast.open("ab", buffering=0) as file:
                for size in (len(PIECE), 4096):
                    _fill(file.fileno(), PIECE[:size])
            yield
        finally:
            self._ballast.unlink()


def _fill(descriptor: int, piece: bytes) -> None:
    while True:
        try:
            os.write(descriptor, piece)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            return
