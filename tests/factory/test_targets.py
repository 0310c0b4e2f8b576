"""What a configuration says of a target reaches routing, laid over what the catalog knows."""

from __future__ import annotations

import textwrap

import pytest

from gateway.catalog.catalog import Catalog
from gateway.core.types import Endpoint, Feature
from gateway.factory.targets import build_models
from gateway.settings import load


@pytest.fixture
def target_of(tmp_path):
    """The one target that a few lines of YAML come to."""

    def build(target: str, provider: str = "{kind: openai, api_key: sk-0123456789}"):
        path = tmp_path / "sluice.yaml"
        path.write_text(f"providers: {{p: {provider}}}\nmodels: {{m: {{targets: [{textwrap.dedent(target)}]}}}}")
        (found,) = build_models(load(path, {}), Catalog.load())["m"].targets
        return found

    return build


@pytest.mark.parametrize(
    ("said", "is_allowed"), [("", False), (", nearest_image_size: true", True), (", nearest_image_size: false", False)]
)
def test_another_size_is_drawn_only_where_the_target_says_so(target_of, said, is_allowed):
    assert target_of(f"{{provider: p, model: gpt-image-1{said}}}").nearest_image_size is is_allowed


def test_sizes_that_the_operator_states_come_before_the_catalogs(target_of):
    target = target_of("{provider: p, model: gpt-image-1, capabilities: {image_sizes: [512x512]}}")

    assert target.capabilities.image_sizes == {"512x512"}
    assert target.capabilities.endpoints == {Endpoint.IMAGE_GENERATIONS, Endpoint.IMAGE_EDITS}


def test_what_a_kind_lacks_none_of_its_models_can_do(target_of):
    target = target_of("openrouter/model".replace("openrouter", "p"), "{kind: openrouter, api_key: sk-0123456789}")

    assert Feature.IMAGE_LINKS not in target.capabilities.features


def test_a_deployment_with_a_name_of_its_own_is_priced_as_the_model_that_it_is_of(target_of):
    azure = '{kind: azure, base_url: "https://acme.openai.azure.com", api_key: k}'
    target = target_of("{provider: p, model: production, listed_as: gpt-5-mini}", azure)

    assert target.model == "production"
    assert target.price == target_of("{provider: p, model: gpt-5-mini}", azure).price
    assert target.price is not None
    assert target_of("{provider: p, model: production}", azure).price is None


@pytest.mark.parametrize(
    ("said", "region"),
    [
        ("model: anthropic.claude-haiku-4-5-v1:0", "eu-west-1"),
        ("model: eu.anthropic.claude-haiku-4-5-v1:0", "eu"),
        ("model: us-gov.anthropic.claude-haiku-4-5-v1:0", "us-gov"),
        ("model: global.anthropic.claude-haiku-4-5-v1:0", "global"),
        ('model: "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.amazon.nova-lite-v1:0"', "eu"),
        ('model: "arn:aws:bedrock:eu-west-1:1:provisioned-model/abc"', "eu-west-1"),
        ('model: "arn:aws:bedrock:eu-west-1:1:application-inference-profile/abc"', None),
        ("model: global.anthropic.claude-haiku-4-5-v1:0, region: eu-west-1", "eu-west-1"),
    ],
)
def test_an_inference_profile_computes_where_its_name_says_and_not_where_it_is_called(target_of, said, region):
    bedrock = "{kind: bedrock, region: eu-west-1, api_key: sk-0123456789}"

    assert target_of(f"{{provider: p, {said}}}", bedrock).region == region
