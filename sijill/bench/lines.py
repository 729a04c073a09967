"""Lines of orders made fast: what a client spends on each line is not what is measured here.

Templates stand where the client library has general code; a test reads what they make with the
strict parsers and compares it with the library's own. Holders are visible placeholders.
"""

import os
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from infrastructure.proofs import canonical, codes
from infrastructure.proofs.statements import statement_root

TYPE = "death_record_extract"
UNIT = "bench"
DATE = "2026-01-01"
YEAR = 2026
SALT_BYTES = 16
NONCE_BYTES = 16
CODE_SYMBOLS = 16
_SYMBOLS = bytes(ord(codes.ALPHABET[byte % len(codes.ALPHABET)]) for byte in range(256))
_STATEMENT = (
    b'{"act":"certificate.issue","agency":"%b","claims":{"death_date":"%b","deceased_name":"%b",'
    b'"holder_secret":"%b"},"code":"%b","date":"' + DATE.encode() + b'","language":"ar",'
    b'"nonce":"%b","number":"%d","series":"%b","type":"' + TYPE.encode() + b'",'
    b'"unit":"' + UNIT.encode() + b'","year":%d}'
)


@dataclass(frozen=True, slots=True)
class Issuance:
    """One line that issues a certificate: the envelope, its statement and digest, the code."""

    raw: bytes = field(repr=False)
    statement: bytes = field(repr=False)
    digest: bytes
    code: str


@dataclass(slots=True)
class Lines:
    """Makes issuances of one agency in one series, numbered from 1 on."""

    agency: str
    series: str
    made: int = 0

    def issue(self) -> Issuance:
        """The next one."""
        self.made += 1
        name, name_digest = _disclose(b"deceased_name", f"حامل {self.made:07}")
        day, day_digest = _disclose(b"death_date", DATE)
        secret, secret_digest = _disclose(b"holder_secret", _random(NONCE_BYTES).decode())
        symbols = os.urandom(CODE_SYMBOLS).translate(_SYMBOLS).decode()
        code = symbols + codes.check_symbol(symbols)
        statement = _STATEMENT % (
            self.agency.encode(),
            day_digest,
            name_digest,
            secret_digest,
            code.encode(),
            _random(NONCE_BYTES),
            self.made,
            self.series.encode(),
            YEAR,
        )
        raw = b'{"disclosures":["%b","%b","%b"],"statement":%b}' % (name, day, secret, statement)
        return Issuance(raw, statement, canonical.statement_digest(statement), code)

    def several(self, count: int) -> list[Issuance]:
        """The next ones."""
        return [self.issue() for _ in range(count)]


def root(lines: Sequence[Issuance]) -> bytes:
    """What an order over these lines signs."""
    return statement_root([line.digest for line in lines])


def _random(size: int) -> bytes:
    return urlsafe_b64encode(os.urandom(size)).rstrip(b"=")


def _disclose(name: bytes, value: str) -> tuple[bytes, bytes]:
    """A disclosure's text and digest (record format, section 4)."""
    parts = b'["%b","%b","%b"]' % (_random(SALT_BYTES), name, value.encode())
    text = urlsafe_b64encode(parts).rstrip(b"=")
    return text, urlsafe_b64encode(sha256(text).digest()).rstrip(b"=")
