"""The machine's proxies, which have no business between a test and its own server."""

from __future__ import annotations

import os


def proxy_variables() -> list[str]:
    """Return the names of the variables of the environment that give a proxy."""
    return [name for name in os.environ if name.lower().endswith("_proxy")]
