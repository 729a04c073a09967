"""The browser's reader of credentials against the Python one: the same vectors, the same answers.

Beside the vectors stand thousands of damaged spellings: where one reader takes what the other
refuses, or refuses it by another code, one of the two has a fault.
"""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from infrastructure.proofs import codes, credential, jwk, qr
from infrastructure.proofs.errors import ProofError
from tests.api.browsing import chromium, visitor
from tests.api.talking import Wire
from tests.infrastructure.proofs.vectors import load

ACCEPTED = load("credentials/accepted")["cases"]
REFUSED = load("credentials/refused")["cases"]
MODULE = "await import('/static/pages/credential.js')"
DAMAGED = 1_500

READ = f"""async (cases) => {{
  const c = {MODULE};
  const answers = [];
  for (const one of cases) {{
    try {{
      const signed = one.text ? (await c.parseText(one.text)).signed
        : c.decode(c.fromHex(one.cose_sign1));
      const key = one.jwk ? (await c.verify(signed, [{{jwk: one.jwk}}])).jwk : null;
      answers.push({{credential: signed.credential, algorithm: signed.algorithm,
        to_be_signed: c.hex(signed.signedBytes), key}});
    }} catch (error) {{
      answers.push({{code: error.code ?? String(error)}});
    }}
  }}
  return answers;
}}"""


@pytest.fixture(scope="module")
def page(wire: Wire) -> Iterator[Page]:
    with chromium() as browser, visitor(browser, url=wire.served.url) as opened:
        opened.goto("/en/")
        yield opened


def python(case: dict[str, Any]) -> dict[str, Any]:
    """What the core says of a case, in the form in which the browser says it."""
    try:
        if "text" in case:
            signed = qr.parse_text(case["text"]).signed
        else:
            signed = credential.decode(bytes.fromhex(case["cose_sign1"]))
        key = signed.verify([jwk.parse_jwk(case["jwk"])]).jwk if "jwk" in case else None
    except ProofError as error:
        return {"code": error.code}
    said = signed.credential
    members = {name: getattr(said, name) for name in credential.Credential.__slots__}
    status = {"list": members.pop("status_list"), "index": members.pop("status_index")}
    fields = {str(place): text for place, text in said.fields.items()}
    return {
        "credential": {**members, "fields": fields, "status": status},
        "algorithm": signed.algorithm,
        "to_be_signed": signed.signed_bytes.hex(),
        "key": key,
    }


def test_what_the_vectors_hold_is_read_and_verified_on_the_device(page: Page) -> None:
    answers = page.evaluate(READ, ACCEPTED)

    for case, answer in zip(ACCEPTED, answers, strict=True):
        assert answer == python(case), case["why"]
        assert answer["key"] == case["jwk"]
        assert answer["to_be_signed"] == case["to_be_signed"]


def test_what_the_vectors_refuse_is_refused_on_the_device_by_the_same_code(page: Page) -> None:
    answers = page.evaluate(READ, REFUSED)

    for case, answer in zip(REFUSED, answers, strict=True):
        assert answer == {"code": case["code"]}, case["why"]


def damaged(seed: int) -> Iterator[dict[str, Any]]:
    """Spellings that are nearly right, of every vector that is a text or bytes."""
    chance = random.Random(seed)
    for _ in range(DAMAGED):
        case = chance.choice(ACCEPTED)
        if chance.random() < 0.5:
            data = bytearray.fromhex(case["cose_sign1"])
            for _ in range(chance.choice((1, 1, 2, 5))):
                _damage(data, chance)
            yield {"cose_sign1": bytes(data).hex(), "jwk": case["jwk"]}
        else:
            text = list(case["text"])
            text[chance.randrange(len(text))] = chance.choice("ABZ27#/0é \u0661")
            yield {"text": "".join(text), "jwk": case["jwk"]}


def _damage(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(data) or 1)
    if at >= len(data):
        return
    match chance.randrange(4):
        case 0:
            data[at] ^= 1 << chance.randrange(8)
        case 1:
            del data[at:]
        case 2:
            data.insert(at, chance.randrange(256))
        case _:
            data[at : at + 2] = data[at : at + 2][::-1]


def test_both_readers_say_the_same_of_what_is_damaged(page: Page) -> None:
    cases = list(damaged(20261127))

    answers = page.evaluate(READ, cases)

    differing = [
        (case, python(case), answer)
        for case, answer in zip(cases, answers, strict=True)
        if answer != python(case)
    ]
    assert differing == []
    assert sum("code" in answer for answer in answers) > DAMAGED / 2


def test_both_read_codes_as_people_write_them(page: Page) -> None:
    chance = random.Random(4)
    written = [
        text
        for _ in range(200)
        for code in (codes.generate(),)
        for text in (code, codes.for_people(code).lower(), f" {code} ", code[:-1] + "0")
    ]
    written += ["", "0" * 17, "O" * 17, "٠" * 17, "l" * 65, "\u200f" + codes.generate()]
    for _ in range(100):
        shuffled = list(codes.generate())
        chance.shuffle(shuffled)
        written.append("".join(shuffled))

    answers = page.evaluate(
        "async (texts) => { const c = await import('/static/pages/codes.js');"
        " return texts.map(c.normalise); }",
        written,
    )

    assert answers == [_normalised(text) for text in written]


def _normalised(text: str) -> str | None:
    try:
        return codes.normalise(text)
    except ProofError:
        return None
