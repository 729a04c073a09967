"""Who may order what, and whose signatures must stand beside theirs."""

from domain.authority.condition import administered, administers, key_refusal, live_key, void_from
from domain.authority.rules import PRIVILEGED, check_standing, founders, require

__all__ = [
    "PRIVILEGED",
    "administered",
    "administers",
    "check_standing",
    "founders",
    "key_refusal",
    "live_key",
    "require",
    "void_from",
]
