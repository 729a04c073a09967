"""A log taken away: it grows, it checks by itself, and it does not follow a log that lies."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from infrastructure.proofs import merkle, tiles
from infrastructure.proofs.checkpoint import Checkpoint, sign
from infrastructure.proofs.fsck import Trust
from infrastructure.proofs.tiles import Tile
from sijill import audit
from sijill.client import Identity
from sijill.export.layout import Exported
from sijill.folder import Folder
from tests.serving import ORIGIN, Served
from tests.sijill.cli.conftest import Ran, Shell
from tests.sijill.cli.test_log import refused, sealed


def export(office: Shell, served: Served, folder: Path, *more: str | Path) -> Ran:
    return office("log", "export", folder, "--from", served.url, "--output", "json", *more)


def files(folder: Path) -> dict[str, bytes]:
    """Everything that is no dot file."""
    return {
        name: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not (name := str(path.relative_to(folder))).startswith(".")
    }


def checked(folder: Path, served: Served) -> list[tuple[str, int | None]]:
    """What a whole check of an exported log finds."""
    identity = Identity.parse((folder / "ledger.json").read_bytes())
    assert identity.ledger == served.anybody().identity.ledger
    trust = Trust(ledger=identity.ledger, log_keys=identity.log_keys, acts=audit.act_rules())
    found: list[tuple[str, int | None]] = []
    summary = audit.check(Exported(folder), trust, lambda one: found.append((one.code, one.index)))
    assert summary.leaves == Exported(folder).size
    # Letters of other tests are on this ledger, and open to their parties alone.
    shut = summary.unchecked.get("header_not_open")
    assert summary.headers + (shut.count if shut else 0) == summary.leaves
    return found


def test_an_export_grows_and_checks_by_itself(office: Shell, served: Served) -> None:
    office.set(SIJILL_KEY="")
    folder = office.folder / "export"
    sealed(office_with_key(office), served)
    first = export(office, served, folder)
    assert first.code == 0, first.err
    assert first.json["before"] == 0
    index = sealed(office_with_key(office), served)

    again = export(office, served, folder)

    assert again.code == 0, again.err
    assert again.json["before"] == first.json["size"] <= index < again.json["size"]
    assert checked(folder, served) == []
    assert not (folder / ".incoming").exists()
    # Taken at once it is the same, byte for byte.
    whole = office.folder / "whole"
    assert export(office, served, whole).json["size"] >= again.json["size"]
    held = files(folder)
    if whole_size(whole) == whole_size(folder):
        fresh = files(whole)
        assert {name: held[name] for name in fresh} == fresh


def office_with_key(office: Shell) -> Shell:
    office.set(SIJILL_KEY=str(office.folder / "agency.pem"))
    return office


def events_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.ndjson").read_text().splitlines()]


def whole_size(folder: Path) -> int:
    return Exported(folder).size


def test_an_operator_exports_from_the_database_what_everybody_may_see(
    office: Shell, served: Served
) -> None:
    sealed(office, served)
    office.set(SIJILL_KEY="")
    public, whole = office.folder / "public", office.folder / "whole"

    assert office("log", "export", public, "--data", served.folder).code == 0
    assert office("log", "export", whole, "--data", served.folder, "--all").code == 0

    assert checked(public, served) == []
    assert checked(whole, served) == []
    bodies = [sum(one.body is not None for one in Exported(f).openings()) for f in (public, whole)]
    assert 0 < bodies[0] < bodies[1] == whole_size(whole)


def test_lines_hold_the_same_leaves(office: Shell, served: Served) -> None:
    sealed(office, served)
    lines, folder = office.folder / "lines", office.folder / "tiles"
    assert export(office, served, lines, "--format", "ndjson").code == 0
    sealed(office, served)
    # The edges beside the lines are only there to be quick.
    (lines / ".tree").unlink()

    ran = export(office, served, lines, "--format", "ndjson")

    assert ran.code == 0, ran.err
    assert export(office, served, folder).code == 0
    events = events_of(lines)
    leaves = [one["leaf"].encode() for one in events]
    assert [one["index"] for one in events] == list(range(ran.json["size"]))
    assert leaves == list(Exported(folder).entries())[: len(leaves)]
    assert merkle.root(map(merkle.leaf_hash, leaves)).hex() == ran.json["root"]
    opened = [one for one in events if "order" in one]
    assert len(opened) >= sum("header" in one for one in events) > 0
    assert all("evidence" in events[one["order"]] for one in opened)


def test_a_torn_line_is_written_again(office: Shell, served: Served) -> None:
    sealed(office, served)
    folder = office.folder / "lines"
    size = export(office, served, folder, "--format", "ndjson").json["size"]
    with (folder / "events.ndjson").open("a") as file:
        file.write('{"index":')
    sealed(office, served)

    ran = export(office, served, folder, "--format", "ndjson")

    assert ran.code == 0, ran.err
    events = [one["index"] for one in events_of(folder)]
    assert events == list(range(ran.json["size"]))
    assert len(events) > size


@pytest.mark.parametrize("held", ["checkpoint", "edge", "ledger"])
def test_an_export_does_not_follow_a_log_that_contradicts_it(
    office: Shell, served: Served, held: str
) -> None:
    sealed(office, served)
    folder = office.folder / "export"
    size = export(office, served, folder).json["size"]
    if held == "checkpoint":
        keys = Folder(served.folder).log_keys(ORIGIN)
        (folder / "checkpoint").write_bytes(sign(Checkpoint(ORIGIN, size, bytes(32)), keys))
    elif held == "edge":
        edge = next(tiles.partial_tiles(size=size))
        path = folder / edge.path
        path.write_bytes(bytes(32) + path.read_bytes()[32:])
    else:
        text = (folder / "ledger.json").read_text()
        ledger = served.anybody().identity.ledger.hex()
        (folder / "ledger.json").write_text(text.replace(ledger, "ab" * 32))
    before = files(folder)
    sealed(office, served)

    ran = export(office, served, folder)

    assert refused(ran) == (6, "ledger_untrustworthy")
    assert files(folder) == before


def test_a_changed_leaf_in_an_export_is_found(office: Shell, served: Served) -> None:
    index = sealed(office, served)
    folder = office.folder / "export"
    size = export(office, served, folder).json["size"]
    number, place = divmod(index, tiles.WIDTH)
    bundle = Tile(None, number, min(tiles.WIDTH, size - number * tiles.WIDTH))
    entries = tiles.parse_bundle((folder / bundle.path).read_bytes(), width=bundle.width)
    digest = entries[place][9:73]
    entries[place] = entries[place].replace(digest, digest[::-1])
    (folder / bundle.path).write_bytes(tiles.encode_bundle(entries))

    assert ("leaf_altered", index) in checked(folder, served)


def test_consistency_of_two_saved_checkpoints(office: Shell, served: Served) -> None:
    folder = office.folder / "export"
    sealed(office, served)
    export(office, served, folder)
    old = office.folder / "old"
    shutil.copy(folder / "checkpoint", old)
    sealed(office, served)
    export(office, served, folder)
    new = folder / "checkpoint"

    for source in (["--from", served.url], ["--folder", str(folder)]):
        ran = office("log", "consistency", old, new, *source, "--output", "json")
        assert ran.code == 0, ran.err
        assert ran.json["old"]["size"] < ran.json["new"]["size"]
        assert office("log", "consistency", new, old, *source).code == 0

    size = Exported(folder).size
    other = sign(Checkpoint(ORIGIN, size, bytes(32)), Folder(served.folder).log_keys(ORIGIN))
    (office.folder / "other").write_bytes(other)
    for one in (old, new):
        ran = office("log", "consistency", one, office.folder / "other", "--folder", folder)
        assert ran.code == 6


def test_export_and_consistency_ask_which_log(shell: Shell) -> None:
    empty = shell.file("checkpoint", "")
    for words in (("export", shell.folder / "out"), ("consistency", empty, empty)):
        assert refused(shell("log", *words, "--output", "json")) == (2, "input_log_missing")
