"""What went wrong, told as what it is: the ledger's own word before this machine's guess."""

import ast

import httpx2
import pytest

from api.problems import STATUS
from infrastructure import pictures
from infrastructure.pictures import PictureError
from sijill.cli import codes
from sijill.cli.faults import problem_of
from sijill.cli.options import Talk
from sijill.cli.output import Output
from sijill.client import Client, Unreachable
from tests.api.codes_in_source import trees
from tests.sijill.cli.conftest import Shell
from tests.sijill.client.standin import REVOKE, TRIES, Fault, StandIn, connect, line, problem


def unreachable(fault: Fault, *, order: bool) -> Unreachable:
    """What a client ends with whose every try ends like that."""
    ledger = StandIn(faults=[fault] * TRIES)

    def ask(client: Client) -> None:
        if order:
            client.send(client.prepare(REVOKE, [line()]))
        else:
            client.get("/v1/agencies", signed=False)

    with connect(ledger, None) as client, pytest.raises(Unreachable) as caught:
        ask(client)
    return caught.value


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("order", [False, True])
@pytest.mark.parametrize(
    "code, status, ends",
    [
        ("log_frozen", 503, 3),
        ("storage_full", 503, 3),
        ("clock_unsafe", 503, 3),
        ("internal", 500, 1),
        ("rate_limited", 429, 3),
    ],
)
def test_what_the_ledger_says_each_time_is_told(
    code: str, status: int, ends: int, *, order: bool
) -> None:
    told = problem_of(unreachable(problem(code, status), order=order), Output(Talk()))

    assert told is not None
    assert (told[0]["code"], told[1]) == (code, ends)
    assert ("cannot be recorded twice" in told[0]["advice"]) is order


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    "fault",
    [
        httpx2.Response(502, text="<html>bad gateway</html>"),
        httpx2.Response(500, json={"code": "internal", "status": 500}),
        httpx2.ConnectError("away"),
        httpx2.DecodingError("incorrect header check"),
    ],
)
def test_what_something_between_says_is_no_word_of_the_ledger(fault: Fault) -> None:
    told = problem_of(unreachable(fault, order=True), Output(Talk()))

    assert told is not None
    assert (told[0]["code"], told[1]) == ("ledger_unreachable", 3)


@pytest.mark.parametrize("address", ["http://[::1", "http://ledger:port", "http://ledger:99999"])
def test_an_address_that_is_none_is_a_mistake_on_the_command_line(
    shell: Shell, address: str
) -> None:
    shell.set(SIJILL_URL=address)

    ran = shell("certificate", "show", "7XK3M9Q2W5RT8VHBZ", "--key", shell.key("clerk"))

    assert ran.code == 2
    assert "Invalid value" in ran.err


def test_a_picture_that_was_not_read_in_time_is_no_verdict(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def late(_: bytes) -> None:
        raise PictureError("busy")

    monkeypatch.setattr(pictures, "read", late)

    ran = shell("verify", shell.file("paper.png", "picture"))

    assert ran.code == 3
    assert "(busy)" in ran.err
    assert not ran.out


def test_a_key_is_rotated_only_where_a_ledger_is(founder: Shell) -> None:
    ran = founder("log", "rotate-key", "--data", founder.folder / "wrong", "--yes")

    assert ran.code == 3
    assert "(no_ledger_in_folder)" in ran.err


def paper_codes() -> set[str]:
    """Why no paper is made, as the source names it."""
    return {
        code
        for tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id == "PaperError" and isinstance(node.args[0], ast.Constant)
        if isinstance(code := node.args[0].value, str)
    }


@pytest.mark.parametrize("code", sorted(paper_codes() & {*STATUS}))
def test_what_the_ledger_refuses_ends_the_same_where_this_machine_finds_it(code: str) -> None:
    assert codes.of_code(code) == codes.of_problem(STATUS[code]) == codes.REFUSED


def test_a_name_that_no_seal_can_have_is_a_mistake_on_the_command_line(shell: Shell) -> None:
    path = shell.folder / "seal.pem"

    ran = shell("key", "seal", path, "--name", "x" * 65)

    assert ran.code == 2, ran.err
    assert "(seal_name_unusable" in ran.err
    assert not path.exists()
