"""The process that reads pictures: what it may use, and what is taken from it."""

import asyncio
import io
import subprocess
import sys
from asyncio.subprocess import Process
from pathlib import Path

import pytest
import segno
from PIL import Image

from infrastructure import pictures
from infrastructure.pictures import PictureError, child

ROOT = Path(child.__file__).parents[2]
MEASURED = f"""import sys; sys.path.insert(0, {str(ROOT)!r})
from infrastructure.pictures import child
child.main()
with open("/proc/self/status") as status:
    [peak] = [line for line in status if line.startswith("VmHWM:")]
print(peak.split()[1], file=sys.stderr)
"""
SPINNING = f"""import sys; sys.path.insert(0, {str(ROOT)!r})
from infrastructure.pictures import child
def found_in(data):
    while True:
        pass
child.CPU_SECONDS, child.found_in, main = 1, found_in, child.main
"""
PEAK_MIB = 300
# 39.7 megapixels.
WIDTH, HEIGHT = 7_300, 5_440
TEXT = "HTTPS://SIJILL.EXAMPLE/V/CODE"


def with_code(mode: str) -> bytes:
    """A huge picture of few bytes with a code in it, all around which is transparent."""
    out = io.BytesIO()
    segno.make(TEXT, error="q").save(out, kind="png", scale=40, border=4)
    with Image.open(out) as symbol:
        code = symbol.convert("L").point(lambda grey: int(grey > 0))
    whole = Image.new("P", (WIDTH, HEIGHT), 2)
    whole.putpalette([0, 0, 0, 255, 255, 255, 0, 0, 0])
    whole.paste(code, (900, 700))
    whole.info["transparency"] = 2
    made = io.BytesIO()
    whole.convert(mode).save(made, "PNG")
    return made.getvalue()


@pytest.mark.parametrize("mode", ["P", "RGBA"])
def test_a_huge_transparent_picture_is_read_in_little_memory(mode: str) -> None:
    data = with_code(mode)
    assert len(data) < 2**20

    ran = subprocess.run(
        [sys.executable, "-I", "-c", MEASURED], input=data, capture_output=True, check=True, env={}
    )

    assert TEXT.encode() in ran.stdout
    assert int(ran.stderr) / 1024 < PEAK_MIB


def taken_over(folder: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """Let the child be another program."""
    (folder / "taken_over.py").write_text(source)
    monkeypatch.setattr(pictures, "_ROOT", folder)
    monkeypatch.setattr(pictures, "_CHILD", "taken_over")


@pytest.mark.parametrize(
    "says",
    [
        # Without an end, and a piece so large that all of it is never held.
        "while True: sys.stdout.write('[' * 2**20)",
        "sys.stdout.write('[' * 2**20)",
        "sys.stdout.write('{}')",
        "sys.stdout.write('[]')",
        """sys.stdout.write('{"error": ["x"]}')""",
        """sys.stdout.write('{"error": "internal"}')""",
        """sys.stdout.write('{"texts": 1, "files": {"credential.cose": [1]}}')""",
        "pass",
    ],
)
def test_whatever_a_child_says_that_was_taken_over_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str
) -> None:
    taken_over(tmp_path, monkeypatch, f"import sys\ndef main():\n    {says}\n")

    with pytest.raises(PictureError, match="picture_malformed"):
        asyncio.run(pictures.read(bytes(2**20)))


def test_however_much_a_child_says_its_end_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the reader was paused, waiting for the end of a killed child had none itself."""
    says = "while True: sys.stdout.write('[' * 2**24)"
    taken_over(tmp_path, monkeypatch, f"import sys\ndef main():\n    {says}\n")

    async def reads() -> None:
        async with asyncio.timeout(60):
            for _ in range(8):
                with pytest.raises(PictureError, match="picture_malformed"):
                    await pictures.read(b"")

    asyncio.run(reads())


def test_a_child_that_has_answered_ends_by_itself(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    killed: list[Process] = []
    monkeypatch.setattr(Process, "kill", killed.append)
    out = io.BytesIO()
    segno.make(TEXT, error="q").save(out, kind="png", scale=6, border=4)

    found = asyncio.run(pictures.read(out.getvalue()))

    assert found.texts == (TEXT,)
    assert killed == []
    assert caplog.records == []


@pytest.mark.parametrize("ends", ["pass", "sys.stdout.write('{}'); os.close(1)"])
def test_what_is_not_read_in_time_is_no_word_about_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    source = f"import os, signal, sys\ndef main():\n    {ends}\n    signal.pause()\n"
    taken_over(tmp_path, monkeypatch, source)
    monkeypatch.setattr(pictures, "PATIENCE_SECONDS", 0.3)

    with pytest.raises(PictureError, match="busy"):
        asyncio.run(pictures.read(b""))


def test_a_picture_that_takes_all_its_processor_time_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_over(tmp_path, monkeypatch, SPINNING)

    with pytest.raises(PictureError, match="picture_malformed"):
        asyncio.run(pictures.read(b""))
