"""`make try STREAM=…` is how somebody looks at one stream: what it prints is what the tap does."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.contract.facts import PROJECT


def try_stream(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run what the make target runs."""
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "demo.try_stream", *arguments],
        capture_output=True,
        check=False,
        cwd=PROJECT,
        encoding="utf-8",
    )


def test_one_stream_is_read_with_its_requests_in_the_log() -> None:
    """The first messages on standard output, each request on standard error."""
    done = try_stream("segments", "--messages", "2", "--config", '{"page_size": 20}')
    first, second, counts = done.stdout.splitlines()
    assert first.startswith('{"type":"SCHEMA","stream":"segments"')
    assert second.startswith('{"type":"RECORD","stream":"segments"')
    assert counts == "1 SCHEMA, 30 RECORD, 1 STATE, 1 ACTIVATE_VERSION"
    for page in (0, 1):
        assert f"GET /v1/segment?pageSize=20&pageNumber={page}" in done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["segmints"], "There is no stream segmints; there are: account_attributes, accounts"),
        (["segments", "--misbehave", '{"forbidden_paths": ["/v1/segment"]}'], "HTTP 403"),
    ],
)
def test_what_goes_wrong_is_in_the_log_and_in_the_exit_code(
    arguments: list[str], line: str
) -> None:
    """A wrong name, or a fault that the sandbox was told to have."""
    done = try_stream(*arguments)
    assert line in done.stderr
    assert done.returncode == 1
