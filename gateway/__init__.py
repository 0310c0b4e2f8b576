"""Sluice: a self-hosted, OpenAI-compatible routing gateway."""

__version__ = "0.1.0"
