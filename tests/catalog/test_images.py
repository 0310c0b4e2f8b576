"""Image models: every published line to the nano-dollar, what is left open at its dearest, and what each can do."""

import pytest

from gateway.core.money import nanousd
from gateway.core.types import Endpoint, Feature
from gateway.core.usage import Usage

SQUARE, TALL, WIDE = "1024x1024", "1024x1536", "1536x1024"


def grid(low, medium, high):
    """USD by line: the square's, then the two long sizes'."""
    return {
        f"{quality}/{size}": usd
        for quality, (square, long) in (("low", low), ("medium", medium), ("high", high))
        for size, usd in ((SQUARE, square), (TALL, long), (WIDE, long))
    }


LINES = {
    ("openai", "gpt-image-1-mini"): grid(("0.005", "0.006"), ("0.011", "0.015"), ("0.036", "0.052")),
    ("openai", "gpt-image-1"): grid(("0.011", "0.016"), ("0.042", "0.063"), ("0.167", "0.25")),
    ("openai", "gpt-image-1.5"): grid(("0.009", "0.013"), ("0.034", "0.05"), ("0.133", "0.2")),
    ("openai", "gpt-image-2"): {
        **grid(("0.006", "0.005"), ("0.053", "0.042"), ("0.211", "0.165")),
        "low/3840x2160": "0.012",
        "medium/3840x2160": "0.101",
        "high/3840x2160": "0.401",
    },
    ("openai", "gpt-image-2.5-flare"): {
        **grid(("0.00588", "0.00474"), ("0.01317", "0.01029"), ("0.05268", "0.04116")),
        "xhigh/1024x1024": "0.09366",
        "max/1024x1024": "0.21072",
    },
    ("openai", "dall-e-3"): {
        "standard/1024x1024": "0.04",
        "standard/1024x1792": "0.08",
        "standard/1792x1024": "0.08",
        "hd/1024x1024": "0.08",
        "hd/1024x1792": "0.12",
        "hd/1792x1024": "0.12",
    },
    ("openai", "dall-e-2"): {
        "standard/256x256": "0.016",
        "standard/512x512": "0.018",
        "standard/1024x1024": "0.02",
    },
    ("vertex", "imagen-4.0-fast-generate-001"): {"auto/1024x1024": "0.02"},
    ("gemini", "imagen-4.0-generate-001"): {"auto/1024x1024": "0.04"},
    ("vertex", "imagen-4.0-ultra-generate-001"): {"auto/1024x1024": "0.06"},
    ("vertex", "imagen-3.0-generate-002"): {"auto/1024x1024": "0.04"},
    ("vertex", "imagen-3.0-fast-generate-001"): {"auto/1024x1024": "0.02"},
    ("gemini", "gemini-2.5-flash-image"): {"auto/auto": "0.039"},
    ("gemini", "gemini-3-pro-image"): {"auto/auto": "0.134"},
    ("gemini", "gemini-3.1-flash-image"): {"auto/auto": "0.0672"},
    ("bedrock", "amazon.nova-canvas-v1:0"): {"premium/1024x1024": "0.06"},
    ("bedrock", "amazon.titan-image-generator-v2:0"): {"standard/1024x1024": "0.008"},
}


@pytest.mark.parametrize(("kind", "model"), LINES)
def test_each_published_line_has_its_price(catalog, kind, model):
    price = catalog.entry(kind, model).price
    for name, usd in LINES[kind, model].items():
        assert price.image(name) == nanousd(usd), name
        assert price.cost(Usage(images=3, image_line=name)) == 3 * nanousd(usd)


RATES = {
    "gpt-image-2": ("5", "1.25", "8", "2", "30"),
    "gpt-image-2.5-flare": ("5", "1.25", "8", "2", "30"),
    "gpt-image-2.5-sunburst": ("5", "1.25", "8", "2", "30"),
    "gpt-image-1.5": ("5", "1.25", "8", "2", "32"),
    "gpt-image-1": ("5", "1.25", "10", "2.5", "40"),
    "gpt-image-1-mini": ("2", "0.2", "2.5", "0.25", "8"),
}


