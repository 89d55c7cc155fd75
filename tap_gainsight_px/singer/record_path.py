"""Which way the records of a stream take: page by page, or one by one through the SDK.

The SDK's own path serves whatever looks at single records: stream maps that do more than remove
fields, flattening and `--test`. See docs/decisions/0008-two-record-paths.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from singer_sdk.mapper import CustomStreamMap, SameRecordTransform

from tap_gainsight_px.records.decoder import PageDecoder
from tap_gainsight_px.records.typed import MessageFormat
from tap_gainsight_px.singer.mapped_values import removed_alone

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from singer_sdk.mapper import StreamMap

    from tap_gainsight_px.catalog.event_tables import EventColumns
    from tap_gainsight_px.catalog.spec import StreamSpec
    from tap_gainsight_px.records.selection import Deselected


@dataclass(frozen=True)
class RecordPath:
    """What the stream maps and the way of writing ask of the records of one stream."""

    spec: StreamSpec
    stream_maps: Sequence[StreamMap]
    config: Mapping[str, Any]
    columns: EventColumns | None
    """The columns of attributes, in a table of events."""
    version: int | None
    """What the records carry; None where they carry none."""
    takes_pages: bool
    """Whether what writes the messages takes many of them at a time."""
    is_batch: bool
    """Whether records go into BATCH files."""

    @property
    def message_format(self) -> MessageFormat | None:
        """What a message looks like; None where each record goes through the SDK."""
        stream_map = self.stream_maps[0]
        if (
            not self.takes_pages
            or len(self.stream_maps) > 1
            or not (type(stream_map) is SameRecordTransform or self._removed)
            or stream_map.flattening_enabled
        ):
            return None
        return MessageFormat(stream_map.stream_alias, self.version, is_bare=self.is_batch)

    def decoder(
        self, schema: dict[str, Any], deselected: Deselected, *, drop_unknown: bool
    ) -> PageDecoder:
        """Return what makes records of answers.

        Args:
            schema: The stream's JSON Schema.
            deselected: The fields that the user does not want.
            drop_unknown: Whether fields that the schema does not know are left out.
        """
        message_format = self.message_format
        if message_format is not None:
            deselected = deselected.and_fields(self._removed)
        return PageDecoder(
            self.spec,
            schema,
            drop_unknown=drop_unknown,
            message_format=message_format,
            deselected=deselected,
            flattened_levels=self._flattened_levels,
            columns=self.columns,
        )

    @property
    def _removed(self) -> frozenset[str]:
        """The fields that the stream's map removes, if it does nothing else.

        For the records that is the same as to deselect them. Attributes of events with columns of
        their own are another matter.
        """
        if self.columns is not None or type(self.stream_maps[0]) is not CustomStreamMap:
            return frozenset()
        return removed_alone(self.config["stream_maps"], self.spec.name)

    @property
    def _flattened_levels(self) -> int:
        """How many levels of objects the SDK makes columns of."""
        stream_map = self.stream_maps[0]
        options = stream_map.flattening_options if stream_map.flattening_enabled else None
        return options.max_level if options else 0
