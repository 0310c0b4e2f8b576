"""Tokens by Google's default credentials: a service account's key, workload identity, or the metadata of the machine.

https://cloud.google.com/docs/authentication/application-default-credentials
"""

from __future__ import annotations

from datetime import UTC
from typing import Any

import google.auth
import google.auth.exceptions
import google.auth.transport.urllib3
import urllib3

from gateway.core.clock import Clock
from gateway.signing.bearer import Token
from gateway.signing.fetch import NoCredential

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TIMEOUT_S = 5.0
ASSUMED_LIFE_S = 3_000.0
"""Of a token that doesn't tell; Google's live an hour."""


class GoogleTokens:
    """A source for ``Bearer``. Credentials are looked for once, when the first token is needed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # The library tries again by itself.
        pool = urllib3.PoolManager(timeout=urllib3.Timeout(TIMEOUT_S), retries=False)
        self._transport = google.auth.transport.urllib3.Request(pool)  # type: ignore[no-untyped-call]
        self._credentials: Any = None

    def __call__(self) -> Token:
        """A token, fetched now. Blocks. Raises NoCredential."""
        try:
            if self._credentials is None:
                self._credentials, _ = google.auth.default(scopes=[SCOPE], request=self._transport)
            self._credentials.refresh(self._transport)
        except google.auth.exceptions.DefaultCredentialsError:
            raise NoCredential(
                "Google's default credentials were not found: set access_token, GOOGLE_APPLICATION_CREDENTIALS, or "
                "run where there is a service account"
            ) from None
        except google.auth.exceptions.GoogleAuthError as error:
            raise NoCredential(f"Google gave no token ({type(error).__name__})") from None
        expiry = self._credentials.expiry
        # Naive, in UTC.
        expires_at = expiry.replace(tzinfo=UTC).timestamp() if expiry else self._clock.time() + ASSUMED_LIFE_S
        return Token(self._credentials.token, expires_at)

    def __repr__(self) -> str:
        return "<GoogleTokens>"
