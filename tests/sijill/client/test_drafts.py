from hypothesis import given
from hypothesis import strategies as st

from domain.acts import parse_command
from infrastructure.proofs import canonical, codes, disclosures
from infrastructure.proofs.errors import ProofError
from sijill.client import Draft

MEMBERS = {
    "type": "support_letter",
    "unit": "main",
    "series": "general",
    "number": "117/2026",
    "date": "2026-11-02",
    "language": "ar",
}


def said(draft: Draft) -> dict[str, object]:
    return canonical.parse(draft.statement, limit_bytes=len(draft.statement))


def test_an_issuance_is_what_the_domain_accepts_and_the_client_drew() -> None:
    draft = Draft.issue("moj", {"holder_name": "حامل 0001"}, document="ab" * 32, **MEMBERS)

    command = parse_command(said(draft))
    assert command.path == draft.path
    assert draft.code == codes.parse_code(str(said(draft)["code"]))
    assert said(draft)["year"] == 2026
    claims = said(draft)["claims"]
    assert isinstance(claims, dict)
    disclosures.check_claims(claims, draft.disclosures)
    assert set(claims) == {"holder_name", "holder_secret", "document"}


def test_what_is_drawn_is_drawn_anew() -> None:
    one, other = (Draft.issue("moj", {"holder_name": "x"}, **MEMBERS) for _ in range(2))

    assert one.code != other.code
    assert one.holder_secret != other.holder_secret
    assert said(one)["nonce"] != said(other)["nonce"]


def test_a_code_that_was_printed_already_is_kept() -> None:
    code = codes.generate()

    draft = Draft.issue("moj", {"holder_name": "x"}, code=code, **MEMBERS)

    assert (draft.code, said(draft)["code"]) == (code, code)


def test_a_correction_has_a_new_code_beside_the_old_one() -> None:
    old = codes.generate()
    path = f"/v1/certificates/{old}/correction"
    draft = Draft.renew(
        "certificate.correct",
        "moj",
        path,
        {"holder_name": "x"},
        code=old,
        reason="clerical_error",
        language="ar",
    )

    assert parse_command(said(draft)).path == path
    assert said(draft)["code"] == old
    assert said(draft)["new_code"] == draft.code != old


def test_a_plain_act_commits_to_nothing_and_leaves_out_what_is_not_given() -> None:
    code = codes.generate()
    path = f"/v1/certificates/{code}/suspension"
    draft = Draft.plain(
        "certificate.suspend", "moj", path, code=code, reason="under_review", legal_basis=None
    )

    assert parse_command(said(draft)).path == path
    assert (draft.code, draft.holder_secret, draft.disclosures) == (None, None, ())
    assert "legal_basis" not in said(draft)


@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True), st.text()))
def test_a_journal_knows_what_was_drawn(fields: dict[str, str]) -> None:
    fields.pop("holder_secret", None)
    try:
        draft = Draft.issue("moj", fields, **MEMBERS)
    except ProofError:
        return

    again = Draft.read(draft.path, draft.envelope)

    assert again == draft
