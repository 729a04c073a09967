"""The process that reads pictures: what it may use, and what is taken from it."""

import asyncio
import io
import subprocess
import sys
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
    (tmp_path / "taken_over.py").write_text(f"import sys\ndef main():\n    {says}\n")
    monkeypatch.setattr(pictures, "_ROOT", tmp_path)
    monkeypatch.setattr(pictures, "_CHILD", "taken_over")

    with pytest.raises(PictureError, match="picture_malformed"):
        asyncio.run(pictures.read(bytes(2**20)))
