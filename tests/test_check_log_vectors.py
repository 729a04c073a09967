"""What examples/ledger_format.py reads and refuses, against the vectors."""

import json
import runpy
from types import SimpleNamespace
from typing import Any

from domain.acts import ACTS
from infrastructure.proofs.keyring import KeyRing
from tests.retold import PROGRAM, VECTOR, VECTORS
from tests.stranger import NoteKey, thumbprint

FORMAT: Any = SimpleNamespace(**runpy.run_path(str(PROGRAM.with_name("ledger_format.py"))))
STRANGER = NoteKey("sijill.example/log", bytes(range(32)))


def load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((VECTORS / name).read_text(encoding="utf-8"))
    return loaded


def refused(said: Any, *arguments: Any) -> bool:
    """Whether the program's reading refuses; what else it raises would be a finding, too."""
    try:
        said(*arguments)
    except (FORMAT.Wrong, ValueError):
        return True
    return False


def test_its_table_of_acts_is_the_domains() -> None:
    acts = [command.ACT for command in ACTS.values()]

    assert {
        act.event: (act.name, act.scope.value, act.path, act.bulk_path) for act in acts
    } == FORMAT.ACTS


def test_it_names_and_refuses_keys_as_the_vectors_do() -> None:
    keys = load("thumbprint.json")

    assert all(FORMAT.thumbprint(one["jwk"]) == one["thumbprint"] for one in keys["accepted"])
    assert [one for one in keys["refused"] if not refused(FORMAT.thumbprint, one["jwk"])] == []


def test_it_reads_statements_as_the_vectors_do() -> None:
    def read(data: bytes) -> None:
        value = FORMAT.parse(data, "")
        FORMAT.check_values(value)
        FORMAT.need(isinstance(value, dict) and len(data) <= FORMAT.TEXT_BYTES, "", "")

    statements = load("statement.json")
    texts = [bytes.fromhex(one["hex"]) for one in statements["refused"] if "hex" in one]

    assert not any(refused(read, bytes.fromhex(one["hex"])) for one in statements["accepted"])
    # Which characters are unassigned a checker need not repeat (section 4).
    assert [text for text in texts if not refused(read, text)] == ['{"a":"\uffff"}'.encode()]


def test_keys_fall_as_the_vector_says() -> None:
    """In the checker, and in the package's own check."""
    vector, jwks = load("void.json"), [one["jwk"] for one in load("thumbprint.json")["accepted"]]
    more = [key["jwk"] for key in VECTOR["keys"].values()]
    keys = dict(zip([one["name"] for one in vector["keys"]], [*jwks, *more], strict=False))
    names = {name: thumbprint(jwk) for name, jwk in keys.items()}
    founders = [
        {"id": name, "key": {"jwk": keys[name]}, "recovery": {"jwk": keys[f"{name}-recovery"]}}
        for name in ("ndc", "comsec")
    ]
    mine, packages = FORMAT.Keys(), KeyRing()
    mine.learn("ledger.open", {"founders": founders}, 0, [names["ndc"], names["comsec"]])
    packages.found({"founders": founders})
    for one in vector["keys"][4:]:
        said = {"jwk": keys[one["name"]], "subject": "moj"}
        by = tuple(names[name] for name in one["by"])
        mine.learn("key.enrol", said, one["enrolled"], list(by))
        packages.enrol(said, index=one["enrolled"], by=by)
    for one in vector["compromises"]:
        said = {"key": names[one["key"]], "as_of": one["as_of"]}
        mine.learn("key.compromise", said, 20, [])
        packages.compromise(said)
        known = {name: packages.find(names[name]) for name in names}
        assert {name: mine.by_name[names[name]].void for name in names} == one["void"]
        assert {name: key and key.void_from for name, key in known.items()} == one["void"]


def test_it_reads_notes_headers_and_trees_as_the_vectors_do() -> None:
    notes, headers, tree = load("note.json"), load("leaf.json"), load("merkle.json")
    checked = {"note_unsigned", "signature_invalid"}
    malformed = [one["note"] for one in notes["malformed_notes"] if one["code"] not in checked]
    signed = [one["note"] for one in notes["malformed_notes"] if one["code"] in checked]
    vkeys = [notes["keys"][name]["vkey"] for name in ("log", "log2")]
    hashes = [bytes.fromhex(one) for one in tree["leaf_hashes"]]
    line = STRANGER.line("")

    assert all(refused(FORMAT.Note, one) for one in malformed)
    assert all(refused(FORMAT.Note(one).check, vkeys) for one in signed)
    for one in notes["with_unknown_lines"]:
        FORMAT.Note(one["note"]).check(vkeys)
    for one in load("checkpoint.json")["malformed_texts"]:
        # The root of an empty tree is compared with the tree's, not read.
        empty, signed_text = "\n0\n" in one["text"], f"{one['text']}\n{line}"
        assert empty or refused(lambda text: FORMAT.Note(text).checkpoint(), signed_text), one
    for one in headers["headers"]:
        assert FORMAT.read_header(one["header"]) == one["members"]
    roots = FORMAT.roots(hashes, range(len(hashes) + 1))
    assert [roots[size].hex() for size in range(len(hashes) + 1)] == tree["roots"]
