"""The compiled listing finds what genai-prices finds, and charges what it charges."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from genai_prices import Usage as TheirUsage
from genai_prices import calc_price
from genai_prices.data import providers
from genai_prices.types import TieredPrices

from gateway.catalog.compilation import FIELDS
from gateway.catalog.listing import Lookup
from gateway.catalog.prices import price_of_row
from gateway.core.money import NANOUSD, nanousd
from gateway.core.usage import Usage

from .conftest import NOW

THEIRS = {provider.id: provider for provider in providers}
WILD = (
    "gpt-4o-2024-08-06",
    "gpt-5.2-20251211",
    "gpt-5-mini-2025-08-07",
    "GPT-4O-MINI",
    "claude-sonnet-4-20250514",
    "claude-3-5-haiku@20241022",
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "anthropic/claude-sonnet-4.5",
    "google/gemini-2.5-pro",
    "gemini-2.5-pro-preview-06-05",
    "gemini-2.5-flash-lite-preview-09-2025",
    "openai/gpt-oss-120b",
    "meta-llama/Llama-3.3-70B-Instruct",
    "mistral-large-latest",
    "grok-4-fast-reasoning",
    "deepseek-chat-20269999",
    "no-such-model",
    "",
)


def names(clause):
    """Every word that a rule mentions: names in the wild look like these."""
    for part in getattr(clause, "or_", None) or getattr(clause, "and_", None) or ():
        yield from names(part)
    for op in ("equals", "starts_with", "contains", "ends_with"):
        if isinstance(word := getattr(clause, op, None), str):
            yield from (word, f"{word}-20251211")


@pytest.fixture(scope="session")
def lookup(listing):
    return Lookup(listing)


@pytest.mark.parametrize("id", sorted(THEIRS))
def test_a_name_finds_the_row_that_genai_prices_finds(lookup, id):
    theirs = THEIRS[id]
    tried = {*WILD, *(model.id for model in theirs.models)}
    for model in theirs.models[:150]:
        tried.update(names(model.match))
    for name in tried:
        expected = theirs.find_model(name, all_providers=providers)
        found = lookup.row(id, name)
        assert (found and found.id) == (expected and expected.id), name


def figure(value, tokens):
    """Their rate for a call with so much input."""
    if not isinstance(value, TieredPrices):
        return value
    passed = [tier.price for tier in value.tiers if tokens > tier.start]
    return passed[-1] if passed else value.base


@pytest.mark.parametrize("id", sorted(THEIRS))
def test_a_row_charges_what_genai_prices_charges_at_any_time_and_length(lookup, id):
    moments = [datetime.fromtimestamp(NOW, UTC) + timedelta(hours=h) for h in (0, 2, 5, 8, 13, 24 * 45, 24 * 400 + 3)]
    provider = lookup.listing.provider(id)
    for row, model in zip(provider.rows, THEIRS[id].models, strict=True):
        price = price_of_row(row, now=NOW)
        if price is None:
            assert "input" not in row.periods[0].rates
            continue
        for moment in moments:
            theirs = model.get_prices(moment)
            for tokens in (0, 32_001, 100_000, 199_999, 200_000, 200_001, 272_001, 999_999):
                ours = price.at(moment.timestamp()).for_input(tokens)
                for key, field in FIELDS.items():
                    value = getattr(theirs, key)
                    if value is not None:
                        per = 1_000 if field == "per_request" else 1
                        expected = nanousd(Decimal(figure(value, tokens)) / per)
                        assert getattr(ours, field) == expected, (id, model.id, key, moment, tokens)


def test_a_bill_is_theirs_to_the_nanodollar(lookup):
    moment = datetime.fromtimestamp(NOW, UTC)
    for id, name, total in (
        ("openai", "gpt-5-mini", 10_000),
        ("google", "gemini-2.5-pro", 250_000),
        ("anthropic", "claude-sonnet-4-5", 150_000),
        ("openai", "gpt-5.4", 300_000),
        ("deepseek", "deepseek-v4-pro", 7_001),
    ):
        theirs = calc_price(
            TheirUsage(input_tokens=total, cache_read_tokens=3_333, output_tokens=777),
            name,
            provider_id=id,
            genai_request_timestamp=moment,
        )
        price = price_of_row(lookup.row(id, name), now=NOW).at(NOW)
        bill = price.cost(Usage(input=total - 3_333, cached_input=3_333, output=700, reasoning=77))
        assert bill == -(-theirs.total_price * NANOUSD // 1), name


def test_a_provider_is_known_by_its_url(listing):
    assert listing.provider_at("https://api.groq.com/openai/v1") == "groq"
    assert listing.provider_at("https://api.openai.com/v1") == "openai"
    assert listing.provider_at("http://127.0.0.1:8000/v1") is None


def test_the_listing_knows_how_new_it_is(listing):
    assert "2026-01-01" < listing.as_of <= "2026-11-21"
