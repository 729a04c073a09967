"""Witnesses: cosignatures on what is published, nothing stopped by them, a roll-back found out."""

import asyncio
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from infrastructure.log.witnessed import NOBODY, QuorumMissing, WitnessAhead
from infrastructure.proofs import cosignature, merkle, witnessing
from infrastructure.proofs.checkpoint import Checkpoint, open_checkpoint, sign
from infrastructure.proofs.note import SignerKey
from infrastructure.proofs.policy import parse
from infrastructure.proofs.witnessing import Submission
from sijill.serving import RolledBack, serve
from sijill.witness import Witness, make
from sijill.witness.serving import application
from sijill.witnesses import HttpWitnesses, witnesses_of
from tests.serving import ORIGIN, READY, START_SECONDS, STOP_SECONDS, Served, serving

LOG = SignerKey(ORIGIN, bytes([1] * 32))
HASHES = [merkle.leaf_hash(bytes([n])) for n in range(8)]


def head(size: int) -> Checkpoint:
    return Checkpoint(ORIGIN, size, merkle.root(HASHES[:size]))


def note(size: int) -> bytes:
    return sign(head(size), [LOG])


def prover(new: int) -> Callable[[int], object]:
    async def prove(old: int) -> list[bytes]:
        def get(level: int, n: int) -> bytes:
            return merkle.root(HASHES[n << level : (n + 1) << level])

        return merkle.consistency_proof(old_size=old, new_size=new, get=get)

    return prove


class Town:
    """Witnesses in one process, reached without a network; any of them may be made to misbehave."""

    def __init__(self, folder: Path, names: Sequence[str] = ("w1", "w2")) -> None:
        self.folder = folder
        self.lines = []
        self.witnesses = {}
        self.answers: dict[str, Callable[[httpx2.Request], httpx2.Response]] = {}
        self.asked: list[str] = []
        self.now = 0.0
        for name in names:
            vkey = make(folder / name, f"{name}.example").verifier.encode()
            self.witnesses[name] = Witness(folder / name, [LOG.verifier])
            self.lines.append(f"witness {name} {vkey} http://{name}")

    def policy(self, quorum: str = "group q all w1 w2\nquorum q") -> bytes:
        return "\n".join([*self.lines, quorum]).encode()

    def client(self, **options: object) -> HttpWitnesses:
        return HttpWitnesses(
            parse(self.policy()),
            origin=ORIGIN,
            keys=[LOG.verifier],
            transport=httpx2.MockTransport(self.answer),
            clock=lambda: self.now,
            **options,  # type: ignore[arg-type]  # what a test is about
        )

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        name = request.url.host
        self.asked.append(name)
        if name in self.answers:
            return self.answers[name](request)
        transport = httpx2.ASGITransport(application(self.witnesses[name]))
        async with httpx2.AsyncClient(transport=transport, base_url=f"http://{name}") as client:
            got = await client.request(
                request.method, request.url.path, content=await request.aread()
            )
        return httpx2.Response(got.status_code, headers=got.headers, content=got.content)

    def cosigned(self, data: bytes) -> set[str]:
        keys = [one.signer.verifier for one in self.witnesses.values()]
        return {one.key.name for one in cosignature.cosigned(data, keys)}


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def cosign(asked: HttpWitnesses, size: int) -> bytes:
    return asyncio.run(asked.cosign(head(size), note(size), prover(size)))  # type: ignore[arg-type]  # a coroutine, as asked


def test_all_cosign_what_grows(town: Town) -> None:
    asked = town.client()
    for size in (3, 3, 7):
        whole = cosign(asked, size)

        assert town.cosigned(whole) == {"w1.example", "w2.example"}
        assert whole.startswith(note(size))
    # A log that has forgotten where they are is told, once for each.
    town.asked.clear()
    assert len(town.cosigned(cosign(town.client(), 8))) == 2
    assert len(town.asked) == 4
    assert asyncio.run(asked.remembered()) == [head(8), head(8)]


def respond(status: int, body: bytes = b"", kind: str = "text/plain") -> httpx2.Response:
    return httpx2.Response(status, headers={"content-type": kind}, content=body)


