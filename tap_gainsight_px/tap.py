"""The tap: puts the parts together and is what the Singer SDK runs."""

from __future__ import annotations

import time
from functools import cached_property
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from singer_sdk import Tap
from singer_sdk.plugin_base import _ConfigInput
from singer_sdk.singerlib import Catalog

from tap_gainsight_px import timestamps
from tap_gainsight_px.cancellation import Cancellation
from tap_gainsight_px.catalog.flattening import flattening_of
from tap_gainsight_px.catalog.pins import moved, schemas_given
from tap_gainsight_px.command_line import add_options, end_with
from tap_gainsight_px.config_checks import find_errors, find_warnings
from tap_gainsight_px.discovery.schema import Known
from tap_gainsight_px.discovery.streams import discover_all, find_specs
from tap_gainsight_px.errors import SettingsError, StreamsError, TapError
from tap_gainsight_px.given.catalog import read_catalog
from tap_gainsight_px.given.environment import by_variable, from_environment, unknown_variables
from tap_gainsight_px.given.files import read_json_object, read_settings
from tap_gainsight_px.given.state import checked_state
from tap_gainsight_px.given.values import understand
from tap_gainsight_px.output.announced import read_announced
from tap_gainsight_px.output.message_writer import PageWriter, write_output
from tap_gainsight_px.output.sdk_log import improve
from tap_gainsight_px.output.state import read_bookmark
from tap_gainsight_px.progress.display import ProgressDisplay
from tap_gainsight_px.redaction import hide, hide_address
from tap_gainsight_px.report.facts import Circumstances
from tap_gainsight_px.report.run_report import RunReport
from tap_gainsight_px.run_parts import RunParts
from tap_gainsight_px.settings import CUSTOM, PACKAGE, SETTINGS_SCHEMA, Settings
from tap_gainsight_px.singer.stream import PxStream
from tap_gainsight_px.singer.stream_maps import check_maps, make_mapper
from tap_gainsight_px.tally import RunTally

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    import click
    from singer_sdk import Stream

    from tap_gainsight_px.catalog.spec import StreamSpec
    from tap_gainsight_px.check.report import Report
    from tap_gainsight_px.discovery.schema import Discovered
    from tap_gainsight_px.plan.report import PlanReport
    from tap_gainsight_px.reading.run import Run
    from tap_gainsight_px.tally import StreamTally


