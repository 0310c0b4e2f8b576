"""The gateway process and its store."""

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, SecretStr

from gateway.core.ceilings import Outage
from gateway.settings.values import BaseUrl, IsNumber, Seconds, Secret, Section, Text, Wait, Wrong

SCHEMES = (
    "memory",
    "sqlite",
    "redis",
    "rediss",
    "redis+cluster",
    "rediss+cluster",
    "redis+sentinel",
    "rediss+sentinel",
)
DEFAULT_STORE = "memory://"


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise Wrong("is not a time zone known here", "Name one of the IANA list, like UTC or Europe/Berlin.") from None
    return name


def _store_url(url: SecretStr) -> SecretStr:
    said = url.get_secret_value()
    scheme, _, rest = said.partition("://")
    if scheme not in SCHEMES or "://" not in said or (scheme == "memory" and rest):
        raise Wrong(
            "is no store that Sluice has",
            "Use memory://, sqlite:///data/sluice.db, redis://host:6379/0, rediss://, redis+cluster://host:6379 or "
            "redis+sentinel://host:26379/mymaster.",
        )
    if scheme == "sqlite" and not (rest.startswith("/") and rest.strip("/")):
        raise Wrong("names no file", "Write sqlite:///data/sluice.db, or sqlite:////var/lib/sluice.db with its root.")
    if scheme.startswith("redis") and not rest.rpartition("@")[2].strip("/"):
        raise Wrong("names no host", "Write redis://host:6379/0.")
    return url


class Log(Section):
    """The log on standard error: one line a call, no prompts, no secrets."""

    format: Literal["json", "pretty"] = Field(default="json", description="`json` for machines, `pretty` for people.")
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least serious lines that are written. Each call is one line at `info`."
    )


def _public_url(url: str) -> str:
    return url.removesuffix("/v1")


class Media(Section):
    """A folder of pictures, for clients who ask for links to images (`response_format: url`) that providers only send
    as base64. Whoever has a link sees the picture until it expires, without a key.
    """

    path: Text = Field(
        description="The folder; it is made if need be. Workers and replicas that serve each other's links share it."
    )
    secret: Secret | None = Field(
        default=None,
        description="What links are signed with. Empty: one is made, and kept in the folder, so that links hold over a "
        "restart and on all that share it.",
    )
    expires_s: Seconds = Field(default=3_600, description="How long a link holds and its picture is kept.")
    base_url: Annotated[BaseUrl, AfterValidator(_public_url)] = Field(
        default="",
        description="Where clients reach the gateway, like `https://ai.example.com`; links begin with it. Empty: where "
        "the request that asks for images went, by its `Host` header, as `http`.",
    )
    max_mb: Annotated[float, Field(gt=0, le=10_000_000, allow_inf_nan=False), IsNumber] = Field(
        default=1_000, description="The most that is kept, in MB of 1,000,000 bytes; beyond it, the oldest goes."
    )

    @property
    def max_bytes(self) -> int:
        return int(self.max_mb * 1_000_000)


