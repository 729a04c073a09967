"""Files and folders that only their owner may read, on behalf of whoever runs the server."""

import fcntl
import hashlib
import os
import stat
import tempfile
from pathlib import Path
from typing import IO

from infrastructure.embedded.errors import EmbeddedServerError
from infrastructure.embedded.unprivileged import Runner
from infrastructure.keyfiles import sync_folder

SOCKET = ".s.PGSQL.5432"
# What the kernel takes as the path of a socket (sun_path), less its closing NUL.
SOCKET_PATH_BYTES = 107


def make_folder(folder: Path, runner: Runner) -> None:
    """Makes a folder for the runner alone; leaves one that is there as it is."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return
    _give(folder, runner)


def write_private(path: Path, text: str, runner: Runner) -> None:
    """Replaces a file as a whole, durably, readable by the runner alone."""
    aside = path.with_name(path.name + ".new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    _give(aside, runner)
    aside.replace(path)
    sync_folder(path.parent)


def open_lock(path: Path) -> IO[str]:
    """Opens a lock file, made for the owner of the folder that it lies in."""
    lock = path.open("a")
    owner = path.parent.stat()
    if os.geteuid() == 0 and os.fstat(lock.fileno()).st_uid != owner.st_uid:
        os.fchown(lock.fileno(), owner.st_uid, owner.st_gid)
    return lock


def try_lock(lock: IO[str]) -> bool:
    """Takes the lock if nobody holds it; it is held until every process with it open is gone."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def socket_folder(folder: Path) -> Path:
    """Where the server of `folder` has its socket: inside it, or elsewhere if that is too long.

    Raises:
        EmbeddedServerError: `folder_unsafe`; every place has too long a path.
    """
    name = "sijill-" + hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    places = [folder / "run", Path(tempfile.gettempdir(), name)]
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        places.append(Path(runtime, name))
    for place in places:
        if len(os.fsencode(place / SOCKET)) <= SOCKET_PATH_BYTES:
            return place
    raise EmbeddedServerError(
        "folder_unsafe",
        f"the socket's path would be too long in each of {', '.join(map(str, places))}; "
        "set TMPDIR to a shorter one",
    )


def make_socket_folder(folder: Path, runner: Runner) -> Path:
    """Makes `socket_folder`, and makes sure that it is the runner's alone.

    Raises:
        EmbeddedServerError: `folder_unsafe`; in a temporary folder anybody may take a name first.
    """
    place = socket_folder(folder)
    make_folder(place, runner)
    found = place.lstat()
    mine = stat.S_ISDIR(found.st_mode) and found.st_uid == runner.uid
    if not mine or found.st_mode & 0o077:
        raise EmbeddedServerError(
            "folder_unsafe", f"{place} must be a folder that only user {runner.uid} can enter"
        )
    return place


def _give(path: Path, runner: Runner) -> None:
    if runner.uid != os.geteuid():
        os.chown(path, runner.uid, runner.gid, follow_symlinks=False)
