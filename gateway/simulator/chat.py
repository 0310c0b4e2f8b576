"""``POST /v1/chat/completions``: a request and a behaviour make a script. Pure.

Formats: https://platform.openai.com/docs/api-reference/chat/object and .../chat/streaming
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, zip_longest
from typing import Any

import msgspec

from gateway.simulator.answer import Answer, answers
from gateway.simulator.behaviour import Behaviour
from gateway.simulator.chat_request import ChatRequest
from gateway.simulator.logprobs import logprobs
from gateway.simulator.requests import decoded
from gateway.simulator.script import SSE, Script, Stamp
from gateway.simulator.tokens import prompt_tokens

FINGERPRINT = "fp_simulated"
DONE = b"data: [DONE]\n\n"

_decoder = msgspec.json.Decoder(ChatRequest)
_encode = msgspec.json.encode


def read(_content_type: bytes, body: bytes) -> ChatRequest:
    """Raises InvalidRequest."""
    request = decoded(body, _decoder)
    request.check()
    return request


def reply(request: ChatRequest, model: str, behaviour: Behaviour, stamp: Stamp) -> Script:
    """The reply, whole or streamed. ``model`` is the name without options. Raises InvalidRequest."""
    found = answers(request, behaviour, stamp.id)
    usage = _usage(request, found, behaviour)
    before_head_s = behaviour.ttft_ms / 1000
    interval_s = 1 / behaviour.tokens_per_s if behaviour.tokens_per_s else 0.0
    if not request.stream:
        # Choices are written side by side: the longest decides how long they take.
        longest = max(answer.tokens for answer in found) + behaviour.reasoning_tokens
        before_head_s += max(0, longest - 1) * interval_s
        return Script(events=(_whole(request, model, found, usage, stamp),), before_head_s=before_head_s)
    opening, tokens, closing = _streamed(request, model, found, usage, stamp)
    return Script(
        events=(*opening, *tokens, *closing),
        content_type=SSE,
        before_head_s=before_head_s + behaviour.reasoning_tokens * interval_s,
        interval_s=interval_s / len(found),
        paced=(len(opening) + 1, len(opening) + len(tokens)),
    )


def _usage(request: ChatRequest, found: list[Answer], behaviour: Behaviour) -> dict[str, Any]:
    prompt = prompt_tokens(request)
    reasoning = behaviour.reasoning_tokens * len(found)
    completion = sum(answer.tokens for answer in found) + reasoning
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": min(behaviour.cached_tokens, prompt), "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _whole(request: ChatRequest, model: str, found: list[Answer], usage: dict[str, Any], stamp: Stamp) -> bytes:
    choices = [
        {
            "index": index,
            "message": _message(answer),
            "logprobs": logprobs(answer.words, request.top_logprobs or 0) if request.logprobs else None,
            "finish_reason": answer.finish,
        }
        for index, answer in enumerate(found)
    ]
    return _encode(
        {
            "id": f"chatcmpl-{stamp.id}",
            "object": "chat.completion",
            "created": stamp.created,
            "model": model,
            "choices": choices,
            "usage": usage,
            "service_tier": "default",
            "system_fingerprint": FINGERPRINT,
        }
    )


def _message(answer: Answer) -> dict[str, Any]:
    if not answer.calls:
        return {"role": "assistant", "content": "".join(answer.words), "refusal": None, "annotations": []}
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": "".join(call.arguments)}}
        for call in answer.calls
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls, "refusal": None, "annotations": []}


def _streamed(
    request: ChatRequest, model: str, found: list[Answer], usage: dict[str, Any], stamp: Stamp
) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """Opening, token and closing events. All but the usage itself are put together from bytes: they are the bulk of
    what a load test sends.
    """
    start = b'data: {"id":"chatcmpl-%b","object":"chat.completion.chunk","created":%d,"model":%b,' % (
        stamp.id.encode(),
        stamp.created,
        _encode(model),
    )
    start += b'"service_tier":"default","system_fingerprint":"%b",' % FINGERPRINT.encode()
    end = b"}\n\n"
    if request.wants_usage:
        start += b'"usage":'
        closing = [b'%b%b,"choices":[]}\n\n' % (start, _encode(usage)), DONE]
        start += b"null,"
    else:
        closing = [DONE]
    start += b'"choices":[{"index":'
    opening = [b"%b%d,%b%b" % (start, at, _opening(answer), end) for at, answer in enumerate(found)]
    top = (request.top_logprobs or 0) if request.logprobs else None
    rounds = zip_longest(*(_tokens(b"%b%d," % (start, at), answer, top) for at, answer in enumerate(found)))
    tokens = [event for event in chain.from_iterable(rounds) if event is not None]
    finishes = [
        b'%b%d,"delta":{},"logprobs":null,"finish_reason":"%b"}]}\n\n' % (start, at, answer.finish.encode())
        for at, answer in enumerate(found)
    ]
    return opening, tokens, finishes + closing


def _opening(answer: Answer) -> bytes:
    content = b"null" if answer.calls else b'""'
    return b'"delta":{"role":"assistant","content":%b,"refusal":null},"logprobs":null,"finish_reason":null}]' % content


def _tokens(start: bytes, answer: Answer, top: int | None) -> Iterator[bytes]:
    """One event a token."""
    head = start + b'"delta":{"content":'
    if top is None:
        tail = b'},"logprobs":null,"finish_reason":null}]}\n\n'
        for word in answer.words:
            yield head + _encode(word) + tail
    else:
        for word in answer.words:
            part = _encode(logprobs((word,), top))
            yield b'%b%b},"logprobs":%b,"finish_reason":null}]}\n\n' % (head, _encode(word), part)
    for index, call in enumerate(answer.calls):
        head = start + b'"delta":{"tool_calls":[{"index":%d,' % index
        tail = b'}}]},"logprobs":null,"finish_reason":null}]}\n\n'
        named = b'"id":"%b","type":"function","function":{"name":%b,"arguments":""' % (
            call.id.encode(),
            _encode(call.name),
        )
        yield head + named + tail
        for piece in call.arguments:
            yield b'%b"function":{"arguments":%b%b' % (head, _encode(piece), tail)
