"""Whom we trust, and who we are, when a provider is reached by TLS."""

from __future__ import annotations

import ssl
from pathlib import Path

import msgspec

from gateway.core.errors import ConfigError, Problem


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """The system's roots, or those of ``ca_file``; a client certificate for providers that ask for one.

    Certificate and host name are always checked. All three are paths of PEM files.
    """

    ca_file: str | None = None
    client_cert: str | None = None
    """The certificate, any intermediates after it."""
    client_key: str | None = None
    """Its private key, unencrypted; not needed if ``client_cert`` holds it too."""

    def context(self) -> ssl.SSLContext:
        """A client's context. Loading the system's roots takes some 20 ms: make it off the event loop.

        Raises ConfigError, naming the file.
        """
        for path in (self.ca_file, self.client_cert, self.client_key):
            if path is not None and not Path(path).is_file():
                raise _unusable(path, "there is no such file", "give the path of a PEM file")
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except ssl.SSLError as error:
            raise _unusable(str(self.ca_file), _words(error), "give a PEM file of CA certificates") from error
        if self.client_cert is not None:
            try:
                # An encrypted key would make OpenSSL ask for its password on the terminal.
                context.load_cert_chain(self.client_cert, self.client_key, password=lambda: "")
            except ssl.SSLError as error:
                fix = "give an unencrypted PEM certificate and its key"
                raise _unusable(self.client_cert, _words(error), fix) from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        return context


def _words(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).replace("_", " ").lower()


def _unusable(path: str, what: str, fix: str) -> ConfigError:
    return ConfigError([Problem(file=path, line=None, path="tls", what=what, fix=fix)])
