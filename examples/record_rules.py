"""Rules of the record that an auditor judges by themselves: sections 11 and 12 of the page.

Beside check_log.py, and written like it from docs/reference/ledger-format.md alone. A rule is
judged by what the headers before an event said, and exactly where its body and theirs are open.
"""

from dataclasses import dataclass, field

from ledger_format import Event, need

LEFT_OUT = (
    "who had to co-sign, standings of agencies, values of the members of statements, all rules of "
    "the record but three: which key may order what, and when; no certificate revoked twice"
)
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


class Records:
    """Every certificate of the log so far."""

    def __init__(self) -> None:
        self.by_stream: dict[str, Certificate] = {}

    def take(self, event: Event) -> None:
        """One event; Wrong where a certificate is revoked that is revoked already."""
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
            record.alone.discard(code)
            record.whole = record.whole and alone
            return
        again = record.whole or (alone and code in record.alone)
        need(not (record.known and again), "revoked_twice", event.said)
        if alone:
            record.alone.add(code)
        else:
            record.whole = True
