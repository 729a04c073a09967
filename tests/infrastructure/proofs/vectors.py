"""The vectors in ``tests/vectors``: fixed files that a stranger's program can read as well."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "vectors"


def load(name: str) -> dict[str, Any]:
    """The vectors of one format."""
    loaded: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def why(case: dict[str, Any]) -> str:
    """The sentence that names a case in pytest's output."""
    return str(case["why"])
