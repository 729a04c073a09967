"""A secret letter between two agencies, and a third with a key of its own that wants to know of it.

It reads whatever can be read, orders whatever can be ordered, takes every name that the parties
took, and compares what it is answered with what it is answered about letters that do not exist.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from domain.acts import ACTS, Command
from infrastructure.proofs import codes, signing
from infrastructure.proofs.jwk import public_of
from sijill.client.attachments import PATH as FILES
from sijill.client.attachments import Attachments
from tests.api.asking import new_name, read, signed_headers
from tests.api.talking import Wire, forged, refusal, refused
from tests.api.talking import told as told_of
from tests.api.test_attachments import announced
from tests.api.test_privacy import DIGITS, everything, revealed
from tests.clock import now_seconds
from tests.conforming import CONTRACT
from tests.correspondence import Sent, line, new_id, order, outgoing, register_place, send
from tests.serving import Agency, Served

NOTHING = str(UUID(int=7, version=4))
# What an answer says of its own moment, or of the log as a whole, which is public.
MOMENTS = {"at", "size", "day", "digest", "root", "note", "time", "checkpoint", "instance"}


@dataclass(frozen=True)
class Secret:
    """A letter that two agencies exchange, and all that stands in it or leads to it."""

    sender: Agency
    receiver: Agency
    sent: Sent
    attachment: str
    index: int
    number: dict[str, Any]
    incoming: dict[str, Any]
    annex: bytes
    texts: tuple[str, ...]


def unlikely() -> str:
    """A text that stands nowhere else: twelve signs at most, as a number has."""
    return new_name()[:12].translate(DIGITS)


@pytest.fixture(scope="module")
def secret(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Secret:
    """Opened, registered, noted, referred to a unit, with a file that was downloaded."""
    moj, moh = served.agency(), served.agency()
    path = tmp_path_factory.mktemp("secret") / "annex"
    annex = new_name().encode()
    path.write_bytes(annex)
    digest = hashlib.sha256(annex).hexdigest()
    attachment = Attachments(moj.client).upload(path)["attachment"]
    subject, note = f"سري {new_name()}", f"هامش {new_name()}"
    number, incoming = register_place(number=unlikely()), register_place(number=unlikely())
    values = {"subject": subject, "attachment_1": digest}
    sent = send(moj, moh, values=values, secrecy="top_secret", **number)
    sent.on(moh, "open", "opening")
    sent.on(moh, "register", "registration", **incoming)
    sent.note(moh, note)
    index = sent.on(moh, "refer", "referrals", unit="legal")["index"]
    found = moh.client.get(f"{FILES}/{attachment}")
    texts = [subject, note, sent.letter, sent.consignment, str(number["number"])]
    texts += [str(incoming["number"]), attachment, digest, found["address"], found["commitment"]]
    return Secret(moj, moh, sent, attachment, index, number, incoming, annex, tuple(texts))


def questions(secret: Secret) -> Iterator[str]:
    """Every GET of the contract, by all names that lead to the letter."""
    names = {
        "sender": [secret.sender.name, secret.receiver.name, "paper"],
        "record": [secret.sent.letter, secret.sent.consignment],
        "attachment": [secret.attachment],
        "agency": [secret.sender.name, secret.receiver.name],
        "key": [public_of(secret.sender.key).thumbprint],
        "code": [codes.generate()],
        "request_code": [codes.generate()],
        "order": [secret.sent.letter],
        "unit": ["main", "legal"],
        "series": ["general"],
        "year": ["2026"],
        "number": ["0"],
        "size": ["1"],
        "name": ["0/000.p/1"],
    }
    number, party = secret.number["number"], secret.sender.name
    asked = ["", f"number={number}", f"party={party}", f"agency={party}", "year=2026"]
    asked += [
        f"index={secret.index}",
        f"after={secret.index - 1}",
        "seconds=1&after=0",
        "limit=200",
    ]
    asked += [f"from={max(0, secret.index - 20)}", f"agency={secret.receiver.name}&year=2026"]
    for path, operations in CONTRACT["paths"].items():
        if "get" not in operations:
            continue
        ways = [path]
        for place, known in names.items():
            ways = [
                way.replace(f"{{{place}}}", name)
                for way in ways
                for name in (known if f"{{{place}}}" in way else [""])
            ]
        assert not [way for way in ways if "{" in way], f"nothing to ask of {path}"
        # A record is named by its path; what lists records is asked in every way.
        only = ["", f"agency={party}"] if "{" in path else asked
        if path.endswith("/events"):
            only = ["seconds=1&after=0"]
        yield from (f"{way}?{query}" if query else way for way in ways for query in only)


def told(wire: Wire, reader: Agency | None, path: str) -> Any:
    resource, _, query = path.partition("?")
    headers = {} if reader is None else signed_headers(reader, resource, query)
    return wire.get(path, **headers)


def counted(value: Any) -> Any:
    """An answer without what it says of its moment."""
    if isinstance(value, dict):
        return {name: counted(one) for name, one in value.items() if name not in MOMENTS}
    return [counted(one) for one in value] if isinstance(value, list) else value


def test_what_is_looked_for_would_be_found(wire: Wire, served: Served, secret: Secret) -> None:
    """The guard of the tests below: the parties do see it, by the same questions."""
    served.settle()
    seen = b"".join(
        everything(told(wire, reader, path))
        for reader in (secret.sender, secret.receiver)
        for path in questions(secret)
    )
    assert revealed(seen, secret.texts) == list(secret.texts)


@pytest.mark.parametrize("who", ["nobody", "stranger"])
def test_no_question_reveals_a_letter_to_who_is_no_party(
    wire: Wire, served: Served, stranger: Agency, secret: Secret, who: str
) -> None:
    served.settle()
    for path in questions(secret):
        # What was asked by is told back in the place of a problem, and in nothing else.
        mine = [one for one in secret.texts if one not in path]
        answer = told(wire, None if who == "nobody" else stranger, path)
        assert revealed(everything(answer), mine) == [], path


def test_nothing_tells_a_letter_from_one_that_nobody_wrote(
    wire: Wire, served: Served, stranger: Agency, secret: Secret
) -> None:
    served.settle()
    paths = [path for path, one in CONTRACT["paths"].items() if "get" in one]
    for path in [one for one in paths if "{record}" in one or one.startswith(FILES)]:
        for name in (secret.sent.letter, secret.sent.consignment, secret.attachment):
            answers = []
            for asked in (name, NOTHING):
                way = path.replace("{sender}", secret.sender.name).replace("{record}", asked)
                way = way.replace("{attachment}", asked)
                answer = told(wire, stranger, way)
                headers = {one: text for one, text in answer.headers.items() if one != "date"}
                said = counted(answer.json())
                answers.append((answer.status_code, str(said).replace(asked, ""), headers.keys()))
            assert answers[0] == answers[1], path


def test_no_index_tells_whose_record_it_is(
    wire: Wire, stranger: Agency, secret: Secret, served: Served
) -> None:
    beyond = served.settle() + 1_000
    asked = (secret.index, beyond)
    answers = [counted(read(wire, stranger, FILES, index=one).json()) for one in asked]
    assert answers[0] == answers[1]
    assert answers[0]["code"] == "attachment_unknown"


def members(command: type[Command], sender: str, name: str, third: str) -> dict[str, Any]:
    """What an act about a letter of this name says, whatever it needs."""
    known: dict[str, Any] = {
        **register_place(),
        "sender": sender,
        "letter": name,
        "consignment": name,
        "new_consignment": new_id(),
        "addressee": third,
        "due_date": "2026-12-24",
        "note_index": 5,
    }
    said = {one: known[one] for one in command.model_fields if one in known}
    reason = command.model_fields.get("reason")
    kind = None if reason is None else reason.annotation
    if isinstance(kind, type) and issubclass(kind, Enum):
        said["reason"] = next(iter(kind)).value
    return said


ABOUT_LETTERS = {name: one for name, one in ACTS.items() if "{sender}" in one.ACT.path}


@pytest.mark.parametrize("act", sorted(ABOUT_LETTERS))
def test_no_order_tells_a_letter_from_one_that_nobody_wrote(
    stranger: Agency, secret: Secret, act: str
) -> None:
    command, sender = ABOUT_LETTERS[act], secret.sender.name
    mine = secret.sent.letter if "letter" in command.model_fields else secret.sent.consignment
    values = {"note": "x"} if "claims" in command.model_fields else None
    verb = act.removeprefix("transfer.")
    for name in (mine, NOTHING):
        said = members(command, sender, name, secret.receiver.name)
        path = command.ACT.path.format(**{**said, "unit": ""}).removeprefix("/v1/transfers")
        ask = partial(order, stranger.client, path, verb, values=values, **said)
        assert refused(ask) == (404, "transfer_unknown")
        if command.ACT.bulk:
            text = line(stranger.name, verb, values=values, **said)
            for road in ("/v1/transfers/bulk", "/v1/transfers/bulk/check"):
                client = stranger.client
                [answer] = client.send(client.prepare(road, [text], bulk=True))
                assert answer["problem"]["code"] == "transfer_unknown"


def test_every_name_that_the_parties_took_is_free_for_others(
    stranger: Agency, secret: Secret
) -> None:
    """A name that is refused would tell that somebody has it."""
    client, sent = stranger.client, secret.sent
    mine = outgoing(stranger, [secret.receiver.name], new_letter=sent.letter, **secret.number)
    order(client, "", "register_outgoing", **mine)
    path = f"/{stranger.name}/{sent.letter}/dispatch"
    said: dict[str, Any] = {"sender": stranger.name, "letter": sent.letter}
    said |= {"new_consignment": sent.consignment, "addressee": secret.receiver.name}
    assert "duplicate" not in order(client, path, "dispatch", **said)
    paper = {"language": "ar", "priority": "normal", "secrecy": "secret"}
    paper |= {"new_consignment": new_id(), "correspondent": "citizen", **secret.incoming}
    values = {"subject": "x", "correspondent_name": "y"}
    assert order(client, "/paper", "receive_on_paper", values=values, **paper)["index"]


def test_an_idempotency_key_of_another_is_just_a_key(
    wire: Wire, secret: Secret, stranger: Agency
) -> None:
    client = secret.sender.client
    text = line(
        secret.sender.name, "register_outgoing", **outgoing(secret.sender, [secret.receiver.name])
    )
    prepared = client.prepare("/v1/transfers", [text])
    wire.send(prepared)
    key = prepared.headers["Idempotency-Key"].strip('"')
    answers = []
    for one in (key, None):
        own = line(stranger.name, "dispatch", **_dispatch(secret))
        named = {} if one is None else {"idempotency_key": one}
        path = f"/v1/transfers/{secret.sender.name}/{secret.sent.letter}/dispatch"
        request = forged(stranger, own, path=path, **named)
        answers.append(refusal(wire.post(request.path, request.headers, request.body)))
    assert answers[0] == answers[1] == (404, "transfer_unknown")


@pytest.mark.parametrize(
    "seconds, code", [(40 * 86_400, "valid_until_too_far"), (-60, "order_expired")]
)
def test_nobody_is_told_which_idempotency_keys_another_used(
    wire: Wire, secret: Secret, stranger: Agency, seconds: int, code: str
) -> None:
    """An order in its name, refused before it is looked whose key signed it."""
    sender = secret.sender
    said = outgoing(sender, [secret.receiver.name])
    prepared = sender.client.prepare(
        "/v1/transfers", [line(sender.name, "register_outgoing", **said)]
    )
    wire.send(prepared)
    used = prepared.headers["Idempotency-Key"].strip('"')
    late = line(sender.name, "register_outgoing", **said, valid_until=now_seconds() + seconds)

    answers = [
        told_of(wire, forged(stranger, late, path="/v1/transfers", idempotency_key=key))
        for key in (used, signing.new_idempotency_key())
    ]

    assert answers[0] == answers[1]
    assert answers[0][1] == code


def _dispatch(secret: Secret) -> dict[str, Any]:
    said = {"sender": secret.sender.name, "letter": secret.sent.letter}
    return {**said, "new_consignment": new_id(), "addressee": secret.receiver.name}


def test_a_reply_or_a_note_to_anothers_letter_is_refused_as_to_none(
    stranger: Agency, secret: Secret
) -> None:
    for name in (secret.sent.consignment, NOTHING):
        answers = {"sender": secret.sender.name, "consignment": name}
        reply = outgoing(stranger, [secret.sender.name], answers=answers)
        ask = partial(order, stranger.client, "", "register_outgoing", **reply)
        assert refused(ask) == (404, "transfer_unknown")


def test_no_page_or_figure_counts_the_letters_of_others(
    wire: Wire, served: Served, stranger: Agency, secret: Secret
) -> None:
    moj, moh = secret.sender, secret.receiver
    of = f"agency={moj.name}"
    lists = ["/v1/inbox", "/v1/outbox", "/v1/transfers", "/v1/transfers/refusals", "/v1/orders"]
    lists += ["/v1/registers", f"/v1/registers?{of}", "/v1/registers/used?year=2026"]
    lists += [f"/v1/registers/main/general/2026?{of}", f"/v1/registers/entries?{of}"]
    lists += ["/v1/registers/main/general/2026", "/v1/registers/main/general/2026/report"]
    lists += ["/v1/reports/issuance", f"/v1/reports/authenticity?{of}", "/v1/reports"]
    lists += ["/v1/authenticity-requests", f"/v1/agencies/{moj.name}", f"/v1/certificates?{of}"]
    lists += [f"{FILES}?code={codes.generate()}", f"{FILES}/{secret.attachment}"]

    def figures() -> list[tuple[str, Any]]:
        served.settle()
        return [(path, counted(told(wire, stranger, path).json())) for path in lists]

    before = figures()
    sent = send(moj, moh, **register_place())
    sent.register(moh)
    sent.on(moh, "close", "closing", reason="done")

    assert figures() == before


def test_whoever_guesses_the_bytes_of_a_file_is_not_told_that_somebody_sent_them(
    stranger: Agency, secret: Secret
) -> None:
    files = Attachments(stranger.client)
    name, _ = announced(files, secret.annex)

    stands = stranger.client.get(f"{FILES}/{name}")

    assert (stands["state"], stands["missing"]) == ("open", [0])
    files.drop(name)