class Server(Section):
    """The gateway process."""

    host: Annotated[str, Field(min_length=1)] = Field(
        default="127.0.0.1",
        description="The address to listen on; `0.0.0.0` for all. With nothing that keeps strangers out (`keys`, "
        "`oidc`, or an admin key and a store that keeps keys), only loopback is taken.",
    )
    port: Annotated[int, Field(ge=0, le=65_535), IsNumber] = Field(
        default=8080, description="The port to listen on; 0 takes any free one."
    )
    workers: Annotated[int, Field(ge=1, le=256), IsNumber] = Field(
        default=1, description="Processes that share the port. More than one needs a redis store."
    )
    max_body_mb: Annotated[float, Field(gt=0, le=4096, allow_inf_nan=False), IsNumber] = Field(
        default=64,
        description="The largest request body, in MB of 1,000,000 bytes; a larger one is refused before it is read.",
    )
    spool_mb: Annotated[float, Field(ge=0, le=4096, allow_inf_nan=False), IsNumber] = Field(
        default=1,
        description="Multipart files above this many MB wait on disk and not in memory.",
    )
    admin_key: Secret | None = Field(
        default=None,
        description="A bearer key of the control plane, `/admin/v1`, that may do everything; more of them, with fewer "
        "rights, are `admins`. Without any: no control plane.",
    )
    reload: bool = Field(
        default=True,
        description="Whether a change of the configuration's file is put in force at once. SIGHUP and "
        "`POST /admin/v1/config/reload` do it either way.",
    )
    attempts: Annotated[int, Field(ge=1, le=100), IsNumber] = Field(
        default=6,
        description="The most upstream calls that one client's call may make, fallbacks included. Several requests for "
        "the images of one call count as one.",
    )
    hold_wait_s: Wait = Field(
        default=2,
        description="How long a call waits when only what running calls hold stands in the way of its budget. 0: "
        "it is refused at once.",
    )
    notice_s: Wait = Field(
        default=3,
        description="How long after SIGTERM new calls are still served, each with `connection: close`, so that load "
        "balancers and clients go elsewhere in time; it is a part of `shutdown_grace_s`. Longer than two health checks "
        "of the load balancer. A gateway that nobody asks anything ends at once.",
    )
    shutdown_grace_s: Wait = Field(
        default=30, description="How long running calls may go on after SIGTERM before they are cut off and settled."
    )
    timezone: Annotated[str, AfterValidator(_zone)] = Field(
        default="UTC", description="The IANA time zone in which budget windows begin and dates are read."
    )
    media: Media | None = Field(
        default=None,
        description="Where images are kept for clients who want links to them. Not set: they can't be had.",
    )
    log: Log = Field(default_factory=Log, description="What is logged, and how.")

    @property
    def max_body_bytes(self) -> int:
        return int(self.max_body_mb * 1_000_000)

    @property
    def spool_bytes(self) -> int:
        return int(self.spool_mb * 1_000_000)


class State(Section):
    """Where counters and spend are kept."""

    url: Annotated[Secret, AfterValidator(_store_url)] = Field(
        default=SecretStr(DEFAULT_STORE),
        json_schema_extra={"default": DEFAULT_STORE},
        description="`memory://` forgets at exit. `sqlite:///data/sluice.db` keeps spend over restarts of one process "
        "(relative to the working directory; four slashes for an absolute path). `redis://`, `rediss://` (TLS), "
        "`redis+cluster://` and `redis+sentinel://host:26379,host2:26379/name` share it among workers and replicas.",
    )
    on_outage: Outage = Field(
        default="local",
        description="What a limit or budget means while a shared store can't answer, where it doesn't say itself: "
        "`open` lets calls pass uncounted, `closed` refuses them, `local` lets each replica count its share of what "
        "was left when the store was last heard of.",
    )
    deadline_ms: Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False), IsNumber] = Field(
        default=50, description="How long a call waits for a shared store before `on_outage` decides."
    )
    lease_s: Annotated[float, Field(ge=1, le=3_600, allow_inf_nan=False), IsNumber] = Field(
        default=15,
        description="How long after its last sign of life a replica counts as dead: then its slots come back, and what "
        "it held of budgets is charged at its worst case. It gives one each third of that. The same for all replicas; "
        "longer than a shared store may hang, or calls that run then lose their slots.",
    )
    replicas: Annotated[int, Field(ge=1, le=10_000), IsNumber] = Field(
        default=2,
        description="How many replicas share the store at least: what `local` divides by, until the store has said how "
        "many there really are.",
    )
    journal: Text = Field(
        default="data/sluice-journal.db",
        description="Where settlements wait while a shared store is out, so that a restart loses none of them. "
        "Each replica needs a file of its own, on a disk that outlives it; `--workers` adds the worker's number.",
    )

    @property
    def scheme(self) -> str:
        return self.url.get_secret_value().partition("://")[0]

    @property
    def is_shared(self) -> bool:
        """Several processes can use it at once."""
        return self.scheme.startswith("redis")
