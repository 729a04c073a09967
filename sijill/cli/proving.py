"""The authenticity certificate of an answer: issued before it, and void where there is none."""

from datetime import datetime
from typing import Any, Final

from api.i18n import LANGUAGES, translate
from domain.values.moments import BAGHDAD
from sijill.cli.output import Output
from sijill.client import Client, Draft, Refused

POSITIVE: Final = frozenset({"genuine", "changed"})
"""Findings that have a certificate."""
LATE: Final = frozenset({"request_not_waiting", "request_unknown"})
"""What an answer is refused for where the request has ended, or is before another agency."""

_UNIT, _SERIES = "authenticity", "general"


def proved(asked: dict[str, Any], finding: str, output: Output) -> dict[str, str]:
    """What the authenticity certificate of a request says."""
    fields = {
        "document_reference": asked["code"] or asked["number"],
        "finding": output.words(f"word.authenticity.finding.{finding}"),
        "addressee": asked["requester"],
    }
    if asked["date"]:
        fields["document_date"] = asked["date"]
    if "holder_name" in asked["values"]:
        fields["holder_name"] = asked["values"]["holder_name"]
    return fields


def rehearse(client: Client, draft: Draft, finding: str) -> None:
    """Have the answer judged before a certificate is issued, or corrected, for it.

    What it would be refused for would leave the certificate behind, or change that of an answer
    that was given before. A positive answer lacks its certificate here, which is judged last.

    Raises:
        Refused: the answer would be.
    """
    [judged] = client.check([draft.envelope], path="/v1/authenticity-requests/bulk")
    problem = judged.get("problem")
    lacking = finding in POSITIVE and "authenticity_certificate_unfit"
    if problem is not None and problem.get("code") != lacking:
        raise Refused(problem)


def certify(client: Client, number: str, fields: dict[str, str]) -> str:
    """The code of the authenticity certificate for a request: issued, or issued before."""
    today = datetime.now(BAGHDAD).date().isoformat()
    members = {"unit": _UNIT, "series": _SERIES, "number": number, "date": today}
    draft = Draft.issue(client.agency or "", fields, type="authenticity", language="ar", **members)
    try:
        client.send(client.prepare(draft.path, [draft.envelope]))
    except Refused as refused:
        before = set_right(client, number, fields) if refused.code == "number_taken" else None
        if before is None:
            raise
        return before
    return str(draft.code)


def strike(
    client: Client, late: str, asked: dict[str, Any], issued: str | None, output: Output
) -> None:
    """Void the certificate of an answer that came too late: the request went on without it.

    A certificate and an answer are no one append, for the lines of an order are of one collection.
    What a run left that was cut off in between is found by its number, by the next run. `late` is
    the code by which the answer was refused.
    """
    if not _without_it(client, late, asked):
        return
    standing = _standing(client, str(asked["requested_index"]))
    code = standing or issued
    if code is None or (standing is not None and _agrees(client, standing, asked)):
        return
    path, said = f"/v1/certificates/{code}/voiding", {"code": code, "reason": "entered_in_error"}
    draft = Draft.plain("certificate.void", client.agency or "", path, **said)
    try:
        client.send(client.prepare(draft.path, [draft.envelope]))
    except Refused:
        output.say(output.words("cli.proof_stands", code=code))
    else:
        output.say(output.words("cli.proof_voided", code=code))


def _without_it(client: Client, late: str, asked: dict[str, Any]) -> bool:
    """Whether the request has ended without this agency's certificate, or was referred by it."""
    if late == "request_unknown":
        own = [one["event"] for one in asked["history"] if one["agency"] == client.agency]
        return own[-1:] == ["referred"]
    # Where the end is not read yet, the request may have ended by this very certificate; and by now
    # that of an answer may have another code, of its next edition.
    return asked["ended_index"] is not None and asked["certificate"] is None


def _agrees(client: Client, code: str, asked: dict[str, Any]) -> bool:
    """Whether a certificate says what was answered: the run of a negative answer set it right."""
    if asked["state"] != "answered":
        return False
    says = client.get(f"/v1/certificates/{code}")["values"].get("finding")
    told = f"word.authenticity.finding.{asked['finding']}"
    # Whoever ran it may read another language.
    return says in [translate(language, told) for language in LANGUAGES]


def _standing(client: Client, number: str) -> str | None:
    """The code of the certificate in force under a number of the register of proofs."""
    query: dict[str, Any] = {"unit": _UNIT, "series": _SERIES, "number": number}
    found = next(client.pages("/v1/certificates", limit=1, state="in_force", **query), None)
    return None if found is None else str(found["code"])


def set_right(client: Client, number: str, fields: dict[str, str]) -> str | None:
    """The certificate that an answer which was cut off left; one of another finding is corrected.

    Otherwise it would say beside the answer what was to be answered first.
    """
    code = _standing(client, number)
    path = f"/v1/certificates/{code}"
    if code is None or client.get(path)["values"].get("finding") == fields["finding"]:
        return code
    draft = Draft.renew(
        "certificate.correct",
        client.agency or "",
        f"{path}/correction",
        fields,
        code=code,
        reason="data_changed",
        language="ar",
    )
    client.send(client.prepare(draft.path, [draft.envelope]))
    return str(draft.code)
