"""Which streams there are; what only PX can tell of their schemas is asked side by side."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from tap_gainsight_px.catalog import event_tables
from tap_gainsight_px.catalog.streams import STREAMS
from tap_gainsight_px.discovery.schema import Discovered, discover
from tap_gainsight_px.reading.side_by_side import side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tap_gainsight_px.catalog.spec import StreamSpec
    from tap_gainsight_px.discovery.schema import Known
    from tap_gainsight_px.reading.run import Run

logger = logging.getLogger(__name__)


def find_specs(event_names: Sequence[str]) -> dict[str, StreamSpec]:
    """Return all streams by name: the stream table, and one for each custom event named.

    Args:
        event_names: Names of custom events, already checked by `config_checks`.
    """
    specs = {spec.name: spec for spec in STREAMS}
    tables = event_tables.event_table_specs(specs["custom_events"], event_names)
    for spec in tables:
        if spec.name != event_tables.plain_stream_name(spec.event_name or ""):
            logger.warning("The stream of the custom event %r is %s", spec.event_name, spec.name)
    return specs | {spec.name: spec for spec in tables}


def discover_all(
    specs: Mapping[str, StreamSpec],
    known: Callable[[StreamSpec], Known],
    run: Callable[[], Run],
    *,
    may_ask: Callable[[str], bool],
) -> dict[str, Discovered]:
    """Return the schema of each stream, by name.

    Args:
        specs: The streams by name.
        known: Tells what is known of one before PX is asked.
        run: Gives what requests need; not called where nothing has to be asked.
        may_ask: Whether PX may be asked about a stream, by its name.

    Raises:
        TapError: The API could not be asked about one of them.
    """
    asked = [spec for name, spec in specs.items() if _needs_px(spec) and may_ask(name)]
    found: dict[str, Discovered] = {}
    if asked:
        with_px = run()
        found = side_by_side(
            {spec.name: partial(_discover, spec, with_px, known(spec)) for spec in asked},
            workers=with_px.settings.max_workers,
            check=with_px.cancellation.check,
        )
    return {
        name: found[name] if name in found else discover(spec, None, known(spec))
        for name, spec in specs.items()
    }


def _discover(spec: StreamSpec, run: Run, known: Known) -> Discovered:
    with run.tally.of(spec.name).at_work():
        return discover(spec, run, known)


def _needs_px(spec: StreamSpec) -> bool:
    """Whether only PX can tell all of a stream's fields."""
    return spec.attributes_path is not None or spec.event_name is not None
