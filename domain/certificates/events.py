"""What happens to certificates. Each fact reads its statement and changes the record."""

from datetime import date
from typing import Any

from domain.certificates.record import (
    NOTHING_IS_WASHED_SINCE,
    Certificate,
    Edition,
    Grant,
    OriginalStatus,
    Status,
)
from domain.ledger import Fact
from domain.registers import Register


def _day(said: dict[str, Any], name: str) -> date | None:
    return date.fromisoformat(said[name]) if name in said else None


def _edition(fact: Fact, number: int, issued: date) -> Edition:
    said = fact.said
    return Edition(
        number=number,
        language=said["language"],
        effective=_day(said, "effective_date") or issued,
        expiry=_day(said, "expiry_date"),
        index=fact.at,
    )


class Issued(Fact):
    """A certificate was issued."""

    TOPIC = "sijill.certificate.issued.v1"
    OPENS = "sijill.certificate"

    def apply(self, aggregate: Certificate) -> None:
        """Make its first edition and original."""
        said = self.said
        aggregate.agency = self.agency
        aggregate.type = said["type"]
        aggregate.register = Register(self.agency, said["unit"], said["series"], said["year"])
        aggregate.number = said["number"]
        aggregate.date = date.fromisoformat(said["date"])
        aggregate.make_edition(_edition(self, 1, aggregate.date), said["code"])
        aggregate.grants = [Grant(self.at, self.keys)]


class Suspended(Fact):
    """A certificate was put out of force."""

    TOPIC = "sijill.certificate.suspended.v1"

    def apply(self, aggregate: Certificate) -> None:
        """It is out of force until reinstated."""
        aggregate.status = Status.SUSPENDED


class Reinstated(Fact):
    """A suspension ended."""

    TOPIC = "sijill.certificate.reinstated.v1"

    def apply(self, aggregate: Certificate) -> None:
        """It is in force again, by these keys too."""
        aggregate.status = Status.IN_FORCE
        aggregate.grants.append(Grant(self.at, self.keys))


class Revoked(Fact):
    """A certificate, or one of its originals alone, was revoked."""

    TOPIC = "sijill.certificate.revoked.v1"

    def apply(self, aggregate: Certificate) -> None:
        """Remember where it stood, should the revocation be annulled."""
        if self.said.get("original_only"):
            aggregate.originals[self.said["code"]].status = OriginalStatus.REVOKED
            return
        aggregate.before_revocation = aggregate.status
        aggregate.status = Status.REVOKED


class RevocationAnnulled(Fact):
    """A revocation was undone."""

    TOPIC = "sijill.certificate.revocation_annulled.v1"

    def apply(self, aggregate: Certificate) -> None:
        """Return to where it stood; a suspension of before still stands."""
        if self.said.get("original_only"):
            code = self.said["code"]
            aggregate.originals[code].status = OriginalStatus.CURRENT
            aggregate.grants.append(Grant(self.at, self.keys, code))
            return
        aggregate.status = aggregate.before_revocation
        aggregate.grants.append(Grant(self.at, self.keys))


class Corrected(Fact):
    """A new edition was made."""

    TOPIC = "sijill.certificate.corrected.v1"

    def apply(self, aggregate: Certificate) -> None:
        """The new edition rests on this act: nothing was taken over but what a court ended."""
        washes = self.day < NOTHING_IS_WASHED_SINCE
        edition = _edition(self, len(aggregate.editions) + 1, aggregate.date)
        aggregate.make_edition(edition, self.said["new_code"], washes=washes)
        kept = [] if washes else aggregate.courts_liftings()
        aggregate.grants = [*kept, Grant(self.at, self.keys)]


class Voided(Fact):
    """The entry was struck as a mistake."""

    TOPIC = "sijill.certificate.voided.v1"

    def apply(self, aggregate: Certificate) -> None:
        """It never counted."""
        aggregate.status = Status.VOIDED


class Superseded(Fact):
    """Another certificate took its place."""

    TOPIC = "sijill.certificate.superseded.v1"

    def apply(self, aggregate: Certificate) -> None:
        """Remember which one."""
        aggregate.status = Status.SUPERSEDED
        aggregate.superseded_by = self.said["by"]


class OriginalAdded(Fact):
    """A further original was made."""

    TOPIC = "sijill.certificate.original_added.v1"

    def apply(self, aggregate: Certificate) -> None:
        """It shows the edition in force."""
        code = self.said["new_code"]
        aggregate.add_original(code, aggregate.edition.number)
        aggregate.grants.append(Grant(self.at, self.keys, code))


class OriginalReplaced(Fact):
    """An original was replaced."""

    TOPIC = "sijill.certificate.original_replaced.v1"

    def apply(self, aggregate: Certificate) -> None:
        """Its code answers with the new one."""
        code = self.said["new_code"]
        aggregate.replace(self.said["code"], code)
        aggregate.grants.append(Grant(self.at, self.keys, code))


class Credentialed(Fact):
    """The credential of an original was recorded."""

    TOPIC = "sijill.certificate.credentialed.v1"

    def apply(self, aggregate: Certificate) -> None:
        """It is the original's newest; whether the certificate is in force is another matter."""
        aggregate.originals[self.said["code"]].credential = self.at


class Reaffirmed(Fact):
    """The agency stood by the certificate after a compromise."""

    TOPIC = "sijill.certificate.reaffirmed.v1"

    def apply(self, aggregate: Certificate) -> None:
        """From now on it is in force by these keys, but for its other originals' own grants."""
        kept: list[Grant] = []
        if self.day >= NOTHING_IS_WASHED_SINCE:
            stood_by = (None, self.said["code"])
            kept = [one for one in aggregate.grants if one.code not in stood_by]
            if aggregate.status is not Status.SUPERSEDED:
                kept = [*aggregate.courts_liftings(), *kept]
        aggregate.grants = [*kept, Grant(self.at, self.keys)]


class Erased(Fact):
    """The values were destroyed."""

    TOPIC = "sijill.certificate.erased.v1"

    def apply(self, aggregate: Certificate) -> None:
        """Remember since when."""
        aggregate.erased_at = self.at