def broken(_: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("nobody there")


MISBEHAVING: dict[str, Callable[[httpx2.Request], httpx2.Response]] = {
    "gone": broken,
    "unknown log": lambda _: respond(404),
    "untrusted": lambda _: respond(403),
    "malformed": lambda _: respond(400),
    "inconsistent": lambda _: respond(422),
    "pushed back": lambda _: respond(429),
    "broken": lambda _: respond(500),
    "a conflict without a size": lambda _: respond(409, b"3\n"),
    "a size that is none": lambda _: respond(409, b"three\n", witnessing.SIZE_TYPE),
    "a size spelt otherwise": lambda _: respond(409, b"03\n", witnessing.SIZE_TYPE),
    "a mind that changes": lambda _: respond(409, b"1\n", witnessing.SIZE_TYPE),
    "a size that it cannot show": lambda _: respond(409, b"9\n", witnessing.SIZE_TYPE),
    "nothing": lambda _: respond(200),
    "no line": lambda _: respond(200, b"hello\n"),
    "another's line": lambda _: respond(200, LOG.sign("x\n").encode() + b"\n"),
    "too much": lambda _: respond(200, b"x" * 100_000),
}


@pytest.mark.parametrize("how", MISBEHAVING)
def test_one_that_misbehaves_is_left_alone_for_a_while(town: Town, how: str) -> None:
    town.answers["w1"] = MISBEHAVING[how]
    asked = town.client()

    assert town.cosigned(cosign(asked, 3)) == {"w2.example"}
    town.asked.clear()
    assert town.cosigned(cosign(asked, 4)) == {"w2.example"}
    assert "w1" not in town.asked
    # Later it is asked again, and may have come to its senses.
    del town.answers["w1"]
    town.now += 60
    assert town.cosigned(cosign(asked, 5)) == {"w1.example", "w2.example"}


def test_a_signature_over_something_else_is_not_passed_on(town: Town) -> None:
    witness = town.witnesses["w1"].signer
    line = witness.sign(head(7).encode(), 9)
    town.answers["w1"] = lambda _: respond(200, f"{line}\n".encode())

    assert town.cosigned(cosign(town.client(), 3)) == {"w2.example"}


def test_who_asks_for_a_quorum_waits_for_it(town: Town) -> None:
    town.answers["w1"] = broken
    asked = town.client(below="wait")

    with pytest.raises(QuorumMissing):
        cosign(asked, 3)
    assert town.cosigned(cosign(town.client(below="publish"), 3)) == {"w2.example"}
    del town.answers["w1"]
    town.now += 60
    assert len(town.cosigned(cosign(asked, 3))) == 2


def test_a_witness_that_shows_our_own_larger_word_is_believed(town: Town) -> None:
    assert cosign(town.client(), 7)

    with pytest.raises(WitnessAhead) as ahead:
        cosign(town.client(), 3)
    assert ahead.value.size == 7


def test_a_word_that_we_did_not_sign_is_not_believed(town: Town) -> None:
    forged = sign(head(7), [SignerKey(ORIGIN, bytes([9] * 32))])
    town.answers["w1"] = lambda request: (
        respond(409, b"7\n", witnessing.SIZE_TYPE)
        if request.method == "POST"
        else respond(200, forged)
    )

    assert town.cosigned(cosign(town.client(), 3)) == {"w2.example"}
    assert asyncio.run(town.client().remembered()) == [head(3)]


def test_nobody_is_asked_where_nobody_is_named(tmp_path: Path) -> None:
    class Unused:
        def log_keys(self, _: str) -> list[SignerKey]:
            raise AssertionError

    assert witnesses_of(tmp_path, ORIGIN, Unused()) is NOBODY  # type: ignore[arg-type]  # not asked
    assert asyncio.run(NOBODY.remembered()) == ()


def test_a_witness_persists_before_it_answers(town: Town) -> None:
    witness = town.witnesses["w1"]
    submission = Submission(0, (), note(3)).encode()

    answer, line = witness.add_checkpoint(submission)

    assert answer.status == 200
    kept = Witness(town.folder / "w1", [LOG.verifier])
    name = next(path.name for path in (town.folder / "w1" / "logs").iterdir() if not path.suffix)
    assert kept.newest(name) == note(3) + line
    assert kept.add_checkpoint(submission)[0].status == 409
    # What cannot be read is not taken for nothing.
    (town.folder / "w1" / "logs" / name).write_bytes(b"torn")
    with pytest.raises(ValueError, match="note_malformed"):
        kept.add_checkpoint(submission)


def test_a_witness_keeps_no_line_of_strangers(town: Town) -> None:
    strangers = [SignerKey(f"s{n}.example", bytes([7] * 32)) for n in range(99)]
    text = head(3).encode()
    crowded = note(3) + "".join(f"{one.sign(text)}\n" for one in strangers).encode()

    answer, line = town.witnesses["w1"].add_checkpoint(Submission(0, (), crowded).encode())

    assert answer.status == 200
    name = next(path.name for path in (town.folder / "w1" / "logs").iterdir() if not path.suffix)
    assert town.witnesses["w1"].newest(name) == note(3) + line


def test_a_log_that_is_not_watched_is_unknown(town: Town) -> None:
    other = Checkpoint("other.example", 0, merkle.EMPTY_ROOT)
    submission = Submission(0, (), sign(other, [SignerKey("other.example", bytes([7] * 32))]))

    answer, line = town.witnesses["w1"].add_checkpoint(submission.encode())

    assert (answer.status, line) == (404, b"")


def test_of_many_at_once_one_is_cosigned(town: Town) -> None:
    """Two trees of one size, from many threads: whoever comes first, no other is cosigned."""
    fork = Checkpoint(ORIGIN, 3, bytes(32))
    bodies = [Submission(0, (), one).encode() for one in (note(3), sign(fork, [LOG]))] * 8
    answers: list[tuple[int, bytes]] = []

    def submit(body: bytes) -> None:
        answer, _ = Witness(town.folder / "w1", [LOG.verifier]).add_checkpoint(body)
        answers.append((answer.status, body))

    threads = [threading.Thread(target=submit, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(status for status, _ in answers) == [200, *[409] * 15]


@contextmanager
def witness_process(folder: Path, vkey: str, port: int = 0) -> Iterator[str]:
    """A witness as somebody else would run it; its address."""
    words = ["witness", "serve", "--data", str(folder), "--log", vkey, "--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-m", "sijill", *words], stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        started = time.monotonic()
        for line in process.stderr:
            if line.startswith(READY):
                yield line.removeprefix(READY).strip()
                break
            assert time.monotonic() - started < START_SECONDS, line
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS)
        assert process.stderr is not None
        process.stderr.close()


def checkpoint_of(served: Served, index: int) -> bytes:
    return served.anybody().text(f"/log/checkpoint?covers={index}")


def appended(served: Served) -> int:
    """The index of one more event."""
    return int(served.agency(link=False).served.settle()) - 1


def test_a_served_ledger_is_witnessed_and_an_old_copy_of_it_is_not_served(
    ledger_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness = make(tmp_path / "witness", "w.example").verifier
    policy = tmp_path / "policy"
    with serving(ledger_folder) as served:
        vkey = served.anybody().text("/log/vkey").decode().strip()
    old = tmp_path / "old"
    shutil.copytree(ledger_folder, old, ignore=shutil.ignore_patterns("run", "lock", "alive"))

    with witness_process(tmp_path / "witness", vkey) as address:
        policy.write_text(f"log {vkey}\nwitness w {witness.encode()} {address}\nquorum w\n")
        environment = {"SIJILL_WITNESSES": str(policy), "SIJILL_BELOW_QUORUM": "wait"}
        with serving(ledger_folder, environment=environment) as served:
            index = appended(served)
            data = checkpoint_of(served, index)
            assert [one.key for one in cosignature.cosigned(data, [witness])] == [witness]
            newest = open_checkpoint(
                data, origin=ORIGIN, verifiers=served.anybody().identity.log_keys
            )
            assert newest.size > index
        # Everything was put back, the high-water mark too. Only the witness remembers.
        monkeypatch.setenv("SIJILL_WITNESSES", str(policy))
        with pytest.raises(RolledBack):
            serve(old, port=0)
        with serving(ledger_folder, environment=environment) as served:
            assert checkpoint_of(served, index)

    port = int(address.rpartition(":")[2])
    # With nobody there appends go on; what is published waits, as the operator has chosen.
    with serving(ledger_folder, environment=environment) as served:
        later = appended(served)
        sizes = [one["size"] for one in pages(served)]
        assert max(sizes) <= later
        with witness_process(tmp_path / "witness", vkey, port) as again:
            assert again == address
            assert cosignature.cosigned(checkpoint_of(served, later), [witness])
    environment["SIJILL_BELOW_QUORUM"] = "publish"
    with serving(ledger_folder, environment=environment) as served:
        last = appended(served)
        assert cosignature.cosigned(checkpoint_of(served, last), [witness]) == []
        assert any("below the quorum" in line for line in served.talk)


def pages(served: Served) -> list[dict[str, int]]:
    found = json.loads(served.anybody().text("/log/checkpoints?limit=200"))
    return list(found["items"])
