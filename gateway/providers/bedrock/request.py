"""A chat as the body of Converse and ConverseStream, which take the same.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from __future__ import annotations

from typing import Any

from gateway.core.errors import InvalidRequest, unsupported
from gateway.core.types import Call, Endpoint, Target
from gateway.providers.anthropic.turns import FORMAT as CLAUDE
from gateway.providers.bedrock.blocks import Blocks, image_block
from gateway.providers.bedrock.models import Model
from gateway.providers.bedrock.thinking import Thinking, thinking
from gateway.providers.bedrock.tools import Tools, tools_of
from gateway.providers.bedrock.turns import OURS, Turns
from gateway.providers.client.chat import Chat, own_field
from gateway.providers.client.image_request import ImageRequest

OWN_FIELDS = (
    "guardrailConfig",
    "performanceConfig",
    "requestMetadata",
    "additionalModelRequestFields",
    "additionalModelResponseFieldPaths",
    "promptVariables",
)
"""Converse's own, passed on under these names; clients may also write them with underscores."""
_SNAKES = {name: "".join(f"_{each.lower()}" if each.isupper() else each for each in name) for name in OWN_FIELDS}
_TIERS = frozenset({"priority", "flex", "reserved"})
HOTTEST = 1.0
"""OpenAI's temperature goes up to 2."""

Body = dict[str, Any]


def body_of(call: Call, target: Target) -> Body:
    """Raises InvalidRequest and UpstreamError (UNSUPPORTED)."""
    if call.endpoint is not Endpoint.CHAT:
        return _of_images(ImageRequest.of(call, target))
    chat = Chat.of(call)
    _refuse(call, chat)
    model = Model.of(target.model)
    blocks = Blocks(caches=model.caches)
    turns = Turns.of(chat.messages, blocks, thoughts=CLAUDE if model.claude else OURS)
    if model.claude and turns.messages[-1].role == "assistant":
        if not model.claude.prefill:
            raise unsupported(
                "messages", "this model doesn't go on with a message of the assistant's: the last must be a user's"
            )
        last = turns.messages[-1].content[-1]
        if "text" in last:
            last["text"] = last["text"].rstrip()  # refused otherwise
    tools = tools_of(chat, model, turns, blocks, own_field(call, "system_tools"))
    may_think = not tools.is_forced and not turns.lacks_thought
    thought = thinking(chat, model, may_think=may_think, writes=target.capabilities.max_output_tokens)
    body: Body = {"messages": turns.messages}
    system = [*turns.system, *tools.instructions]
    if system:
        body["system"] = system
    if inference := _inference(chat, model, thought):
        body["inferenceConfig"] = inference
    if tools.config is not None:
        body["toolConfig"] = tools.config
    if output := _output(tools, thought):
        body["outputConfig"] = output
    _add_own(body, call, {**_top_k(chat, model, thought), **thought.fields, **tools.fields})
    return body


def _refuse(call: Call, chat: Chat) -> None:
    if call.needs.choices > 1:
        raise unsupported("n", "Bedrock gives one answer a request")
    if chat.logprobs:
        raise unsupported("logprobs", "Bedrock Converse gives no log probabilities")
    if "audio" in (chat.modalities or ()):
        raise unsupported("modalities", "Bedrock Converse answers without audio")


def _inference(chat: Chat, model: Model, thought: Thinking) -> Body:
    given: Body = {}
    if chat.most_tokens is not None:
        given["maxTokens"] = chat.most_tokens
    sampling = model.claude.sampling if model.claude else "any"
    if chat.temperature is not None and sampling != "none" and not thought.is_on:
        given["temperature"] = min(chat.temperature, HOTTEST)
    is_one_left = sampling == "any" or "temperature" not in given
    if chat.top_p is not None and sampling != "none" and is_one_left and not thought.is_on:
        given["topP"] = chat.top_p
    if chat.stops:
        if model.claude and any(stop.isspace() for stop in chat.stops):
            raise unsupported("stop", "Claude takes no stop sequence of nothing but blanks")
        given["stopSequences"] = [stop for stop in chat.stops if stop]
    return given


def _top_k(chat: Chat, model: Model, thought: Thinking) -> Body:
    """Not in ``inferenceConfig``: each family has its own name for it."""
    if chat.top_k is None or thought.is_on:
        return {}
    if model.claude:
        return {"top_k": chat.top_k} if model.claude.sampling != "none" else {}
    return {"inferenceConfig": {"topK": chat.top_k}} if model.is_nova else {}


def _output(tools: Tools, thought: Thinking) -> Body:
    output: Body = {}
    if tools.format is not None:
        output["textFormat"] = tools.format
    if thought.effort is not None:
        output["effort"] = thought.effort
    return output


def _add_own(body: Body, call: Call, fields: Body) -> None:
    """Converse's own fields as the client gave them; what it says of the model's goes before what we say."""
    for name in OWN_FIELDS:
        given = own_field(call, name)
        value = own_field(call, _SNAKES[name]) if given is None else given
        if value is not None:
            body[name] = value
    latency = body.get("performanceConfig")
    if isinstance(latency, dict) and latency.get("latency") not in (None, "standard"):
        # https://docs.aws.amazon.com/bedrock/latest/userguide/latency-optimized-inference.html has rates of its own.
        raise unsupported("performanceConfig", "what another latency than 'standard' costs is on no price list")
    more = body.get("additionalModelRequestFields", {})
    if not isinstance(more, dict):
        raise InvalidRequest("'additionalModelRequestFields' must be an object", param="additionalModelRequestFields")
    if fields:
        body["additionalModelRequestFields"] = {**fields, **more}
    # By OpenAI's name alone: budgets look at it, since it says what a token costs.
    if call.needs.service_tier in _TIERS:
        body["serviceTier"] = {"type": call.needs.service_tier}


def _of_images(asked: ImageRequest) -> Body:
    """An image that a model which talks is to draw."""
    if asked.count > 1:
        raise unsupported("n", "this model draws one image a request")
    if asked.mask is not None:
        raise unsupported("mask", "this model takes no mask")
    content = [*(image_block(media) for media in asked.images), {"text": asked.prompt}]
    return {"messages": [{"role": "user", "content": content}]}