@pytest.mark.parametrize("model", RATES)
def test_each_token_rate_is_the_published_one(catalog, model):
    price = catalog.entry("openai", model).price
    found = (price.input, price.cached_input, price.image_input, price.cached_image_input, price.image_output)
    assert found == tuple(map(nanousd, RATES[model]))


def test_an_image_model_bills_its_tokens_and_not_a_piece_as_well(catalog):
    price = catalog.entry("openai", "gpt-image-1").price
    usage = Usage(
        input=50, image_input=323, cached_image_input=100, image_output=4_160, images=1, image_line="high/1024x1024"
    )
    assert price.cost(usage) == 50 * 5_000 + 323 * 10_000 + 100 * 2_500 + 4_160 * 40_000


def test_the_line_bills_an_image_whose_tokens_were_not_reported(catalog):
    price = catalog.entry("openai", "gpt-image-1").price
    assert price.cost(Usage(images=2, image_line="low/1024x1024")) == nanousd("0.022")


def test_a_chat_that_writes_images_has_the_makers_image_rate_at_a_reseller_too(catalog):
    price = catalog.entry("openrouter", "google/gemini-2.5-flash-image").price
    assert price.cost(Usage(image_output=1_290, images=1)) == 1_290 * 30_000


def test_what_a_request_leaves_open_is_held_at_its_dearest(catalog):
    price = catalog.entry("openai", "gpt-image-1").price
    assert price.image("auto/auto") == nanousd("0.25")
    assert price.image("low/auto") == nanousd("0.016")
    assert price.image("auto/1024x1024") == nanousd("0.167")


def test_a_size_that_is_in_no_list_costs_as_the_dearest_of_its_quality(catalog):
    price = catalog.entry("openai", "gpt-image-2").price
    assert price.image("low/1536x864") == nanousd("0.012")


def test_dall_e_writes_a_standard_square_unless_told(catalog):
    three, two = (catalog.entry("openai", name).price for name in ("dall-e-3", "dall-e-2"))
    assert three.image("auto/auto") == nanousd("0.04")
    assert three.image("auto/1792x1024") == nanousd("0.08")
    assert three.image("hd/auto") == nanousd("0.08")
    assert two.image("auto/auto") == nanousd("0.02")
    assert two.image("auto/256x256") == nanousd("0.016")


def test_dated_names_and_resellers_names_find_their_family(catalog):
    assert catalog.entry("openai", "gpt-image-2-2026-04-21").price.per_image
    assert catalog.entry("azure", "gpt-image-1").price.per_image
    assert catalog.entry("openrouter", "gpt-image-1").price is None


def test_families_can_do_what_their_makers_say(catalog):
    gpt, three, two, chat = (
        catalog.entry("openai", name).capabilities
        for name in ("gpt-image-1", "dall-e-3", "dall-e-2", "gpt-5-image-mini")
    )
    assert gpt.endpoints == {Endpoint.IMAGE_GENERATIONS, Endpoint.IMAGE_EDITS}
    assert gpt.features == {Feature.MASK, Feature.TRANSPARENT, Feature.STREAMING}
    assert gpt.image_formats == {"png", "jpeg", "webp"}
    assert (three.endpoints, three.max_images) == ({Endpoint.IMAGE_GENERATIONS}, 1)
    assert three.image_qualities == {"standard", "hd"}
    assert (Endpoint.IMAGE_VARIATIONS in two.endpoints, two.max_images) == (True, 10)
    assert (chat.endpoints, chat.context_tokens) == ({Endpoint.CHAT}, 400_000)
    assert chat.image_sizes == {SQUARE, TALL, WIDE}
    assert chat.features >= {Feature.VISION, Feature.TOOLS, Feature.JSON_SCHEMA}
    assert gpt.context_tokens is None
    assert gpt.max_output_tokens is None


@pytest.mark.parametrize("geography", ["us", "us-gov", "eu", "apac", "jp", "au", "ca", "global"])
def test_a_profile_of_bedrock_costs_what_its_model_does(catalog, geography):
    own = catalog.entry("bedrock", "amazon.nova-canvas-v1:0")

    assert catalog.entry("bedrock", f"{geography}.amazon.nova-canvas-v1:0") == own
    assert own.price is not None
