"""This tap with the SDK's own message writer, so that every record takes the SDK's path."""

from __future__ import annotations

from singer_sdk.singerlib.encoding.simple import SimpleSingerWriter

from tap_gainsight_px.tap import TapGainsightPx

TapGainsightPx.message_writer_class = SimpleSingerWriter  # type: ignore[assignment]
TapGainsightPx.cli()
