"""Drafts: statements about certificates with all that only the client may draw.

The client draws the public code, because a server that chose it could swap two; the nonce; the
salts of the disclosures; and the holder's secret, which is shown once and is then the holder's.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infrastructure.proofs import canonical, codes, disclosures, signing
from infrastructure.proofs.orders import APPROVAL_BODY, LINE_LIMIT_BYTES
from sijill.client.prepared import Prepared, commit, statement

SECRET_BYTES = 16
_YEAR_DIGITS = 4
HOLDER_SECRET = "holder_secret"  # noqa: S105  # the name of a claim, not a secret


@dataclass(frozen=True, slots=True)
class Draft:
    """A statement, where it is posted, and what it commits to.

    Attributes:
        path: the path of its act.
        statement: its canonical bytes.
        disclosures: the texts of the values that it commits to.
        code: the public code that was drawn for it, if one was.
        holder_secret: what only the holder is to know, if one was drawn.
    """

    path: str
    statement: bytes
    disclosures: tuple[str, ...] = field(default=(), repr=False)
    code: str | None = None
    holder_secret: str | None = field(default=None, repr=False)

    @property
    def envelope(self) -> bytes:
        """The line of an order that carries it."""
        return signing.envelope(self.statement, self.disclosures)

    @classmethod
    def read(cls, path: str, envelope: bytes) -> "Draft":
        """The draft that was sent in an envelope to a path: what a journal still knows of it."""
        line = canonical.parse_envelope(envelope, limit_bytes=LINE_LIMIT_BYTES)
        values = {one.name: one.value for one in map(disclosures.parse, line.disclosures)}
        said = line.parsed
        code = said.get("new_code", said.get("code") if "claims" in said else None)
        return cls(path, line.statement, tuple(line.disclosures), code, values.get(HOLDER_SECRET))

    @classmethod
    def plain(cls, act: str, agency: str, path: str, **members: Any) -> "Draft":
        """An act that commits to nothing; members that are None are left out."""
        return cls(path, statement(act, agency, **members))

    @classmethod
    def issue(
        cls,
        agency: str,
        fields: Mapping[str, str],
        *,
        document: str | None = None,
        code: str | None = None,
        **members: Any,
    ) -> "Draft":
        """A certificate: `fields` are the values of its type, `document` a SHA-256 in hex.

        `members` are the others of `certificate.issue`; `year` follows from `date` if left out. A
        `code` is drawn unless it was printed already.

        Raises:
            ProofError: a value that no disclosure can carry.
        """
        drawn = code or codes.generate()
        if members.get("year") is None:
            members["year"] = year_of(members.get("date"))
        return cls._committing(
            "certificate.issue",
            agency,
            "/v1/certificates",
            fields,
            document,
            drawn,
            code=drawn,
            **members,
        )

    @classmethod
    def renew(
        cls,
        act: str,
        agency: str,
        path: str,
        fields: Mapping[str, str],
        *,
        document: str | None = None,
        new_code: str | None = None,
        **members: Any,
    ) -> "Draft":
        """An act that makes something new of a certificate: a correction, a further original.

        `members` are those of the act, the old `code` among them; as `issue` otherwise.
        """
        drawn = new_code or codes.generate()
        return cls._committing(
            act, agency, path, fields, document, drawn, new_code=drawn, **members
        )

    @classmethod
    def about(
        cls,
        act: str,
        agency: str,
        path: str,
        fields: Mapping[str, str],
        *,
        document: str | None = None,
        **members: Any,
    ) -> "Draft":
        """An act that may commit to values and makes no original: no code and no secret is drawn.

        Raises:
            ProofError: a value that no disclosure can carry.
        """
        values = dict(fields) if document is None else {**fields, "document": document}
        if not values:
            return cls.plain(act, agency, path, **members)
        claims, texts = commit(values)
        return cls(path, statement(act, agency, claims=claims, **members), tuple(texts))

    @classmethod
    def _committing(
        cls,
        act: str,
        agency: str,
        path: str,
        fields: Mapping[str, str],
        document: str | None,
        drawn: str,
        **members: Any,
    ) -> "Draft":
        secret = secrets.token_urlsafe(SECRET_BYTES)
        values = {**fields, HOLDER_SECRET: secret}
        if document is not None:
            values["document"] = document
        claims, texts = commit(values)
        said = statement(act, agency, claims=claims, **members)
        return cls(path, said, tuple(texts), drawn, secret)


def drafts_in(prepared: Prepared) -> list[Draft]:
    """The drafts that a request carries; an approval carries none."""
    if prepared.body == APPROVAL_BODY:
        return []
    return [Draft.read(prepared.path, line) for line in prepared.lines]


def year_of(day: Any) -> int | None:
    """The year that a date begins with; None where it is no date."""
    year = str(day)[:_YEAR_DIGITS]
    return int(year) if year.isdecimal() else None
