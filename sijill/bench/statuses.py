"""`sijill bench status`: how large the status lists of a nation's certificates are, and how quick.

Places are drawn as issuances draw them: a list is begun every so many events and has twice as many
places. Nothing is recorded and no server is started; the lists are signed and opened as real ones.
"""

import secrets
import time
from math import lgamma, log
from random import Random
from typing import Any

from domain.certificates.desk import LIST_SIZE, LIST_SPAN
from infrastructure.proofs import statuslist
from infrastructure.proofs.note import SignerKey
from infrastructure.proofs.statuslist import Delegation, Signer, Status, StatusList
from sijill.bench.figures import Aim, OnStep

ORIGIN = "bench.sijill.test/log"
SEED = 17
TOTAL_BYTES = 250_000
"""The aim for 17 million certificates, one in a hundred withdrawn."""


def run(certificates: int, revoked_percent: float, on_step: OnStep) -> dict[str, Any]:
    """Make, sign and open every list."""
    log = SignerKey(ORIGIN, secrets.token_bytes(32))
    key = SignerKey(statuslist.key_name(ORIGIN), secrets.token_bytes(32))
    ledger, now = secrets.token_bytes(32), int(time.time())
    note = Delegation(ledger, key.verifier, now + 3600).sign([log])
    signer = Signer(ORIGIN, ledger, key, note)
    random = Random(SEED)  # noqa: S311 - a benchmark's figures are to be had again
    names = ("bytes", "quick_bytes", "jwt_bytes", "list_bytes", "making", "settling", "opening")
    taken = dict.fromkeys(names, 0.0)
    entropy = 0.0
    count = -(-certificates // LIST_SPAN)
    for number in range(count):
        used = min(LIST_SPAN, certificates - number * LIST_SPAN)
        drawn = random.sample(range(LIST_SIZE), round(used * revoked_percent / 100))
        started = time.perf_counter()
        listed = StatusList.of(dict.fromkeys(drawn, Status.INVALID))
        quick = signer.cwt(signer.token(number, listed, size=certificates, issued=now))
        made = time.perf_counter()
        token = signer.token(number, listed.settled(), size=certificates, issued=now)
        signed = signer.cwt(token)
        settled = time.perf_counter()
        opened = statuslist.open_token(
            signed, origin=ORIGIN, number=number, ledger=ledger, log_key=log.verifier
        )
        ended = time.perf_counter()
        assert opened == token  # noqa: S101 - a figure of something else would be worthless
        entropy += _bits(LIST_SIZE, len(drawn)) / 8
        taken["bytes"] += len(signed)
        taken["quick_bytes"] += len(quick)
        taken["list_bytes"] += len(token.list.compressed())
        taken["jwt_bytes"] += len(signer.jwt(token))
        taken["making"] += made - started
        taken["settling"] += settled - made
        taken["opening"] += ended - settled
        on_step("lists", number + 1, count, (number + 1) / (taken["making"] or 1))
    total = int(taken["bytes"])
    return {
        "benchmark": "status",
        "draft": statuslist.DRAFT,
        "certificates": certificates,
        "revoked": revoked_percent,
        "lists": count,
        "uncompressed_bytes": count * statuslist.LIST_BYTES,
        "bytes": total,
        "quick_bytes": int(taken["quick_bytes"]),
        "list_bytes": int(taken["list_bytes"]),
        "entropy_bytes": round(entropy),
        "jwt_bytes": int(taken["jwt_bytes"]),
        "bytes_each_list": round(total / count),
        "making_ms_each": round(taken["making"] / count * 1000, 2),
        "settling_ms_each": round(taken["settling"] / count * 1000, 2),
        "opening_ms_each": round(taken["opening"] / count * 1000, 2),
        "aims": [Aim("bytes", TOTAL_BYTES, total, most=True).told],
    }


def _bits(places: int, drawn: int) -> float:
    """How many bits it takes to say which places were drawn; no code is shorter on average."""
    ways = lgamma(places + 1) - lgamma(drawn + 1) - lgamma(places - drawn + 1)
    return ways / log(2)
