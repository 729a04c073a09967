"""Who looks at a ledger that was tampered with, each with nothing but what it would really have.

check        `sijill log fsck --data`: the log, its high-water mark, the rules
quick        `sijill log fsck --quick`, which only says that bytes and tree do not come out
read models  the same, which makes the read models again and compares them
attachments  the same, which opens every attached file
values       the same, which opens every sealed value
serve        `sijill serve`, before it serves
holder       `sijill log fsck --state`, by somebody who kept a checkpoint
witness      the sealer, which asks a witness what it remembers before it signs
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from infrastructure import postgres
from infrastructure.attachments.stores import FolderStore
from infrastructure.log.lease import Lease
from infrastructure.log.reader import load_head
from infrastructure.log.replaying import connected
from infrastructure.log.sealer import LEASE, LogFrozen, Sealer
from infrastructure.log.witnessed import Nobody
from infrastructure.postgres import Role
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.findings import Summary
from infrastructure.proofs.fsck import Trust
from sijill import attached, audit, quick, sealed
from sijill.drill.story import ORIGIN
from sijill.drill.victim import Victim

Eye = Callable[[Victim], Iterable[str]]


def check(victim: Victim) -> list[str]:
    """The codes of a check of the whole log beside its files."""
    return _check(victim, Trust(marks=[victim.folder.mark.read()], acts=audit.act_rules()))


def quickly(victim: Victim) -> list[str]:
    """Whether bytes and tree come out, for who asks for no more."""
    trust = Trust(marks=[victim.folder.mark.read()], acts=audit.act_rules())
    try:
        with connected(victim.urls.admin) as each:
            quick.check(victim.urls.admin, each, victim.folder.tiles, trust)
    except quick.NotClean:
        return ["not_clean"]
    return []


def holder(victim: Victim) -> list[str]:
    """The same by an auditor who kept a checkpoint, and cares for nothing that lies here."""
    story = victim.story
    trust = Trust(
        ledger=story.identity.ledger,
        log_keys=story.identity.log_keys,
        checkpoints=[story.kept],
        acts=audit.act_rules(),
    )
    return _check(victim, trust)


def _check(victim: Victim, trust: Trust) -> list[str]:
    found: list[str] = []
    with audit.database_source(victim.urls.admin, victim.folder.path / "log") as source:
        audit.check(source, trust, lambda one: found.append(one.code))
    return found


def read_models(victim: Victim) -> list[str]:
    """The codes of read models that are not what the log makes."""
    found: list[str] = []
    summary = Summary(size=len(victim.events()))
    audit.compare_projections(victim.urls.admin, summary, lambda one: found.append(one.code))
    return found


def attachments(victim: Victim) -> list[str]:
    """The codes of attached files that are not what the log commits to."""
    found: list[str] = []
    store = FolderStore(victim.folder.path / "attachments")
    with postgres.connect(victim.urls.admin, Role.SERVICE) as connection:
        vault = victim.folder.vault()
        attached.check(connection, store, vault, Summary(), lambda one: found.append(one.code))
    return found


def values(victim: Victim) -> list[str]:
    """The codes of sealed values that are not what the log commits to."""
    found: list[str] = []
    with postgres.connect(victim.urls.admin, Role.SERVICE) as connection:
        vault = victim.folder.vault()
        sealed.check(connection, vault, Summary(), lambda one: found.append(one.code))
    return found


def serve(victim: Victim) -> list[str]:
    """What `sijill serve` refuses a ledger for: an end that lies before what was signed."""
    with postgres.connect(victim.urls.admin, Role.SERVICE, autocommit=True) as connection:
        size = load_head(connection).size
    return ["rolled_back"] if size < victim.folder.mark.read().size else []


class _Remembering(Nobody):
    """The drill's witness, asked as over the network."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint

    async def remembered(self) -> Sequence[Checkpoint]:
        """What it cosigned last."""
        return [self._checkpoint]


def witness(victim: Victim) -> list[str]:
    """Why the sealer would sign nothing more for whoever asks this witness."""
    return asyncio.run(_seal(victim, _Remembering(victim.story.checkpoint)))


async def _seal(victim: Victim, witnesses: Nobody) -> list[str]:
    url = victim.urls.admin
    async with await postgres.connect_async(url, Role.KEEPER, autocommit=True) as conn:
        lease = await Lease.take(conn, LEASE, "drill")
        if lease is None:
            raise RuntimeError("somebody else seals the drill's ledger")
        try:
            await Sealer.open(
                conn,
                lease,
                origin=ORIGIN,
                keys=victim.folder.log_keys(ORIGIN),
                store=victim.folder.tiles,
                mark=victim.folder.mark,
                witnesses=witnesses,
            )
        except LogFrozen as frozen:
            return [frozen.code]
    return []


EYES: Final[dict[str, Eye]] = {
    "check": check,
    "quick": quickly,
    "read_models": read_models,
    "attachments": attachments,
    "values": values,
    "serve": serve,
    "holder": holder,
    "witness": witness,
}
