"""The secret that links are signed with where the configuration names none.

It is kept beside the pictures: links then hold over a restart, and whichever replica has the folder knows its secret
too; one that hasn't could not serve the pictures either. Who can read the folder sees the pictures without a link.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

NAME = "secret"
SHORTEST = 32


def kept_secret(folder: Path) -> bytes:
    """The secret of ``folder``, made by the first who asks. Raises OSError if it can't be kept or read."""
    path = folder / NAME
    draft = folder / f"{NAME}.{secrets.token_hex(8)}.draft"
    if not path.exists():
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_hex(SHORTEST).encode())
        try:
            # Of two processes that begin at once, one is first; and nobody ever reads half of it.
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
        finally:
            draft.unlink()
    secret = path.read_bytes().strip()
    if len(secret) < SHORTEST:
        raise OSError(f"{path} holds less than {SHORTEST} bytes")
    return secret
