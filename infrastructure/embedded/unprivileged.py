"""Running a program that refuses root, when root is who we are.

PostgreSQL looks at its effective user id and nothing else. Two ways make it another than 0 and yet
leave a folder under root's home within reach; both are commands of util-linux.
"""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from infrastructure.embedded.errors import EmbeddedServerError


@dataclass(frozen=True)
class Runner:
    """How to run a command unprivileged: what to put before it, and whose the files must be."""

    prefix: tuple[str, ...]
    uid: int
    gid: int


def runner_for(folder: Path) -> Runner:
    """How this process runs PostgreSQL on `folder` (which may not exist yet).

    An ordinary user runs it plainly. Root runs it inside a user namespace that shows root's own
    files as nobody's; where the kernel or a container forbids that, as the user nobody who keeps
    only root's way past file permissions. A folder that already belongs to another user is served
    as that user.

    Raises:
        EmbeddedServerError: `root_refused`, naming the folder.
    """
    if os.geteuid() != 0:
        return Runner((), os.geteuid(), os.getegid())
    nobody = pwd.getpwnam("nobody")
    owner = folder.stat() if folder.exists() else None
    if owner is not None and owner.st_uid != 0:
        ways = [_as_user(owner.st_uid, owner.st_gid)]
    elif owner is not None:
        ways = [_in_namespace(nobody)]
    else:
        ways = [_in_namespace(nobody), _as_user(nobody.pw_uid, nobody.pw_gid)]
    for way in ways:
        if _works(way):
            return way
    raise EmbeddedServerError(
        "root_refused",
        "PostgreSQL does not run as root, and this machine allows neither a user namespace nor "
        f"the user nobody: give {folder.parent} to an ordinary user and start as that user",
    )


def _in_namespace(nobody: pwd.struct_passwd) -> Runner:
    return Runner(
        (
            "unshare",
            "--user",
            f"--map-user={nobody.pw_uid}",
            f"--map-group={nobody.pw_gid}",
            "--",
        ),
        uid=0,
        gid=0,
    )


def _as_user(uid: int, gid: int) -> Runner:
    return Runner(
        (
            "setpriv",
            f"--reuid={uid}",
            f"--regid={gid}",
            "--clear-groups",
            # The binaries and the folder may lie under root's home, which only root may enter.
            "--inh-caps=+dac_override",
            "--ambient-caps=+dac_override",
            # Else access(2), by which PostgreSQL finds its own programs, looks without that.
            "--securebits=+no_setuid_fixup",
            "--",
        ),
        uid=uid,
        gid=gid,
    )


def _works(runner: Runner) -> bool:
    try:
        tried = subprocess.run(
            [*runner.prefix, "id", "-u"], check=False, capture_output=True, timeout=30
        )
    except OSError:
        return False
    return tried.returncode == 0 and tried.stdout.strip() != b"0"
