"""Agencies: the bodies of the state that sign.

    planned ──link──▶ linked ──suspend──▶ suspended
                        ▲                    │
                        └─────reinstate──────┘      any of them ──close, merge──▶ closed

Who answers for a body that was merged or split is a matter of `succession`. A suspended agency may
only withdraw: revoke and suspend its certificates, retire its keys or
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
    MergeAgency,
    ReinstateAgency,
    RenameAgency,
    ReparentAgency,
    Share,
    SplitAgency,
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
    Merged,
    Reinstated,
    Renamed,
    Reparented,
    Split,
    Succession,
    Suspended,
)
from domain.agencies.succession import merge, responsible, split

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
    "MergeAgency",
    "Merged",
    "ReinstateAgency",
    "Reinstated",
    "RenameAgency",
    "Renamed",
    "ReparentAgency",
    "Reparented",
    "Share",
    "Split",
    "SplitAgency",
    "Succession",
    "SuspendAgency",
    "Suspended",
    "SuspensionReason",
    "add",
    "close",
    "link",
    "merge",
    "reinstate",
    "rename",
    "reparent",
    "responsible",
    "split",
    "suspend",
]
