"""Codes in pictures: what QR codes say in a photograph or on the pages of a PDF.

Pictures are read by libraries written in C, and anybody may send any picture. So they are read in a
process of their own, which starts with an empty environment, has bounded memory and time, holds no
key and opens no connection; it gets bytes and gives text. It is for whoever has bytes; it must not
know what a code means.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Final

LIMIT_BYTES: Final = 12 * 2**20
"""The largest file that is looked at."""

PATIENCE_SECONDS: Final = 20.0
ANSWER_LIMIT_BYTES: Final = 256 * 1024
_ROOT: Final = Path(__file__).parents[2]
_CHILD: Final = "infrastructure.pictures.child"


class PictureError(Exception):
    """A picture that is not read: `picture_malformed`, `picture_too_large`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


async def read(data: bytes) -> list[str]:
    """What the QR codes in a picture or a PDF say, those of the first page first; maybe nothing.

    Raises:
        PictureError: it is no picture, or one that nobody needs to read a code from.
    """
    if len(data) > LIMIT_BYTES:
        raise PictureError("picture_too_large")
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-c",
        # `-I` leaves the folder of the project out: it is named, and nothing of the environment is.
        f"import sys; sys.path.insert(0, {str(_ROOT)!r}); from {_CHILD} import main; main()",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
        cwd="/",
    )
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            said, _ = await child.communicate(data)
    except TimeoutError:
        raise PictureError("picture_malformed") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return _answer(said)


def _answer(said: bytes) -> list[str]:
    """What the child said; one that died of a picture has said nothing."""
    if not said or len(said) > ANSWER_LIMIT_BYTES:
        raise PictureError("picture_malformed")
    answer = json.loads(said)
    if "error" in answer:
        raise PictureError(answer["error"])
    return [str(text) for text in answer["texts"]]
