"""Spans of calls: who is traced, what is told of a call, and how it gets to a collector."""
