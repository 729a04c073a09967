"""Certificates as readers see them: by code, with everything that a verdict needs, and in lists."""

from typing import Final

from projections.certificates import events
from projections.certificates.gathering import Gathering, asking
from projections.certificates.queries import (
    STATEMENTS,
    Filter,
    Found,
    Listed,
    by_code,
    by_codes,
    codes_by_value,
    credential_of,
    credentials_of,
    homes,
    originals,
    page,
)
from projections.certificates.record import (
    CERTIFICATES,
    CODES,
    CREDENTIALS,
    Certificate,
    Code,
    Credential,
    Grant,
)
from projections.projector import Projector

__all__ = [
    "CERTIFICATES",
    "CODES",
    "CREDENTIALS",
    "PROJECTOR",
    "TOPICS",
    "Certificate",
    "Code",
    "Credential",
    "Filter",
    "Found",
    "Gathering",
    "Grant",
    "Listed",
    "asking",
    "by_code",
    "by_codes",
    "codes_by_value",
    "credential_of",
    "credentials_of",
    "homes",
    "originals",
    "page",
]

TOPICS: Final = frozenset(events.HANDLERS)
"""Every topic about certificates."""

PROJECTOR: Final = Projector(
    name="certificates",
    version=5,
    statements=STATEMENTS,
    handlers=events.HANDLERS,
    tables=(CERTIFICATES, CODES, CREDENTIALS),
    needs=events.needs,
    prepare=events.prepare,
)
