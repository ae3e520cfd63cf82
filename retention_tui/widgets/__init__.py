"""Widgets: rendering and keys; screens own layout and flow."""