class TapGainsightPx(Tap):
    """Extracts users, accounts, events and more from the Gainsight PX REST API."""

    name = PACKAGE
    config_jsonschema = SETTINGS_SCHEMA
    message_writer_class = PageWriter

    def __init__(
        self,
        *,
        clock: Callable[[], int] = timestamps.now,
        stopwatch: Callable[[], float] = time.monotonic,
        **kwargs: Any,
    ) -> None:
        """Check the configuration and the STATE before the first request.

        Args:
            clock: This host's clock, epoch milliseconds. A run ends where it says that the run
                began, or where PX says so, if that is earlier.
            stopwatch: Seconds on a clock that never goes back, for `max_run_seconds` and
                the report.
            kwargs: What the SDK's own taps take.

        Raises:
            SettingsError: The configuration or the catalog is wrong.
            StateError: The STATE is wrong.
        """
        self._cancellation = Cancellation(stopwatch)
        self._clock = clock
        self._tally = RunTally(stopwatch)
        # To the millisecond, unlike the second that bookmarks go by.
        self._began_at = clock()
        improve(self.logger)
        # Of the streams that are read; none is known before discovery.
        self._tallies: list[StreamTally] = []
        self._given_schemas: dict[str, dict[str, Any]] = {}
        self._from_environment: dict[str, Any] = {}
        catalog = kwargs.pop("catalog", None)
        has_mapper = kwargs.pop("setup_mapper", True)
        # The mapper needs the streams, and some of their types only the API can tell.
        super().__init__(setup_mapper=False, **kwargs)
        self._cancellation.end_after(self._config.get("max_run_seconds"))
        if catalog is not None:
            if isinstance(catalog, (str, PurePath)):
                catalog = read_json_object(str(catalog), "the catalog")
            given = catalog.to_dict() if isinstance(catalog, Catalog) else catalog
            content = read_catalog(given, self._specs)
            self._input_catalog = Catalog.from_dict(content)
            # The SDK's objects know no keyword of ours.
            self._given_schemas = schemas_given(content)
        if has_mapper:
            self.setup_mapper()

    # Settings

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Check the configuration, in one line a setting.

        Without `raise_errors` (discovery) a missing API key is no error.
        """
        self.append_builtin_config(self.config_jsonschema)
        self._config = understand(self._config, self.config_jsonschema)
        hide(str(self._config.get("api_key", "")).strip())
        hide_address(str(self._config.get("api_url", "")))
        found = find_errors(
            self._config, self.config_jsonschema, key_required=raise_errors, now=self._clock()
        )
        if found:
            raise SettingsError(*by_variable(found, self._from_environment, self._env_var_prefix))
        return []

    @property
    def _env_var_config(self) -> dict[str, Any]:
        self.append_builtin_config(self.config_jsonschema)
        self._from_environment = from_environment(self.config_jsonschema, self._env_var_prefix)
        for line in unknown_variables(self.config_jsonschema, self._env_var_prefix):
            self.logger.warning("%s", line)
        return self._from_environment

    def _warn_of_settings(self) -> None:
        """Warn about unknown settings, unknown streams and an empty selection."""
        selection = {name: stream.selected for name, stream in self.streams.items()}
        entries = self.input_catalog.streams if self.input_catalog else []
        cataloged = [entry.tap_stream_id for entry in entries]
        for line in find_warnings(self._config, self.config_jsonschema, selection, cataloged):
            self.logger.warning("%s", line)

    @cached_property
    def _settings(self) -> Settings:
        return Settings.from_config(self._config, run_start=self._clock())

    @property
    def _region(self) -> str:
        return CUSTOM if self._config.get("api_url") else str(self._config["region"])

    # Streams

    @cached_property
    def _specs(self) -> dict[str, StreamSpec]:
        return find_specs(self._config.get("custom_event_streams", []))

    @cached_property
    def _discovered(self) -> dict[str, Discovered]:
        """The schema of each stream, by name."""
        has_key = bool(self._config.get("api_key"))
        return discover_all(
            self._specs,
            self._known,
            lambda: self._run,
            may_ask=lambda name: has_key and self._is_read(name),
        )

    def discover_streams(self) -> list[Stream]:
        """Return all streams, each with its schema: what the files, PX, STATE and catalog say."""
        for entry in self.input_catalog.streams if self.input_catalog else ():
            if entry.tap_stream_id in self._discovered:
                renamed = self._discovered[entry.tap_stream_id].renamed
                entry.metadata = moved(entry.metadata, renamed)
        return [
            PxStream(
                self,
                self._specs[name],
                found.schema,
                lambda: self._run,
                announced=found.announced,
                columns=found.columns,
            )
            for name, found in self._discovered.items()
        ]

    @property
    def _px_streams(self) -> list[PxStream]:
        """All streams, as what they are."""
        return [one for one in self.streams.values() if isinstance(one, PxStream)]

    def _known(self, spec: StreamSpec) -> Known:
        """Return what is known of a stream before PX is asked."""
        entry = self.state.get("bookmarks", {}).get(spec.name, {})
        bookmark = read_bookmark(spec.name, entry, spec.replication_key or "")
        return Known(
            given=self._given_schemas.get(spec.name, {}),
            announced=read_announced(spec.name, entry),
            resumes_at=None if bookmark is None else bookmark - self._settings.lookback,
            flattening=flattening_of(self._config),
        )

    def _is_read(self, stream: str) -> bool:
        """Whether the stream is one of those that this run reads, as far as a catalog tells."""
        if self.input_catalog is None:
            return True
        entry = self.input_catalog.get_stream(stream)
        return entry is not None and entry.metadata.resolve_selection().get((), True)

    @property
    def catalog_dict(self) -> dict[str, Any]:
        """The catalog, in which each type that does not come from a schema file has a mark."""
        content: dict[str, Any] = super().catalog_dict
        for entry in content["streams"]:
            entry["schema"] = self._discovered[entry["tap_stream_id"]].catalog_schema
        return content

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
        entries = self.input_catalog or Catalog()
        names = {name: one.stream or name for name, one in entries.items()}
        # What is wrong with the maps themselves is told before the API is asked.
        check_maps(self.config, [one for one in self._specs.values() if self._is_read(one.name)])
        # Without a catalog each stream may be read: `--test` selects those that are not.
        streams = [one for one in self._px_streams if self._is_read(one.name)]
        copies = {one.name: one.column_of for one in streams}
        self._mapper = make_mapper(self.config, streams, names, copies)

    # The run

    @cached_property
    def _parts(self) -> RunParts:
        return RunParts(
            self._settings,
            self._specs,
            cancellation=self._cancellation,
            tally=self._tally,
            clock=self._clock,
        )

    @property
    def _run(self) -> Run:
        return self._parts.run

    # Final in the SDK, but there is no other place that every error passes on its way out.
    def sync_all(self) -> None:  # type: ignore[misc]
        """Read the selected streams and write their messages.

        Raises:
            TapError: The run has ended early; its workers ask nothing more.
        """
        self._tallies = [self._tally.of(name) for name, one in self.streams.items() if one.selected]
        try:
            super().sync_all()
            self._fill_in_the_past()
        except BaseException as error:
            # Nothing that the workers read from here on is written, so they must stop.
            self._cancellation("the run has ended")
            self._run.pool.close()
            failures = self._run.failures
            if failures and isinstance(error, TapError):
                raise StreamsError([*failures, error]) from error
            raise

    def _fill_in_the_past(self) -> None:
        """Read what is older than what has been read, now that all streams are up to date."""
        for stream in [one for one in self._px_streams if one.begin_past()]:
            stream.read_past()

    @cached_property
    def _report(self) -> RunReport:
        path = self._settings.report_path

        def circumstances() -> Circumstances:
            return Circumstances(
                version=self.plugin_version,
                run_start=self._began_at,
                seconds=self._tally.elapsed(),
                requests=self._parts.transport.requests_sent,
                records=sum(one.written for one in self._tallies),
            )

        return RunReport(
            path, self.logger, circumstances=circumstances, streams=lambda: self._tallies
        )

    @property
    def _progress(self) -> ProgressDisplay:
        return ProgressDisplay(
            self._settings.progress,
            self.logger,
            streams=lambda: self._tallies,
            elapsed=self._tally.elapsed,
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
        errors = run.errors({one.name for one in self.streams.values() if one.selected})
        if errors:
            raise errors[0] if len(errors) == 1 else StreamsError(errors)

    # In place of a sync

    def run_discovery(self) -> str:
        """Write the catalog to standard output and return it.

        Raises:
            OutputError: It cannot be written.
        """
        text = self.catalog_json_text
        write_output(f"{text}\n".encode())
        return text

    def check(self, *, wait: Callable[[float], None] | None = None) -> Report:
        """Return what PX does, found out with a few requests; `wait` waits that many seconds."""
        # Importing it takes time, and a sync does not need it.
        from tap_gainsight_px.check.runner import run_check, selected  # noqa: PLC0415

        return run_check(
            self._settings,
            selected(self._specs.values(), self.input_catalog),
            region=self._region,
            wait=wait or self._cancellation.wait,
            clock=self._clock,
        )

    def plan(self) -> PlanReport:
        """Return what a sync would read, found out with a few requests a stream."""
        # Importing it takes time, and a sync does not need it.
        from tap_gainsight_px.plan.runner import run_plan  # noqa: PLC0415

        return run_plan(
            self._run,
            self._px_streams,
            region=self._region,
            requests_sent=lambda: self._parts.transport.requests_sent,
        )

    # The command line

    @classmethod
    def cb_config(
        cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]
    ) -> _ConfigInput:
        """Read the files given with `--config`, later ones over earlier ones."""
        del ctx, param
        given = [read_settings(path) for path in value if path != "ENV"]
        merged = {name: setting for one in given for name, setting in one.items()}
        return _ConfigInput(config=merged, parse_env="ENV" in value)

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """Return the command line: that of the SDK, with `--check` and `--plan`."""
        command = super().get_singer_command()
        command.params = add_options(command.params)
        return command

    @classmethod
    def invoke(  # type: ignore[override]
        cls,
        *,
        about: bool = False,
        check: bool = False,
        plan: bool = False,
        about_format: str | None = None,
        config: Any = None,
        state: str | None = None,
        catalog: str | None = None,
    ) -> None:
        """Run a sync from the command line, or print what the tap is."""
        if about:
            cls.print_about(about_format)
            return
        cls.print_version(print_fn=cls.logger.info)
        tap = cls(
            config=config.config if config else {},
            # `--check` looks at no STATE.
            state=read_json_object(state, "the state") if state is not None and not check else None,
            catalog=catalog,
            parse_env_config=bool(config and config.parse_env),
            setup_mapper=False,
        )
        if check:
            end_with(tap.check(), about_format)
        if plan:
            end_with(tap.plan(), about_format)
        tap._cancellation.last_words = tap._report.cut_off
        with tap._report.around_the_run(), tap._progress.around_the_run():
            tap.setup_mapper()
            tap._warn_of_settings()
            tap.sync_all()
            tap.finish()

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """End in good order: no new request, STATE of what was written out, exit code not 0."""
        self._cancellation.by_signal(signum)
