"""Public models, the targets behind them, and the policy that orders those."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from gateway.core.types import Endpoint, Feature
from gateway.settings.terms import Budget, Limits, PriceSetting, Timeouts
from gateway.settings.values import Count, IsNumber, Score, Section, Text, UpstreamModel, Usd, Weight, Wrong

Strategy = Literal["ordered", "weighted", "cost", "latency", "quality", "balanced"]


def _target(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    provider, slash, model = value.partition("/")
    if not (provider and slash and model):
        raise Wrong("must be provider/model, or a mapping", "Write openai/gpt-5-mini, or {provider: …, model: …}.")
    return {"provider": provider, "model": model}


def _route(value: Any) -> Any:
    if isinstance(value, str):
        return {"by": value}
    if isinstance(value, dict) and value.get("weights") is not None and "by" not in value:
        return {"by": "balanced", **value}
    return value


def _quality(value: Any) -> Any:
    return {"default": value} if isinstance(value, int | float | str) and not isinstance(value, bool) else value


class Capabilities(Section):
    """What a target can do, where the catalog doesn't know or is wrong. What is left out stays as it is there."""

    endpoints: frozenset[Endpoint] | None = Field(default=None, description="What it serves.")
    features: frozenset[Feature] | None = Field(default=None, description="All that it can do of these.")
    context_tokens: Count | None = Field(default=None, description="Tokens of input and output together.")
    max_output_tokens: Count | None = Field(default=None, description="The most tokens of one reply.")
    image_sizes: frozenset[str] | None = Field(default=None, description="Sizes of images, like `1024x1536`.")
    image_qualities: frozenset[str] | None = Field(default=None, description="Qualities of images, like `high`.")
    image_formats: frozenset[str] | None = Field(default=None, description="Formats of images: `png`, `jpeg`, `webp`.")
    max_images: Count | None = Field(default=None, description="The largest `n` of one images request.")
    image_input_tokens: Count | None = Field(
        default=None, description="The most tokens that one input image is billed as; what budgets hold for it."
    )


class RouteProviders(Section):
    """Which providers may be used, and which first."""

    only: frozenset[str] | None = Field(default=None, description="These, and no others.")
    ignore: frozenset[str] = Field(default=frozenset(), description="Not these.")
    order: tuple[str, ...] = Field(default=(), description="These first, in this order; the rest as `by` says.")


class RouteWeights(Section):
    """The shares of `balanced`."""

    cost: Weight = Field(default=0, description="Share of the expected cost.")
    latency: Weight = Field(default=0, description="Share of the expected time.")
    quality: Weight = Field(default=0, description="Share of the quality for the task.")


class Route(Section):
    """The policy that orders a model's targets for one call, and the bounds on it. Clients can narrow it, a call."""

    by: Strategy = Field(
        default="ordered",
        description="`ordered` as written; `weighted` by chance; `cost`, `latency` or `quality`, best first; "
        "`balanced` by `weights`.",
    )
    weights: RouteWeights | None = Field(
        default=None, description="For `balanced`, which it implies. Without it, all three count the same."
    )
    task: Text = Field(default="default", description="Whose quality scores count, where the client doesn't say.")
    regions: frozenset[str] | None = Field(
        default=None, description="The regions that calls may be sent to. Binds retries and fallbacks too."
    )
    max_cost_usd: Usd | None = Field(default=None, description="Leave out targets whose expected cost is above.")
    max_latency_ms: Annotated[float, Field(gt=0, le=86_400_000, allow_inf_nan=False), IsNumber] | None = Field(
        default=None,
        description="Leave out targets whose expected time to the whole reply is above.",
    )
    min_quality: Score | None = Field(default=None, description="Leave out targets below this score for the task.")
    allow_fallbacks: bool = Field(
        default=True, description="Whether another target or model may be tried when the first fails."
    )
    fallback_on_content_filter: bool = Field(
        default=False,
        description="Whether a refusal for its content may be taken to another target: an error, or a chat's reply "
        "that a content filter ended before it said anything. The last target's goes to the client as it came.",
    )
    providers: RouteProviders = Field(default_factory=RouteProviders, description="Which providers may be used.")


class Target(Section):
    """A provider's upstream model. `provider/model` alone will do."""

    provider: Text = Field(description="The name of one of `providers`.")
    model: UpstreamModel = Field(description="The model's name there; for `azure` the deployment's.")
    listed_as: Text | None = Field(
        default=None,
        description="The model's name in price lists, where `model` is a name of one's own: an `azure` deployment's, "
        "the ARN of a `bedrock` profile.",
    )
    weight: Weight = Field(default=1, description="Its share where the route is `weighted`.")
    quality: Annotated[dict[str, Score], BeforeValidator(_quality, json_schema_input_type=dict[str, Score] | Score)] = (
        Field(
            default_factory=dict,
            description="Scores from 0 to 100 by task, with `default` for the other tasks; one number is the default. "
            "Before the catalog's.",
        )
    )
    price: PriceSetting | None = Field(
        default=None, description="What it charges: `free`, or a price. Before the provider's and the catalog's."
    )
    region: Text | None = Field(default=None, description="Where it computes, if not where its provider does.")
    capabilities: Capabilities = Field(default_factory=Capabilities, description="Before the catalog's.")
    nearest_image_size: bool = Field(
        default=False,
        description="An image of a size that it doesn't make is drawn in the one of its sizes whose shape is nearest; "
        "else such a call goes elsewhere.",
    )
    timeouts: Timeouts = Field(default_factory=Timeouts, description="Before the model's and the provider's.")

    @property
    def id(self) -> str:
        """``provider/upstream-model``"""
        return f"{self.provider}/{self.model}"


class Model(Section):
    """A public model: what clients ask for."""

    targets: tuple[
        Annotated[Target, BeforeValidator(_target, json_schema_input_type=Target | Annotated[str, Field(pattern="/")])],
        ...,
    ] = Field(min_length=1, description="What can serve it, best first where the route is `ordered`.")
    route: Annotated[Route, BeforeValidator(_route, json_schema_input_type=Route | Strategy)] = Field(
        default_factory=Route, description="The policy that orders the targets: a word, or more."
    )
    fallbacks: tuple[str, ...] = Field(
        default=(), description="Other public models, tried in this order when no target of this one could serve."
    )
    timeouts: Timeouts = Field(default_factory=Timeouts, description="For all its targets.")
    limits: Limits = Field(default_factory=Limits, description="On all calls for it.")
    budgets: tuple[Budget, ...] = Field(default=(), description="On all that is spent on it.")
