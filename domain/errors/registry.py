"""Refusals about the ledger itself, the agencies and their keys."""

from domain.errors.base import Forbidden, Malformed, Refusal, Unknown


class LedgerAlreadyOpen(Refusal, code="ledger_already_open"):
    """A ledger is opened once, by its event 0."""


class VerifierKeyForeign(Malformed, code="verifier_key_foreign"):
    """A verifier key's name must be the ledger's origin (or its `/receipts`)."""


class LogKeyUnchanged(Refusal, code="log_key_unchanged"):
    """The new log key is one that this log has used already."""


class AgencyUnknown(Unknown, code="agency_unknown"):
    """No agency has this id."""


class AgencyExists(Refusal, code="agency_exists"):
    """An agency's id is given once and for ever."""


class AgencyNotLinked(Forbidden, code="agency_not_linked"):
    """The agency is planned, not linked yet."""


class AgencySuspended(Forbidden, code="agency_suspended"):
    """A suspended agency may only withdraw: certificates and its own keys."""


class AgencyClosed(Forbidden, code="agency_closed"):
    """A closed agency does nothing any more, and nothing is done to it."""


class NotEntitled(Forbidden, code="not_entitled"):
    """This agency may not order this act on that subject."""


class AgencyNotPlanned(Refusal, code="agency_not_planned"):
    """Only a planned agency is linked."""


class AgencyAlreadyLinked(Refusal, code="agency_already_linked"):
    """The agency is linked already."""


class AgencyAlreadySuspended(Refusal, code="agency_already_suspended"):
    """The agency is suspended already."""


class AgencyNotSuspended(Refusal, code="agency_not_suspended"):
    """Only a suspended agency is reinstated."""


class FounderProtected(Refusal, code="founder_protected"):
    """A founding authority is neither suspended nor closed."""


class ParentUnknown(Unknown, code="parent_unknown"):
    """No agency has the parent's id."""


class ParentClosed(Refusal, code="parent_closed"):
    """A closed agency takes no children."""


class ParentUnchanged(Refusal, code="parent_unchanged"):
    """The agency stands under this parent on that day already."""


class AgencyHierarchyLoop(Refusal, code="agency_hierarchy_loop"):
    """An agency cannot stand under itself."""


class AgencyHierarchyTooDeep(Refusal, code="agency_hierarchy_too_deep"):
    """The tree of agencies has a bounded depth."""


class SuccessorAgencyUnknown(Unknown, code="successor_agency_unknown"):
    """No agency has the successor's id."""


class SuccessionEmpty(Malformed, code="succession_empty"):
    """An agency does not succeed itself."""


class SharesRepeated(Malformed, code="shares_repeated"):
    """One part of an agency is given away twice in one statement."""


class KeyUnknown(Forbidden, code="key_unknown"):
    """The order is signed by a key that nobody enrolled."""


class KeyForeign(Forbidden, code="key_foreign"):
    """The signing key belongs to another agency than the statement names."""


class KeyRetired(Forbidden, code="key_retired"):
    """The signing key was retired."""


class KeyCompromised(Forbidden, code="key_compromised"):
    """The signing key was declared compromised."""


class KeyFallen(Forbidden, code="key_fallen"):
    """The signing key was enrolled by a key that was compromised at that time."""


class KeyNotYetValid(Forbidden, code="key_not_yet_valid"):
    """The signing key's validity has not begun."""


class KeyEnded(Forbidden, code="key_ended"):
    """The signing key's validity is over."""


class ScopeMissing(Forbidden, code="scope_missing"):
    """The signing key was enrolled without the scope that the act asks for."""


class KeyNotFound(Unknown, code="key_not_found"):
    """No key of this thumbprint is enrolled (as the subject of an act, not as its signer)."""


class KeyAlreadyEnrolled(Refusal, code="key_already_enrolled"):
    """A key is enrolled once, for one agency, for ever."""


class KeyAlreadyRetired(Refusal, code="key_already_retired"):
    """The key is retired already."""


class KeyValidityEmpty(Refusal, code="key_validity_empty"):
    """The key's validity ends before it begins, or is over already."""


class ScopesConflict(Refusal, code="scopes_conflict"):
    """These scopes are not given to one key, or not to a key of this agency."""


class LastAdministerKey(Refusal, code="last_administer_key"):
    """This is the agency's last live administer key; say `final` to retire it all the same."""


class CompromiseNotLower(Refusal, code="compromise_not_lower"):
    """The start of a compromise is only ever moved to an earlier index."""


class CompromiseInFuture(Refusal, code="compromise_in_future"):
    """A compromise begins at the latest with the next index."""
