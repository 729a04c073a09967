"""The status lists made again from events alone: what an auditor compares a signed list with.

It shares nothing with the read model that the service answers from but the words of the record
(docs/reference/ledger-format.md, section 9), so that one mistake is not made twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from infrastructure.proofs.standing import NOTHING_IS_WASHED_SINCE_US
from infrastructure.proofs.statuslist import Status, StatusList

_PREFIX: Final = "sijill.certificate."
_MAKES: Final = frozenset({"issued", "corrected", "original_added", "original_replaced"})


@dataclass(slots=True)
class _Original:
    list: int
    index: int
    over: Status = Status.VALID
    """What became of this original alone; a suspension is never one's own."""


@dataclass(slots=True)
class _Record:
    originals: dict[str, _Original] = field(default_factory=dict)
    stands: Status = Status.VALID
    before: Status = Status.VALID
    ended: bool = False
    """Revoked or voided: that outweighs whatever became of an original."""
    courts: int = 0
    """Orders of courts by which it is suspended: only the last one that is lifted ends that."""
    before_courts: Status = Status.VALID


class Statuses:
    """The status lists after the events that it was told of, in the order of the log.

    Certificates are told whole, with the bodies that parties and auditors may see; one that is left
    out leaves its places *valid*. Remembers some 400 bytes of each original.
    """

    def __init__(self) -> None:
        self._records: dict[UUID, _Record] = {}

    def apply(
        self,
        topic: str,
        stream: UUID,
        statement: Mapping[str, Any],
        status: tuple[int, int] | None,
        *,
        time_us: int,
    ) -> None:
        """Let one event happen; `status` is the (list, index) that its body holds, if it does.

        `time_us` is its leaf's.

        Raises:
            KeyError: the event speaks of a certificate or a code that was never told of.
        """
        if not topic.startswith(_PREFIX):
            return
        act = topic.removeprefix(_PREFIX).removesuffix(".v1")
        if act == "issued":
            self._records[stream] = _Record()
        record = self._records[stream]
        if act in ("corrected", "original_replaced"):
            # Until then a correction overtook a revoked original, too.
            keeps = time_us >= NOTHING_IS_WASHED_SINCE_US
            self._overtake(record, act, statement["code"], keeps_revoked=keeps)
        if act in _MAKES and status is not None:
            made = statement["code" if act == "issued" else "new_code"]
            record.originals[made] = _Original(*status)
        self._stand(record, act, statement)

    def list(self, number: int) -> StatusList:
        """The list of a number."""
        return StatusList.of(
            {
                one.index: int(said)
                for record in self._records.values()
                for one in record.originals.values()
                if one.list == number and (said := _said(record, one)) is not Status.VALID
            }
        )

    @staticmethod
    def _overtake(record: _Record, act: str, code: str, *, keeps_revoked: bool) -> None:
        if act == "original_replaced":
            record.originals[code].over = Status.SUPERSEDED
            return
        for one in record.originals.values():
            # A correction takes the place of those that were replaced before it, too.
            if not (keeps_revoked and one.over is Status.INVALID):
                one.over = Status.SUPERSEDED

    @staticmethod
    def _stand(record: _Record, act: str, said: Mapping[str, Any]) -> None:
        if act in ("revoked", "revocation_annulled") and said.get("original_only"):
            revoked = act == "revoked"
            record.originals[said["code"]].over = Status.INVALID if revoked else Status.VALID
            return
        match act:
            case "suspended":
                record.stands = Status.SUSPENDED
            case "reinstated":
                record.stands = Status.VALID
            case "superseded":
                record.stands = Status.SUPERSEDED
            case "voided":
                record.stands, record.ended = Status.INVALID, True
            case "revoked":
                record.before = record.stands
                record.stands, record.ended = Status.INVALID, True
            case "revocation_annulled":
                record.stands, record.ended = record.before, False
            case "suspended_by_court" | "court_suspension_lifted":
                _court(record, lifted=act == "court_suspension_lifted")


def _said(record: _Record, one: _Original) -> Status:
    return record.stands if record.ended or one.over is Status.VALID else one.over


def _court(record: _Record, *, lifted: bool) -> None:
    if not lifted:
        if not record.courts:
            record.before_courts = record.stands
        record.courts += 1
        record.stands = Status.SUSPENDED
        return
    record.courts -= 1
    if record.courts:
        return
    if record.stands is Status.SUSPENDED:
        record.stands = record.before_courts
    else:
        # Revoked meanwhile: where an annulment would lead back to.
        record.before = record.before_courts
