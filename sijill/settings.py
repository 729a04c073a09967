"""What an operator may set from outside: environment variables that begin with SIJILL_."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from infrastructure.embedded import EmbeddedServer
from infrastructure.postgres import Urls, external_urls

EXTERNAL = ("SIJILL_DATABASE_URL", "SIJILL_DATABASE_ADMIN_URL")
"""What names a server from outside; who makes a ledger only to throw it away forgets them."""


class Settings(BaseSettings):
    """Where a ledger lives. An empty variable counts as not set.

    Raises:
        pydantic.ValidationError: a variable holds no value of its kind.
    """

    model_config = SettingsConfigDict(env_prefix="SIJILL_", env_ignore_empty=True, frozen=True)

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
    pg_bin: Annotated[
        Path | None, Field(description="Folder with the programs of the embedded PostgreSQL.")
    ] = None
    pg_shared_buffers: Annotated[
        str,
        Field(pattern=r"^[0-9]+(kB|MB|GB)$", description="The embedded PostgreSQL's own cache."),
    ] = "128MB"

    def external(self) -> Urls | None:
        """The connection strings of the server that is named from outside; None: embedded."""
        if self.database_url is None:
            return None
        admin = self.database_admin_url
        return external_urls(
            self.database_url.get_secret_value(), admin.get_secret_value() if admin else None
        )

    def embedded(self) -> EmbeddedServer:
        """The server in the data folder, not started."""
        return EmbeddedServer(
            self.data / "postgresql",
            binaries=self.pg_bin,
            settings={"shared_buffers": self.pg_shared_buffers},
        )
