"""Who may call, and how much."""

import hashlib
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field

from gateway.settings.terms import Budget, Limits
from gateway.settings.values import Name, Secret, Section, Text, Wrong

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


class Team(Section):
    """Keys that share limits and budgets."""

    limits: Limits = Field(default_factory=Limits, description="On all its keys together.")
    budgets: tuple[Budget, ...] = Field(default=(), description="On all its keys together.")


class Key(Section):
    """A virtual key: what a client of the gateway shows."""

    name: Name = Field(description="How logs, metrics and errors call it; the key itself is never shown.")
    key: Secret | None = Field(default=None, description="The key. Best from the environment: `${CI_KEY}`.")
    key_sha256: Annotated[Text, AfterValidator(_digest)] | None = Field(
        default=None, repr=False, description="Instead of `key`: its SHA-256 in hex, so that the file holds no secret."
    )
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

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the key, whichever way it was given."""
        if self.key is None:
            return bytes.fromhex(self.key_sha256 or "")
        return hashlib.sha256(self.key.get_secret_value().encode()).digest()

    def expires_at(self, timezone: str) -> float | None:
        """Seconds since the epoch from which the key is no longer good; None for never."""
        if self.expires is None or self.expires.year == 9999:
            return None
        zone = ZoneInfo(timezone)
        if not isinstance(self.expires, datetime):
            return datetime.combine(self.expires + timedelta(days=1), time(), zone).timestamp()
        moment = self.expires if self.expires.tzinfo else self.expires.replace(tzinfo=zone)
        return moment.timestamp()


class Everyone(Section):
    """What holds for all calls together."""

    limits: Limits = Field(default_factory=Limits, description="On all calls together.")
    budgets: tuple[Budget, ...] = Field(default=(), description="On all that is spent.")
