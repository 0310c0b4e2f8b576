"""Who may call, and how much."""

import hashlib
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field

from gateway.settings.terms import Budget, Limits
from gateway.settings.values import BaseUrl, Name, Secret, Section, Tag, Text, Wrong

ADMIN = "admin"
"""What the audit log calls whoever has ``server.admin_key``."""

_HEX = frozenset("0123456789abcdef")


def _digest(text: str) -> str:
    text = text.strip().lower()
    if len(text) != 64 or not _HEX.issuperset(text):
        raise Wrong("is not a SHA-256 in hex: 64 digits", 'Make it with: printf %s "$KEY" | sha256sum')
    return text


def _moment(value: Any) -> Any:
    """A date, or a date and a time, in ISO 8601."""
    if isinstance(value, date):
        return value
    try:
        text = str(value).strip()
        return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
    except ValueError:
        raise Wrong("is no date", "Write 2027-01-31, or 2027-01-31T18:00:00+01:00.") from None


class Users(Section):
    """What each end user may use. Who that is, the request's `user` field says; calls without it share one share."""

    limits: Limits = Field(default_factory=Limits, description="On the calls of each of them.")
    budgets: tuple[Budget, ...] = Field(default=(), description="On what each of them spends.")


class Team(Section):
    """Keys that share limits and budgets."""

    limits: Limits = Field(default_factory=Limits, description="On all its keys together.")
    budgets: tuple[Budget, ...] = Field(default=(), description="On all its keys together.")
    users: Users = Field(default_factory=Users, description="On each end user of all its keys.")
    tags: tuple[Tag, ...] = Field(default=(), description="What its spend is attributed to as well, like `project-x`.")


class Credential(Section):
    """A name, and the key that it goes by."""

    name: Name = Field(description="How logs call it; the key itself is never shown.")
    key: Secret | None = Field(default=None, description="The key. Best from the environment: `${CI_KEY}`.")
    key_sha256: Annotated[Text, AfterValidator(_digest)] | None = Field(
        default=None, repr=False, description="Instead of `key`: its SHA-256 in hex, so that the file holds no secret."
    )

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the key, whichever way it was given."""
        if self.key is None:
            return bytes.fromhex(self.key_sha256 or "")
        return hashlib.sha256(self.key.get_secret_value().encode()).digest()


class KeyTerms(Section):
    """Whose a key is and what it may: all of it but the key itself."""

    name: Name = Field(description="How logs, metrics and errors call it; the key itself is never shown.")
    team: str | None = Field(default=None, description="The name of one of `teams`.")
    models: tuple[Text, ...] = Field(default=("*",), description="Globs of the public models that it may use.")
    regions: frozenset[str] | None = Field(
        default=None, description="The regions that its calls may be sent to. Left out: any."
    )
    expires: Annotated[date | datetime | None, BeforeValidator(_moment, json_schema_input_type=str)] = Field(
        default=None,
        description="The last day on which it works, or the moment at which it ends; in the time zone of "
        "`server.timezone` where it names none.",
    )
    limits: Limits = Field(default_factory=Limits, description="On its calls.")
    budgets: tuple[Budget, ...] = Field(default=(), description="On what it spends.")
    users: Users = Field(default_factory=Users, description="On each end user of this key.")
    tags: tuple[Tag, ...] = Field(default=(), description="What its spend is attributed to as well, like `project-x`.")

    def expires_at(self, timezone: str) -> float | None:
        """Seconds since the epoch from which the key is no longer good; None for never."""
        if self.expires is None or self.expires.year == 9999:
            return None
        zone = ZoneInfo(timezone)
        if not isinstance(self.expires, datetime):
            return datetime.combine(self.expires + timedelta(days=1), time(), zone).timestamp()
        moment = self.expires if self.expires.tzinfo else self.expires.replace(tzinfo=zone)
        return moment.timestamp()


class Key(KeyTerms, Credential):
    """A virtual key: what a client of the gateway shows."""


class Admin(Credential):
    """An admin key: who may use the control plane, and for what."""

    name: Name = Field(description="How the audit log calls it.")
    role: Literal["viewer", "operator", "admin"] = Field(
        default="viewer",
        description="`viewer` sees; `operator` changes keys and teams too; `admin` may do everything: reload the "
        "configuration, read the audit log.",
    )


class Oidc(Section):
    """Bearer tokens of an identity provider (JWT, RFC 7519) as callers, beside keys."""

    issuer: Text = Field(
        description="The `iss` of its tokens, like `https://login.example.com/realms/dev`, to the letter."
    )
    audience: Text = Field(description="What must be in their `aud`: the name by which it knows this gateway.")
    jwks_url: BaseUrl = Field(
        default="", description="Where its public keys are. Empty: as its `/.well-known/openid-configuration` says."
    )
    algorithms: tuple[Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"], ...] = (
        Field(default=("RS256", "ES256"), min_length=1, description="What tokens may be signed with.")
    )
    name_claim: Text = Field(
        default="sub", description="The claim that says who calls; logs and limits call it `oidc/` and that."
    )
    team_claim: Text | None = Field(
        default=None, description="The claim that names the caller's team; of a list, the first that is one."
    )
    teams: dict[str, Name] = Field(
        default_factory=dict,
        description="From values of `team_claim` to names of teams. Left out: the value is the team's name.",
    )
    team: str | None = Field(default=None, description="The team of callers whose token names none that is known.")
    models: tuple[Text, ...] = Field(default=("*",), description="Globs of the public models that they may use.")
    limits: Limits = Field(default_factory=Limits, description="On the calls of each caller.")
    budgets: tuple[Budget, ...] = Field(default=(), description="On what each caller spends.")


class Everyone(Section):
    """What holds for all calls together."""

    limits: Limits = Field(default_factory=Limits, description="On all calls together.")
    budgets: tuple[Budget, ...] = Field(default=(), description="On all that is spent.")
