import asyncio
import os
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from infrastructure import faults
from infrastructure.faults import Action, FaultReached


def test_an_unarmed_point_is_nothing() -> None:
    for name in faults.POINTS:
        faults.point(name)
    asyncio.run(faults.point_async("seal.signed"))
    assert faults.session_setting() == ""


def test_an_armed_point_fails_and_no_other_does() -> None:
    with faults.armed("seal.signed"):
        faults.point("seal.published")
        with pytest.raises(FaultReached, match=r"seal\.signed"):
            faults.point("seal.signed")
        with pytest.raises(FaultReached):
            asyncio.run(faults.point_async("seal.signed"))
    faults.point("seal.signed")


def test_a_pause_lets_the_event_loop_go_on() -> None:
    async def stand_still() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(faults.point_async("seal.signed"), 0.05)

    with faults.armed("seal.signed", Action.PAUSE):
        asyncio.run(stand_still())


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="nowhere"), faults.armed("nowhere"):
        pass


def test_append_points_travel_as_a_setting_of_the_session() -> None:
    with faults.armed("append.locked", Action.PAUSE):
        assert faults.session_setting() == "append.locked=pause"
    with faults.armed("committer.batch_taken"):
        assert faults.session_setting() == ""


@pytest.mark.parametrize("value, code", [("seal.signed=error", 3), ("", 0)])
def test_the_environment_arms_a_process(value: str, code: int) -> None:
    program = (
        "import sys; from infrastructure import faults\n"
        "try: faults.point('seal.signed')\n"
        "except faults.FaultReached: sys.exit(3)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, faults.VARIABLE: value},
        check=False,
    )
    assert done.returncode == code


def test_a_file_stops_whoever_comes_to_its_point_first_and_nobody_after(tmp_path: Path) -> None:
    file = tmp_path / "fault"
    program = (
        "import sys; from infrastructure import faults\n"
        "faults.point('seal.read')\n"
        "try: faults.point('seal.signed')\n"
        "except faults.FaultReached: sys.exit(3)"
    )
    command = [sys.executable, "-c", program]
    environment = {**os.environ, faults.VARIABLE: f"@{file}"}
    assert subprocess.run(command, env=environment, check=False).returncode == 0

    file.write_text("seal.signed=error")
    codes = [subprocess.run(command, env=environment, check=False).returncode for _ in range(2)]

    assert codes == [3, 0]
    [taken] = tmp_path.iterdir()
    assert taken.suffix[1:].isdecimal()


def test_the_list_names_the_points_of_the_procedure_in_their_order() -> None:
    source = files("infrastructure.log").joinpath("append.sql").read_text(encoding="utf-8")
    assert tuple(re.findall(r"ledger\.fault\('([a-z_.]+)'\)", source)) == faults.APPEND_POINTS
