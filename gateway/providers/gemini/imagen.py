"""Imagen: ``:predict`` with instances and parameters; images come back as base64, all at once.

https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/imagen-api
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.core.body import NOT_JSON
from gateway.core.errors import InvalidRequest, unsupported
from gateway.core.types import Call, Event, Target
from gateway.providers.base import WholeDecoder
from gateway.providers.client.image_request import ImageRequest
from gateway.providers.client.writer import Writer
from gateway.providers.gemini.failure import failure_in_reply
from gateway.providers.gemini.own import own_fields
from gateway.providers.gemini.reply import unreadable
from gateway.providers.gemini.sizes import shape_of

MOST = 4
"""Images a request."""
_FORMATS = frozenset({"png", "jpeg"})

Json = dict[str, Any]


def imagen_body(call: Call, target: Target) -> Json:
    """Raises InvalidRequest or UpstreamError (UNSUPPORTED)."""
    request = ImageRequest.of(call, target)
    if request.images or request.mask is not None:
        raise unsupported("image", f"{target.model} draws anew and edits nothing")
    if request.background == "transparent":
        raise unsupported("background", "Imagen draws no transparent background")
    if request.count > MOST:
        raise unsupported("n", f"Imagen draws at most {MOST} images a request")
    parameters: Json = {"sampleCount": request.count}
    shape = shape_of(request.size, target.model, is_nearest_fine=target.nearest_image_size)
    if shape is not None:
        parameters["aspectRatio"] = shape.ratio
        if shape.step:
            parameters["sampleImageSize"] = shape.step
    if request.format is not None:
        if request.format not in _FORMATS:
            raise unsupported("output_format", f"Imagen writes no {request.format} images")
        options: Json = {"mimeType": f"image/{request.format}"}
        if request.compression is not None and request.format == "jpeg":
            options["compressionQuality"] = request.compression
        parameters["outputOptions"] = options
    return {"instances": [{"prompt": request.prompt}], "parameters": {**_own(call), **parameters}}


def _own(call: Call) -> Json:
    """Google's own parameters, as the client names them."""
    config = own_fields(call)["generationConfig"].get("imageConfig")
    given = config if isinstance(config, dict) else {}
    if "storageUri" in given:
        # Images that go to a bucket are billed, and are in no reply that could be counted.
        raise InvalidRequest("'google.image_config' can't hold 'storageUri'", param="google")
    return given


class _Prediction(msgspec.Struct, rename="camel", gc=False):
    bytes_base64_encoded: str | None = None
    mime_type: str | None = None
    rai_filtered_reason: str | None = None


class _Reply(msgspec.Struct, gc=False):
    predictions: list[_Prediction] | None = None
    error: Any = None


_reply = msgspec.json.Decoder(_Reply).decode


class Predictions(WholeDecoder):
    """One JSON object. Images that were filtered out are missing, or stand there as the reason."""

    def __init__(self, writer: Writer, secrets: Sequence[str]) -> None:
        self._writer = writer
        self._secrets = secrets

    def decode(self, frame: bytes) -> Sequence[Event]:
        try:
            reply = _reply(frame)
        except NOT_JSON as error:
            raise unreadable() from error
        if reply.error:
            raise failure_in_reply(reply.error, secrets=self._secrets)
        self._has_come = True
        writer = self._writer
        predictions = reply.predictions or []
        images = [each for each in predictions if each.bytes_base64_encoded]
        for image in images:
            writer.image(image.mime_type or "image/png", image.bytes_base64_encoded or "")
        if not images:
            # Nothing at all is how it says that everything was filtered, unless asked for reasons.
            reasons = [each.rai_filtered_reason for each in predictions if each.rai_filtered_reason]
            writer.refusal(reasons[0] if reasons else "all images were filtered out")
        writer.finish("stop" if images else "content_filter")
        writer.close()
        return writer.take()
