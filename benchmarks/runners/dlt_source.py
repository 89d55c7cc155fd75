"""Custom events as a `rest_api` source of dlt."""

from __future__ import annotations

from typing import Any

from dlt.sources.rest_api import (  # type: ignore[import-not-found,unused-ignore]
    rest_api_source,
)


def _storable(record: dict[str, Any]) -> dict[str, Any]:
    """Make text of the integers past 64 bits: dlt stops at them."""
    attributes = record.get("attributes")
    if attributes is not None and "orderNumber" in attributes:
        attributes["orderNumber"] = str(attributes["orderNumber"])
    return record


def source(job: dict[str, Any], *, parallelized: bool = False) -> Any:
    """Return a source with a resource for each window; dlt may read them side by side."""
    return rest_api_source(
        {
            "client": {
                "base_url": f"{job['api_url']}/v1/",
                "auth": {
                    "type": "api_key",
                    "name": "X-APTRINSIC-API-KEY",
                    "api_key": job["api_key"],
                    "location": "header",
                },
                "paginator": {
                    "type": "cursor",
                    "cursor_path": "scrollId",
                    "cursor_param": "scrollId",
                    "stop_after_empty_page": True,
                },
            },
            "resources": [
                {
                    "name": f"custom_events_{number}",
                    "table_name": "custom_events",
                    "processing_steps": [{"map": _storable}],
                    "endpoint": {
                        "path": "events/custom",
                        "params": {"pageSize": 1000, "filter": f"date>={start};date<{end}"},
                        "data_selector": "customEvents",
                    },
                }
                for number, (start, end) in enumerate(job["windows"])
            ],
        },
        parallelized=parallelized,
    )
