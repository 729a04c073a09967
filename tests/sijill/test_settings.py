import traceback
from pathlib import Path

import pytest

from sijill.settings import DATABASES, EXTERNAL, Settings, SettingUnusable


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SIJILL_{name.upper()}", raising=False)


def test_without_variables_the_server_is_embedded_in_the_data_folder() -> None:
    settings = Settings()

    assert settings.external() is None
    assert settings.embedded().folder == Path.cwd() / "sijill-data" / "postgresql"


def test_one_url_serves_and_installs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIJILL_DATABASE_URL", "postgresql://a:secret@h/ledger")
    monkeypatch.setenv("SIJILL_DATABASE_ADMIN_URL", "")

    urls = Settings().external()

    assert urls is not None
    assert {urls.service, urls.keeper, urls.admin} == {"postgresql://a:secret@h/ledger"}
    assert "secret" not in repr(Settings())


def test_a_second_url_installs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIJILL_DATABASE_URL", "postgresql://few@h/ledger")
    monkeypatch.setenv("SIJILL_DATABASE_ADMIN_URL", "postgresql://many@h/ledger")

    urls = Settings().external()

    assert urls is not None
    assert (urls.service, urls.admin) == ("postgresql://few@h/ledger", "postgresql://many@h/ledger")


@pytest.mark.parametrize("value", ["lots", "128", "128MB'; fsync = 'off"])
def test_a_cache_size_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SIJILL_PG_SHARED_BUFFERS", value)

    with pytest.raises(SettingUnusable) as caught:
        Settings()

    assert caught.value.params == {"variable": "SIJILL_PG_SHARED_BUFFERS"}


@pytest.mark.parametrize("variable", DATABASES)
def test_a_connection_string_that_is_none_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "host=h password=secret nonsense")

    with pytest.raises(SettingUnusable) as caught:
        Settings()

    assert caught.value.params == {"variable": variable}
    assert "secret" not in "".join(traceback.format_exception(caught.value))


def test_who_makes_a_ledger_to_throw_it_away_knows_all_that_ties_one_to_others() -> None:
    """A new setting is one of these, or says here that it stays on this machine."""
    own = {"data", "pg_bin", "pg_shared_buffers", "pg_max_wal_size", "attachment_limit_mib"}

    assert {name.removeprefix("SIJILL_").lower() for name in EXTERNAL} == (
        Settings.model_fields.keys() - own
    )
