"""Rights: each one that is broken is named, and what is printed beside it mends it."""

from collections.abc import Iterator
from typing import Any

import pytest
from psycopg import Connection

from infrastructure.postgres import Role, Urls, connect
from sijill.doctor.lines import Line, State
from sijill.doctor.rights import rights

AUDIT = "sijill log fsck"
TRIGGERS = "SELECT tgrelid::regclass::text, pg_get_triggerdef(oid), tgenabled FROM pg_trigger"
BROKEN = [
    ("GRANT INSERT ON ledger.events TO sijill_service", "right_too_many"),
    ("GRANT UPDATE (body) ON ledger.events_0 TO PUBLIC", "right_too_many"),
    ("GRANT DELETE ON vault.sealed TO sijill_app", "right_too_many"),
    ("GRANT SELECT ON vault_keys.records TO sijill_keeper", "right_too_many"),
    ("GRANT EXECUTE ON FUNCTION ledger.refuse_pending TO PUBLIC", "right_too_many"),
    ("REVOKE SELECT ON ledger.events FROM sijill_service", "right_missing"),
    ("REVOKE UPDATE ON ledger.lease FROM sijill_keeper", "right_missing"),
    ("REVOKE EXECUTE ON FUNCTION ledger.freeze_closed FROM sijill_keeper", "right_missing"),
    ("ALTER TABLE ledger.claims_3 OWNER TO postgres", "owner_foreign"),
    ("ALTER FUNCTION ledger.fault OWNER TO postgres", "owner_foreign"),
    ("ALTER TABLE ledger.events_0 DISABLE TRIGGER refuse_change", "trigger_missing"),
    ("ALTER TABLE ledger.events ENABLE TRIGGER refuse_truncate", "trigger_missing"),
    ("DROP TRIGGER refuse_truncate ON ledger.head", "trigger_missing"),
    ("ALTER TABLE ledger.checkpoints DISABLE TRIGGER refuse_delete", "trigger_missing"),
    ("ALTER ROLE sijill_owner LOGIN CREATEROLE", "role_too_mighty"),
    ("GRANT sijill_owner TO sijill_service", "role_too_mighty"),
]


@pytest.fixture
def admin(database: Urls) -> Iterator[Connection[Any]]:
    with connect(database.admin, None, autocommit=True) as conn:
        yield conn


def found(urls: Urls) -> list[Line]:
    with connect(urls.service, Role.SERVICE, autocommit=True) as conn:
        return list(rights(conn, _joined, AUDIT))


def _joined(*statements: str) -> str:
    return "; ".join(statements)


def test_a_ledger_has_the_rights_that_it_should(database: Urls) -> None:
    assert [(line.state, line.code) for line in found(database)] == [(State.OK, "rights")]


@pytest.mark.parametrize("broken,code", BROKEN)
def test_what_is_broken_is_named_and_mended(
    database: Urls, admin: Connection[Any], broken: str, code: str
) -> None:
    armed = set(admin.execute(TRIGGERS))
    admin.execute(broken.encode())
    lines = [line for line in found(database) if line.state is State.FAIL]
    for line in lines:
        admin.execute(line.mend.encode())
    assert {line.code for line in lines} == {code}

    assert [line.code for line in found(database)] == ["rights"]
    assert set(admin.execute(TRIGGERS)) == armed


@pytest.mark.parametrize(
    "change",
    [
        "ALTER FUNCTION ledger.append SECURITY INVOKER",
        "UPDATE pg_proc SET prosrc = prosrc || ' ' WHERE oid = 'ledger.append'::regproc",
    ],
)
def test_another_procedure_than_this_releases_is_told(
    database: Urls, admin: Connection[Any], change: str
) -> None:
    assert admin.execute(change.encode()).rowcount != 0

    [line] = found(database)

    assert (line.state, line.code, line.mend) == (State.FAIL, "procedure_altered", AUDIT)


def test_a_login_that_may_rewrite_the_log_is_warned_of(database: Urls) -> None:
    with connect(database.admin, Role.SERVICE, autocommit=True) as conn:
        lines = list(rights(conn, _joined, AUDIT))

    assert [(line.state, line.code) for line in lines] == [
        (State.OK, "rights"),
        (State.WARN, "login_may_rewrite"),
    ]
