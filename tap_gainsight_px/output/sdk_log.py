"""What the SDK logs, made fit: at the level that it deserves, and with the stream it is about.

Both are filters of loggers, for the SDK offers no other way.
"""

from __future__ import annotations

import logging

from singer_sdk import metrics

# Logged by each run, and of interest only to somebody who looks for a fault.
_FOR_DEBUGGING = ("Skipping deselected stream", "Skipping parse of env var", "Parsing env var")


def improve(logger: logging.Logger) -> None:
    """Put the filters in place; a second call does nothing.

    Args:
        logger: The one that the SDK logs to for the tap.
    """
    logger.addFilter(_lower)
    metrics.get_metrics_logger().addFilter(_name_stream)


def _lower(record: logging.LogRecord) -> bool:
    """Lower such a line to DEBUG; return whether it is still logged."""
    if not str(record.msg).startswith(_FOR_DEBUGGING):
        return True
    record.levelno, record.levelname = logging.DEBUG, logging.getLevelName(logging.DEBUG)
    return logging.getLogger(record.name).isEnabledFor(logging.DEBUG)


def _name_stream(record: logging.LogRecord) -> bool:
    """Let a structured log say of a metric, in the field meant for it, which stream it is about."""
    args = record.args
    point = args[0] if isinstance(args, tuple) and args else None
    if isinstance(point, metrics.Point):
        record.stream_name = point.tags.get(metrics.Tag.STREAM)
    return True
