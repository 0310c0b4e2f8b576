"""The nouns: who calls, what they want, what can serve it, and what came of it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from fnmatch import fnmatchcase

import msgspec

from gateway.core.body import Body
from gateway.core.ceilings import Ceilings
from gateway.core.exchange import Timeouts
from gateway.core.money import Price
from gateway.core.payload import Payload
from gateway.core.trace import Trace
from gateway.core.usage import NOTHING, Usage
from gateway.core.wish import NO_WISH, Wish


class Endpoint(enum.StrEnum):
    """What a client can ask for; the value is the path under ``/v1/``."""

    CHAT = "chat/completions"
    IMAGE_GENERATIONS = "images/generations"
    IMAGE_EDITS = "images/edits"
    IMAGE_VARIATIONS = "images/variations"
    EMBEDDINGS = "embeddings"


class Feature(enum.StrEnum):
    """What a call may need and a target may lack."""

    VISION = "vision"
    AUDIO = "audio"
    TOOLS = "tools"
    JSON_SCHEMA = "json_schema"
    LOGPROBS = "logprobs"
    STREAMING = "streaming"
    FILES = "files"
    """Documents among the messages: PDFs, mostly."""
    CHOICES = "choices"
    """Several answers to one chat: ``n`` above 1."""
    IMAGE_OUTPUT = "image_output"
    """Images written in a chat."""
    IMAGE_LINKS = "image_links"
    """Images given as URLs instead of base64."""
    MASK = "mask"
    TRANSPARENT = "transparent_background"


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a target can do. ``None`` means not known, and is taken for yes: a provider's own refusal is a better
    answer than a guess of ours.
    """

    endpoints: frozenset[Endpoint] | None = None
    features: frozenset[Feature] | None = None
    context_tokens: int | None = None
    """Tokens of input and output together."""
    max_output_tokens: int | None = None
    image_sizes: frozenset[str] | None = None
    image_qualities: frozenset[str] | None = None
    image_formats: frozenset[str] | None = None
    max_images: int | None = None
    """The largest ``n`` of one images request."""
    image_input_tokens: int = 1_600
    """The most tokens that one input image is billed as; an upper bound for holds."""


UNKNOWN = Capabilities()


