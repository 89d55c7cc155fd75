"""The command px-sandbox, as a process of its own."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import sys
import time
from dataclasses import fields
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from px_sandbox import EVENT_KINDS, FAULTS, Misbehaviour
from tests.patience import PATIENCE
from tests.sandbox.client import CUSTOM, KEY_HEADER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from px_sandbox import SandboxServer

PROJECT = Path(__file__).resolve().parents[2]
READY = re.compile(r"px-sandbox ready: (http://127\.0\.0\.1:\d+) \(API key: (\S+)\)\n")
COMMAND = (sys.executable, "-m", "px_sandbox.cli")


@contextlib.contextmanager
def running(*options: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """Yield the process, its address and its key."""
    with subprocess.Popen(  # noqa: S603 - our own program
        [*COMMAND, *options],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            ready = READY.fullmatch(process.stdout.readline())
            assert ready
            yield process, ready[1], ready[2]
            # In good order: it writes the log of a request after its answer.
            process.terminate()
            process.wait()
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_one_line_when_ready_and_ends_quietly(number: signal.Signals) -> None:
    """Port 0 is a free port, the line holds all that is needed, a signal ends it with 0."""
    with running("--port", "0") as (process, url, key):
        assert key == "sandbox-key"
        answer = requests.get(f"{url}/v1/users", headers={KEY_HEADER: key}, timeout=PATIENCE)
        assert answer.json()["totalHits"] == 200
        process.send_signal(number)
        assert process.communicate(timeout=PATIENCE) == ("", "")
        assert process.returncode == 0


def test_the_number_of_events_is_the_one_asked_for() -> None:
    """However many there are: all are there when the line says that it is ready."""
    with running("--events", "20000") as (_, url, _key):
        counts = requests.get(f"{url}/_sandbox/status", timeout=PATIENCE).json()["counts"]
    assert sum(counts[kind] for kind in EVENT_KINDS) == 20_000


def test_options_shape_the_world_and_the_misbehaviour(tmp_path: Path) -> None:
    """Sizes, seed, anchor, key, faults and the request log."""
    log = tmp_path / "requests.jsonl"
    options = (
        "--seed=7 --anchor=2024-06-10T00:00:00Z --days=10 --users=11 --accounts=3 --events=0 "
        "--custom-events=50 --api-key=other --latency-ms=1 --scroll-ttl-seconds=5 "
        f"--faults http_503=0 http_504=0 --log-requests={log}"
    ).split()
    misbehave = json.dumps({"rules": [{"fault": "http_500", "path": "/v1/segment"}]})
    with running(*options, "--misbehave", misbehave) as (_, url, key):
        status = requests.get(f"{url}/_sandbox/status", timeout=PATIENCE).json()
        answer = requests.get(f"{url}/v1/segment", headers={KEY_HEADER: key}, timeout=PATIENCE)
        requests.get(f"{url}{CUSTOM}", headers={KEY_HEADER: key}, timeout=PATIENCE)
    assert (status["seed"], status["anchor"], key) == (7, "2024-06-10T00:00:00.000Z", "other")
    assert [status["counts"][kind] for kind in ("users", "accounts", "custom_events")] == [
        11,
        3,
        50,
    ]
    faults = {rule["fault"] for rule in status["misbehaviour"]["rules"]}
    assert faults == {"http_500", "http_503", "http_504", "latency"}
    assert answer.status_code == 500
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line["path"], line["status"]) for line in lines] == [
        ("/v1/segment", 500),
        (CUSTOM, 200),
    ]


def test_options_for_the_ways_of_the_live_api() -> None:
    """Values, duplicates, the clock, and parameters that a call does not know."""
    options = ("--strict", "--clock-behind-seconds=3600")
    with running(*options, "--events", "10") as (_, url, key):
        status = requests.get(f"{url}/_sandbox/status", timeout=PATIENCE).json()
        answers = [
            requests.get(f"{url}/v1/accounts{query}", headers={KEY_HEADER: key}, timeout=PATIENCE)
            for query in ("?pageSize=1000", "?pageSize=1000", "?limit=5")
        ]
    assert [answer.status_code for answer in answers] == [200, 429, 400]
    assert any(row.get("renewalDate") == 0 for row in answers[0].json()["accounts"])
    assert status["misbehaviour"]["duplicate_window_ms"] == 20_000
    sent = parsedate_to_datetime(answers[0].headers["Date"]).timestamp()
    # However long the requests take: the more time passes, the truer this is.
    assert sent <= time.time() - 3_599


def test_help_names_every_fault_and_every_option() -> None:
    """With what it does and, for an option, its default."""
    done = subprocess.run(  # noqa: S603 - our own program
        [*COMMAND, "--help"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    for name, fault in FAULTS.items():
        assert f"  {name:24}{fault.about}" in done.stdout
    words = " ".join(done.stdout.split())
    for item in fields(Misbehaviour):
        if item.name not in ("rules", "seed"):
            assert f" {item.name} " in words
    assert "[default: 500]" in words


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--anchor", "yesterday"], "--anchor has to be"),
        (["--faults", "nope=1"], "unknown fault 'nope'"),
        (["--misbehave", "{"], "error"),
        (["--misbehave", "[]"], "JSON object"),
        (["--users", "0"], "users >= 1"),
        (["--past-days", "0"], "past days > 0"),
    ],
)
def test_wrong_options_are_explained_without_a_traceback(options: list[str], message: str) -> None:
    """Usage on stderr, exit code 2."""
    done = subprocess.run(  # noqa: S603 - our own program
        [*COMMAND, *options],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_explained_without_a_traceback(sandbox: SandboxServer) -> None:
    """One line and exit code 1."""
    done = subprocess.run(  # noqa: S603 - our own program
        [*COMMAND, "--port", str(sandbox.port), "--events", "0"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("px-sandbox cannot listen: ")
    assert "Traceback" not in done.stderr


def test_without_aiohttp_it_says_what_to_install() -> None:
    """One line and exit code 1."""
    hide = "import sys; sys.modules['aiohttp'] = None; from px_sandbox.cli import main; main([])"
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", hide],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 1
    assert done.stderr == "px-sandbox needs aiohttp: pip install 'tap-gainsight-px[sandbox]'\n"
