"""What an operator may set from outside: environment variables that begin with SIJILL_."""

from pathlib import Path
from typing import Annotated, Any, Literal

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.catalogue.calendar import CALENDAR, Calendar, HolidaysMalformed
from infrastructure.attachments.stores import Storage, open_store
from infrastructure.embedded import EmbeddedServer
from infrastructure.holidays import WorkingDays, read
from infrastructure.postgres import Urls, external_urls

DATABASES = ("SIJILL_DATABASE_URL", "SIJILL_DATABASE_ADMIN_URL", "SIJILL_DATABASE_REPLICA_URL")
"""What names a database server from outside."""

EXTERNAL = (
    *DATABASES,
    *("SIJILL_ATTACHMENTS_URL", "SIJILL_WITNESSES", "SIJILL_BELOW_QUORUM", "SIJILL_HOLIDAYS"),
)
"""What ties a ledger to others' machines; who makes one only to throw it away forgets them."""


_PREFIX = "SIJILL_"
_SIZE = r"^[0-9]+(kB|MB|GB)$"
UPLOADS_WAITING = 20
"""So many of the largest attachments of one agency may wait for a record that names them."""


class SettingUnusable(Exception):
    """A variable holds no value of its kind; what it holds is not repeated, it may be a secret."""

    code = "setting_unusable"

    def __init__(self, variable: str) -> None:
        super().__init__()
        self.params = {"variable": variable}


class HolidaysUnusable(Exception):
    """The file of announced holidays, at `path`; `str()` says what is wrong, for developers."""

    code = "holidays_unusable"

    def __init__(self, path: Path, detail: str) -> None:
        super().__init__(detail)
        self.path = path


class Settings(BaseSettings):
    """Where a ledger lives. An empty variable counts as not set."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_ignore_empty=True, frozen=True)

    data: Annotated[
        Path, Field(description="Folder of keys, tiles and, if embedded, of PostgreSQL.")
    ] = Path("sijill-data")
    database_url: Annotated[
        SecretStr | None,
        Field(description="The service's login on a server that somebody else runs."),
    ] = None
    database_admin_url: Annotated[
        SecretStr | None,
        Field(description="The login that installs and upgrades; default: the service's."),
    ] = None
    database_replica_url: Annotated[
        SecretStr | None,
        Field(description="Standbys that may answer readers; default: the primary answers all."),
    ] = None
    witnesses: Annotated[
        Path | None,
        Field(description="A C2SP tlog-policy file: who cosigns checkpoints; default: nobody."),
    ] = None
    below_quorum: Annotated[
        Literal["publish", "wait"],
        Field(description="What becomes of a checkpoint that fewer than the quorum cosigned."),
    ] = "publish"
    pg_bin: Annotated[
        Path | None, Field(description="Folder with the programs of the embedded PostgreSQL.")
    ] = None
    pg_shared_buffers: Annotated[
        str,
        Field(pattern=_SIZE, description="The embedded PostgreSQL's own cache."),
    ] = "128MB"
    pg_max_wal_size: Annotated[
        str,
        Field(
            pattern=_SIZE,
            description="So much write-ahead log of the embedded PostgreSQL between checkpoints: "
            "a busy ledger wants 16GB; after a crash all of it is gone through again.",
        ),
    ] = "4GB"

    holidays: Annotated[
        Path | None,
        Field(description="The file of announced holidays; default: `holidays.json` in the data."),
    ] = None
    attachments_url: Annotated[
        str | None,
        Field(
            description="Object store of attachments, `s3://bucket/prefix`; default: the data "
            "folder, which serves one host alone. Endpoint, region and credentials stand in AWS's "
            "own variables."
        ),
    ] = None
    attachment_limit_mib: Annotated[
        int, Field(ge=1, le=1_048_576, description="The largest attachment, in MiB.")
    ] = 100

    def __init__(self, **given: Any) -> None:
        """Read the environment; what is `given` goes before it.

        Raises:
            SettingUnusable: a variable holds no value of its kind.
        """
        try:
            super().__init__(**given)
        except ValidationError as error:
            [name, *_] = error.errors()[0]["loc"]
            raise SettingUnusable(f"{_PREFIX}{str(name).upper()}") from None

    @field_validator("database_url", "database_admin_url", "database_replica_url")
    @classmethod
    def _is_readable(cls, url: SecretStr | None) -> SecretStr | None:
        """Refuse now what libpq would refuse later, with the string in its message."""
        try:
            conninfo_to_dict(url.get_secret_value() if url else "")
        except psycopg.ProgrammingError:
            raise ValueError("no connection string") from None
        return url

    def external(self) -> Urls | None:
        """The connection strings of the server that is named from outside; None: embedded."""
        if self.database_url is None:
            return None
        admin = self.database_admin_url
        return external_urls(
            self.database_url.get_secret_value(), admin.get_secret_value() if admin else None
        )

    def replica(self) -> str | None:
        """The connection string for readers, where there is one."""
        url = self.database_replica_url
        return url.get_secret_value() if url else None

    def storage(self) -> Storage:
        """Where attachments lie.

        Raises:
            SettingUnusable: the address of the object store.
        """
        limit = self.attachment_limit_mib << 20
        try:
            store = open_store(self.attachments_url, self.data / "attachments")
        except ValueError:
            raise SettingUnusable(f"{_PREFIX}ATTACHMENTS_URL") from None
        return Storage(store, limit, limit * UPLOADS_WAITING)

    @property
    def holidays_path(self) -> Path:
        """The file of announced holidays, whether it is there or not."""
        return self.holidays or self.data / "holidays.json"

    def announced(self) -> Calendar:
        """The law's calendar with the announced days, for who refuses what cannot be used.

        Raises:
            HolidaysUnusable: the file that is named, or is there, cannot be used.
        """
        path = self.holidays_path
        try:
            return read(path) if self.holidays is not None or path.exists() else CALENDAR
        except OSError as error:
            raise HolidaysUnusable(path, error.strerror or type(error).__name__) from None
        except HolidaysMalformed as error:
            raise HolidaysUnusable(path, str(error)) from None

    def working_days(self) -> WorkingDays:
        """When offices work, for who goes on whatever becomes of the file."""
        return WorkingDays(self.holidays_path)

    def embedded(self) -> EmbeddedServer:
        """The server in the data folder, not started."""
        return EmbeddedServer(
            self.data / "postgresql",
            binaries=self.pg_bin,
            settings={
                "shared_buffers": self.pg_shared_buffers,
                "max_wal_size": self.pg_max_wal_size,
            },
        )
