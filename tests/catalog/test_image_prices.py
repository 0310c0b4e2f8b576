"""What an image costs: each model by quality and size, several at once, by tokens where those are billed.

The figures stand here a second time, in USD, since a slip in the data would else test itself.
"""

from __future__ import annotations

import pytest

from gateway.catalog.images import load_images
from gateway.core.money import nanousd
from gateway.core.types import Endpoint, Feature
from gateway.core.usage import Usage
from gateway.limits.estimate import worst_case
from gateway.providers.gemini.sizes import sizes_of
from tests.limits.calls import call, target

SQUARE, TALL, WIDE = "1024x1024", "1024x1536", "1536x1024"


def table(model: str, *rows: str) -> list[tuple[str, str, str, str]]:
    """``low/1024x1024 0.005`` -> kind, model, line, USD."""
    kind, _, name = model.partition(" ")
    return [(kind, name, *row.split()) for row in rows]


def gpt(model: str, *usd: str) -> list[tuple[str, str, str, str]]:
    """Low, medium and high, each for the square and for the two long sizes."""
    rows = []
    for quality, square, long in zip(("low", "medium", "high"), usd[::2], usd[1::2], strict=True):
        rows += [f"{quality}/{SQUARE} {square}", f"{quality}/{TALL} {long}", f"{quality}/{WIDE} {long}"]
    return table(model, *rows)


MINI = ("0.005", "0.006", "0.011", "0.015", "0.036", "0.052")
ONE = ("0.011", "0.016", "0.042", "0.063", "0.167", "0.25")
SUNBURST = ("0.00588", "0.00474", "0.01317", "0.01029", "0.05268", "0.04116")
PRICES = [
    *gpt("openai gpt-5-image-mini", *MINI),
    *gpt("openrouter openai/gpt-5-image-mini", *MINI),
    *gpt("openai gpt-5-image", *ONE),
    *gpt("openai gpt-image-1-mini", *MINI),
    *gpt("azure gpt-image-1-mini", *MINI),
    *gpt("openai gpt-image-1", *ONE),
    *gpt("openai gpt-image-1.5", "0.009", "0.013", "0.034", "0.05", "0.133", "0.2"),
    *gpt("openai gpt-image-2", "0.006", "0.005", "0.053", "0.042", "0.211", "0.165"),
    *table("openai gpt-image-2", "low/3840x2160 0.012", "medium/3840x2160 0.101", "high/3840x2160 0.401"),
    *gpt("openai gpt-image-2.5-flare", *SUNBURST),
    *gpt("openai gpt-image-2.5-sunburst", *SUNBURST),
    *table("openai gpt-image-2.5-sunburst", "xhigh/1024x1024 0.09366", "max/1024x1024 0.21072"),
    *table("openai dall-e-3", "standard/1024x1024 0.04", "standard/1792x1024 0.08", "hd/1024x1024 0.08"),
    *table("openai dall-e-3", "hd/1024x1792 0.12", "auto/auto 0.04"),
    *table("openai dall-e-2", "standard/256x256 0.016", "standard/512x512 0.018", "standard/1024x1024 0.02"),
    *table("gemini imagen-4.0-generate-001", "auto/auto 0.04", "auto/2048x2048 0.04"),
    *table("vertex imagen-4.0-fast-generate-001", "auto/auto 0.02"),
    *table("gemini imagen-4.0-ultra-generate-001", "auto/auto 0.06"),
    *table("vertex imagen-3.0-generate-002", "auto/auto 0.04"),
    *table("vertex imagen-3.0-fast-generate-001", "auto/auto 0.02"),
    *table("gemini gemini-2.5-flash-image", "auto/auto 0.039", "auto/1536x672 0.039"),
    *table("openrouter google/gemini-2.5-flash-image", "auto/auto 0.039"),
    *table("gemini gemini-3-pro-image", "auto/auto 0.134", "auto/2048x2048 0.134", "auto/4096x4096 0.24"),
    *table("gemini gemini-3.1-flash-image", "auto/auto 0.0672", "auto/512x512 0.045", "auto/1376x768 0.0672"),
    *table("gemini gemini-3.1-flash-image", "auto/2752x1536 0.1008", "auto/4096x4096 0.1512"),
    *table("gemini gemini-3.1-flash-lite-image", "auto/auto 0.0336"),
    *table("xai grok-2-image", "auto/auto 0.07"),
    *table("xai grok-2-image-1212", "auto/auto 0.07"),
    *table("xai grok-imagine-image", "auto/auto 0.02"),
    *table("xai grok-imagine-image-quality", "auto/auto 0.05"),
    *table("xai grok-imagine-image-pro", "auto/auto 0.07"),
    *table("bedrock amazon.nova-canvas-v1:0", "premium/1024x1024 0.06", "standard/1024x1024 0.06"),
    *table("bedrock us.amazon.nova-canvas-v1:0", "premium/2048x2048 0.08"),
    *table("bedrock amazon.titan-image-generator-v2:0", "standard/1024x1024 0.008"),
]


@pytest.mark.parametrize(("kind", "model", "line", "usd"), PRICES)
def test_an_image_costs_its_line_and_several_cost_each_of_theirs(catalog, kind, model, line, usd):
    price = catalog.entry(kind, model).price

    for count in (1, 3):
        bill = price.cost(Usage(images=count, image_line=line))
        assert bill == count * nanousd(usd) + price.per_request


