"""The catalog's one door: what it knows of a model at a kind of provider, and that unknown is never free."""

import pytest

from gateway.catalog.catalog import Catalog, Source
from gateway.catalog.images import load_images
from gateway.catalog.models import load_models
from gateway.core.kinds import KINDS
from gateway.core.types import Endpoint, Feature
from gateway.core.usage import Usage
from tests.clock import FrozenClock

from .conftest import NOW


def test_a_known_chat_model_has_price_and_abilities(catalog):
    entry = catalog.entry("openai", "gpt-5-mini")
    assert (entry.price.input, entry.price.cached_input, entry.price.output) == (
        250_000_000,
        25_000_000,
        2_000_000_000,
    )
    able = entry.capabilities
    assert (able.endpoints, able.context_tokens, able.max_output_tokens) == ({Endpoint.CHAT}, 400_000, 128_000)
    assert Feature.VISION in able.features
    assert Feature.AUDIO not in able.features


def test_known_usage_gives_the_exact_bill(catalog):
    price = catalog.entry("openai", "gpt-5-mini").price
    usage = Usage(input=1_000, cached_input=9_000, output=300, reasoning=200)
    assert price.cost(usage) == 1_000 * 250 + 9_000 * 25 + 500 * 2_000


def test_long_inputs_reach_the_dearer_tier(catalog):
    price = catalog.entry("gemini", "gemini-2.5-pro").price
    assert price.cost(Usage(input=200_000, output=1_000)) == 200_000 * 1_250 + 1_000 * 10_000
    assert price.cost(Usage(input=200_001, output=1_000)) == 200_001 * 2_500 + 1_000 * 15_000


def test_a_charge_a_request_is_part_of_the_price(catalog):
    assert (
        catalog.entry("perplexity", "sonar-pro").price.cost(Usage(input=10, output=1)) == 14_000_000 + 30_000 + 15_000
    )


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("openai", "no-such-model"),
        ("openai", "whisper-1"),
        ("cerebras", "qwen-3-coder-480b"),
        ("gemini", "gemma-3-27b-it"),
        ("ollama", "llama3.3"),
        ("vllm", "gpt-5-mini"),
        ("simulator", "gpt-image-1"),
        ("huggingface", "openai/gpt-oss-120b"),
        ("no-such-kind", "gpt-5-mini"),
    ],
)
def test_an_unknown_price_is_none_and_never_zero(catalog, kind, model):
    assert catalog.entry(kind, model).price is None


def test_no_listed_price_is_zero_but_those_that_say_free(catalog, listing):
    kinds = {row.price_list: kind for kind, row in KINDS.items() if row.price_list}
    for id in listing.providers:
        for row in listing.provider(id).rows if id in kinds else ():
            price = catalog.entry(kinds[id], row.id).price
            if price is not None and not price.input and not price.per_image:
                assert ":free" in row.id.lower(), (id, row.id)


def test_models_that_are_listed_as_free_are_free(catalog):
    price = catalog.entry("openrouter", "openai/gpt-oss-120b:free").price
    assert price.cost(Usage(input=1_000_000, output=1_000_000)) == 0


@pytest.mark.parametrize(
    ("base_url", "model", "is_known"),
    [
        (None, "gpt-5-mini", True),
        ("https://api.openai.com/v1", "gpt-5-mini", True),
        ("https://eu.api.openai.com/v1", "gpt-5-mini", True),
        ("https://api.openai.com.evil.example/v1", "gpt-5-mini", False),
        ("http://127.0.0.1:8000/v1", "gpt-5-mini", False),
        ("https://api.groq.com/openai/v1", "llama-3.3-70b-versatile", True),
        ("https://api.groq.com/openai/v1", "gpt-5-mini", False),
    ],
)
def test_who_sells_behind_the_openai_format_is_told_by_the_url(catalog, base_url, model, is_known):
    assert (catalog.entry("openai", model, base_url).price is not None) == is_known


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("azure", "gpt-4o-mini"),
        ("anthropic", "claude-sonnet-4-5-20250929"),
        ("vertex", "claude-sonnet-4-5@20250929"),
        ("bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("bedrock", "amazon.nova-pro-v1:0"),
        ("openrouter", "openai/gpt-5-mini"),
        ("groq", "llama-3.3-70b-versatile"),
        ("deepseek", "deepseek-v4-flash"),
        ("xai", "grok-4.3"),
    ],
)
def test_each_seller_knows_its_own_names(catalog, kind, model):
    entry = catalog.entry(kind, model)
    assert entry.price is not None
    assert entry.capabilities.max_output_tokens
    assert entry.capabilities.context_tokens


def test_the_huggingface_router_sells_for_the_provider_that_its_names_end_with(catalog):
    assert catalog.entry("huggingface", "openai/gpt-oss-120b:groq").price.input == 150_000_000


def test_audio_that_the_list_leaves_out_is_not_billed_as_text(catalog):
    price = catalog.entry("openai", "gpt-4o-audio-preview").price
    assert (price.audio_input, price.audio_output) == (40_000_000_000, 80_000_000_000)


def test_the_dearest_image_of_each_family_bounds_holds(catalog):
    assert catalog.entry("openai", "gpt-4o-mini").capabilities.image_input_tokens == 48_169
    assert catalog.entry("openai", "gpt-4o").capabilities.image_input_tokens == 1_445
    assert catalog.entry("bedrock", "us.anthropic.claude-opus-4-8-v1:0").capabilities.image_input_tokens == 4_784


def test_embeddings_have_their_endpoint(catalog):
    entry = catalog.entry("openai", "text-embedding-3-small")
    assert entry.capabilities.endpoints == {Endpoint.EMBEDDINGS}
    assert entry.price.cost(Usage(input=1_000_000)) == 20_000_000


def test_a_price_announced_for_next_year_holds_then(listing):
    year = Catalog(listing, load_images(), load_models(), FrozenClock(NOW)).entry("gemini", "gemini-3.6-flash").price
    assert year.input == 750_000_000
    assert year.at(1_798_761_600).input == 1_500_000_000


def test_figures_say_where_they_come_from_and_how_old_they_are(catalog):
    assert [source.figures for source in catalog.sources] == [
        "token prices",
        "image prices",
        "context and output lengths",
    ]
    for source in catalog.sources:
        assert 0 <= source.age_days(NOW) < 400
    assert "genai-prices" in catalog.entry("openai", "gpt-5-mini").price.source
    assert Source("", "", "2026-11").age_days(NOW) == 20
    assert Source("", "", "2026-11-20").age_days(NOW) == 1
    assert Source("", "", "").age_days(NOW) is None
