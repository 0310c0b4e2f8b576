"""The log of calls: one record a call, in SQLite, in JSON lines, at a collector of OTLP logs; content only sealed."""
