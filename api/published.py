"""The contract as a file: what the application says of itself, in the repository for readers.

`python -m api.published FILE` writes it; a test keeps the file and the application alike.
"""

import json
import sys
from pathlib import Path

from api.app import create_app
from api.services import Services


def text() -> str:
    """The contract as JSON, the same on every machine."""
    return json.dumps(create_app(_never).openapi(), indent=1, ensure_ascii=False) + "\n"


async def _never() -> Services:
    raise RuntimeError("nothing is served to describe it")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(text(), encoding="utf-8")
