"""Imagen's predict: what a client asked so that this was sent, and what the reply means; by the SDK's types.

https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/imagen-api
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from google.genai import types

from tests.contract.dialects import gemini
from tests.contract.dialects.expected import Expected

DIALECT = "imagen"
KIND, PROVIDER, MODEL = gemini.KIND, gemini.PROVIDER, gemini.MODEL
Json = dict[str, Any]


def ENDPOINT(exchange: Json) -> str:  # noqa: N802
    return "/v1/images/generations"


def asked(exchange: Json) -> Json:
    body = exchange["request"]["body"]
    (instance,) = body["instances"]
    return {"prompt": instance["prompt"], "n": body["parameters"]["sampleCount"]}


def validate(exchange: Json, path: str, body: bytes) -> None:
    assert path == urlsplit(exchange["request"]["url"]).path
    conforms(body)


def conforms(body: bytes) -> None:
    """The parameters are those that the SDK makes of its own config."""
    given = json.loads(body)
    assert given.keys() == {"instances", "parameters"}
    (instance,) = given["instances"]
    assert instance.keys() == {"prompt"}
    names = {
        "sampleCount": "numberOfImages",
        "sampleImageSize": "imageSize",
        "mimeType": "outputMimeType",
        "compressionQuality": "outputCompressionQuality",
    }
    parameters = {**given["parameters"], **given["parameters"].pop("outputOptions", {})}
    parameters.pop("outputOptions", None)
    types.GenerateImagesConfig.model_validate({names.get(name, name): value for name, value in parameters.items()})


def same_request(exchange: Json, body: Json) -> None:
    assert body == exchange["request"]["body"]


def expected(exchange: Json) -> Expected:
    response = exchange["response"]
    if response["status"] >= 300:
        return gemini.expected(exchange)
    predictions = json.loads(response["body"]).get("predictions", [])
    return Expected(images=sum("bytesBase64Encoded" in each for each in predictions))
