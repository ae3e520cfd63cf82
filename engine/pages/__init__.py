"""What the HTML reports share: one page that needs nothing from outside, and charts as SVG."""

from engine.pages.chart import UNIT, Axis, Line, chart
from engine.pages.page import render

__all__ = ["UNIT", "Axis", "Line", "chart", "render"]
