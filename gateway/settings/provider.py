"""One account at one upstream API."""

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from gateway.core.kinds import KINDS
from gateway.settings.terms import Budget, Limits, PriceSetting, Timeouts
from gateway.settings.values import BaseUrl, Free, Secret, Section, Text, Wrong

if TYPE_CHECKING:
    KindName = str
else:
    KindName = Literal[tuple(KINDS)]

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = frozenset(("host", "content-length", "transfer-encoding", "connection", "content-type", "accept-encoding"))
_PROXIES = ("http", "https", "socks5", "socks5h")


def _transport(value: Any) -> Any:
    if isinstance(value, str):
        return {"kind": value}
    # Whoever names a proxy or HTTP/2 means the transport that has them.
    return {"kind": "httpx", **value} if isinstance(value, dict) else value


def _proxy(url: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(url.get_secret_value())
        is_usable = parts.scheme in _PROXIES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise Wrong("is no proxy's URL", "Write it like http://proxy:3128 or socks5://proxy:1080.")
    return url


def _headers(headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise Wrong("has a name that HTTP doesn't allow", "Names of headers are words with dashes.")
        if name.lower() in _OURS:
            raise Wrong(f"sets {name.lower()}, which belongs to the gateway", "Leave that header out.")
        if any(character in value.get_secret_value() for character in "\r\n\0"):
            raise Wrong("has a value with a line break", "Write the value on one line.")
        _sendable(value)
    return headers


def _sendable(value: SecretStr) -> SecretStr:
    """What a header can carry. Found only when it is sent, it would be a fault of each call, or of the start."""
    text = value.get_secret_value()
    if any(character > "\xff" or (character < " " and character != "\t") for character in text):
        raise Wrong("holds a character that no header can carry", "Copy it anew: a curly quote or a break got into it.")
    return value


class Transport(Section):
    """What carries calls to the provider."""

    kind: Literal["native", "httpx"] = Field(
        default="native",
        description="`native` is the gateway's own and by far the fastest; `httpx` can do what follows.",
    )
    proxy: Annotated[Secret, AfterValidator(_proxy)] | None = Field(
        default=None, description="The URL of an egress proxy: `http://`, `https://` or `socks5://`. Needs `httpx`."
    )
    http2: bool = Field(default=False, description="Speak HTTP/2 where the provider does. Needs `httpx`.")


class Tls(Section):
    """Certificates, for a provider within a private network. Paths are relative to the working directory."""

    ca_file: Text | None = Field(
        default=None, description="A PEM file with the authorities to trust instead of the system's."
    )
    client_cert: Text | None = Field(default=None, description="A PEM file with the certificate to show.")
    client_key: Text | None = Field(
        default=None, description="A PEM file with its key, where `client_cert` doesn't hold it."
    )


class Provider(Section):
    """One account at one upstream API. One whose credential expands to nothing is off, which is said at start."""

    kind: KindName = Field(description="Which API it speaks.")
    enabled: bool = Field(default=True, description="`false` turns it off, with all targets that use it.")
    api_key: Annotated[Secret, AfterValidator(_sendable)] | None = Field(
        default=None, description="Its API key. Empty: the provider is off, but for one's own servers, which need none."
    )
    base_url: BaseUrl | None = Field(
        default=None,
        description="The address, as the provider's own official SDK takes it: with `/v1` for OpenAI and its like, the "
        "bare origin for Anthropic, Gemini, Bedrock and Azure, where `/v1` and the like behind it are understood too. "
        "Each kind but `azure` and `databricks` has its default.",
    )
    region: str | None = Field(
        default=None,
        description="Where it computes, for calls and keys that are bound to regions; for `bedrock` the AWS region, "
        "but for inference profiles: `eu.anthropic…` computes in `eu`, `global.…` in `global`.",
    )
    headers: Annotated[dict[str, Secret], AfterValidator(_headers)] = Field(
        default_factory=dict, description="Sent with every request, instead of the gateway's own of the same name."
    )
    timeouts: Timeouts = Field(default_factory=Timeouts, description="For all its targets.")
    limits: Limits = Field(default_factory=Limits, description="On all calls that go to it.")
    budgets: tuple[Budget, ...] = Field(default=(), description="On all that is spent with it.")
    transport: Annotated[
        Transport, BeforeValidator(_transport, json_schema_input_type=Transport | Literal["native", "httpx"])
    ] = Field(default_factory=Transport, description="What carries its calls; `native` or `httpx` alone will do.")
    tls: Tls = Field(default_factory=Tls, description="Certificates of a private network.")
    price: PriceSetting | None = Field(
        default=None,
        description="What its targets charge where they don't say it: `free`, or a price. Goes before the catalog's.",
    )
    options: Free = Field(
        default_factory=dict,
        repr=False,
        description="Settings that only this kind knows: a `simulator`'s pace, latency and faults.",
    )
    api_version: Text | None = Field(default=None, description="`azure`: the API version, where not the newest.")
    entra: bool = Field(default=False, description="`azure`: sign in by Microsoft Entra ID instead of by `api_key`.")
    project: str | None = Field(default=None, description="`vertex`: the Google Cloud project.")
    location: str | None = Field(default=None, description="`vertex`: its location, like `us-central1` or `global`.")
    access_token: Secret | None = Field(
        default=None, description="`vertex`: a token, where not Google's default credentials."
    )
    access_key_id: Secret | None = Field(
        default=None,
        description="`bedrock`: with `secret_access_key`, where neither `api_key` nor AWS's default chain.",
    )
    secret_access_key: Secret | None = Field(default=None, description="`bedrock`: the secret of `access_key_id`.")
    session_token: Secret | None = Field(default=None, description="`bedrock`: for temporary credentials.")

    @property
    def empty(self) -> tuple[str, ...]:
        """The settings for whose emptiness it is off: what it can't do without expanded to nothing."""
        needs = KINDS[self.kind]
        missing = [name for name in needs.required if getattr(self, name) == ""]
        given = [name for name in needs.credentials if name != "entra" and getattr(self, name) is not None]
        can_go_without = needs.is_keyless or self.entra
        if not can_go_without and not any(getattr(self, name).get_secret_value() for name in given):
            missing += given
        return tuple(missing)

    @property
    def is_off(self) -> bool:
        return not self.enabled or bool(self.empty)
