"""Are the loaded data good? Figures, checks with limits, a verdict, and the report as a page."""