TOKENS = [
    # model, image tokens of one, USD: what a reply that counts its tokens is billed.
    ("openai gpt-5-image-mini", 1_056, "0.008448"),
    ("openai gpt-image-1-mini", 272, "0.002176"),
    ("openai gpt-image-1", 4_160, "0.1664"),
    ("openai gpt-image-1.5", 1_056, "0.033792"),
    ("openai gpt-image-2", 120, "0.0036"),
    ("openai gpt-image-2.5-flare", 120, "0.0036"),
    ("gemini gemini-2.5-flash-image", 1_290, "0.0387"),
    ("openrouter google/gemini-2.5-flash-image", 1_290, "0.0387"),
    ("gemini gemini-3-pro-image", 1_120, "0.1344"),
    ("gemini gemini-3.1-flash-image", 1_120, "0.0672"),
    ("gemini gemini-3.1-flash-lite-image", 1_120, "0.0336"),
    ("openrouter google/gemini-3.1-flash-lite-image", 1_120, "0.0336"),
]


@pytest.mark.parametrize(("model", "tokens", "usd"), TOKENS)
def test_where_tokens_are_billed_they_are_the_cost_and_no_line_on_top(catalog, model, tokens, usd):
    price = catalog.entry(*model.split()).price

    for count in (1, 4):
        usage = Usage(image_output=count * tokens, images=count, image_line="auto/auto")
        assert price.cost(usage) == count * nanousd(usd)


def test_gemini_s_1_290_tokens_are_the_published_3_9_cents(catalog):
    price = catalog.entry("gemini", "gemini-2.5-flash-image").price

    assert round(price.cost(Usage(image_output=1_290, images=1)) / 10**9, 3) == 0.039


@pytest.mark.parametrize("model", sorted({f"{kind} {model}" for kind, model, *_ in PRICES}))
def test_no_line_however_strange_is_free_and_none_is_cheaper_than_the_cheapest(catalog, model):
    price = catalog.entry(*model.split()).price
    cheapest = min(price.per_image.values())

    for line in ("", "/", "auto/auto", "ultra/1x1", "low/9999x9999", "auto/1024x1024", "high/auto"):
        assert price.cost(Usage(images=1, image_line=line)) >= cheapest > 0, line


@pytest.mark.parametrize(
    ("model", "line"), [("gpt-image-1", "ultra/1x1"), ("dall-e-3", "best/1x1"), ("gpt-5-image-mini", "x/y")]
)
def test_a_line_that_nobody_knows_costs_the_dearest(catalog, model, line):
    price = catalog.entry("openai", model).price

    assert price.image(line) == max(price.per_image.values())


DRAWN_TOKENS = {
    f"{quality}/{size}": tokens
    for quality, square, long in (("low", 272, 408), ("medium", 1_056, 1_584), ("high", 4_160, 6_240))
    for size, tokens in ((SQUARE, square), (TALL, long), (WIDE, long))
}
"""https://platform.openai.com/docs/guides/image-generation#cost-and-latency"""


@pytest.mark.parametrize(("kind", "model", "line", "usd"), PRICES)
def test_what_is_held_covers_the_line_and_the_tokens_that_it_stands_for(catalog, kind, model, line, usd):
    entry = catalog.entry(kind, model)
    quality, _, size = line.partition("/")
    held = worst_case(
        call(Endpoint.IMAGE_GENERATIONS, images=3, image_quality=quality, image_size=size),
        [target(entry.price, entry.capabilities)],
    )

    assert held.images == 3
    assert held.cost_nanousd >= 3 * nanousd(usd)
    if model.startswith("gpt-image-1"):
        assert held.cost_nanousd >= 3 * DRAWN_TOKENS[line] * entry.price.image_output // 10**6


def families():
    return [(family.names[0], family) for family in load_images().families]


@pytest.mark.parametrize(("name", "family"), families(), ids=[name for name, _ in families()])
def test_a_family_says_what_eligibility_asks(name, family):
    assert family.endpoints
    assert family.features is not None
    assert family.max_images
    if family.endpoints == {Endpoint.CHAT}:
        assert family.features >= {Feature.IMAGE_OUTPUT, Feature.VISION, Feature.STREAMING}
        assert family.max_images == 1
        assert family.output
        assert Feature.IMAGE_LINKS not in family.features


@pytest.mark.parametrize(
    ("model", "has_links"),
    [
        ("openai dall-e-2", True),
        ("openai dall-e-3", True),
        ("xai grok-2-image", True),
        ("xai grok-imagine-image", True),
        ("openai gpt-image-1", False),
        ("openai gpt-image-2.5-flare", False),
        ("gemini imagen-4.0-generate-001", False),
        ("gemini gemini-2.5-flash-image", False),
        ("bedrock amazon.nova-canvas-v1:0", False),
        ("openrouter openai/gpt-5-image-mini", False),
    ],
)
def test_who_answers_with_links_is_known(catalog, model, has_links):
    able = catalog.entry(*model.split()).capabilities.features

    assert (Feature.IMAGE_LINKS in able) is has_links


@pytest.mark.parametrize("name", [name for name, _ in families() if name.startswith(("gemini", "imagen"))])
def test_google_s_sizes_are_those_that_its_dialect_can_ask_for(catalog, name):
    assert catalog.entry("gemini", name).capabilities.image_sizes == set(sizes_of(name))


def test_what_a_model_draws_for_a_chat_is_served_by_what_is_listed(catalog):
    entry = catalog.entry("openai", "gpt-image-1")
    chat = call(features=frozenset({Feature.IMAGE_OUTPUT}))

    assert target(entry.price, entry.capabilities).endpoint_for(chat) is Endpoint.IMAGE_GENERATIONS
