"""How good detectors are: alarms and scores against labels, beside baselines that cannot know."""

from __future__ import annotations

from analytics.evaluation.alarms import Alarm
from analytics.evaluation.report import Report, Row, evaluate
from analytics.evaluation.rules import Rules
from analytics.evaluation.tables import tables

__all__ = ["Alarm", "Report", "Row", "Rules", "evaluate", "tables"]
