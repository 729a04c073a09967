"""Following an origin that lies: leaves that no signed root covers never become part of a copy."""

import json
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infrastructure.proofs import tiles
from infrastructure.proofs.note import VerifierKey
from sijill.client.errors import Unreachable, Untrustworthy
from sijill.export import lines
from sijill.export.following import CopyInUse, Following
from sijill.export.layout import CHECKPOINTS, Exported
from sijill.export.origins import Opened, Told
from sijill.export.sinks import TilesSink
from tests.retold import VECTOR, Forgery
from tests.stranger import NoteKey

SIZE = 11
STRANGER = NoteKey("sijill.example/log", bytes(range(32))).vkey


class Liar:
    """An origin that serves the ledger of the vectors, or what was made of it."""

    def __init__(self, forgery: Forgery | None = None) -> None:
        answer = (forgery or Forgery()).answer

        def load(path: str) -> Any:
            return json.loads(answer(path) or b"")

        bundle = answer(f"/log/tile/entries/000.p/{SIZE}") or b""
        self.entries = tiles.parse_bundle(bundle, width=SIZE)
        self.listed = load("/log/checkpoints?after=0&limit=200")["items"]
        self.end = answer("/log/checkpoint")
        self.page = load(f"/v1/log/openings?from=0&to={SIZE}")
        self.ledger: dict[str, Any] = json.loads(json.dumps(VECTOR["http"]["/v1/ledger"]))

    def told(self) -> Told:
        keys = tuple(VerifierKey.parse(key) for key in self.ledger["log_vkeys"])
        return Told(dict(self.ledger), keys)

    def newest(self) -> bytes | None:
        return self.end

    def checkpoints(self, after: int) -> Iterator[dict[str, Any]]:
        return iter([one for one in self.listed if one["size"] > after])

    def bundle(self, _number: int, width: int) -> list[bytes]:
        return self.entries[:width]

    def openings(self, start: int, end: int) -> Iterator[Opened]:
        for item in self.page["openings"][start:end]:
            yield Opened(item, self.page["orders"].get(str(item.get("order"))))


def forged() -> Liar:
    """Another log, signed by the same keys: a leaf has another time."""
    forgery = Forgery()
    forgery.leaves[4]["time"] += 1
    return Liar(forgery)


def told(**changes: Any) -> Liar:
    liar = Liar()
    liar.ledger |= changes
    return liar


def listed(*notes: tuple[int, dict[str, Any]]) -> Liar:
    """The leaves of the forged log under notes that are listed as of other sizes."""
    liar = forged()
    liar.listed = [{**note, "size": size} for size, note in notes]
    return liar


def other_leaves() -> Liar:
    liar = Liar()
    liar.entries = forged().entries
    return liar


def closed(index: int) -> Liar:
    liar = Liar()
    for part in ("body", "body_salt"):
        del liar.page["openings"][index][part]
    return liar


FIVE, ALL = Liar().listed
LIES: dict[str, Callable[[], Liar]] = {
    "a head listed as smaller than it is": lambda: listed((5, ALL), (11, ALL)),
    "a step that ends before a head": lambda: listed((11, ALL), (5, FIVE)),
    "leaves of another log": other_leaves,
    "another id": lambda: told(ledger="00" * 32),
    "another origin": lambda: told(origin="elsewhere.example/log"),
    "another key for receipts": lambda: told(receipts_vkey=STRANGER),
    "a first event that is closed": lambda: closed(0),
    "a rotation that is closed": lambda: closed(9),
    "keys that nothing in the log names": lambda: told(log_vkeys=[STRANGER]),
}


def follow(origin: Liar, folder: Path, *, strict: bool = True) -> int:
    return Following(origin, folder, TilesSink(folder), strict=strict).run().size


@pytest.mark.parametrize("strict", [True, False])
def test_an_honest_origin_is_followed(tmp_path: Path, *, strict: bool) -> None:
    assert follow(Liar(), tmp_path, strict=strict) == SIZE
    assert Exported(tmp_path).ledger() == VECTOR["http"]["/v1/ledger"]
    assert follow(Liar(), tmp_path, strict=strict) == SIZE


def test_the_keys_that_are_kept_are_those_that_the_log_names(tmp_path: Path) -> None:
    """What an origin adds is not served on: whoever believes the copy believes the log."""
    true = VECTOR["http"]["/v1/ledger"]
    more = [*true["log_vkeys"], STRANGER]
    liar = told(log_vkeys=more, log_vkey=STRANGER, log_key_indexes=[0, 9, 10])

    follow(liar, tmp_path)
    assert Exported(tmp_path).ledger() == true
    follow(liar, tmp_path)
    assert Exported(tmp_path).ledger() == true


