"""Codes in pictures: what QR codes say in a photograph or on the pages of a PDF, and its files.

Pictures are read by libraries written in C, and anybody may send any picture. So they are read in a
process of their own, which starts with an empty environment, has bounded memory and time, holds no
key and opens no connection; it gets bytes and gives text. It is for whoever has bytes; it must not
know what a code means.
"""

import asyncio
import json
import sys
from asyncio.subprocess import Process
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LIMIT_BYTES: Final = 12 * 2**20
"""The largest file that is looked at."""

PATIENCE_SECONDS: Final = 60.0
"""By the wall, which a busy machine uses up: a picture is judged by what its processor does."""

ANSWER_LIMIT_BYTES: Final = 3 * 2**20
CREDENTIAL: Final = "credential.cose"
"""The file in a PDF that is the credential of its QR code; of any template's PDF."""
EVIDENCE: Final = "evidence.sijill-bundle.json"
"""The file in a PDF that is the evidence for its certificate."""
CREDENTIAL_BYTES: Final = 1_024
EVIDENCE_BYTES: Final = 2**20
_ROOT: Final = Path(__file__).parents[2]
_CHILD: Final = "infrastructure.pictures.child"
_CODES: Final = frozenset({"picture_malformed", "picture_too_large"})


class PictureError(Exception):
    """A picture that is not read: `picture_malformed`, `picture_too_large`.

    Or `busy`: not read in time, which says nothing of the picture.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Found:
    """What the QR codes say, those of the first page first, and what a PDF brings along.

    A credential that is larger than it may be, or a file that cannot be read, is empty here: it is
    there, and not what it should be. Evidence that is too large is none. `whole` tells whether
    every page was read, `all_files` whether every embedded file was looked at.
    """

    texts: tuple[str, ...]
    credentials: tuple[bytes, ...] = ()
    evidence: bytes | None = None
    whole: bool = True
    all_files: bool = True


async def read(data: bytes) -> Found:
    """What a picture or a PDF says; maybe nothing.

    Raises:
        PictureError: it is no picture, or one that nobody needs to read a code from; or it was not
            its turn in time.
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
        # A reader that is behind by more is paused, and would not hear that the child has ended.
        limit=ANSWER_LIMIT_BYTES,
        env={},
        cwd="/",
    )
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            said = await _said(child, data)
    except TimeoutError:
        raise PictureError("busy") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return _answer(said)


async def _said(child: Process, data: bytes) -> bytes:
    """All that the child says about these bytes, and never more of it than an answer has."""
    assert child.stdin is not None  # noqa: S101 - narrows the types; both are pipes
    assert child.stdout is not None  # noqa: S101 - as above
    child.stdin.write(data)
    child.stdin.close()
    try:
        await child.stdout.readexactly(ANSWER_LIMIT_BYTES + 1)
    except asyncio.IncompleteReadError as ended:
        # Its end follows its last word: whoever killed it between the two would be told of nobody.
        await child.wait()
        return ended.partial
    raise PictureError("picture_malformed")


def _answer(said: bytes) -> Found:
    """What the child said; one that died of a picture has said nothing, or half of something.

    A picture may have taken the child over, so what it says is anybody's.
    """
    try:
        answer = json.loads(said)
        if answer.get("error") in _CODES:
            raise PictureError(answer["error"])
        files = {name: [b64decode(one) for one in held] for name, held in answer["files"].items()}
        return Found(
            texts=tuple(str(text) for text in answer["texts"]),
            credentials=tuple(files[CREDENTIAL]),
            evidence=next(iter(files[EVIDENCE]), None),
            whole=bool(answer["whole"]),
            all_files=bool(answer["all_files"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise PictureError("picture_malformed") from None
