"""The last line of defence: what looks like a credential is taken out of a log line.

No code here logs one on purpose. This is for what a foreign library puts into an exception's text. A word too many is
lost now and then ("bearer authentication"), which is the cheaper mistake.
"""

from __future__ import annotations

import re

GONE = "[redacted]"

# Each keeps its first group and loses the rest; each is one run of characters after a plain start, so that no text
# makes it slow.
_SCHEME = re.compile(r"\b(bearer\s+|basic\s+(?=\S{12}))[\w.~+/=-]{8,}", re.IGNORECASE)
_FIELD = re.compile(
    r"""
    \b(
        (?: (?:x-)? (?:goog-)? api[-_]?key | authorization | admin[-_]?key | secret[-_]?(?:access[-_]?)?key
          | access[-_]?token | client[-_]?secret | password | passwd )
        (?: \s*[:=]\s*b?["']? | ["']\s*[:,]\s*b?["']? )       # key: x   key=x   'key': 'x'   (b'key', b'x')
    )
    (?!bearer\b|basic\b) [^\s"',;&)}\]]+
    """,
    re.IGNORECASE | re.VERBOSE,
)
_URL_PASSWORD = re.compile(r"(://[^/\s:@]*:)[^@/\s]+(?=@)")
_QUERY = re.compile(r"([?&](?:key|token|sig|signature|x-amz-signature|x-amz-security-token)=)[^&\s\"']+", re.IGNORECASE)
_PROVIDER_KEY = re.compile(
    r"()\b(?:sk-|pk-|rk-|gsk_|xai-|pplx-|hf_|csk-|nvapi-|tgp_|fw_|r8_|dapi|AIza|AKIA|ASIA|ya29\.|eyJ)[\w.-]{8,}"
)
_PATTERNS = (_SCHEME, _FIELD, _URL_PASSWORD, _QUERY, _PROVIDER_KEY)


def redact(text: str) -> str:
    """``text`` without what looks like a credential."""
    for pattern in _PATTERNS:
        text = pattern.sub(_gone, text)
    return text


def _gone(found: re.Match[str]) -> str:
    # A function, for sub would read a template with \\1 in it anew each time.
    return f"{found[1]}{GONE}"