def test_a_copy_goes_on_with_what_it_learned(tmp_path: Path) -> None:
    first = Liar()
    first.listed, first.end = [FIVE], FIVE["note"].encode()
    assert follow(first, tmp_path) == 5
    assert Exported(tmp_path).ledger()["log_key_indexes"] == [0]
    assert follow(Liar(), tmp_path) == SIZE
    assert Exported(tmp_path).ledger()["log_key_indexes"] == [0, 9]


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("how", LIES)
def test_a_lie_never_becomes_part_of_a_copy(tmp_path: Path, how: str, *, strict: bool) -> None:
    with pytest.raises(Untrustworthy):
        follow(LIES[how](), tmp_path, strict=strict)

    assert not (tmp_path / "checkpoint").exists()
    assert not (tmp_path / "tile").exists()
    assert not (tmp_path / "ledger.json").exists()


def test_two_do_not_follow_into_one_folder_at_once(tmp_path: Path) -> None:
    """The second would clear away what the first has taken, and call it a lie."""

    class Crowded(Liar):
        def bundle(self, number: int, width: int) -> list[bytes]:
            with pytest.raises(CopyInUse):
                follow(Liar(), tmp_path)
            return super().bundle(number, width)

    assert follow(Crowded(), tmp_path) == SIZE
    assert follow(Liar(), tmp_path) == SIZE


def test_a_folder_of_another_ledger_stays_as_it_is(tmp_path: Path) -> None:
    follow(Liar(), tmp_path)
    held = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    for other in (told(ledger="00" * 32), told(origin="elsewhere.example/log")):
        with pytest.raises(Untrustworthy, match="another ledger"):
            follow(other, tmp_path)

    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == held


class Killed(BaseException):
    """The process ended here, with nothing cleared up."""


@pytest.mark.parametrize(
    "place, calls",
    [
        ("sijill.export.sinks.TilesSink.events", 0),
        ("sijill.export.following.write_durably", 0),
        ("sijill.export.sinks.TilesSink.publish", 0),
        ("sijill.export.sinks.TilesSink._move", 0),
        ("sijill.export.sinks.TilesSink._move", 1),
        ("sijill.export.sinks.TilesSink._move", 2),
        ("sijill.export.lines.append", 0),
        ("sijill.export.following.write_durably", 1),
    ],
)
def test_a_first_run_that_was_killed_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, calls: int
) -> None:
    """Wherever it was, and although the log has grown since."""
    first = Liar()
    first.listed, first.end = [FIVE], FIVE["note"].encode()
    copy, whole = tmp_path / "copy", tmp_path / "whole"
    module, _, name = place.rpartition(".")
    real, left = pkgutil.resolve_name(f"{module}.{name}"), calls

    def kill(*arguments: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        return real(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(place, kill)
        with pytest.raises(Killed):
            follow(first, copy)
    for torn in (".ledger.json.x1", ".checkpoint.x2", ".incoming/tile/entries/000.p/5"):
        path = copy / torn
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"{")
    assert not (copy / "checkpoint").exists()

    assert follow(Liar(), copy) == follow(Liar(), whole) == SIZE
    for path in whole.rglob("*"):
        if path.is_file() and path.name != CHECKPOINTS:
            assert (copy / path.relative_to(whole)).read_bytes() == path.read_bytes(), path
    assert list(Exported(copy).listed()) == list(Exported(whole).listed())


def test_an_origin_that_shows_no_checkpoint_any_more_is_told(tmp_path: Path) -> None:
    silent = Liar()
    silent.end = None
    assert follow(silent, tmp_path) == 0

    follow(Liar(), tmp_path)
    with pytest.raises(Unreachable, match=str(SIZE)):
        follow(silent, tmp_path)


def test_what_a_lie_said_is_kept_as_a_suspicion(tmp_path: Path) -> None:
    with pytest.raises(Untrustworthy):
        follow(other_leaves(), tmp_path)
    assert any((tmp_path / ".suspect").iterdir())


@pytest.mark.parametrize("torn", [b"", b'{"size": 99, "no'])
def test_a_place_among_many_lines_is_found(tmp_path: Path, torn: bytes) -> None:
    """The lines are of every length, so that a step of reading may end anywhere in one."""
    sizes = [3 * number for number in range(1, 60)]
    path = tmp_path / "lines"
    path.write_bytes(
        b"".join(
            json.dumps({"size": size, "note": "x" * (size * size)}).encode() + b"\n"
            for size in sizes
        )
        + torn
    )
    with path.open("rb") as file:
        for after in range(-1, 180):
            file.seek(lines.place(file, "size", after))
            line = file.readline()
            expected = next((size for size in sizes if size > after), None)
            assert (json.loads(line)["size"] if line.endswith(b"\n") else None) == expected