class Caller(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Who calls: a virtual key and what it may use. One object a key, shared by all its calls."""

    key: str
    """The key's name, never the key."""
    team: str | None = None
    models: tuple[str, ...] = ("*",)
    """Globs of the public models that it may use."""
    regions: frozenset[str] | None = None
    """The regions that its calls may be sent to; None is any."""
    tags: tuple[str, ...] = ()
    """What its spend is attributed to, beside key and team: the team's own and the key's."""
    scopes: tuple[tuple[str, Ceilings], ...] = ()
    """The scopes whose ceilings hold for its calls, the widest first: ``team research``, ``key ci``."""
    per_user: tuple[tuple[str, Ceilings], ...] = ()
    """The scopes that have ceilings for each end user, as the request's ``user`` field names them."""

    def may_use(self, model: str) -> bool:
        return any(pattern == "*" or fnmatchcase(model, pattern) for pattern in self.models)


class Target(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A provider's upstream model that can serve a public model. Compared by identity: one object each."""

    id: str
    """``provider/upstream-model``: unique among all targets of a public model, shared by models that use it too."""
    provider: str
    model: str
    weight: float = 1.0
    region: str | None = None
    price: Price | None = None
    """None: not known, which is never the same as free."""
    capabilities: Capabilities = UNKNOWN
    quality: Mapping[str, float] = {}
    """Scores from 0 to 100 by task, with ``default`` for the other tasks."""
    timeouts: Timeouts = Timeouts()
    nearest_image_size: bool = False
    """An image of another size than was asked for will do: the one with the nearest aspect ratio."""

    def endpoint_for(self, call: Call) -> Endpoint | None:
        """Which of its endpoints serves ``call``: the same, or one whose replies can be translated; None if none does.

        A chat model that answers with images makes and edits them; an image model serves a chat that asks for one.
        """
        asked, own = call.endpoint, self.capabilities.endpoints
        if own is None or asked in own:
            return asked
        if asked is Endpoint.CHAT:
            if Feature.IMAGE_OUTPUT not in call.needs.features:
                return None
            other = Endpoint.IMAGE_EDITS if call.needs.input_images else Endpoint.IMAGE_GENERATIONS
            return other if other in own else None
        can_draw = Feature.IMAGE_OUTPUT in (self.capabilities.features or ())
        if can_draw and Endpoint.CHAT in own and asked in (Endpoint.IMAGE_GENERATIONS, Endpoint.IMAGE_EDITS):
            return Endpoint.CHAT
        return None

    def __hash__(self) -> int:
        return id(self)


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A policy that orders targets. ``weights`` are for ``balanced``: the shares of cost, latency and quality."""

    by: str = "ordered"
    weights: Mapping[str, float] = {}
    task: str = "default"
    regions: frozenset[str] | None = None
    only: frozenset[str] | None = None
    """Providers to use, and no others."""
    ignore: frozenset[str] = frozenset()
    order: tuple[str, ...] = ()
    """Providers to put first, in this order."""
    max_cost_nanousd: int | None = None
    max_latency_s: float | None = None
    min_quality: float | None = None
    allow_fallbacks: bool = True
    fallback_on_content_filter: bool = False


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A public name, its targets in the config's order, and the policy that orders them for a call."""

    name: str
    targets: tuple[Target, ...]
    route: Route = Route()
    fallbacks: tuple[str, ...] = ()


class Needs(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a call asks of whatever serves it, read from its body without a tokenizer."""

    features: frozenset[Feature] = frozenset()
    input_tokens: int = 0
    """The likely count of text tokens."""
    input_tokens_max: int = 0
    """No tokenizer makes more of this text."""
    input_images: int = 0
    output_tokens_max: int | None = None
    """The client's own ceiling on one choice's output; None where it set none."""
    service_tier: str = "auto"
    """How fast the client wants to be served; some tiers cost more than the price list's own rates."""
    choices: int = 1
    """``n`` of a chat."""
    images: int = 0
    """``n`` of an images request."""
    image_size: str = "auto"
    image_quality: str = "auto"
    image_format: str | None = None
    partial_images: int = 0
    """Previews of each image that a stream is to show on the way; some providers bill them."""


class Call(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One client's request, understood. Its id is the ``x-request-id`` of the reply."""

    id: str
    endpoint: Endpoint
    model: str
    """The public name, without a suffix."""
    caller: Caller
    body: Body
    needs: Needs = Needs()
    stream: bool = False
    wants_usage: bool = False
    """A streaming client asked for the usage chunk."""
    wants_explanation: bool = False
    user: str | None = None
    """The request's ``user`` field."""
    tags: tuple[str, ...] = ()
    """What its cost is attributed to: the caller's tags, and those that the request brought."""
    wish: Wish = NO_WISH
    received_at: float = 0.0
    """Monotonic seconds."""
    trace: Trace | None = None


class Event(msgspec.Struct, frozen=True, gc=False):
    """A piece of a reply, ready for the client: a whole JSON body, or whole SSE frames."""

    data: bytes
    tokens: int = 0
    """Output tokens seen in this piece, roughly: the running count until the official usage comes."""
    usage: Usage | None = None
    """Official usage of the whole reply so far; replaces what was known before."""
    is_usage_frame: bool = False
    """``data`` is an SSE frame of usage alone, which the client gets only if it asked."""
    finish: str | None = None


class Attempt(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One upstream call of a client's call, after its end. Times are seconds."""

    target: str
    provider: str
    model: str
    started_after_s: float
    """From the call's arrival to this attempt's start."""
    duration_s: float
    ttft_s: float | None = None
    status: int | None = None
    error: str | None = None
    """A Reason, ``cancelled``, or None for one that went well."""
    span_id: int = 0
    """Of a traced call: the span that the provider was told of."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The one record of a client's call, made when all is over and handed to every observer. Holds no content, but
    where a setting asks for it, and then in ``payload`` alone.
    """

    id: str
    endpoint: Endpoint
    model: str
    key: str
    team: str | None = None
    user: str | None = None
    tags: tuple[str, ...] = ()
    stream: bool = False
    status: int
    """What the client got, or would have got had it not hung up (then 499)."""
    error: str | None = None
    """The OpenAI code or type of an error; None for success."""
    target: str | None = None
    provider: str | None = None
    attempts: tuple[Attempt, ...] = ()
    usage: Usage = NOTHING
    is_usage_official: bool = False
    cost_nanousd: int = 0
    is_priced: bool = True
    """False: the price of the target is not known, and the cost of 0 says nothing."""
    held_nanousd: int = 0
    hold_after_s: float | None = None
    """From the call's arrival to its first hold; None where nothing was held."""
    hold_s: float = 0.0
    """Spent waiting for the store to hold, in all."""
    image_quality: str = ""
    image_size: str = ""
    """As the client asked for them; empty where no images were asked for."""
    finish: str | None = None
    at: float
    """Seconds since the epoch at the call's arrival."""
    duration_s: float
    ttft_s: float | None = None
    """From the call's arrival to the first event."""
    overhead_s: float
    """Not spent waiting: for a provider, for room in a budget, for the client to take the bytes."""
    trace: Trace | None = None
    payload: Payload | None = None
