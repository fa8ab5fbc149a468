"""Artifacts into pages: page models (views.py), Markdown, data scripts and pictures."""
