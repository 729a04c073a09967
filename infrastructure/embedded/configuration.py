"""What the embedded server is told in postgresql.conf."""

from collections.abc import Mapping

# A log is appended to for ever and read mostly at its end: recycle its segments, spread its
# checkpoints, compile no queries. Durability stays as PostgreSQL ships it.
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "min_wal_size": "1GB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "timezone": "UTC",
    "password_encryption": "scram-sha-256",
    "cluster_name": "sijill",
    "logging_collector": "on",
    "log_filename": "postgresql-%a.log",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
    "log_timezone": "UTC",
    # Neither statements nor the values that a constraint complains about belong into a log file.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
}


def configuration(settings: Mapping[str, str]) -> str:
    """The text of postgresql.conf for these parameters."""
    lines = ["# Written anew at every start; ALTER SYSTEM is the place for settings of your own."]
    for name, value in settings.items():
        quoted = value.replace("\\", "\\\\").replace("'", "''")
        lines.append(f"{name} = '{quoted}'")
    return "\n".join(lines) + "\n"
