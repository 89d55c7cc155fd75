"""The command ``px-sandbox``: a generated world behind a local address."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import json
import signal
import sys
import textwrap
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from px_sandbox.clock import Clock
from px_sandbox.faults import FAULTS
from px_sandbox.misbehaviour import Misbehaviour
from px_sandbox.plan import WorldPlan
from px_sandbox.times import parse_time
from px_sandbox.world import World

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> None:
    """Run the sandbox until SIGINT or SIGTERM; exits with 0 then, with 1 without aiohttp."""
    if importlib.util.find_spec("aiohttp") is None:
        sys.exit("px-sandbox needs aiohttp: pip install 'tap-gainsight-px[sandbox]'")
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        misbehaviour = Misbehaviour.from_json(_misbehaviour(arguments))
        plan = _plan(arguments)
    except (ValueError, TypeError) as error:
        parser.error(str(error))
    with contextlib.ExitStack() as stack:
        log: IO[str] | None = None
        if arguments.log_requests:
            log = stack.enter_context(Path(arguments.log_requests).open("w", encoding="utf-8"))
        with contextlib.suppress(KeyboardInterrupt):
            try:
                asyncio.run(_run(arguments, misbehaviour, plan, log))
            except OSError as error:
                sys.exit(f"px-sandbox cannot listen: {error}")


async def _run(
    arguments: argparse.Namespace, misbehaviour: Misbehaviour, plan: WorldPlan, log: IO[str] | None
) -> None:
    from px_sandbox.server import SandboxServer  # noqa: PLC0415 - needs aiohttp

    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Not on Windows, where Ctrl-C arrives as KeyboardInterrupt.
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    server = SandboxServer(
        World.generated(plan, Clock(behind_seconds=arguments.clock_behind_seconds)),
        misbehaviour,
        api_key=arguments.api_key,
        host=arguments.host,
        port=arguments.port,
        scroll_ttl_seconds=arguments.scroll_ttl_seconds,
        log_file=log,
    )
    await server.listen()
    print(f"px-sandbox ready: {server.url} (API key: {server.api_key})", flush=True)  # noqa: T201
    await stopped.wait()
    await server.close()


def _plan(arguments: argparse.Namespace) -> WorldPlan:
    anchor_ms = Clock(behind_seconds=arguments.clock_behind_seconds).now_ms()
    if arguments.anchor is not None:
        parsed = parse_time(arguments.anchor)
        if parsed is None:
            msg = f"--anchor has to be ISO 8601 or epoch milliseconds, not {arguments.anchor!r}"
            raise ValueError(msg)
        anchor_ms = parsed
    return WorldPlan(
        anchor_ms=anchor_ms,
        seed=arguments.seed,
        days=arguments.days,
        users=arguments.users,
        accounts=arguments.accounts,
        events=arguments.events,
        custom_events=arguments.custom_events,
        live_per_minute=arguments.live_per_minute,
        late_share=arguments.late_share,
        late_delay_ms=round(arguments.late_delay_seconds * 1000),
        past_changes_per_day=arguments.past_changes_per_day,
        past_days=arguments.past_days,
        users_without_last_modified=arguments.without_last_modified,
        accounts_without_last_modified=arguments.without_last_modified,
        live_values=not arguments.as_documented,
        habits=arguments.habits,
    )


def _misbehaviour(arguments: argparse.Namespace) -> dict[str, Any]:
    data: Any = json.loads(arguments.misbehave)
    if not isinstance(data, dict):
        msg = "--misbehave has to be a JSON object"
        raise TypeError(msg)
    faults = {**data.get("faults", {})}
    for item in arguments.faults:
        name, _, rate = item.partition("=")
        faults[name] = float(rate or 1)
    if arguments.latency_ms:
        faults["latency"] = {"ms": arguments.latency_ms}
    options: dict[str, Any] = {"unknown_parameters": "refused"} if arguments.strict else {}
    if arguments.duplicate_seconds and not arguments.as_documented:
        options["duplicate_window_ms"] = round(arguments.duplicate_seconds * 1000)
    return {**options, **data, "faults": faults}


def _epilog() -> str:
    faults = "\n".join(f"  {name:24}{fault.about}" for name, fault in FAULTS.items())
    options = "\n".join(
        textwrap.fill(f"{name:24}{about}", 100, initial_indent="  ", subsequent_indent=" " * 26)
        for name, about in Misbehaviour.described().items()
    )
    return (
        f"Faults, for --faults and --misbehave:\n{faults}\n\n"
        f"Options beside faults and rules, for --misbehave:\n{options}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="px-sandbox",
        description="A local stand-in for the Gainsight PX REST API, with state.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_epilog(),
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=0, help="port to listen on; 0, the default, picks a free one")
    add("--api-key", default="sandbox-key", help="the key to accept (default: %(default)s)")
    add("--seed", type=int, default=1, help="another seed makes another world")
    add("--anchor", help="end of the history, ISO 8601 (default: now)")
    add("--days", type=float, default=90, help="length of the history (default: %(default)s)")
    add("--users", type=int, default=200, help="number of users (default: %(default)s)")
    add("--accounts", type=int, default=40, help="number of accounts (default: %(default)s)")
    add("--events", type=int, default=2000, help="events over all kinds (default: %(default)s)")
    add("--custom-events", type=int, help="exact number of custom events, apart from --events")
    add("--live-per-minute", type=float, default=0, help="events that arrive after the anchor")
    add("--late-share", type=float, default=0, help="share of events that become visible late")
    add("--late-delay-seconds", type=float, default=300, help="how late they are at most")
    add(
        "--past-changes-per-day",
        type=float,
        default=0,
        help="back-fills, late posts, deletions (of accounts with their users) and revivals after "
        "the anchor, in turn (default: %(default)s)",
    )
    add(
        "--past-days",
        type=float,
        default=28,
        help="how old events are at most that such a change brings (default: %(default)s)",
    )
    add(
        "--without-last-modified",
        type=int,
        default=2,
        help="users and accounts that lack lastModifiedDate (default: %(default)s)",
    )
    add(
        "--as-documented",
        action="store_true",
        help='plain values (else 0, "" and EMPTY_... for "not set", attributes of mixed types, as '
        "seen of the live API) and no refused duplicates",
    )
    add(
        "--habits",
        action="store_true",
        help="a product as people use it, for figures that look like some: accounts join, some "
        "features are used more than others, NPS goes up (else all is drawn alike)",
    )
    add("--clock-behind-seconds", type=float, default=0, help="how far its clock is behind yours")
    add("--strict", action="store_true", help="refuse parameters that a call does not know")
    add(
        "--duplicate-seconds",
        type=float,
        default=20,
        help="refuse a request that equals an earlier one for so long (default: %(default)s)",
    )
    add("--latency-ms", type=float, default=0, help="time every answer takes")
    add("--scroll-ttl-seconds", type=float, default=60, help="unused scrolls expire after this")
    add("--misbehave", default="{}", metavar="JSON", help="rules and options, as in POST misbehave")
    add(
        "--faults",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=RATE",
        help="random faults, e.g. http_503=0.02",
    )
    add("--log-requests", metavar="FILE", help="write every request as a line of JSON")
    return parser


if __name__ == "__main__":
    main()
