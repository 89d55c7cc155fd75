"""From a request to its endpoint and its parameters, checked before any look-up."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from px_sandbox.endpoints import BOOLEANS, ENDPOINTS, ENUMS, INTEGERS, REPEATABLE, Endpoint
from px_sandbox.errors import RefusedError, bad_request, not_found

_FIXED = {endpoint.path: endpoint for endpoint in ENDPOINTS if "{" not in endpoint.path}
_TEMPLATES = tuple(
    (tuple(endpoint.path.split("/")), endpoint) for endpoint in ENDPOINTS if "{" in endpoint.path
)
_INT32_MAX = 2**31 - 1


@dataclass(frozen=True)
class Params:
    """The query parameters of one request, known to be well formed."""

    pairs: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        """Return the values of a repeatable parameter."""
        return [value for key, value in self.pairs if key == name]

    def get(self, name: str) -> str | None:
        """Return the value of a parameter, or None."""
        return next((value for key, value in self.pairs if key == name), None)

    def integer(self, name: str) -> int | None:
        """Return the value of a whole-number parameter, or None."""
        value = self.get(name)
        return None if value is None else int(value)

    def without(self, *names: str) -> tuple[tuple[str, str], ...]:
        """Return the pairs without ``names``, in a fixed order."""
        return tuple(sorted(pair for pair in self.pairs if pair[0] not in names))


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


def split_query(raw_query: str) -> tuple[tuple[str, str], ...]:
    """Return the decoded pairs of a query string, in the order sent."""
    return tuple(parse_qsl(raw_query, keep_blank_values=True))


def known_target(method: str, raw_path: str, pairs: tuple[tuple[str, str], ...]) -> str:
    """Return what makes two requests the same: path and known parameters, in any order."""
    try:
        endpoint, _ = find_endpoint(raw_path)
    except RefusedError:
        return f"{method} {raw_path} {sorted(pairs)}"
    return f"{method} {raw_path} {sorted(pair for pair in pairs if pair[0] in endpoint.all_params)}"


def check_params(
    endpoint: Endpoint, pairs: tuple[tuple[str, str], ...], *, unknown: str = "refused"
) -> Params:
    """Return the parameters that the endpoint takes.

    Args:
        endpoint: The call.
        pairs: The parameters as sent.
        unknown: Others are ``ignored``, or ``refused`` with a 400 that names the first.
    """
    if unknown == "ignored":
        pairs = tuple(pair for pair in pairs if pair[0] in endpoint.all_params)
    seen = set()
    for name, value in pairs:
        if name not in endpoint.all_params:
            known = ", ".join(sorted(endpoint.all_params)) or "none"
            msg = f"Unknown query parameter {name!r}; {endpoint.path} takes: {known}"
            raise bad_request(msg)
        if name in seen and name not in REPEATABLE:
            msg = f"Query parameter {name!r} may be sent only once"
            raise bad_request(msg)
        seen.add(name)
        _check_value(endpoint, name, value)
    for name in endpoint.required - seen:
        msg = f"Required query parameter {name!r} is missing"
        raise bad_request(msg)
    return Params(pairs)


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


def _check_value(endpoint: Endpoint, name: str, value: str) -> None:
    if name in INTEGERS:
        _check_integer(endpoint, name, value)
    elif name in BOOLEANS and value not in ("true", "false"):
        msg = f"Query parameter {name!r} has to be true or false, not {value!r}"
        raise bad_request(msg)
    elif name in ENUMS and not ENUMS[name].issuperset(value.split(",")):
        msg = f"Query parameter {name!r} takes: {', '.join(sorted(ENUMS[name]))}; not {value!r}"
        raise bad_request(msg)
    elif not value:
        msg = f"Query parameter {name!r} is empty"
        raise bad_request(msg)


def _check_integer(endpoint: Endpoint, name: str, value: str) -> None:
    digits = value.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        msg = f"Query parameter {name!r} has to be a whole number, not {value!r}"
        raise bad_request(msg)
    number = int(value)
    if name == "pageSize" and endpoint.page_size is not None:
        maximum = endpoint.page_size.maximum
        if not 1 <= number <= maximum:
            msg = f"pageSize has to be between 1 and {maximum}, not {number}"
            raise bad_request(msg)
    if name == "pageNumber" and not 0 <= number <= _INT32_MAX:
        msg = f"pageNumber counts from 0, it cannot be {number}"
        raise bad_request(msg)
