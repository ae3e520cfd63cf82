"""The at-risk list: filters, sorting and pages over a scoring run."""
