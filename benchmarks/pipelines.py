"""Ways from PX into Postgres: what runs, in which order, and what is connected by a pipe."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

from benchmarks import contenders
from benchmarks.contenders import Job, tap_options
from benchmarks.database import psql_bin
from benchmarks.place import PROJECT, RUNNERS, program
from benchmarks.processes import Program

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from benchmarks.database import Database
    from benchmarks.place import Place
    from benchmarks.processes import Pipe


Stages: TypeAlias = "list[list[Pipe]]"
"""Stages run one after another, the pipes of a stage side by side."""


@dataclass(frozen=True)
class Load:
    """What is to be loaded, and where to."""

    job: Job
    database: Database
    schema: str


@dataclass(frozen=True)
class Way:
    """One way of loading custom events into a table."""

    key: str
    title: str
    stages: Callable[[Load], Stages]
    table: str = contenders.STREAM
    share: float = 1.0
    """Of the records, so that slow ones end in time too."""


def shipped(loader: str) -> dict[str, Any]:
    """Return the settings of a loader that `meltano.yml` ships."""
    document = yaml.safe_load((PROJECT / "meltano.yml").read_text(encoding="utf-8"))
    (plugin,) = (one for one in document["plugins"]["loaders"] if one["name"] == loader)
    whole = (one for one in plugin["settings"] if "." not in one["name"])
    return {one["name"]: one["value"] for one in whole if "value" in one}


def tap(job: Job, settings: Mapping[str, Any] | None = None) -> Program:
    """Return the tap, with custom events selected."""
    job = replace(job, settings={**job.settings, **(settings or {})})
    return Program("tap", [program("tap-gainsight-px"), *tap_options(job)])


def _target(load: Load, settings: Mapping[str, Any]) -> Program:
    config = {
        **settings,
        "sqlalchemy_url": load.database.sqlalchemy_url,
        "default_target_schema": load.schema,
    }
    place = load.job.place
    return Program(
        "loader", [place.target_postgres, "--config", load.job.write("target.json", config)]
    )


def files(job: Job, encoding: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that let the tap write files into the folder of this run."""
    folder = job.place.folder / "files"
    folder.mkdir(exist_ok=True)
    storage = {"root": folder.as_uri()}
    return {"batch_config": {"encoding": dict(encoding), "storage": storage, "batch_size": 10_000}}


GZIP = {"format": "jsonl", "compression": "gzip"}
PLAIN = {"format": "jsonl", "compression": "none"}


def _records(settings: Mapping[str, Any]) -> Callable[[Load], Stages]:
    return lambda load: [[(tap(load.job), _target(load, settings))]]


def _batches(encoding: Mapping[str, Any]) -> Callable[[Load], Stages]:
    def stages(load: Load) -> Stages:
        settings = shipped("target-postgres")
        return [[(tap(load.job, files(load.job, encoding)), _target(load, settings))]]

    return stages


def _side_by_side(load: Load) -> Stages:
    """Load two halves of the time, each by a tap and a loader of its own."""
    job = load.job
    middle = job.start + (job.end - job.start) / 2
    middle = datetime.fromtimestamp(int(middle.timestamp()), job.start.tzinfo)
    pipes: list[Pipe] = []
    for number, (start, end) in enumerate([(job.start, middle), (middle, job.end)]):
        folder = job.place.folder / str(number)
        folder.mkdir(exist_ok=True)
        half = replace(job, place=replace(job.place, folder=folder), start=start, end=end)
        part = replace(load, job=half)
        pipes.append((tap(part.job), _target(part, shipped("target-postgres"))))
    # One makes the table: two that make it at once get into each other's way.
    nothing = replace(job, end=job.start + timedelta(seconds=1))
    first = replace(load, job=nothing)
    return [[(tap(first.job), _target(first, shipped("target-postgres")))], pipes]


