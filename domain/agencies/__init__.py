"""Agencies: the bodies of the state that sign.

    planned ──link──▶ linked ──suspend──▶ suspended
                        ▲                    │
                        └─────reinstate──────┘      any of them ──close──▶ closed

A suspended agency may only withdraw: revoke and suspend its certificates, retire its keys or
declare them compromised. A closed one does nothing. The two founding authorities alone order these
acts, and are themselves neither suspended nor closed.
"""

from domain.agencies.commands import (
    AddAgency,
    CloseAgency,
    ClosureReason,
    Kind,
    KindField,
    LinkAgency,
    ReinstateAgency,
    RenameAgency,
    ReparentAgency,
    SuspendAgency,
    SuspensionReason,
)
from domain.agencies.desk import DEEPEST, add, close, link, reinstate, rename, reparent, suspend
from domain.agencies.record import (
    Added,
    Agency,
    AgencyState,
    Closed,
    Dated,
    Linked,
    Reinstated,
    Renamed,
    Reparented,
    Suspended,
)

__all__ = [
    "DEEPEST",
    "AddAgency",
    "Added",
    "Agency",
    "AgencyState",
    "CloseAgency",
    "Closed",
    "ClosureReason",
    "Dated",
    "Kind",
    "KindField",
    "LinkAgency",
    "Linked",
    "ReinstateAgency",
    "Reinstated",
    "RenameAgency",
    "Renamed",
    "ReparentAgency",
    "Reparented",
    "SuspendAgency",
    "Suspended",
    "SuspensionReason",
    "add",
    "close",
    "link",
    "reinstate",
    "rename",
    "reparent",
    "suspend",
]
