"""What a check of a log can find, and what it can leave unchecked; both named, counted, explained.

A finding is about the record as it lies there, never about who is to blame: the bytes say what does
not fit, and the trust table of the documentation says who could have done it.
"""

from dataclasses import dataclass, field

from infrastructure.proofs.errors import ProofError


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not fit.

    ``code`` is stable snake_case. ``index`` is the log index, or for a checkpoint its tree size.
    ``expected`` and ``found`` are hashes in hex, numbers or names; empty where there is none.
    """

    code: str
    index: int | None
    expected: str = ""
    found: str = ""

    @property
    def meaning(self) -> str:
        """What it means, in one sentence for an auditor."""
        return MEANINGS.get(self.code, MALFORMED)

    @classmethod
    def of(cls, error: ProofError, index: int | None) -> "Finding":
        """The finding that a parser's or verifier's refusal amounts to."""
        return cls(error.code, index, expected=error.detail)


@dataclass(slots=True)
class Unchecked:
    """What could not be checked for lack of material: how often, and where first and last."""

    code: str
    first: int
    last: int
    count: int = 0

    @property
    def meaning(self) -> str:
        """What was missing, in one sentence for an auditor."""
        return NOT_CHECKED[self.code]


@dataclass(slots=True)
class Summary:
    """How much was checked, and what was not; ``size`` is that of the log, as far as it came."""

    size: int = 0
    leaves: int = 0
    headers: int = 0
    bodies: int = 0
    signatures: int = 0
    checkpoints: int = 0
    tiles: int = 0
    attachments: int = 0
    values: int = 0
    projected: int = 0
    findings: int = 0
    unchecked: dict[str, Unchecked] = field(default_factory=dict)

    def skip(self, code: str, index: int, count: int = 1) -> None:
        """Count something at ``index`` that could not be checked."""
        entry = self.unchecked.setdefault(code, Unchecked(code, index, index))
        entry.last = max(entry.last, index + count - 1)
        entry.count += count


NOT_CHECKED = {
    "act_not_compared": "No act table was given to compare the signed act and path with the event.",
    "attachment_not_opened": "No vault key was given: only the stored bytes were compared.",
    "before_start": "It lies before the place where this check began, and was not compared.",
    "body_not_open": "The body was not opened to this checker; its digest stands unexplained.",
    "checkpoint_signature": "No key of the log is known, so the signature was not verified.",
    "code_not_tied": "No open body names the code: the word on it is not tied to this record.",
    "evidence_not_open": "The evidence was not opened; who ordered this was not verified.",
    "header_not_open": "The header was not opened; who did what was not checked.",
    "key_not_learned": "A registry event was not readable, so this key may or may not be enrolled.",
    "leaf_not_signed": "No checkpoint covers the leaf yet.",
    "newer_format": "A newer record format begins here; only bytes, tiles and roots are compared.",
    "only_bytes_and_tree": (
        "Only bytes, tiles and roots were asked for; orders and rules were not checked."
    ),
    "projection_not_given": "Read models are not at hand, or not asked for; none was compared.",
    "projection_of_other_rules": "Another release made the read models; they were not compared.",
    "receipt_not_covered": "No checkpoint covers the leaf of this receipt yet: ask again.",
    "receipt_signature": "The key that signs receipts is not known, so the receipt was not used.",
    "status_not_proven": "No signed word of the ledger says how the record stood.",
    "rules_not_judged": "It rests on unreadable events: whether it was permitted is not known.",
    "statement_list": "The order's list of statements is missing, so this line's path is unknown.",
    "tile_not_given": "The tile was not given; its hashes were only computed.",
    "value_not_opened": "The key of the vault or of its records is not here: they stayed sealed.",
    "version_unknown": "Earlier headers are not open, so its version was not checked.",
}

MALFORMED = "The bytes are not what the record format asks for."
"""What every other code means: the refusal of a parser."""

MEANINGS = {
    "act_mismatch": "The event is of another type than the act that was signed, or its path.",
    "agency_mismatch": "Header and signed statement name different agencies.",
    "agency_repeated": "An agency of this name was entered before.",
    "attachment_altered": "What is stored of an attachment is not what was uploaded.",
    "attachment_mismatch": "The attachment is another file than the statement commits to.",
    "attachment_object_missing": "A part of an attachment is not in the store.",
    "approval_misplaced": "What stands for an approval is none: a refusal, or one for elsewhere.",
    "body_digest_mismatch": "The stored body is not the one that the leaf commits to.",
    "chain_broken": "The leaf does not follow its predecessor: it names another hash as previous.",
    "checkpoint_not_listed": "The newest checkpoint is missing among the published ones.",
    "checkpoint_origin_mismatch": "A checkpoint of another log stands among the published ones.",
    "checkpoint_out_of_order": "Two checkpoints of one size, or one that comes out of order.",
    "checkpoint_unexpected": "A published checkpoint speaks of more leaves than the newest one.",
    "claim_repeated": "What may be there once was there before.",
    "code_other": "The code is not the one asked for, or none of the record's.",
    "code_repeated": "The public code names another original already.",
    "compromise_in_future": "A compromise is declared from an index on that was not recorded yet.",
    "entry_missing": "A checkpoint covers this leaf, and it was not given: the log was cut.",
    "erasure_not_ordered": "The vault calls a record erased, and no event of the log ordered that.",
    "evidence_digest_mismatch": "The stored evidence is not the one that the header commits to.",
    "evidence_disagrees": "The signatures are over different orders.",
    "evidence_keys_mismatch": "The header names other keys than signed the order.",
    "evidence_missing": "The event must show its evidence: without it nothing says who ordered it.",
    "evidence_not_an_order": "The evidence does not begin with the order.",
    "finding_false": "The answer is not what the ledger, or the named register, said then.",
    "found_earlier": "The check that this one goes on from found this; the file remembers it.",
    "genesis_invalid": "The log does not begin with a ledger opened by its two founders.",
    "header_digest_mismatch": "The stored header is not the one that the leaf commits to.",
    "held_root_mismatch": "A checkpoint that you hold was signed over other content.",
    "inclusion_invalid": "The tree of the checkpoint does not hold the leaf at its index.",
    "index_wrong": "The leaf says another index than its place in the log.",
    "key_already_enrolled": "The key was enrolled before: a key is enrolled once, for one agency.",
    "key_compromised": "The order was signed with a key already declared compromised.",
    "key_ended": "The order was signed with a key whose validity had ended.",
    "key_fallen": "The order was signed with a key that a compromised key had enrolled.",
    "key_foreign": "The order was signed with a key of another agency.",
    "key_not_yet_valid": "The order was signed with a key whose validity had not begun.",
    "key_retired": "The order was signed with a key that had been retired.",
    "key_unknown": "The order was signed with a key that nobody had enrolled.",
    "leaf_altered": "The leaf's bytes are not those that the tree was built from.",
    "leaf_malformed": "The leaf is not in the form of the record format.",
    "ledger_mismatch": "The order was signed for another ledger.",
    "ledger_other": "This is another ledger than the one that you asked for.",
    "line_repeated": "The same line of the same order is recorded twice.",
    "log_key_other": "The ledger's own record does not know the log key that you hold.",
    "not_permitted": "The ledger, as it stood at this index, did not permit the act.",
    "note_unsigned": "No key of the log signed this checkpoint.",
    "number_repeated": "The number is in use in its register.",
    "opening_without_leaf": "Material was given for an index that the log does not have.",
    "order_expired": "The order had expired when it was recorded.",
    "order_in_future": "The order was recorded before the time that it was signed for.",
    "order_too_long": "The order was signed for a longer time than is allowed.",
    "possession_mismatch": "The proof of possession is by another key than the one enrolled.",
    "projection_ahead": "The read models speak of events that the log does not have.",
    "projection_differs": "A row that readers are answered from is not the one that the log makes.",
    "projection_stopped": "The read models cannot be made again: this event does not fit.",
    "receipt_broken": "A receipt that you hold is for a leaf that is not in the log.",
    "record_foreign": "The record belongs to another agency than the one that ordered the act.",
    "register_closed": "The register was closed already.",
    "register_count_wrong": "The register held other numbers than the signed count says.",
    "register_open": "A register was counted that was not closed.",
    "report_mismatch": "The figures of a published report do not come out again.",
    "root_mismatch": "The leaves do not lead to the root that was signed at this size.",
    "root_mismatch_goes_on": "Later checkpoints do not fit either; the last of them is named.",
    "rotation_mismatch": "A note in a rotation of the log key speaks of another rotation.",
    "signature_invalid": "The signature is not the key's over these bytes.",
    "record_missing": "No event of the record that the file is about is in it.",
    "row_mismatch": "The database finds the event by other marks than its header has.",
    "signature_missing": "The act asks for a further signature that the evidence does not hold.",
    "signer_not_entitled": "The signers were not entitled to the act when it was recorded.",
    "statement_invalid": "The statement is not one that the act table allows.",
    "statement_list_mismatch": "The stored list of statements is not the one that was signed.",
    "statement_mismatch": "The statement is not one that was ordered.",
    "statement_unreadable": "A registry statement does not say what its act must say.",
    "status_place_wrong": "The place in the status list is missing, surplus or taken.",
    "stream_mismatch": "The event is not on the record that its statement names.",
    "tile_altered": "The tile holds other hashes than the leaves lead to.",
    "tile_malformed": "The tile does not hold as many hashes as it must.",
    "time_reversed": "The leaf is older than its predecessor.",
    "value_altered": "A sealed value is not the one that the signed statement commits to.",
    "value_kept": "The record was erased, and the key of its values is still there.",
    "value_lost": "A value cannot be opened any more, and no event says that it was erased.",
    "verdict_contradicted": "The ledger signed that the record is valid; an event says otherwise.",
    "verdict_other": "The signed verdict is about another record, ledger or size.",
    "version_wrong": "The event is not the next one of its stream.",
    "witnesses_too_few": "Fewer witnesses cosigned the checkpoint than the policy asks for.",
}
