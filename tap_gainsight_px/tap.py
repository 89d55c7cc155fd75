"""The tap: puts the parts together and is what the Singer SDK runs."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from singer_sdk import Tap
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.singerlib import Catalog

from tap_gainsight_px import timestamps
from tap_gainsight_px.api.rate_limit import RateLimit
from tap_gainsight_px.api.transport import Transport
from tap_gainsight_px.cancellation import Cancellation
from tap_gainsight_px.catalog.custom_attributes import decode_attributes, with_attributes
from tap_gainsight_px.catalog.event_tables import event_table_schema, event_table_specs
from tap_gainsight_px.catalog.schemas import load_schema, with_unexpected
from tap_gainsight_px.catalog.streams import STREAMS
from tap_gainsight_px.config_checks import find_errors, find_warnings, from_environment
from tap_gainsight_px.errors import RefusedError, SettingsError, ShortfallError, StreamsError
from tap_gainsight_px.output.message_writer import PageWriter
from tap_gainsight_px.output.state import checked_state, read_bookmark
from tap_gainsight_px.reading.ordered_pool import OrderedPool
from tap_gainsight_px.reading.planner import Run, sample_events
from tap_gainsight_px.records.page import Slice
from tap_gainsight_px.settings import PACKAGE, SETTINGS_SCHEMA, Settings
from tap_gainsight_px.stream import PxStream

if TYPE_CHECKING:
    from types import FrameType

    import click
    from singer_sdk import Stream
    from singer_sdk.plugin_base import _ConfigInput

    from tap_gainsight_px.catalog.spec import StreamSpec

# A target that does not read keeps the tap from writing, and so from ending. After a signal it
# ends all the same: what was not written out is not in STATE either.
_SECONDS_TO_END = 4.0


class TapGainsightPx(Tap):
    """Extracts users, accounts, events and more from the Gainsight PX REST API."""

    name = PACKAGE
    config_jsonschema = SETTINGS_SCHEMA
    message_writer_class = PageWriter

    def __init__(self, **kwargs: Any) -> None:
        """Check the configuration and the STATE before the first request.

        Args:
            kwargs: What the SDK's own taps take.

        Raises:
            SettingsError: The configuration is wrong.
            StateError: The STATE is wrong.
        """
        self._cancellation = Cancellation()
        has_mapper = kwargs.pop("setup_mapper", True)
        # The mapper needs the streams, and some of their types only the API can tell.
        super().__init__(setup_mapper=False, **kwargs)
        if has_mapper:
            self.setup_mapper()

    # Settings

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Check the configuration, in one line a setting.

        Without `raise_errors` (discovery) a missing API key is no error.
        """
        # A setting that is null is one that is not set.
        self._config = {name: value for name, value in self._config.items() if value is not None}
        self.append_builtin_config(self.config_jsonschema)
        found = find_errors(self._config, self.config_jsonschema, key_required=raise_errors)
        if found:
            raise SettingsError(*found)
        if raise_errors:
            _ = self._settings  # what is wrong with two settings together shows here
        return []

    @classproperty
    def _env_var_config(cls) -> dict[str, Any]:  # noqa: N805
        cls.append_builtin_config(cls.config_jsonschema)
        return from_environment(cls.config_jsonschema, cls._env_var_prefix)

    def _warn_of_settings(self) -> None:
        """Say what has no effect: names that there are not, and a selection of nothing."""
        for line in find_warnings(self._config, self.config_jsonschema, self.streams):
            self.logger.warning("%s", line)
        for entry in self.input_catalog.streams if self.input_catalog else []:
            if entry.tap_stream_id not in self.streams:
                self.logger.warning("The catalog has a stream %s, PX has not", entry.tap_stream_id)
        if not any(stream.selected for stream in self.streams.values()):
            self.logger.warning("No stream is selected, so there is nothing to read")

    @cached_property
    def _settings(self) -> Settings:
        return Settings.from_config(self._config, run_start=timestamps.now())

    # Streams

    @cached_property
    def _specs(self) -> dict[str, StreamSpec]:
        """The stream table, and the custom events that are to be streams of their own."""
        specs = {spec.name: spec for spec in STREAMS}
        names = self._config.get("custom_event_streams", [])
        for spec in event_table_specs(specs["custom_events"], names):
            specs[spec.name] = spec
        return specs

    def discover_streams(self) -> list[Stream]:
        """Return one stream for each entry of the table."""
        return [
            PxStream(self, spec, self._schema(spec), lambda: self._run)
            for spec in self._specs.values()
        ]

    def _schema(self, spec: StreamSpec) -> dict[str, Any]:
        """Return the catalog's schema, or the one from the file with what only the API knows."""
        entry = self.input_catalog.get_stream(spec.name) if self.input_catalog else None
        if entry is not None and entry.schema.properties:
            return entry.schema.to_dict()
        schema = with_unexpected(load_schema(spec.schema_name))
        asks = spec.attributes_path is not None or spec.event_name is not None
        if asks and not self._config.get("api_key"):
            self.logger.warning("Without api_key, %s has fields without a type", spec.name)
            return schema
        try:
            return self._ask_types(spec, schema)
        except RefusedError as error:
            if error.status not in {403, 404}:
                raise
            self.logger.warning("%s has fields without a type: %s", spec.name, error)
            return schema

    def _ask_types(self, spec: StreamSpec, schema: dict[str, Any]) -> dict[str, Any]:
        if spec.attributes_path is not None:
            attributes = self._run.get(spec.attributes_path, {}, decode_attributes)
            return with_attributes(schema, attributes)
        if spec.event_name is not None:
            return event_table_schema(schema, sample_events(spec, self._run))
        return schema

    # The run

    @cached_property
    def _transport(self) -> Transport:
        settings = self._settings
        rate_limit = RateLimit(
            settings.requests_per_second, clock=time.monotonic, wait=self._cancellation.wait
        )
        return Transport(settings, rate_limit, self._cancellation.wait)

    @cached_property
    def _run(self) -> Run:
        settings = self._settings
        if settings.sends_key_in_the_clear:
            self.logger.warning("api_url is http: the API key is sent unencrypted")
        pool = OrderedPool[Slice](
            settings.max_workers,
            # About what the workers hold themselves: most windows are parts, made half full.
            capacity=settings.max_workers * settings.window_max_records // 2,
            weigh=lambda batch: len(batch.rows),
            check=self._cancellation.check,
        )
        return Run(settings, self._transport.get, pool, self._cancellation, self._specs)

    def load_state(self, state: dict[str, Any]) -> None:
        """Take in the STATE of an earlier run.

        Raises:
            StateError: It is not a Singer STATE, or a bookmark in it is not a time.
        """
        state = checked_state(state)
        for name, spec in self._specs.items():
            if spec.replication_key is not None:
                read_bookmark(name, state.get("bookmarks", {}).get(name, {}), spec.replication_key)
        super().load_state(state)

    def setup_mapper(self) -> None:
        """Make the stream maps.

        Raises:
            SettingsError: One of them cannot be understood.
        """
        _ = self.catalog  # may ask the API, whose errors are not those of the maps
        try:
            super().setup_mapper()
        except Exception as error:  # whatever comes of text that is to be an expression
            if not self._config.get("stream_maps"):
                raise
            message = f"stream_maps cannot be used: {error}"
            raise SettingsError(message) from error

    def _sum_up(self) -> None:
        run = self._run
        self.logger.info(
            "Read %s records with %s requests in %.1f s",
            f"{run.records:,}",
            f"{self._transport.requests_sent:,}",
            (timestamps.now() - run.settings.run_start) / 1_000,
        )

    def finish(self) -> None:
        """End the run's threads.

        Raises:
            TapError: Something could not be read whole; with a line for each stream that failed.
        """
        run = self._run
        run.pool.close()
        if run.forbidden:
            self.logger.warning(
                "Skipped, because the key may not read them: %s. Give it the Read permission in PX "
                "(Administration → REST API), or deselect them",
                ", ".join(run.forbidden),
            )
        errors = list(run.failures)
        if run.shortfalls:
            errors.append(ShortfallError(run.shortfalls))
        if errors:
            raise errors[0] if len(errors) == 1 else StreamsError(errors)

    @classmethod
    def cb_config(
        cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]
    ) -> _ConfigInput:
        """Read the files given with `--config`, later ones over earlier ones."""
        for path in value:
            if path != "ENV":
                _read_json(_read_config(path), f"the configuration {path}")
        return super().cb_config(ctx, param, value)

    @classmethod
    def invoke(  # type: ignore[override]
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: Any = None,
        state: IO[str] | None = None,
        catalog: IO[str] | None = None,
    ) -> None:
        """Run a sync from the command line, or print what the tap is."""
        if about:
            cls.print_about(about_format)
            return
        cls.print_version(print_fn=cls.logger.info)
        tap = cls(
            config=config.config if config else {},
            state=_read_json(state.read(), "the state file") if state else None,
            catalog=_read_catalog(catalog.read()) if catalog else None,
            parse_env_config=bool(config and config.parse_env),
            validate_config=True,
        )
        tap._warn_of_settings()
        tap.sync_all()
        tap._sum_up()
        tap.finish()

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """End in good order: no new request, STATE of what was written out, exit code not 0."""
        exit_code = 128 + signum
        if self._cancellation.is_set:
            os._exit(exit_code)
        name = signal.Signals(signum).name
        timer = threading.Timer(_SECONDS_TO_END, os._exit, (exit_code,))
        timer.daemon = True
        timer.start()
        self._cancellation(f"stopped by {name}; run again with the last STATE to go on", exit_code)


def _read_config(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        message = f"the configuration {path} cannot be read: {reason}"
        raise SettingsError(message) from error


def _read_catalog(text: str) -> Catalog:
    content = _read_json(text, "the catalog file")
    try:
        return Catalog.from_dict({"streams": content["streams"]})
    except Exception as error:  # the SDK checks nothing, so that anything can come of it
        message = f"the catalog file is not a Singer catalog ({type(error).__name__}: {error})"
        raise SettingsError(message) from error


def _read_json(text: str, what: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        message = f"{what} is not JSON: {error}"
        raise SettingsError(message) from error
    if not isinstance(content, dict):
        message = f"{what} must hold a JSON object"
        raise SettingsError(message)
    return content
