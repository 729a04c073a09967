"""The end of every round: what clients were promised, held against the record as it lies there.

Nothing acknowledged is lost; nothing is doubled; every receipt holds; no two checkpoints contradict
(those that were published and those that anybody saw); fsck is clean; the service is serving, and
it said of nothing that it was its own error.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from infrastructure.proofs import canonical, leaf
from infrastructure.proofs.fsck import Trust
from sijill import audit
from sijill.client import Client, Identity, Refused, Unreachable
from sijill.folder import Folder
from tests.faults import journal
from tests.faults.journal import Kept
from tests.faults.load import Figures, Load
from tests.faults.service import Service

SAMPLE = 3
SHOWN = 50
FOLLOWED_SECONDS = 60.0


class Broken(AssertionError):
    """Promises that were not kept; the text names each."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check went through that found nothing."""

    log: int
    receipts: int
    published: int
    seen: int
    figures: Figures


def check(service: Service, load: Load) -> Checked:
    """Check everything since the ledger was founded; the load must not run.

    Raises:
        Broken: with every promise that was not kept.
    """
    wrong = [*load.failures, *_serving(service, load), *_alarms(service)]
    kept = journal.read(load.journals)
    found, log, published = compare(service, kept, {body.name for body in load.bodies})
    wrong += found
    if wrong:
        raise Broken("\n".join(wrong[:SHOWN]))
    return Checked(
        log=log,
        receipts=sum("receipt" in line for _, line in kept.lines()),
        published=published,
        seen=len(kept.checkpoints),
        figures=load.figures,
    )


def compare(service: Service, kept: Kept, agencies: set[str]) -> tuple[list[str], int, int]:
    """What journals hold against the record: what is wrong, the log's size, its checkpoints.

    `agencies` order nothing but what is in the journals.
    """
    wrong = list(accounted(kept))
    trust = _trust(service, kept)
    with audit.database_source(service.urls.service, service.folder / "log") as source:
        log = {
            opening.index: _statement(opening.body)
            for opening in source.openings()
            if opening.body is not None
        }
        wrong += placed(kept, log, agencies)
        summary = audit.check(source, trust, lambda found: wrong.append(f"fsck: {found}"))
    if summary.leaves != len(log):
        wrong.append(f"fsck walked {summary.leaves} leaves of {len(log)}")
    return wrong, summary.leaves, summary.checkpoints


def _statement(body: bytes) -> tuple[str, str]:
    """The agency and the digest of the statement in a body."""
    said = leaf.split_body(body).statement
    parsed = canonical.parse(said, limit_bytes=canonical.STATEMENT_LIMIT_BYTES)
    return parsed.get("agency", ""), canonical.statement_digest(said).hex()


def accounted(kept: Kept) -> Iterator[str]:
    """Every order was answered for good, and every line of it with a receipt."""
    for key in kept.sent.keys() - kept.answered.keys():
        yield f"order {key} was never answered {kept.refused.get(key, '')}".rstrip()
    for digest, line in kept.lines():
        if "receipt" not in line:
            yield f"statement {digest} was refused: {line.get('problem')}"


def placed(kept: Kept, log: dict[int, tuple[str, str]], agencies: set[str]) -> Iterator[str]:
    """What was acknowledged stands where it was promised, once; and there is nothing else."""
    acknowledged = dict(kept.lines())
    for digest, line in acknowledged.items():
        if "receipt" in line and log.get(line["index"], ("", ""))[1] != digest:
            yield f"lost: statement {digest} is not at {line['index']}"
    for digest, count in Counter(digest for _, digest in log.values()).items():
        if count > 1:
            yield f"doubled: statement {digest} stands in the log {count} times"
    for index, (agency, digest) in log.items():
        if agency in agencies and digest not in acknowledged:
            yield f"nobody was told of statement {digest} at {index}"


def _trust(service: Service, kept: Kept) -> Trust:
    """Everything that clients were shown, for the checker to find again."""
    identity = Identity.parse(service.served.anybody().text("/v1/ledger"))
    return Trust(
        ledger=identity.ledger,
        log_keys=identity.log_keys,
        checkpoints=[note.encode() for note in sorted(kept.checkpoints)],
        receipts=[line["receipt"].encode() for _, line in kept.lines() if "receipt" in line],
        marks=[Folder(service.folder).mark.read()],
        acts=audit.act_rules(),
    )


def _serving(service: Service, load: Load) -> Iterator[str]:
    """A new issuance goes through, is sealed, is followed, and verifies; so does what was before.

    Asked last are certificates that the load left behind, in force and revoked.
    """
    probe = load.clients[0].issue()
    anybody = service.served.anybody()
    try:
        anybody.text(f"/log/checkpoint?covers={probe['index']}")
    except (Refused, Unreachable) as error:
        yield f"no checkpoint covers {probe['index']}: {error}"
    expected = {probe["code"]: "valid"}
    for client in load.clients:
        expected |= dict.fromkeys(client.codes[-SAMPLE:], "valid")
        expected |= dict.fromkeys(client.revoked[-SAMPLE:], "withdrawn")
    deadline = time.monotonic() + FOLLOWED_SECONDS
    for code, outcome in expected.items():
        if (found := _outcome(anybody, code, deadline)) != outcome:
            yield f"{code} verifies as {found}, not {outcome}"


def _alarms(service: Service) -> Iterator[str]:
    """What the service called an error of its own: no fault of its surroundings is one."""
    for line in service.words:
        if '"level": "error"' in line or '"level": "critical"' in line:
            yield f"said: {line}"


def _outcome(anybody: Client, code: str, deadline: float) -> str:
    """The verdict on a code, once the read models have come that far or time is up."""
    pause = threading.Event()
    while True:
        try:
            outcome = str(anybody.get(f"/v1/verify/{code}")["outcome"])
        except (Refused, Unreachable) as error:
            outcome = str(error)
        if outcome in {"valid", "withdrawn"} or time.monotonic() > deadline:
            return outcome
        pause.wait(0.1)
