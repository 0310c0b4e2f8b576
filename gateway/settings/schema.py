"""The root of the configuration."""

from pydantic import ConfigDict, Field

from gateway.core.loopback import is_loopback
from gateway.settings.access import Admin, Everyone, Key, Oidc, Team
from gateway.settings.model import Model
from gateway.settings.observing import Alerts, Calls, Traces
from gateway.settings.provider import Provider
from gateway.settings.server import Server, State
from gateway.settings.values import ModelName, Name, Section


class Settings(Section):
    """All settings of a gateway, checked. Holds secrets, and shows none of them."""

    model_config = ConfigDict(title="Sluice configuration")

    server: Server = Field(default_factory=Server, description="The gateway process.")
    state: State = Field(default_factory=State, description="Where counters and spend are kept.")
    providers: dict[Name, Provider] = Field(
        default_factory=dict, description="Accounts at upstream APIs, by a name of your choice."
    )
    models: dict[ModelName, Model] = Field(
        default_factory=dict, description="What clients can ask for, by its public name."
    )
    teams: dict[Name, Team] = Field(default_factory=dict, description="Groups of keys, by name.")
    keys: tuple[Key, ...] = Field(
        default=(),
        description="Who may call, beside the keys that are made while the gateway runs. None at all, and no `oidc` "
        "either: whoever reaches the loopback address.",
    )
    admins: tuple[Admin, ...] = Field(default=(), description="Who may use the control plane, `/admin/v1`.")
    oidc: Oidc | None = Field(default=None, description="Whose tokens are taken beside keys.")
    everyone: Everyone = Field(
        default_factory=Everyone, alias="global", description="What holds for all calls together."
    )
    calls: Calls = Field(default_factory=Calls, description="The log of calls.")
    traces: Traces = Field(default_factory=Traces, description="Spans of calls, for a collector of OpenTelemetry.")
    alerts: Alerts = Field(default_factory=Alerts, description="Who is told of what a person should know.")

    @property
    def is_open(self) -> bool:
        """Whoever reaches the gateway may call."""
        return not self.keys and self.oidc is None and is_loopback(self.server.host)

    @property
    def has_admins(self) -> bool:
        """Somebody is let into the control plane; else there is none."""
        key = self.server.admin_key
        return bool(self.admins) or bool(key and key.get_secret_value())
