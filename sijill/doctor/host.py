"""What the doctor looks at on this machine, database or not: packages, key files, room on disks."""

import os
import platform
import re
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Final

from psycopg import pq

from infrastructure import keyfiles
from infrastructure.keyfiles import KeyFileError
from sijill.doctor.lines import Line, fail, ok, warn
from sijill.folder import FOUNDERS, Folder
from sijill.settings import HolidaysUnusable, Settings

DISTRIBUTION: Final = "sijill"
TILE_BYTES_PER_EVENT: Final = 33
"""A leaf hash, and its share of the tiles above."""
LOW_EVENTS: Final = 1_000_000
FULL_EVENTS: Final = 100_000
ASKED_FROM_MONTH: Final = 11
_WANTED = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?([^;]*)(?:;(.*))?")
_BOUND = re.compile(r"(>=|<)([0-9.]+)")


def versions() -> Iterator[Line]:
    """Python, the client library, and every package that this release asks for."""
    wanted = [_wanted(text) for text in metadata.requires(DISTRIBUTION) or []]
    needed = {name: bounds for name, bounds, extra in wanted if not extra}
    unfit = dict(_unfit(needed))
    for name, found in unfit.items():
        asked = f"{name}{needed[name]}"
        mend = f"python -m pip install {shlex.quote(asked)}"
        yield fail("package_unfit", mend, package=name, found=found, wanted=needed[name])
    if not unfit:
        python, client = platform.python_version(), pq.version_pretty(pq.version())
        yield ok("versions", python=python, libpq=client, packages=len(needed))


def key_files(folder: Folder) -> Iterator[Line]:
    """That each key is there, for its owner alone, and no founder's key lies beside them."""
    logs = sorted(folder.keys.glob("log*.pem")) or [folder.key("log")]
    loaders = dict.fromkeys([*logs, folder.key("receipts")], keyfiles.load_seed)
    if folder.key("status").exists():
        # `serve` makes it where it is missing.
        loaders[folder.key("status")] = keyfiles.load_seed
    faults = [line for path, load in loaders.items() if (line := _key_file(path, load))]
    if line := _key_file(folder.vault_key, keyfiles.load_secret):
        faults.append(line)
    present = [path for path in (*loaders, folder.vault_key) if path.exists()]
    faults += [line for path in present if (line := _ownership(path, folder.path))]
    yield from faults
    if not faults:
        yield ok("key_files", files=len(present))
    names = [f"{founder}{kind}" for founder in FOUNDERS for kind in ("", "-recovery")]
    if left := [folder.key(name) for name in names if folder.key(name).exists()]:
        mend = f"mv {shlex.join(map(str, left))} /media/ELSEWHERE/"
        yield warn("founder_key_here", mend, paths=", ".join(path.name for path in left))


def high_water(folder: Folder) -> Iterator[Line]:
    """That what guards against a restored database is there."""
    try:
        yield ok("high_water", size=folder.mark.read().size)
    except KeyFileError as error:
        yield fail(error.code, _from_backup(error.path), path=str(error.path))
    except OSError:
        yield _unreadable(folder.mark.path)


def holidays(settings: Settings, today: date) -> Iterator[Line]:
    """That the announced holidays can be read, and those of next year are there in time."""
    path = settings.holidays_path
    mend = f"${{EDITOR:-vi}} {shlex.quote(str(path))}"
    try:
        announced = settings.announced().announced
    except HolidaysUnusable:
        yield warn("holidays_unusable", mend, path=str(path))
        return
    following = today.year + 1
    if today.month >= ASKED_FROM_MONTH and all(day.year != following for day in announced):
        yield warn("holidays_missing", mend, year=following, path=str(path))
    else:
        yield ok("holidays", days=len(announced))


@dataclass(frozen=True, slots=True)
class Growth:
    """Where a ledger grows: folders with the bytes that an event takes there, and what is spared.

    `spared` is what a folder may yet take for other purposes, such as the write-ahead log.
    """

    folders: Mapping[Path, int]
    spared: Mapping[Path, int]


def disks(growth: Growth) -> Iterator[Line]:
    """How much room each file system has, and for how many events."""
    places: dict[int, list[Path]] = {}
    for path in growth.folders:
        places.setdefault(path.stat().st_dev, []).append(path)
    for folders in places.values():
        free = shutil.disk_usage(folders[0]).free
        room = free - sum(growth.spared.get(path, 0) for path in folders)
        events = max(0, room) // max(1, sum(growth.folders[path] for path in folders))
        said: dict[str, str | int] = {
            "places": ", ".join(map(str, folders)),
            "megabytes": free // 1_000_000,
            "events": events,
        }
        look = f"du -xhd1 {shlex.quote(str(folders[0]))}"
        if events < FULL_EVENTS:
            yield fail("disk_full", look, **said)
        elif events < LOW_EVENTS:
            yield warn("disk_low", look, **said)
        else:
            yield ok("disk", **said)


def _wanted(text: str) -> tuple[str, str, bool]:
    """Name and bounds of a requirement, and whether only an extra, or another system, asks for it.

    The project's own requirements name no system that it does not run on but Windows.
    """
    found = _WANTED.match(text)
    if found is None:
        return text, "", True
    name, bounds, marker = found.groups()
    return name, bounds.strip(), "extra" in (marker or "")


def _unfit(needed: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, bounds in needed.items():
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield name, "-"
            continue
        for comparison, text in _BOUND.findall(bounds):
            if (_numbers(found) >= _numbers(text)) != (comparison == ">="):
                yield name, found


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version, ended by what is no number: `2.0rc1` is `2.0`."""
    found = re.match(r"[0-9]+(?:\.[0-9]+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


def _key_file(path: Path, load: Callable[[Path], bytes]) -> Line | None:
    try:
        load(path)
    except KeyFileError as error:
        shown = shlex.quote(str(path))
        alone = error.code == "key_file_readable_by_others"
        mend = f"chmod 600 {shown}" if alone else _from_backup(path)
        return fail(error.code, mend, path=str(path))
    except OSError:
        return _unreadable(path)
    return None


def _ownership(path: Path, folder: Path) -> Line | None:
    owner, wanted = path.stat().st_uid, folder.stat().st_uid
    if owner == wanted:
        return None
    mend = shlex.join(["chown", f"--reference={folder}", str(path)])
    return fail("key_file_owner", mend, path=str(path), owner=owner, wanted=wanted)


def _unreadable(path: Path) -> Line:
    mend = shlex.join(["chown", str(os.geteuid()), str(path)])
    return fail("key_file_unreadable", mend, path=str(path))


def _from_backup(path: Path) -> str:
    return f"cp --preserve=mode /media/BACKUP/{shlex.quote(path.name)} {shlex.quote(str(path))}"
