"""Which configuration is in force: the version that was activated, or the last one that can be used."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from analytics.decider import ended
from analytics.stages import Pipeline
from store import detection
from telemetry.alerts import Anomaly, Finding
from telemetry.city import City
from telemetry.detection import Configuration
from telemetry.errors import ConfigError, NotFoundError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A configuration and the number it stands under."""

    version: int
    configuration: Configuration


def read(conn: psycopg.Connection, version: int) -> Chosen:
    """One version, decoded.

    Raises
    ------
    ConfigError
        It cannot be used, or there is none.
    """
    try:
        return Chosen(version, detection.get_version(conn, version).configuration())
    except NotFoundError as error:
        raise ConfigError(str(error)) from error


def in_force(conn: psycopg.Connection, city: City) -> Chosen:
    """What was activated last and can be used; a store without any takes the city profile's first.

    A version that cannot be used (edited by hand, or written by other software) is passed
    over and logged: the detectors must run.
    """
    for version in detection.former_versions(conn):
        try:
            return read(conn, version)
        except ConfigError as error:
            _log.error("%s", error)
    offered = detection.offer_profile(conn, city.detection, city.key)
    return Chosen(offered[0].version if offered and offered[1] else 0, city.detection)


def retired(
    conn: psycopg.Connection, pipeline: Pipeline, standing: Sequence[Anomaly], now: int
) -> list[Finding]:
    """Findings that end what of ``standing`` was found by detectors that no longer run."""
    gone = detection.detector_names(conn) - {stage.name for stage in pipeline.stages}
    return [ended(anomaly, now) for anomaly in standing if anomaly.detector in gone]
