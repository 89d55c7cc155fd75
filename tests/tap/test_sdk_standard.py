"""The Singer SDK's own tests of a tap and its streams, against a generated world."""

from __future__ import annotations

import atexit

import pytest
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from px_sandbox import SandboxServer
from tap_gainsight_px.tap import TapGainsightPx
from tests.sandbox.client import streams_without_route
from tests.tap.harness import config, discover
from tests.tap.worlds import lively_world

# Records without a value for every optional field are as good.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Fields in transformed catalog but not in records"),
    pytest.mark.filterwarnings("ignore:No records were available to test"),
]

# One line for a route that is missing, in place of hundreds of tests that fail for want of it.
assert streams_without_route() == [], "add their routes to px_sandbox/endpoints.py"

# The SDK discovers the streams when this file is imported, so the sandbox has to run by then.
_SANDBOX = SandboxServer(lively_world()).start()
atexit.register(_SANDBOX.stop)

TestTap = get_tap_test_class(
    TapGainsightPx,
    config=config(_SANDBOX, page_size=200),
    suite_config=SuiteConfig(max_records_limit=150),
    catalog=discover(_SANDBOX, everything=True),
    parse_env_config=False,
    clock=_SANDBOX.world.clock.now_ms,
)
