"""The scene of authenticity: a ministry asks whether four documents were issued as they stand.

One is of this ledger, and the operator attests it; three are degrees of the last century, of which
the university's captured register knows one. What is not in it is not found, and of a year that
nobody captured nothing follows.
"""

import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domain.catalogue.calendar import CALENDAR
from domain.values import baghdad_day
from infrastructure import keyfiles
from infrastructure.proofs import codes
from infrastructure.proofs.jwk import public_of
from sijill.client import Client, Draft
from sijill.demo.cast import Cast, plain, send
from sijill.folder import Folder

ISSUER, ASKER = "university-of-baghdad", "higher-education"
BOOK: dict[str, Any] = {"unit": "archive", "series": "general", "year": 1998}
ROOM = "/v1/authenticity-requests"
BULK = "/v1/registers/bulk"
WAIT_SECONDS = 86_400
WORKING_DAYS = 3


def play(cast: Cast, folder: Folder, code: str) -> list[dict[str, Any]]:
    """Capture a register, ask and answer; what each question came to, as its asker sees it."""
    let_attest(cast, folder)
    issuer, asker = cast.officers[ISSUER][0], cast.officers[ASKER][0]
    capture(issuer)
    paper = {"issuer": ISSUER, "type": "degree", "date": "1998-07-01"}
    asked = {
        "attested": _ask(asker, code=code),
        "genuine": _ask(asker, number="1", **paper),
        "not_found": _ask(asker, number="99", **paper),
        "outside_coverage": _ask(asker, number="99", **{**paper, "date": "1987-07-01"}),
    }
    register = {"unit": BOOK["unit"], "series": BOOK["series"]}
    proof = _certify(issuer, "1")
    positive = {"certificate": proof, "grade": "register_only"}
    _answer(issuer, asked["genuine"], finding="genuine", **positive, **register)
    for finding in ("not_found", "outside_coverage"):
        _answer(issuer, asked[finding], finding=finding, **register)
    return [_told(asker, case, request) for case, request in asked.items()]


def let_attest(cast: Cast, folder: Folder) -> None:
    """Put the operator's attesting key beside the service; both founders enrol it."""
    operator = cast.operator
    key = keyfiles.create_private_key(folder.key("attest"), Ed25519PrivateKey.generate())
    draft = Draft.plain(
        "key.enrol",
        operator.agency or "",
        f"/v1/agencies/{operator.agency}/keys",
        subject=operator.agency,
        jwk=public_of(key).jwk,
        scopes=["attest", "issue"],
        office="registry",
        officer="attester-1",
        valid_until=int(time.time()) + WAIT_SECONDS,
    )
    order = send(operator, draft, cosigned=True)
    operator.send(operator.possess(draft.path, draft.envelope, key))
    cast.authority.approve(order["order"])


def capture(issuer: Client) -> None:
    """Three degrees of 1998 from the paper register, which is then declared covered."""
    path = "/v1/registers/archive/general/1998"
    drafts = [
        Draft.about(
            "register.capture",
            issuer.agency or "",
            f"{path}/entries",
            {"holder_name": f"حامل {9000 + number}", "qualification": "بكالوريوس"},
            number=str(number),
            type="degree",
            date="1998-07-01",
            grade="register_only",
            **BOOK,
        )
        for number in (1, 2, 3)
    ]
    issuer.send(issuer.prepare(BULK, [draft.envelope for draft in drafts], bulk=True))
    plain(issuer, "register.cover", f"{path}/coverage", grade="register_only", **BOOK)


def _ask(asker: Client, **about: Any) -> str:
    request = codes.generate()
    today = baghdad_day(time.time_ns() // 1000)
    due = CALENDAR.after(today, WORKING_DAYS).isoformat()
    plain(asker, "authenticity.request", ROOM, request=request, due_date=due, **about)
    return request


def _answer(issuer: Client, request: str, **said: Any) -> None:
    path = f"{ROOM}/{request}/answer"
    plain(issuer, "authenticity.answer", path, request=request, **said)


def _certify(issuer: Client, number: str) -> str:
    """The authenticity certificate of a positive answer, issued like any other."""
    fields = {
        "document_reference": number,
        "document_date": "1998-07-01",
        "finding": "صحيحة الصدور",
    }
    draft = Draft.issue(
        issuer.agency or "",
        fields,
        type="authenticity",
        unit="authenticity",
        series="general",
        number="1",
        date=baghdad_day(time.time_ns() // 1000).isoformat(),
        language="ar",
    )
    send(issuer, draft)
    return str(draft.code)


def _told(asker: Client, case: str, request: str) -> dict[str, Any]:
    found = asker.get(f"{ROOM}/{request}")
    names = ("request", "state", "finding", "certificate")
    return {"case": case, **{name: found[name] for name in names}}
