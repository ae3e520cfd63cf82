"""The evaluation as one HTML file that needs nothing from outside."""

from engine.evaluation.report.page import write_report

__all__ = ["write_report"]