def _by_psql(load: Load) -> Stages:
    """Let target-postgres make the table, and psql fill it."""
    target = _target(load, shipped("target-postgres"))
    programs = (str(psql_bin()), str(load.job.place.target_postgres.parent), os.environ["PATH"])
    where = {
        "PATH": os.pathsep.join(programs),
        "PGHOST": str(load.database.data),
        "PGUSER": "postgres",
        "PGDATABASE": "postgres",
        "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": load.schema,
    }
    script: list[str | Path] = [PROJECT / "load/by_psql.sh", *target.command[1:]]
    return [[(tap(load.job), Program("loader", script, env=where))]]


def _pipelinewise(load: Load) -> Stages:
    config = {
        "host": str(load.database.data),
        "port": 5432,
        "user": "postgres",
        "password": "none",
        "dbname": "postgres",
        "default_target_schema": load.schema,
        "add_metadata_columns": True,
    }
    target = load.job.write("target.json", config)
    loader = Program("loader", [load.job.place.pipelinewise, "--config", target])
    return [[(tap(load.job), loader)]]


def _dlt(file_format: str, *, upsert: bool = False) -> Callable[[Load], Stages]:
    def stages(load: Load) -> Stages:
        job = load.job
        content = {
            "api_url": job.world.url,
            "api_key": "sandbox-key",
            "windows": [
                [f"{start:%FT%TZ}", f"{end:%FT%TZ}"] for start, end in contenders.windows(job)
            ],
            "folder": str(job.place.folder),
            "database": load.database.url_with_password,
            "schema": load.schema,
            "file_format": file_format,
            "upsert": upsert,
        }
        written = job.write("dlt.json", content)
        return [
            [(Program("both", [job.place.bench_python, RUNNERS / "dlt_postgres.py", written]),)]
        ]

    return stages


def _peer(load: Load) -> Stages:
    job = replace(load.job, settings={"page_size": 1000})
    command = contenders.PEER.commands(job)[0]
    return [[(Program("tap", command), _target(load, {}))]]


_LEAN = {"add_record_metadata": False, "activate_version": False}

SHIPPED = Way("shipped", "**target-postgres as shipped**", _records(shipped("target-postgres")))
WAYS = (
    SHIPPED,
    Way("own", "target-postgres, its own settings", _records({"load_method": "upsert"}), share=0.5),
    Way(
        "lean",
        "as shipped, without the `_sdc_…` columns",
        _records({**shipped("target-postgres"), **_LEAN}),
    ),
    Way(
        "large",
        "as shipped, `batch_size_rows: 50000`",
        _records({**shipped("target-postgres"), "batch_size_rows": 50_000}),
    ),
    Way("gzip", "as shipped, BATCH files (`jsonl`, gzip)", _batches(GZIP)),
    Way("plain", "as shipped, BATCH files (`jsonl`)", _batches(PLAIN)),
    Way("shards", "as shipped, two halves of the time side by side", _side_by_side),
    Way("psql", "records, COPY by psql", _by_psql),
    Way("pipelinewise", "pipelinewise-target-postgres 2.1.2", _pipelinewise),
    Way("dlt_insert", "dlt, `insert_values`, append", _dlt("insert_values")),
    Way("dlt_csv", "dlt, `csv`, append", _dlt("csv")),
    Way("dlt_parquet", "dlt, `parquet`, append", _dlt("parquet")),
    Way("dlt_upsert", "dlt, `parquet`, merge (upsert)", _dlt("parquet", upsert=True)),
    Way("peer", "tap-gainsightpx 1.0.8 into target-postgres, its own settings", _peer, share=0.2),
)


def present(place: Place) -> list[Way]:
    """Return the ways whose environments are there."""
    needs = {
        "pipelinewise": place.pipelinewise,
        "peer": place.peer,
        **{way.key: place.bench_python for way in WAYS if way.key.startswith("dlt_")},
    }
    return [way for way in WAYS if way.key not in needs or needs[way.key].exists()]
