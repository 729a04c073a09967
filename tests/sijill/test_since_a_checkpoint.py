"""A check that begins at a checkpoint knows nothing from before it, and accuses nobody by that."""

from typing import Any

import pytest

from infrastructure.proofs import canonical, receipts
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.material import text_of
from tests.infrastructure.proofs.paper_ledger import log_key, statement
from tests.sijill.test_rules import TWO, Forger
from tests.sijill.test_since import check, first_half, sealed


@pytest.fixture
def half() -> Forger:
    return first_half()


def test_from_a_checkpoint_on_bytes_and_tree_are_checked(half: Forger) -> None:
    """Of keys and records from before it nothing is known, and nobody is accused by that."""
    begin = len(sealed(half).leaves)
    kept = half.notes[-1]
    half.certify(TWO, number="2")
    half.withdraw(TWO)
    source = sealed(half)
    since = Checkpoint.parse(text_of(kept))

    findings, summary = check(source, since=since, checkpoints=[kept])

    assert findings == set()
    assert (summary.leaves, summary.size) == (2, begin + 2)
    assert {"key_not_learned", "rules_not_judged"} & summary.unchecked.keys()
    # And what was done to the growth, or before the checkpoint, is found.
    source.leaves[begin] = source.leaves[begin][:-8] + b'9,"v":1}'
    assert ("leaf_altered", begin) in check(source, since=since, checkpoints=[kept])[0]


def test_a_checkpoint_of_another_log_begins_nothing(half: Forger) -> None:
    source = sealed(half)
    size = len(half.leaves)
    other = Checkpoint(half.notes[-1].decode().partition("\n")[0], size - 1, bytes(32))

    findings, summary = check(source, since=other, checkpoints=[])

    assert (findings, summary.leaves) == (set(), size)


def rotated(ledger: Forger, name: str = "next") -> int:
    """A rotation of the log's key by both founders."""
    new = log_key(name)
    until = ledger.seconds + 86_400
    said = statement("ledger.rotate_key", "ndc", log_key=new.verifier.encode(), valid_until=until)
    word = receipts.Rotation(ledger.ledger, canonical.statement_digest(canonical.dumps(said)))
    keys = (ledger.log_keys[-1], new)
    notes = [receipts.sign_rotation(word, key).decode() for key in keys]
    ledger.log_keys = [new]
    topic, path = "sijill.ledger.key_rotated.v1", "/v1/ledger/keys"
    signing: dict[str, Any] = {"cosigners": ["comsec"], "chosen": {"notes": notes}}
    return ledger.order("ndc", said, path, topic, "foundation", **signing)


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("trusted", [True, False])
def test_a_log_that_rotated_its_key_since_is_not_accused(
    half: Forger, times: int, *, trusted: bool
) -> None:
    """The key that is trusted vouches for the next; without one, another may have been named."""
    sealed(half)
    anchor, old = half.notes[-1], half.log_keys[0].verifier
    for time in range(times):
        rotated(half, f"next {time}")
        source = sealed(half)
    keys = [old] if trusted else [log_key("before").verifier]
    held: dict[str, Any] = {"since": Checkpoint.parse(text_of(anchor)), "checkpoints": [anchor]}

    findings, summary = check(source, log_keys=keys, **held)

    assert findings == set()
    assert ("checkpoint_signature" in summary.unchecked) is not trusted
    # Behind rotations that were followed nobody else signs.
    half.log_keys = [log_key("stranger")]
    forged = sealed(half)
    forged.notes.pop(-2)
    assert (
        ("note_unsigned", len(half.leaves)) in check(forged, log_keys=keys, **held)[0]
    ) is trusted


def test_a_second_rotation_is_not_followed_without_the_first_ones_key(half: Forger) -> None:
    """The founders' signatures are unknown here: the key that is over must not name another."""
    sealed(half)
    anchor, old = half.notes[-1], half.log_keys[0]
    rotated(half, "next")
    half.log_keys = [old]
    wrong = rotated(half, "stranger")
    source = sealed(half)

    since = Checkpoint.parse(text_of(anchor))
    findings, _ = check(source, log_keys=[old.verifier], since=since, checkpoints=[anchor])

    assert findings == {("note_unsigned", wrong), ("note_unsigned", len(half.leaves))}
