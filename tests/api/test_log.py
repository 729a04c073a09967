import asyncio
import base64
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import Depends, FastAPI
from starlette.requests import Request
from starlette.testclient import TestClient

from api import ledger, log
from api.limits import Limits
from api.orders import KeyRing
from api.policy import Caller
from api.problems import Problem, respond
from domain.foundation import LogKey
from infrastructure.log import checkpoints
from infrastructure.log.reader import Reader
from infrastructure.log.watch import Watch
from infrastructure.postgres import Role, Urls, async_pool, connect, connect_async
from infrastructure.proofs import jwk, merkle
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.signing import sign_read
from projections import model
from tests.appending import append_events
from tests.infrastructure.log.sealing import SealedLog, check_note, root_of

ORIGIN = "ledger.example/iq"
LEDGER = b"\x11" * 32
SEALED = 700
UNSEALED = 5
SEALED_NOW = "SELECT max(size) FROM ledger.checkpoints WHERE note IS NOT NULL"


@pytest.fixture
def sealed(database: Urls, tmp_path: Path) -> SealedLog:
    """300 and then 400 events under two checkpoints, and five that no checkpoint covers yet."""
    sealed = SealedLog(database, tmp_path).create()
    for count in (300, SEALED - 300):
        append_events(database, count)
        asyncio.run(sealed.seal())
    append_events(database, UNSEALED)
    return sealed


@pytest.fixture
def readers() -> dict[str, Caller]:
    """Callers by the thumbprint of the key that they sign reads with."""
    return {}


@pytest.fixture
def client(sealed: SealedLog, readers: dict[str, Caller]) -> Iterator[TestClient]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with (
            async_pool(sealed.urls.service, Role.SERVICE, size=2, autocommit=True) as pool,
            Reader(sealed.urls.service) as reader,
            Watch(sealed.urls.service, checkpoints.CHANNEL, SEALED_NOW, role=Role.SERVICE) as seal,
        ):
            app.state.services = SimpleNamespace(
                pool=pool,
                replica=None,
                limits=Limits(),
                reader=reader,
                covered=lambda index, seconds: seal.reach(index + 1, seconds),
                tiles=sealed.store,
                origin=ORIGIN,
                ledger_id=LEDGER,
                log_keys=lambda: [LogKey(sealed.key.verifier.encode(), 0)],
                receipts_vkey="receipts",
                keys=KEYS,
                caller_of=readers.get,
            )
            yield

    async def identify(request: Request) -> None:
        request.state.request_id = "test"

    app = FastAPI(lifespan=lifespan, dependencies=[Depends(identify)])
    app.include_router(log.router)
    app.include_router(ledger.router)
    for error in (Problem, ProofError):
        app.add_exception_handler(error, respond)
    with TestClient(app) as client:
        yield client


KEYS = KeyRing()


def fetch_entries(client: TestClient, size: int) -> list[bytes]:
    """All leaves from the bundles, cut as C2SP tlog-tiles describes them."""
    entries = []
    for n in range((size + 255) // 256):
        width = min(256, size - n * 256)
        suffix = "" if width == 256 else f".p/{width}"
        data = client.get(f"/log/tile/entries/{n:03}{suffix}").raise_for_status().content
        while data:
            length = int.from_bytes(data[:2], "big")
            entries.append(data[2 : 2 + length])
            data = data[2 + length :]
    return entries


def problem(answer: object) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]  # type: ignore[attr-defined]  # httpx2's


def test_the_newest_checkpoint_is_the_root_over_the_bundles(
    client: TestClient, sealed: SealedLog
) -> None:
    answer = client.get("/log/checkpoint")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=1"
    leaves = [sha256(b"\0" + entry).digest() for entry in fetch_entries(client, SEALED)]
    assert leaves == sealed.leaf_hashes()[:SEALED]
    assert check_note(answer.content, ORIGIN) == (SEALED, root_of(leaves))
    assert client.get("/log/vkey").text == sealed.key.verifier.encode() + "\n"


