"""The tamper drill: a ledger made for it, attacked copy by copy, and looked at by every eye.

It shows what the trust table of ARCHITECTURE.md claims. An attack that the eye which should find
it does not find fails the drill, and so does a finding on the copy that nobody has touched.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sijill.drill import story as stories
from sijill.drill.attacks import ATTACKS, Attack
from sijill.drill.eyes import EYES
from sijill.drill.story import Story
from sijill.drill.victim import victim
from sijill.settings import EXTERNAL

STEPS = 4
"""Steps of the story, before the first attack."""


@dataclass(frozen=True, slots=True)
class Row:
    """One attack and who found it: by eye, the codes in alphabetical order."""

    attack: Attack
    found: dict[str, list[str]]

    @property
    def detected(self) -> bool:
        """Whether the eye that should has found what it should."""
        return self.attack.code in self.found.get(self.attack.eye, ())


class FalseAlarm(Exception):
    """An eye found something where nothing was touched."""

    code = "drill_false_alarm"

    def __init__(self, found: dict[str, list[str]]) -> None:
        super().__init__(", ".join(f"{eye}: {codes}" for eye, codes in found.items()))


def run(on_step: Callable[[], None], on_row: Callable[[Row], None]) -> list[Row]:
    """Play the drill.

    Raises:
        FalseAlarm: the untouched copy was found fault with.
    """
    for name in EXTERNAL:
        os.environ.pop(name, None)
    rows: list[Row] = []
    with _ledger(on_step) as (told, folder):
        with victim(told, folder / "copy") as untouched:
            alarm = {name: sorted(set(eye(untouched))) for name, eye in EYES.items()}
            if any(alarm.values()):
                raise FalseAlarm({eye: codes for eye, codes in alarm.items() if codes})
        for attack in ATTACKS.values():
            rows.append(_try(told, folder / "copy", attack))
            on_row(rows[-1])
    return rows


def _try(told: Story, folder: Path, attack: Attack) -> Row:
    template = stories.YESTERDAY if attack.yesterday else "sijill"
    with victim(told, folder, template) as attacked:
        attack.do(attacked)
        found = {name: sorted(set(eye(attacked))) for name, eye in EYES.items()}
    return Row(attack, {name: codes for name, codes in found.items() if codes})


@contextmanager
def _ledger(on_step: Callable[[], None]) -> Iterator[tuple[Story, Path]]:
    folder = Path(tempfile.mkdtemp(prefix="sijill-drill-"))
    told = None
    try:
        told = stories.tell(folder, on_step)
        yield told, folder
    finally:
        if told is not None:
            told.server.stop()
        shutil.rmtree(folder, ignore_errors=True)
