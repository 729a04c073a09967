"""`sijill bench render`: how many papers a second this machine sets, each of another certificate.

Nothing is recorded and no server is started. A credential of the usual size is signed for each
paper; drawing its QR code is part of the work.
"""

import datetime as dt
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.papers import Told, compose
from infrastructure.documents.paper import render
from infrastructure.proofs import codes, credential
from infrastructure.proofs.jwk import PrivateKey
from sijill.bench.figures import Aim

HOST = "bench.sijill.test"
TYPE = "civil_status_extract"
AIM_RATE = 200.0
_NAMES = {"ar": "وزارة الداخلية", "ckb": "وەزارەتی ناوخۆ", "en": "Ministry of Interior"}


def run(papers: int, workers: int | None) -> dict[str, Any]:
    """Set so many papers, in as many processes as there are processors unless told."""
    processes = workers or os.cpu_count() or 1
    share = -(-papers // processes)
    # A process that is forked while others' threads hold locks may wait for them for ever.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        # Once beforehand: reading the fonts is not what is measured.
        list(pool.map(partial(_render, 1), range(processes)))
        started = time.perf_counter()
        taken = list(pool.map(partial(_render, share), range(processes)))
        seconds = time.perf_counter() - started
    rate = processes * share / seconds
    return {
        "benchmark": "render",
        "papers": processes * share,
        "processes": processes,
        "seconds": round(seconds, 3),
        "rate": round(rate, 1),
        "ms_each": round(seconds * processes / (processes * share) * 1000, 2),
        "bytes_each": round(sum(taken) / len(taken)),
        "aims": [Aim("rate", AIM_RATE, rate).told],
    }


def _render(count: int, process: int) -> int:
    """Set papers in this process; the bytes of the last one."""
    key = Ed25519PrivateKey.generate()
    size = 0
    for told in _told(count, process):
        paper = compose(told, host=HOST, credential=_signed(told, key))
        size = len(render(paper, "pdf")[0])
    return size


def _told(count: int, process: int) -> Iterator[Told]:
    moment = dt.datetime(2026, 11, 1, 9, tzinfo=dt.UTC)
    for number in range(count):
        yield Told(
            code=codes.generate(),
            type=TYPE,
            issuer=_NAMES,
            number=f"{process}/{number}",
            date="2026-11-01",
            effective_date="2026-11-01",
            expiry_date=None,
            edition=1,
            original=1,
            issue_time=int(moment.timestamp()) * 1_000_000,
            values={
                "holder_name": f"زينب عبد الكريم حسين {number}",
                "national_number": f"{199_000_000_000 + number}",
                "birth_place": "بغداد، الكرخ",
                "registry_page": f"سجل {process} صحيفة {number}",
            },
        )


def _signed(told: Told, key: PrivateKey) -> bytes:
    said = credential.Credential(
        agency="moi",
        code=told.code,
        type=told.type,
        number=told.number,
        date=told.date,
        fields={0: told.values["holder_name"], 1: told.values["national_number"]},
        status_list=1,
        status_index=777_777,
        index=1_000_000,
        issued_at=told.issue_time // 1_000_000,
        ledger="00" * 8,
    )
    return credential.sign(said, key)
