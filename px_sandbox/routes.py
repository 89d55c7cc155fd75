"""From a request path to its endpoint and path parameters."""

from __future__ import annotations

from urllib.parse import unquote

from px_sandbox.endpoints import ENDPOINTS, Endpoint
from px_sandbox.errors import not_found

_FIXED = {endpoint.path: endpoint for endpoint in ENDPOINTS if "{" not in endpoint.path}
_TEMPLATES = tuple(
    (tuple(endpoint.path.split("/")), endpoint) for endpoint in ENDPOINTS if "{" in endpoint.path
)


def find_endpoint(raw_path: str) -> tuple[Endpoint, dict[str, str]]:
    """Return the endpoint of a still percent-encoded path; a 404 if there is none."""
    endpoint = _FIXED.get(raw_path)
    if endpoint is not None:
        return endpoint, {}
    parts = raw_path.split("/")
    for template, candidate in _TEMPLATES:
        values = _values(template, parts)
        if values is not None:
            return candidate, values
    msg = f"No endpoint {raw_path}; paths start with /v1 or /v2 and have no trailing slash"
    raise not_found(msg)


def _values(template: tuple[str, ...], parts: list[str]) -> dict[str, str] | None:
    if len(template) != len(parts):
        return None
    values = {}
    for name, part in zip(template, parts, strict=True):
        if name.startswith("{"):
            if not part:
                return None
            values[name[1:-1]] = unquote(part)
        elif name != part:
            return None
    return values