def test_every_published_checkpoint_can_be_asked_for(client: TestClient) -> None:
    listed = client.get("/log/checkpoints").json()
    assert [item["size"] for item in listed["items"]] == [300, 700]
    for item in listed["items"]:
        note = client.get(f"/log/checkpoint/{item['size']}")
        assert note.text == item["note"]
        size, root = check_note(note.content, ORIGIN)
        assert (size, root.hex()) == (item["size"], item["root"])
    first = client.get("/log/checkpoints", params={"limit": 1})
    assert first.json()["next"] == 300
    rest = client.get("/log/checkpoints", params={"limit": 1, "after": 300}).json()
    assert [item["size"] for item in rest["items"]] == [700]
    for size in (0, 299, 705, 2**53, 10**40):
        assert problem(client.get(f"/log/checkpoint/{size}")) == (404, "index_unknown")


def test_the_checkpoint_that_covers_an_index_is_the_first_one(client: TestClient) -> None:
    for index, size in ((0, 300), (299, 300), (300, 700), (699, 700)):
        answer = client.get("/log/checkpoint", params={"covers": index})
        assert check_note(answer.content, ORIGIN)[0] == size


def test_a_checkpoint_for_what_was_just_recorded_is_waited_for(
    client: TestClient, sealed: SealedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded, unknown = SEALED + UNSEALED - 1, SEALED + UNSEALED
    assert problem(client.get(f"/log/checkpoint?covers={unknown}")) == (404, "index_unknown")
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(client.get, f"/log/checkpoint?covers={recorded}")
        asyncio.run(sealed.seal())
        answer = waiting.result()
    assert check_note(answer.content, ORIGIN)[0] == unknown

    append_events(sealed.urls, 1)
    monkeypatch.setattr(log, "COVERING_SECONDS", 0.01)
    late = client.get(f"/log/checkpoint?covers={unknown}")
    assert problem(late) == (503, "checkpoint_pending")
    assert late.headers["retry-after"]


def test_tiles_are_the_hashes_that_the_tree_says(client: TestClient, sealed: SealedLog) -> None:
    leaves = sealed.leaf_hashes()
    level1 = [root_of(leaves[:256]), root_of(leaves[256:512])]
    expected = {
        "0/000": leaves[:256],
        "0/001": leaves[256:512],
        "0/002.p/188": leaves[512:700],
        "0/002.p/1": leaves[512:513],
        "0/001.p/44": leaves[256:300],
        "1/000.p/2": level1,
        "1/000.p/1": level1[:1],
    }
    for name, hashes in expected.items():
        answer = client.get(f"/log/tile/{name}")
        assert answer.content == b"".join(hashes), name
        assert answer.headers["content-type"] == "application/octet-stream"
        assert "immutable" in answer.headers["cache-control"]


NOT_COVERED = (
    "0/002.p/189 0/002.p/193 0/002 0/003.p/1 1/000.p/3 1/000 2/000.p/1 63/000.p/1"
    " 63/x999/x999/x999/x999/999 entries/002 entries/002.p/189 entries/003.p/1"
)
MISSPELT = (
    "0/0 0/0000 00/000 0/000.p/0 0/000.p/256 0/000.p/01 0/x000/000 64/000 data/000 entries/000/"
    " 0/000%2ep/1 0/%300 %30/000 -1/000 0/000.p/ 0/٠٠٠"
)


def test_what_no_checkpoint_covers_and_what_is_misspelt_is_not_there(client: TestClient) -> None:
    for name in f"{NOT_COVERED} {MISSPELT}".split():
        assert problem(client.get(f"/log/tile/{name}")) == (404, "not_found"), name


def test_inclusion_proofs_verify(client: TestClient, sealed: SealedLog) -> None:
    leaves = sealed.leaf_hashes()
    for size in (1, 255, 256, 257, 300, 512, 699, 700):
        root = root_of(leaves[:size])
        for index in {0, size // 2, size - 1}:
            asked = {"index": index, "size": size}
            answer = client.get("/v1/proofs/inclusion", params=asked).json()
            assert answer["leaf_hash"] == leaves[index].hex()
            assert answer["root"] == root.hex()
            merkle.verify_inclusion(
                leaf_hash=leaves[index],
                index=index,
                size=size,
                proof=[bytes.fromhex(sibling) for sibling in answer["hashes"]],
                root=root,
            )


def test_consistency_proofs_verify(client: TestClient, sealed: SealedLog) -> None:
    leaves = sealed.leaf_hashes()
    for old, new in ((0, 700), (1, 2), (255, 257), (256, 512), (300, 700), (700, 700)):
        answer = client.get("/v1/proofs/consistency", params={"from": old, "to": new}).json()
        merkle.verify_consistency(
            old_size=old,
            new_size=new,
            proof=[bytes.fromhex(one) for one in answer["hashes"]],
            old_root=root_of(leaves[:old]),
            new_root=root_of(leaves[:new]),
        )
        assert answer["old_root"] == root_of(leaves[:old]).hex()
        assert answer["new_root"] == root_of(leaves[:new]).hex()


def test_proofs_lead_to_the_newest_checkpoint_by_default(client: TestClient) -> None:
    assert client.get("/v1/proofs/inclusion?index=7").json()["size"] == SEALED
    assert client.get("/v1/proofs/consistency?from=7").json()["to"] == SEALED


def test_proofs_of_what_is_not_there_are_refused(client: TestClient) -> None:
    unknown, outside = (404, "index_unknown"), (400, "proof_out_of_range")
    for query, code in (
        ("inclusion?index=700", unknown),
        ("inclusion?index=3&size=701", unknown),
        ("inclusion?index=3&size=3", outside),
        ("inclusion?index=0&size=0", outside),
        ("consistency?from=3&to=701", unknown),
        ("consistency?from=4&to=3", outside),
        ("consistency?from=701", outside),
    ):
        assert problem(client.get(f"/v1/proofs/{query}")) == code, query
    for value in ("-1", "x", "9007199254740992"):
        assert client.get(f"/v1/proofs/inclusion?index={value}").status_code == 422


def test_an_opening_holds_the_bytes_that_the_leaf_commits_to(client: TestClient) -> None:
    entries = fetch_entries(client, SEALED)
    answer = client.get("/v1/log/openings", params={"from": 298, "to": 302}).json()
    assert (answer["from"], answer["to"], answer["next"]) == (298, 302, None)
    assert [item["index"] for item in answer["openings"]] == [298, 299, 300, 301]
    for item in answer["openings"]:
        for part in ("header", "body"):
            stored = bytes.fromhex(item[f"{part}_salt"]) + base64.b64decode(item[part])
            digest = sha256(f"sijill/{part}/v1\0".encode() + stored).hexdigest()
            assert f'"{part}":"{digest}"'.encode() in entries[item["index"]]
    # Two orders, each once, with the digests of all their statements.
    assert [item["order"] for item in answer["openings"]] == [0, 0, 300, 300]
    assert [len(order["statements"]) for order in answer["orders"].values()] == [300, 400]
    assert answer["orders"]["300"]["statements"][7] == sha256(b"7").hexdigest()
    assert base64.b64decode(answer["orders"]["0"]["evidence"]) == b"[]"


def test_openings_come_in_bounded_pages_and_end_at_the_checkpoint(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "OPENINGS_LIMIT", 256)
    seen: list[int] = []
    start: int | None = 0
    while start is not None:
        answer = client.get("/v1/log/openings", params={"from": start}).json()
        assert len(answer["openings"]) <= 256
        seen += [item["index"] for item in answer["openings"]]
        start = answer["next"]
    assert seen == list(range(SEALED))
    monkeypatch.setattr(log, "OPENINGS_LIMIT_BYTES", 1)
    one = client.get("/v1/log/openings", params={"from": 3, "to": 9}).json()
    assert (len(one["openings"]), one["to"], one["next"]) == (1, 4, 4)
    beyond = client.get("/v1/log/openings", params={"from": SEALED}).json()
    assert (beyond["openings"], beyond["next"], beyond["to"]) == ([], None, SEALED)


def signed(client: TestClient, key: Ed25519PrivateKey, path: str, query: str) -> object:
    now = int(time.time())
    headers = sign_read(key, path=path, query=query, ledger=LEDGER, created=now, expires=now + 60)
    return client.get(f"{path}?{query}", headers=headers)


async def made_read_models(urls: Urls) -> None:
    """The tables that tell the parties of a letter; nothing follows into them."""
    async with await connect_async(urls.keeper, Role.KEEPER, autocommit=True) as keeper:
        assert await model.ensure(keeper)


def test_who_is_entitled_sees_what_others_do_not(
    client: TestClient, sealed: SealedLog, readers: dict[str, Caller]
) -> None:
    asyncio.run(made_read_models(sealed.urls))
    start = append_events(sealed.urls, 1, topic="sijill.certificate.issued.v1", agency="moh") - 1
    append_events(sealed.urls, 1, topic="sijill.transfer.sent.v1", agency="moh")
    append_events(sealed.urls, 1, topic="sijill.key.enrolled.v1", agency="moh")
    asyncio.run(sealed.seal())
    callers = {
        "issuer": Caller("moh", frozenset({"issue"})),
        "stranger": Caller("moj", frozenset({"issue"})),
        "auditor": Caller("fbsa", frozenset({"audit"})),
    }
    seen: dict[str, list[set[str]]] = {}
    query = f"from={start}&to={start + 3}"
    for name, who in callers.items():
        key = Ed25519PrivateKey.generate()
        public = jwk.public_of(key)
        KEYS.put(public.thumbprint, public)
        readers[public.thumbprint] = who
        answer = signed(client, key, "/v1/log/openings", query)
        seen[name] = [set(item) for item in answer.json()["openings"]]  # type: ignore[attr-defined]  # httpx2's
    nobody = client.get(f"/v1/log/openings?{query}").json()
    seen["nobody"] = [set(item) for item in nobody["openings"]]

    shut = {"index"}
    public_parts = {"index", "header", "header_salt", "order"}
    everything = public_parts | {"body", "body_salt"}
    assert seen == {
        "issuer": [everything, everything, everything],
        "auditor": [everything, everything, everything],
        "stranger": [public_parts, shut, everything],
        "nobody": [public_parts, shut, everything],
    }
    assert sorted(nobody["orders"]) == [str(start), str(start + 2)]


def test_a_read_whose_signature_does_not_hold_is_refused_and_not_served_as_anonymous(
    client: TestClient,
) -> None:
    key = Ed25519PrivateKey.generate()
    public = jwk.public_of(key)
    KEYS.put(public.thumbprint, public)
    now = int(time.time())
    headers = sign_read(
        key, path="/v1/log/openings", query="from=0", ledger=LEDGER, created=now, expires=now + 60
    )
    answer = client.get("/v1/log/openings?from=1", headers=headers)
    assert problem(answer) == (401, "signature_invalid")


def test_before_the_first_checkpoint_there_is_nothing(
    client: TestClient, sealed: SealedLog
) -> None:
    with connect(sealed.urls.admin, Role.OWNER) as conn:
        conn.execute("ALTER TABLE ledger.checkpoints DISABLE TRIGGER USER")
        conn.execute("DELETE FROM ledger.checkpoints")
    for path in ("/log/checkpoint", "/v1/proofs/inclusion?index=0", "/v1/log/openings"):
        assert problem(client.get(path)) == (404, "index_unknown")
    assert client.get("/log/tile/0/000").status_code == 404
    assert client.get("/log/checkpoints").json()["items"] == []


def test_tiles_are_served_without_their_files(client: TestClient, sealed: SealedLog) -> None:
    kept = client.get("/log/tile/0/001").content
    (sealed.folder / "log/tile/0/001").unlink()
    assert client.get("/log/tile/0/001").content == kept
    assert client.get("/log/tile/1/000.p/2").status_code == 200


def test_a_client_learns_which_ledger_this_is(client: TestClient) -> None:
    assert client.get("/v1/ledger").json() == {
        "ledger": LEDGER.hex(),
        "origin": ORIGIN,
        "format_version": 1,
        "log_vkey": client.get("/log/vkey").text.strip(),
        "log_vkeys": [client.get("/log/vkey").text.strip()],
        "log_key_indexes": [0],
        "receipts_vkey": "receipts",
    }
