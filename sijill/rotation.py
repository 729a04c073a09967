"""Rotation of the log's key: what the host does beside the order that both founders sign.

The new key is made first and lies beside the old one; the order names its verifier key; the event
carries a note by each. From then on both keys sign checkpoints, until the operator takes the old
file away: whoever trusts the old key has that long to learn of the new one.
"""

from collections.abc import Callable
from pathlib import Path

from api.problems import Problem
from domain.foundation import LogKey
from infrastructure import keyfiles
from infrastructure.proofs import receipts
from infrastructure.proofs.note import SignerKey
from sijill.folder import Folder


def make_key(data: Path, origin: str) -> tuple[Path, str]:
    """Make the next log key in a data folder: its file and its verifier key.

    Raises:
        KeyFileError: it cannot be written.
    """
    path = Folder(data).next_log_key()
    keyfiles.create_private_key(path)
    return path, SignerKey(origin, keyfiles.load_seed(path)).verifier.encode()


def rotate(
    folder: Folder, origin: str, ledger: bytes, present: Callable[[], list[LogKey]]
) -> Callable[[str, bytes], list[str]]:
    """What signs the notes of a rotation, with the keys that lie in the folder at that moment.

    `present` gives the keys that the log has had, the present one last.
    """

    def sign(new: str, digest: bytes) -> list[str]:
        keys = {key.verifier.encode(): key for key in folder.log_keys(origin)}
        wanted = (present()[-1].verifier, new)
        if not all(key in keys for key in wanted):
            raise Problem("log_key_not_here")
        word = receipts.Rotation(ledger=ledger, statement_digest=digest)
        return [receipts.sign_rotation(word, keys[key]).decode() for key in wanted]

    return sign
