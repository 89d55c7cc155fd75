"""The tap: puts the parts together and is what the Singer SDK runs."""

from __future__ import annotations

import sys
import time
from functools import cached_property, partial
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import click
from singer_sdk import Tap
from singer_sdk.plugin_base import _ConfigInput
from singer_sdk.singerlib import Catalog

from tap_gainsight_px import timestamps
from tap_gainsight_px.api.rate_limit import RateLimit
from tap_gainsight_px.api.shared_answers import SharedAnswers
from tap_gainsight_px.api.transport import Transport
from tap_gainsight_px.cancellation import Cancellation
from tap_gainsight_px.catalog.flattening import flattening_of
from tap_gainsight_px.catalog.pins import moved, schemas_given
from tap_gainsight_px.check.command import check_option, selected, write_report
from tap_gainsight_px.config_checks import find_errors, find_warnings
from tap_gainsight_px.discovery import Discovered, Known, asks, discover, discover_all, find_specs
from tap_gainsight_px.errors import SettingsError, ShortfallError, StreamsError, TapError
from tap_gainsight_px.given.catalog import read_catalog
from tap_gainsight_px.given.environment import by_variable, from_environment, unknown_variables
from tap_gainsight_px.given.files import read_json_object, read_settings
from tap_gainsight_px.given.values import understand
from tap_gainsight_px.output.announced import read_announced
from tap_gainsight_px.output.message_writer import PageWriter, write_output
from tap_gainsight_px.output.sdk_log import improve
from tap_gainsight_px.output.state import checked_state, read_bookmark
from tap_gainsight_px.plan.command import plan_option, write_plan
from tap_gainsight_px.progress.display import ProgressDisplay
from tap_gainsight_px.reading.planner import Run, shared_paths, slice_pool
from tap_gainsight_px.redaction import hide, hide_address
from tap_gainsight_px.report.facts import Circumstances
from tap_gainsight_px.report.run_report import RunReport
from tap_gainsight_px.run_clock import RunClock
from tap_gainsight_px.settings import PACKAGE, SETTINGS_SCHEMA, Settings
from tap_gainsight_px.singer.stream import PxStream
from tap_gainsight_px.singer.stream_maps import check_maps, make_mapper
from tap_gainsight_px.tally import RunTally

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from singer_sdk import Stream

    from tap_gainsight_px.catalog.spec import StreamSpec
    from tap_gainsight_px.check.report import Report
    from tap_gainsight_px.plan.report import PlanReport
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

    # Streams

    @cached_property
    def _specs(self) -> dict[str, StreamSpec]:
        return find_specs(self._config.get("custom_event_streams", []))

    @cached_property
    def _discovered(self) -> dict[str, Discovered]:
        """The schema of each stream, by name."""
        can_ask = bool(self._config.get("api_key"))
        asked = {
            name: partial(self._discover, spec, self._run)
            for name, spec in self._specs.items()
            if can_ask and asks(spec) and self._is_read(name)
        }
        workers = self._settings.max_workers if asked else 0
        found = discover_all(asked, workers=workers, check=self._cancellation.check)
        return {
            name: found[name] if name in found else self._discover(spec, None)
            for name, spec in self._specs.items()
        }

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

    def _discover(self, spec: StreamSpec, run: Run | None) -> Discovered:
        entry = self.state.get("bookmarks", {}).get(spec.name, {})
        bookmark = read_bookmark(spec.name, entry, spec.replication_key or "")
        known = Known(
            given=self._given_schemas.get(spec.name, {}),
            announced=read_announced(spec.name, entry),
            resumes_at=None if bookmark is None else bookmark - self._settings.lookback,
            flattening=flattening_of(self._config),
        )
        with self._tally.of(spec.name).at_work():
            return discover(spec, run, known)

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

    # The run

    @cached_property
    def _transport(self) -> Transport:
        wait = self._cancellation.wait
        return Transport(self._settings, self._rate_limit, wait, run_clock=self._run_clock)

    @cached_property
    def _rate_limit(self) -> RateLimit:
        return RateLimit(
            self._settings.requests_per_second,
            clock=time.monotonic,
            wait=self._cancellation.wait,
        )

    @cached_property
    def _run_clock(self) -> RunClock:
        return RunClock(self._clock, self._settings.run_start)

    @cached_property
    def _run(self) -> Run:
        settings = self._settings
        if settings.sends_key_in_the_clear:
            self.logger.warning("api_url is http: the API key is sent unencrypted")
        transport = self._transport
        return Run(
            settings,
            SharedAnswers(transport.get, shared_paths(self._specs)),
            slice_pool(settings, self._cancellation, lambda: self._rate_limit.is_used_up),
            self._cancellation,
            self._specs,
            self._run_clock,
            scroll=transport.scrolls.scroll,
            tally=self._tally,
        )

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
        streams = [one for one in self.streams.values() if self._is_read(one.name)]
        copies = {one.name: one.column_of for one in streams if isinstance(one, PxStream)}
        self._mapper = make_mapper(self.config, streams, names, copies)

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
        # A sync has no use for it, and importing it takes time.
        from tap_gainsight_px.check.runner import CUSTOM, run_check  # noqa: PLC0415

        return run_check(
            self._settings,
            selected(self._specs.values(), self.input_catalog),
            region=CUSTOM if self._config.get("api_url") else self._config["region"],
            wait=wait or self._cancellation.wait,
            clock=self._clock,
        )

    def plan(self) -> PlanReport:
        """Return what a sync would read, found out with a few requests a stream."""
        # A sync has no use for it, and importing it takes time.
        from tap_gainsight_px.plan.runner import run_plan  # noqa: PLC0415

        return run_plan(
            self._run,
            [one for one in self.streams.values() if isinstance(one, PxStream)],
            region="custom" if self._config.get("api_url") else self._config["region"],
            requests_sent=lambda: self._transport.requests_sent,
        )

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
            # Nobody will take what the workers read from here on, so they have to be told.
            self._cancellation("the run has ended")
            self._run.pool.close()
            failures = self._run.failures
            if failures and isinstance(error, TapError):
                raise StreamsError([*failures, error]) from error
            raise

    def _fill_in_the_past(self) -> None:
        """Read what is older than what has been read, now that all streams are up to date."""
        streams = [one for one in self.streams.values() if isinstance(one, PxStream)]
        for stream in [one for one in streams if one.begin_past()]:
            stream.read_past()

    @cached_property
    def _report(self) -> RunReport:
        path = self._settings.report_path

        def circumstances() -> Circumstances:
            return Circumstances(
                version=self.plugin_version,
                run_start=self._began_at,
                seconds=self._tally.elapsed(),
                requests=self._transport.requests_sent,
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
        errors = list(run.failures)
        if run.forbidden and self._selected() <= set(run.forbidden):
            message = (
                "the key may read none of the selected streams: give it the Read permission in PX "
                "(Administration → REST API). skip_forbidden_streams is for some, not for all"
            )
            errors.append(TapError(message))
        if run.shortfalls:
            errors.append(ShortfallError(run.shortfalls))
        if errors:
            raise errors[0] if len(errors) == 1 else StreamsError(errors)

    def _selected(self) -> set[str]:
        return {one.name for one in self.streams.values() if one.selected}

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
        for option in command.params:
            if option.name in {"catalog", "state"}:
                # The SDK would open them itself, as text in the encoding of this host.
                option.type = click.STRING
        command.params += [check_option(), plan_option()]
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
        if check:
            report = cls(
                config=config.config if config else {},
                catalog=catalog,
                parse_env_config=bool(config and config.parse_env),
                setup_mapper=False,
            ).check()
            write_report(report, about_format)
            sys.exit(report.exit_code)
        if plan:
            planned = cls(
                config=config.config if config else {},
                state=read_json_object(state, "the state") if state is not None else None,
                catalog=catalog,
                parse_env_config=bool(config and config.parse_env),
                setup_mapper=False,
            ).plan()
            write_plan(planned, about_format)
            sys.exit(planned.exit_code)
        tap = cls(
            config=config.config if config else {},
            state=read_json_object(state, "the state") if state is not None else None,
            catalog=catalog,
            parse_env_config=bool(config and config.parse_env),
            validate_config=True,
            setup_mapper=False,
        )
        tap._cancellation.last_words = tap._report.cut_off
        with tap._report.around_the_run(), tap._progress.around_the_run():
            tap.setup_mapper()
            tap._warn_of_settings()
            tap.sync_all()
            tap.finish()

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """End in good order: no new request, STATE of what was written out, exit code not 0."""
        self._cancellation.by_signal(signum)
