"""Targets for what an auditor, a witness and a holder of evidence read."""

from infrastructure.proofs import bundle, canonical, cosignature, policy, tlogproof
from infrastructure.proofs.bundle import Trust
from infrastructure.proofs.cosignature import Cosigner, CosignerKey
from infrastructure.proofs.note import SignerKey
from infrastructure.proofs.witnessing import Submission, judge
from tests.infrastructure.proofs.vectors import load

_BUNDLES = load("bundle")
_VECTOR = load("cosignature")
_LOG = load("log")
_WITNESS = Cosigner(_VECTOR["name"], bytes.fromhex(_VECTOR["seed"]))
_LEDGER = bytes.fromhex(_LOG["ledger"])
_KEYS = [
    SignerKey(one["name"], bytes.fromhex(one["seed"])).verifier
    for one in _LOG["log_keys"].values()
    if one["name"] == "sijill.example/log"
]

BUNDLES = tuple(canonical.dumps(one["bundle"]) for one in _BUNDLES["bundles"])
PROOFS = (_BUNDLES["tlog_proof"].encode(),)
SUBMISSIONS = (_VECTOR["submission"]["body"].encode(),)
COSIGNED = (_VECTOR["cosigned"]["note"].encode(),)
COSIGNERS = (_VECTOR["vkey"].encode(),)
POLICIES = (
    f"# who\nlog {_LOG['log_keys']['log']['vkey']}\nwitness a {_VECTOR['vkey']} https://w\n"
    "group g any a\nquorum g\n".encode(),
    b"quorum none",
)


def evidence_bundle(data: bytes) -> None:
    """One spelling; and judged without another error than the room's."""
    parsed = bundle.parse(data)
    assert parsed.encode() == data
    bundle.verify(parsed, Trust(ledger=_LEDGER))


def tlog_proof(data: bytes) -> None:
    """One spelling."""
    assert tlogproof.parse(data).encode() == data


def submission(data: bytes) -> None:
    """One spelling; and one of the statuses of the table, whatever is asked."""
    parsed = Submission.parse(data)
    assert parsed.encode() == data
    assert judge(parsed, keys=_KEYS, held=None).status in {200, 400, 403, 409, 422}


def cosigned(data: bytes) -> None:
    """A time that can be one."""
    for _, time in cosignature.cosigned(data, [_WITNESS.verifier]):
        assert 0 < time <= cosignature.MAX_TIME


def cosigner(data: bytes) -> None:
    """One spelling."""
    text = data.decode("utf-8", "surrogateescape")
    assert CosignerKey.parse(text).encode() == text


def tlog_policy(data: bytes) -> None:
    """Decides for nobody and for everybody, and nobody is never more than everybody."""
    parsed = policy.parse(data)
    every = [one.key for one in parsed.witnesses.values()]
    assert parsed.satisfied([]) <= parsed.satisfied(every)
