"""What names look like that people choose for keys, teams and tags: safe in logs, labels, headers, counters' keys."""

from __future__ import annotations

import re

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
"""Of a key, a team, a provider."""
TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:/=-]{0,63}")
"""``project-x``, ``env=prod``. No comma: lists of them are written in a header."""
MAX_TAGS = 16
"""Of one call, all that it has."""
