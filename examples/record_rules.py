"""Rules of the record that an auditor judges by themselves: sections 11 and 12 of the page.

Beside check_log.py, and written like it from docs/reference/ledger-format.md alone. A rule is
judged by what the headers before an event said, and exactly where its body and theirs are open.
"""

from dataclasses import dataclass, field
from typing import Any

from ledger_format import Event, need

LEFT_OUT = (
    "who had to co-sign, standings of agencies, values of the members of statements, all rules of "
    "the record but three: which key may order what, and when; no certificate revoked twice; one "
    "holder of an original or a case file"
)
HELD = {"original", "case_file"}
Name = tuple[str, str]
REVOKED = "sijill.certificate.revoked.v1"
ANNULLED = "sijill.certificate.revocation_annulled.v1"
ORIGINALS = {
    f"sijill.certificate.{what}.v1"
    for what in ("issued", "corrected", "original_added", "original_replaced")
}


@dataclass
class Certificate:
    """What the events of one stream say of revocations.

    `revoked` counts those that nothing has undone, `originals` what could be revoked by itself.
    """

    revoked: int = 0
    originals: int = 0
    whole: bool = False
    alone: set[str] = field(default_factory=set)
    known: bool = True


@dataclass
class Original:
    """Section 10: who holds an original or a case file, and what of it is on its way.

    `by` is the consignment by which the holder has it, None for who registered it; `waiting` the
    one that its addressee has neither registered nor sent back.
    """

    stream: str
    holder: str
    by: Name | None = None
    waiting: Name | None = None
    addressee: str = ""
    version: int = 1
    known: bool = True


class Custody:
    """Every original and case file of the log so far, and who answers for whom."""

    def __init__(self) -> None:
        self.by_stream: dict[str, Original] = {}
        self.letters: dict[Name, Original] = {}
        self.consignments: dict[Name, Original] = {}
        self.successions: dict[str, list[tuple[int, str]]] = {}

    def take(self, event: Event) -> None:
        """One event; Wrong where an original would have a second holder, or none."""
        noun, _, kind = event.told["type"].removeprefix("sijill.").rpartition(".")[0].partition(".")
        said = event.said
        if noun == "agency" and said is not None:
            self._succeed(kind, said, event.index)
        if noun != "transfer":
            return
        one = self.by_stream.get(event.told["stream"])
        if one is not None:
            # What was done to it in an event that was not seen is held against nobody.
            one.known = one.known and said is not None and event.told["version"] == one.version + 1
            one.version = event.told["version"]
        if said is not None:
            self._judge(event, kind, said, one)

    def _judge(self, event: Event, kind: str, said: dict[str, Any], one: Original | None) -> None:
        agency = event.told["agency"]
        if kind == "registered_outgoing" and said["kind"] in HELD:
            name = (agency, said["new_letter"])
            need(one is None and name not in self.letters, "second_holder", said)
            one = Original(event.told["stream"], agency)
            self.by_stream[one.stream] = self.letters[name] = one
            return
        letter = (said.get("sender", ""), said.get("letter", ""))
        of = (said.get("sender", ""), said.get("consignment", ""))
        one = self.letters.get(letter) or self.consignments.get(of) or one
        if one is None or not one.known:
            return
        if kind in {"dispatched", "referred_onward", "sent_on_paper", "registered_incoming"}:
            need(event.told["stream"] == one.stream, "second_holder", said)
            need(kind != "sent_on_paper", "second_holder", said)
        if kind in {"dispatched", "referred_onward"}:
            by = None if kind == "dispatched" else of
            free = one.by == by and one.waiting is None
            need(free and self._answers(agency, one.holder), "second_holder", said)
            one.waiting, one.addressee = (agency, said["new_consignment"]), said["addressee"]
            self.consignments[one.waiting] = one
        elif kind == "registered_incoming":
            taken = one.waiting == of and self._answers(agency, one.addressee)
            need(taken, "second_holder", said)
            one.holder, one.by, one.waiting = agency, of, None
        elif kind in {"returned", "refused", "withdrawn"} and one.waiting == of:
            one.waiting = None

    def _succeed(self, kind: str, said: dict[str, Any], index: int) -> None:
        """Section 12: who answers for all of an agency from here on."""
        successor = said.get({"merged": "successor", "split": "rest"}.get(kind, ""))
        if successor is not None:
            self.successions.setdefault(said["subject"], []).append((index, successor))

    def _answers(self, agency: str, party: str) -> bool:
        """Whether the agency is this party, or answers for it."""
        index, last = -1, party
        while later := [one for one in self.successions.get(last, []) if one[0] > index]:
            index, last = later[0]
        return agency in {party, last}


class Records:
    """Every record of the log so far."""

    def __init__(self) -> None:
        self.by_stream: dict[str, Certificate] = {}
        self.custody = Custody()

    def take(self, event: Event) -> None:
        """One event; Wrong where it breaks one of the rules."""
        self.custody.take(event)
        self._revocation(event)

    def _revocation(self, event: Event) -> None:
        """A certificate that is revoked already is not revoked once more."""
        kind = event.told["type"]
        if kind in ORIGINALS:
            self.by_stream.setdefault(event.told["stream"], Certificate()).originals += 1
        record = self.by_stream.get(event.told["stream"])
        if record is None or kind not in {REVOKED, ANNULLED}:
            return
        record.revoked = max(0, record.revoked + (1 if kind == REVOKED else -1))
        if event.said is None:
            # Each original may be revoked alone, and then the certificate as a whole.
            record.known = False
            most = record.originals + 1
            need(record.revoked <= most, "revoked_twice", f"{record.revoked} of {most}")
            return
        code, alone = event.said["code"], event.said.get("original_only", False)
        if kind == ANNULLED:
            if alone:
                # A revocation of this one original outlasts that of the whole.
                record.alone.discard(code)
            else:
                record.whole = False
            return
        again = record.whole or (alone and code in record.alone)
        need(not (record.known and again), "revoked_twice", event.said)
        if alone:
            record.alone.add(code)
        else:
            record.whole = True
