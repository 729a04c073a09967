"""An auditor's first hour: check a whole log over HTTP with nothing of the project.

Written from docs/reference/ledger-format.md alone, whose sections the comments name. It needs only
Python's standard library and `cryptography`, and the files beside it. It only reads.

    python examples/check_log.py --url http://127.0.0.1:8080 --ledger ID --kept old-checkpoint

With --key it reads as an agency, under scope `audit` everything; the key never leaves it.
Without --ledger, --vkey or --kept a log is only compared with itself: a whole other one would pass.
Exit code: 0 nothing found, 6 findings, 3 the log cannot be read, 2 wrong use.
"""

import argparse
import base64
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from typing import Any

from ledger_format import (
    ACTS,
    APPROVAL,
    LEAF,
    LEARNED,
    NONCE,
    SALT_BYTES,
    STATUS,
    TEXT_BYTES,
    TILE,
    Event,
    Keys,
    Note,
    Wrong,
    canonical,
    check_rotation,
    check_values,
    fits,
    list_root,
    need,
    parse,
    read_evidence,
    read_header,
    roots,
    thumbprint,
    tiles,
    verified,
)
from log_answers import Answers
from record_rules import LEFT_OUT, Records

BROUGHT = ("ledger", "vkey", "kept", "receipt")


class Checker:
    """Section 16; findings and what could not be checked are collected."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.answers = Answers(options.url, options.key)
        self.kept = [Note(path.read_text(encoding="utf-8")) for path in options.kept]
        self.receipts = [Note(path.read_text(encoding="utf-8")) for path in options.receipt]
        self.findings: list[dict[str, Any]] = []
        self.unchecked: Counter[str] = Counter()
        self.size = self.signatures = 0
        self.hashes: list[bytes] = []
        self.leaves: list[dict[str, Any]] = []
        self.versions: dict[str, int] = {}
        self.keys, self.records = Keys(), Records()
        self.keys_in_doubt = self.streams_in_doubt = False
        self.receipts_key = ""
        self.log_keys: list[tuple[int, str]] = []
        self.orders: dict[tuple[str, str], tuple[tuple[str, str], set[int]]] = {}

    @contextmanager
    def noting(self, index: int | None = None) -> Iterator[None]:
        """What is wrong in here is a finding, and the check goes on behind it."""
        try:
            yield
        except Wrong as wrong:
            self.findings.append({"code": wrong.args[0], "index": index, "text": wrong.args[1]})
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            self.findings.append({"code": "malformed", "index": index, "text": repr(error)})

    def run(self) -> None:
        """Every step; a finding that leaves nothing to go on with ends it."""
        with self.noting():
            published = self.answers.checkpoints()
            self.size = published[-1].checkpoint()[1]
            notes = published + self.kept
            self.read_leaves()
            self.compare(notes)
            for index, item, order in self.answers.openings(self.size, self.hashes[0].hex()):
                with self.noting(index):
                    self.event(index, item, order)
            for note in notes:
                with self.noting():
                    origin, size, _ = note.checkpoint()
                    known = [vkey for index, vkey in self.log_keys if index < size]
                    note.check(vkey for vkey in known if vkey.startswith(f"{origin}+"))
            for note in self.receipts:
                with self.noting():
                    self.receipt(note)
            brought, known = self.options.vkey, [vkey for _, vkey in self.log_keys]
            need(brought is None or brought in known, "other_log_key", known)

    def receipt(self, note: Note) -> None:
        """Section 16, step 8: what the log promised somebody is there."""
        ledger, index, leaf_hash = note.receipt()
        note.check([self.receipts_key])
        need(ledger == self.hashes[0].hex(), "other_ledger", ledger)
        if index >= self.size:
            # Beyond the newest checkpoint nothing is served: it may be there, and may not.
            self.unchecked["receipt_not_covered"] += 1
            return
        there = [one.hex() for one in self.hashes[index : index + 1]]
        need(there == [leaf_hash], "receipt_broken", note.text)

    def read_leaves(self) -> None:
        """Section 2: each leaf of the bundles."""
        for path, start, end in tiles("entries", self.size):
            data = self.answers.get(path)
            for index in range(start, end):
                length = int.from_bytes(data[:2], "big")
                leaf, data = data[2 : 2 + length], data[2 + length :]
                need(length and len(leaf) == length, "bundle_malformed", path)
                with self.noting(index):
                    self.leaf(index, leaf.decode(errors="replace"))
                self.hashes.append(sha256(b"\0" + leaf).digest())
            need(not data, "bundle_malformed", path)

    def leaf(self, index: int, leaf: str) -> None:
        """Template, index, chain and clock. What it commits to is kept wherever it stands."""
        good = LEAF.fullmatch(leaf)
        self.leaves.append(json.loads(leaf) if good else {})
        need(good, "leaf_malformed", leaf)
        told, before = self.leaves[-1], self.leaves[index - 1] if index else {}
        linked = told["prev"] == (self.hashes[-1].hex() if index else "0" * 64)
        need(told["index"] == index and linked, "chain_broken", leaf)
        need(before.get("time", 0) <= told["time"] < 2**53, "time_backwards", leaf)

    def compare(self, notes: list[Note]) -> None:
        """The leaves against the tiles, every root, and the ledger that was asked for."""
        level, hashes = 0, self.hashes
        while hashes:
            for path, start, end in tiles(level, len(hashes)):
                with self.noting(start * TILE**level):
                    same = self.answers.get(path) == b"".join(hashes[start:end])
                    need(same, "tile_differs", path)
            ends = range(TILE, len(hashes) + 1, TILE)
            hashes = [roots(hashes[end - TILE : end], {TILE})[TILE] for end in ends]
            level += 1
        found = roots(self.hashes, {note.checkpoint()[1] for note in notes})
        for note in notes:
            with self.noting():
                _, size, root = note.checkpoint()
                need(size <= self.size, "log_cut", f"{self.size} events, a checkpoint of {size}")
                need(found[size] == root, "root_differs", note.text)
        asked = self.options.ledger
        need(asked in {None, self.hashes[0].hex()}, "other_ledger", self.hashes[0].hex())

    def opened(self, index: int, part: str, item: dict[str, Any], noun: str = "") -> bytes | None:
        """The bytes of a header or body, if they are open and what the leaf commits to."""
        if part not in item:
            self.unchecked[f"{noun}{part}_not_open"] += 1
            return None
        data, salt = base64.b64decode(item[part]), bytes.fromhex(item[f"{part}_salt"])
        digest = sha256(f"sijill/{part}/v1\0".encode() + salt + data).hexdigest()
        same = len(salt) == SALT_BYTES and digest == self.leaves[index][part]
        need(same, f"{part}_differs", f"the leaf commits to other bytes than {data!r}")
        return data

    def event(self, index: int, item: dict[str, Any], order: dict[str, Any] | None) -> None:
        """Section 16, steps 4 to 7. An event with a finding teaches nothing, and leaves a doubt."""
        doubt = hidden = True
        try:
            if self.leaves[index].get("v") != 1:
                self.unchecked["leaf_not_of_this_format"] += 1
                return
            header = self.opened(index, "header", item)
            if header is None:
                return
            event = Event(index, self.leaves[index]["time"], read_header(header.decode()))
            doubt, hidden = event.told["type"] in LEARNED, False
            noun = event.told["type"].split(".")[1] + "_"
            self.version(event.told["stream"], event.told["version"])
            if (body := self.opened(index, "body", item, noun)) is not None:
                self.statement(event, body)
            if order is None:
                self.unchecked[f"{noun}evidence_not_open"] += 1
            proven = order is not None and self.evidence(event, order)
            self.records.take(event)
            if proven and event.said is not None:
                doubt = not self.learn(event, event.said)
        finally:
            self.keys_in_doubt = self.keys_in_doubt or doubt
            self.streams_in_doubt = self.streams_in_doubt or hidden

    def version(self, stream: str, version: int) -> None:
        """Section 3: no version of a stream is left out, unless a header was not seen."""
        last = self.versions.get(stream, 0)
        self.versions[stream] = max(last, version)
        hidden = self.streams_in_doubt and version > last
        need(hidden or version == last + 1, "version_gap", f"{version} after {last} of {stream}")

    def statement(self, event: Event, body: bytes) -> None:
        """Sections 3 and 4: what was signed, and beside it only what the service chose."""
        parts = parse(body, "body")
        said = parts["statement"]
        check_values(said)
        act, text = ACTS[event.told["type"]].name, canonical(said)
        plain = re.fullmatch(NONCE, said["nonce"]) and len(text) <= TEXT_BYTES
        need(plain, "statement_refused", text)
        same = (said["agency"], said["act"]) == (event.told["agency"], act)
        need(same, "statement_of_another", f"{said} under {event.told}")
        beside = {"status"} if act in STATUS else {"notes"} if act == "ledger.rotate_key" else set()
        need(set(parts) == {"statement"} | beside, "body_malformed", body)
        event.said, event.digest = said, sha256(b"\0" + text).hexdigest()
        if "notes" in parts:
            ledger, known = self.hashes[0].hex(), [vkey for _, vkey in self.log_keys]
            check_rotation(parts["notes"], ledger, event.digest, known, said["log_key"])

    def evidence(self, event: Event, order: dict[str, Any]) -> bool:
        """Section 8: the evidence bears the event out; False where a part could not be checked."""
        told, data = event.told, base64.b64decode(order["evidence"])
        need(sha256(data).hexdigest() == told["evidence"], "evidence_differs", told)
        signed = read_evidence(data)
        first, lines = signed[0], signed[0]["lines"]
        need([one["keyid"] for one in signed] == told["keys"], "keys_differ", told)
        ledger = self.hashes[0].hex() if event.index else "0" * 64
        need(first["ledger"] == ledger, "evidence_of_other_ledger", first["ledger"])
        self.place(event, signed)
        life = 3_600 if len(signed) == 1 else 2_592_000
        proven = [self.signature(event, one, life) for one in signed]
        root = base64.b64decode(first["root"])
        listed = tuple(order.get("statements", (root.hex(),)))
        if len(listed) < lines and "statements" not in order:
            self.unchecked["list_not_open"] += 1
            return False
        need(len(listed) == lines and list_root(listed) == root, "list_differs", root.hex())
        ordered = told["line"] < lines and event.digest in {"", listed[told["line"]]}
        need(ordered, "statement_not_ordered", event.said)
        return all(proven)

    def place(self, event: Event, signed: list[dict[str, Any]]) -> None:
        """Where each request went, and that the idempotency key was used for nothing else."""
        told, said, (first, *others) = event.told, event.said, signed
        act = ACTS[told["type"]]
        need(fits(act, said, first["path"]), "path_differs", first["path"])
        for one in others:
            approves = APPROVAL.fullmatch(one["path"]) if event.index else one["path"] == act.path
            same = one["path"] == first["path"]
            need(same if one["tag"] == "possession" else approves, "path_differs", one["path"])
        proofs = sum(one["tag"] == "possession" for one in others)
        proven = proofs == (act.name == "key.enrol")
        need(proven, "possession_not_proven", f"{proofs} proofs for {act.name}")
        what = (first["path"], first["root"])
        used = self.orders.setdefault((told["agency"], first["idempotency"]), (what, set()))
        need(used[0] == what and told["line"] not in used[1], "line_repeated", told)
        used[1].add(told["line"])

    def signature(self, event: Event, one: dict[str, Any], life: int) -> bool:
        """One signature: in its time, by a key that may sign, and right. False as `evidence`."""
        until = min(one["expires"], (event.said or {}).get("valid_until", one["expires"]))
        within = (one["created"] - 300) * 1_000_000 <= event.time <= until * 1_000_000
        need(within and one["expires"] - one["created"] <= life, "signature_time", one["base"])
        jwk = self.signer(event, one)
        if jwk is None:
            self.unchecked["key_not_learned"] += 1
            return False
        need(verified(jwk, one["sig"], one["base"]), "signature_invalid", one["keyid"])
        self.signatures += 1
        return True

    def signer(self, event: Event, one: dict[str, Any]) -> dict[str, str] | None:
        """Section 11: the key, if it may sign; None where an event before could not be read."""
        (act, scope, *_), said, name = ACTS[event.told["type"]], event.said or {}, one["keyid"]
        agency = event.told["agency"]
        need((act == "ledger.open") is (event.index == 0), "genesis_invalid", act)
        if act == "ledger.open":
            named = {thumbprint(founder["key"]["jwk"]): founder for founder in said["founders"]}
            need([*named] == event.told["keys"] and len(named) > 1, "genesis_invalid", [*named])
            need(agency == said["founders"][0]["id"], "genesis_invalid", agency)
            return dict(named[name]["key"]["jwk"])
        if one["tag"] == "possession":
            if not said:
                return None
            need(thumbprint(said["jwk"]) == name, "possession_of_another_key", name)
            return dict(said["jwk"])
        key = self.keys.by_name.get(name)
        if key is None:
            need(self.keys_in_doubt, "key_unknown", name)
            return None
        objection = key.objection(event.time)
        need(not objection, "key_may_not_sign", f"{objection}: {name}")
        if one["tag"] == "order":
            need(key.agency == agency, "key_foreign", f"{name} is of {key.agency}")
            recovers = "recovery" in key.told["scopes"] and self.keys.subject(act, said) == agency
            need(scope in key.told["scopes"] or recovers, "scope_missing", f"{name} orders {act}")
        return key.jwk

    def learn(self, event: Event, said: dict[str, Any]) -> bool:
        """Section 12: what it says of keys, the agencies' and the log's. False as `evidence`."""
        act = ACTS[event.told["type"]].name
        if act in {"key.retire", "key.compromise"} and said["key"] not in self.keys.by_name:
            need(self.keys_in_doubt, "key_unknown", said["key"])
            return False
        self.keys.learn(act, said, event.index, event.told["keys"])
        if act in {"ledger.open", "ledger.rotate_key"}:
            self.log_keys.append((event.index, said["log_key"]))
            self.receipts_key = said.get("receipt_key", self.receipts_key)
        return True

    def report(self, unreadable: str | None) -> dict[str, Any]:
        """What was found, what could not be checked, and what this program leaves out."""
        return {
            "ledger": self.hashes[0].hex() if self.hashes else None,
            "events": len(self.hashes),
            "signatures": self.signatures,
            "brought": [name for name in BROUGHT if getattr(self.options, name)],
            "findings": self.findings,
            "could_not_check": dict(self.unchecked),
            "could_not_read": unreadable,
            "left_out": LEFT_OUT,
        }


def main() -> int:
    """Check, print, and say by the exit code what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--ledger", help="the ledger id that you trust, 64 hex digits")
    parser.add_argument("--vkey", help="a verifier key of the log that you trust")
    parser.add_argument("--key", type=Path, help="an agency's private key: opens what it may see")
    parser.add_argument("--kept", type=Path, action="append", default=[], help="old checkpoint")
    parser.add_argument("--receipt", type=Path, action="append", default=[])
    parser.add_argument("--output", choices=["human", "json"], default="human")
    options = parser.parse_args()
    try:
        checker, unreadable = Checker(options), None
    except (OSError, ValueError, Wrong) as error:
        parser.error(f"what was kept cannot be read: {error}")
    try:
        checker.run()
    except (OSError, HTTPException) as error:
        unreadable = repr(error)
    report = checker.report(unreadable)
    print(json.dumps(report) if options.output == "json" else human(report))
    return 6 if checker.findings else 3 if unreadable else 0


def human(report: dict[str, Any]) -> str:
    """The report for people; what was found stands last, where it is seen."""
    lines = [f"{name.replace('_', ' ')}: {report[name]}" for name in report if name != "findings"]
    found = ["FOUND {code}, index {index}: {text}".format(**one) for one in report["findings"]]
    end = ", not all could be read" if report["could_not_read"] else ""
    return "\n".join([*lines, *found, f"{len(found)} findings{end}"])


if __name__ == "__main__":
    sys.exit(main())
