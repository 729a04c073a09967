"""What the units order of a case: its file, its hand-overs, its receipt, its letters.

Each function gives the lines of one unit's bulk, ready to be signed. Ids come from `draw`, so that
whoever is asked again for the same thing names it the same. It knows nothing of sending.
"""

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from permit_log import Advice, Case, Inquiry, party_of

from domain.values.identifiers import slug
from sijill.client import Draft

RECEIPT: Final = "receipt_confirmation"
_LETTER: Final = {"language": "en", "priority": "normal", "secrecy": "public"}
_OUTSIDE: Final = {"correspondent": "public_body", "language": "en"}


def agency_of(unit: str) -> str:
    """A unit's, or a party's, id as an agency."""
    return f"permit-{slug(unit)}"


@dataclass(frozen=True)
class Acts:
    """Lines of orders; `secret` is of the folder that remembers what was sent."""

    secret: bytes

    def draw(self, *words: object) -> str:
        """The id that these words stand for, here."""
        text = "|".join(map(str, words)).encode()
        drawn = hashlib.blake2b(text, key=self.secret, digest_size=16).digest()
        return str(uuid.UUID(bytes=drawn, version=4))

    def stays(self, case: Case, number: int) -> Iterator[bytes]:
        """One stay of a file: it is opened or registered, noted on, and handed on."""
        stay = case.stays[number]
        if number == 0:
            yield self._open(case)
        else:
            yield self._arrive(case, number)
            for note in stay.notes:
                yield self._on_file(case, number, "annotate", {"note": note})
        if number < case.handovers:
            yield self._hand_on(case, number)

    def file(self, case: Case) -> str:
        """The id of a case's file."""
        return self.draw("file", case.name)

    def issue(self, case: Case) -> bytes:
        """The confirmation of a case's receipt."""
        unit, day = case.confirmed.unit, case.confirmed.day
        place = {"unit": "receipts", "series": "permits", "number": case.name, "date": day}
        fields = {"case_reference": case.name}
        return Draft.issue(agency_of(unit), fields, type=RECEIPT, language="en", **place).envelope

    def correct(self, case: Case, code: str) -> bytes:
        """The receipt that was determined once more."""
        said = {"code": code, "reason": "data_changed", "language": "en"}
        fields = {"case_reference": case.name}
        agency = agency_of(case.confirmed.unit)
        return Draft.renew("certificate.correct", agency, "", fields, **said).envelope

    def ask(self, case: Case, number: int, advice: Advice) -> Iterator[bytes]:
        """A unit asks another one for advice, by a letter."""
        asker, asked = agency_of(advice.asker), agency_of(advice.asked)
        name = f"{case.name}/{number}"
        letter = self.draw("request", name)
        place = _place("requests", name, advice.asked_on)
        yield self._letter(asker, letter, place, advice.text, to=[asked])
        yield self._dispatch(asker, letter, self.draw("asked", name), asked)

    def advise(self, case: Case, number: int, advice: Advice) -> Iterator[bytes]:
        """The other unit registers the request, answers it by a letter, and closes it."""
        asker, asked = agency_of(advice.asker), agency_of(advice.asked)
        name = f"{case.name}/{number}"
        request = {"sender": asker, "consignment": self.draw("asked", name)}
        yield _plain("register", asked, **_place("incoming", name, advice.given_on), **request)
        letter = self.draw("reply", name)
        place = _place("answers", name, advice.given_on)
        yield self._letter(asked, letter, place, advice.text, to=[asker], answers=request)
        yield self._dispatch(asked, letter, self.draw("advised", name), asker)
        yield _plain("close", asked, reason="answered", **request)

    def hear(self, case: Case, number: int, advice: Advice) -> Iterator[bytes]:
        """The first unit registers the answer, and has done with it."""
        asker, name = agency_of(advice.asker), f"{case.name}/{number}"
        reply = {"sender": agency_of(advice.asked), "consignment": self.draw("advised", name)}
        yield _plain("register", asker, **_place("incoming", name, advice.given_on), **reply)
        yield _plain("close", asker, reason="done", **reply)

    def inquire(self, case: Case, number: int, inquiry: Inquiry) -> Iterator[bytes]:
        """A unit asks parties outside the network on paper, and registers what they answer."""
        agency, name = agency_of(inquiry.step.unit), f"{case.name}/out/{number}"
        letter = self.draw("inquiry", name)
        place = _place("requests", name, inquiry.step.day)
        to = [agency_of(party) for party in inquiry.parties]
        yield self._letter(agency, letter, place, inquiry.step.text, to=to)
        for party in to:
            on_paper = self.draw("inquired", name, party)
            said = {"sender": agency, "letter": letter, "new_consignment": on_paper}
            yield _plain("send_on_paper", agency, addressee=party, **said)
        for at, step in enumerate(inquiry.answers):
            # One unit did all of this in the recorded log.
            party = agency_of(party_of(step))
            asked = {"sender": agency, "consignment": self.draw("inquired", name, party)}
            yield _about(
                "receive_on_paper",
                agency,
                {"subject": step.text},
                new_consignment=self.draw("heard", name, at),
                originator=party,
                answers=asked,
                priority="normal",
                secrecy="public",
                **_OUTSIDE,
                **_place("incoming", f"{name}-{at}", step.day),
            )

    def _open(self, case: Case) -> bytes:
        """A file names nobody: it goes to whoever does the next step."""
        subject = f"Environmental permit, {case.name}"
        place = {**_place("cases", case.name, case.opened), "unit": "files"}
        agency = agency_of(case.stays[0].unit)
        return self._letter(agency, self.file(case), place, subject, kind="case_file")

    def _arrive(self, case: Case, number: int) -> bytes:
        stay = case.stays[number]
        place = {**_place("incoming", f"{case.name}/{number}", stay.since), "unit": "files"}
        return self._on_file(case, number, "register", None, **place)

    def _hand_on(self, case: Case, number: int) -> bytes:
        giver, taker = (agency_of(one.unit) for one in case.stays[number : number + 2])
        new, due = self._stay(case, number + 1), case.deadline
        if number == 0:
            return self._dispatch(giver, self.file(case), new, taker, due_date=due)
        said = {"new_consignment": new, "addressee": taker, "due_date": due}
        return self._on_file(case, number, "refer_onward", None, **said)

    def _stay(self, case: Case, number: int) -> str:
        """The id of the consignment by which the file came to its n-th stay."""
        return self.draw("stay", case.name, number)

    def _on_file(
        self, case: Case, at: int, act: str, values: dict[str, str] | None, **said: Any
    ) -> bytes:
        agency, sender = agency_of(case.stays[at].unit), agency_of(case.stays[at - 1].unit)
        on = {"sender": sender, "consignment": self._stay(case, at), **said}
        return _plain(act, agency, **on) if values is None else _about(act, agency, values, **on)

    def _letter(
        self, agency: str, id_: str, place: dict[str, Any], subject: str, **said: Any
    ) -> bytes:
        said = {"kind": "letter", "to": [], **said}
        return _about(
            "register_outgoing",
            agency,
            {"subject": subject},
            new_letter=id_,
            **_LETTER,
            **place,
            **said,
        )

    def _dispatch(
        self, agency: str, letter: str, new: str, addressee: str, **said: str | None
    ) -> bytes:
        on = {"sender": agency, "letter": letter, "new_consignment": new}
        return _plain("dispatch", agency, addressee=addressee, **on, **said)


def _place(series: str, number: str, day: str) -> dict[str, Any]:
    """A place in a unit's registers."""
    year = int(day[:4])
    return {"unit": "advice", "series": series, "year": year, "number": number, "date": day}


def _plain(act: str, agency: str, **said: Any) -> bytes:
    return Draft.plain(f"transfer.{act}", agency, "", **said).envelope


def _about(act: str, agency: str, values: dict[str, str], **said: Any) -> bytes:
    return Draft.about(f"transfer.{act}", agency, "", values, **said).envelope
