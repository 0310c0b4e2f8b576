"""Azure speaks OpenAI's format at addresses of its own, and content filters write into its replies."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import HttpHead
from gateway.core.types import Endpoint, Needs
from gateway.providers import registry
from tests.providers.calls import TARGET, account, form_call, json_call

SSE = HttpHead(200, [(b"content-type", b"text/event-stream")])
JSON = HttpHead(200, [(b"content-type", b"application/json")])
ORIGIN = "https://res.openai.azure.com"
CLASSIC = "/openai/deployments/upstream-model/chat/completions"
SAFE = {"hate": {"filtered": False, "severity": "safe"}}
OF_PROMPT = [{"prompt_index": 0, "content_filter_results": SAFE}]
HELLO = {"model": "p", "messages": []}


def azure(base_url=ORIGIN, **fields):
    return registry.dialect(account("azure", base_url=base_url, **fields))


def path(base_url=ORIGIN, endpoint=Endpoint.CHAT, **fields):
    return azure(base_url, **fields).encode(json_call(HELLO, endpoint), TARGET).path.decode()


@pytest.mark.parametrize(
    ("base_url", "version", "expected"),
    [
        (ORIGIN, None, "/openai/v1/chat/completions"),
        (ORIGIN + "/", None, "/openai/v1/chat/completions"),
        (ORIGIN + "/openai", None, "/openai/v1/chat/completions"),
        (ORIGIN + "/openai/v1/", None, "/openai/v1/chat/completions"),
        (ORIGIN, "preview", "/openai/v1/chat/completions?api-version=preview"),
        (ORIGIN, "2024-10-21", f"{CLASSIC}?api-version=2024-10-21"),
        (ORIGIN + "/openai", "2024-10-21", f"{CLASSIC}?api-version=2024-10-21"),
        ("https://res.services.ai.azure.com", None, "/openai/v1/chat/completions"),
        ("https://res.services.ai.azure.com/models", None, "/models/chat/completions?api-version=2024-05-01-preview"),
        ("https://res.services.ai.azure.com/models/", "2025-04-01", "/models/chat/completions?api-version=2025-04-01"),
        ("https://res.services.ai.azure.com/api/projects/p", None, "/api/projects/p/openai/v1/chat/completions"),
        ("https://res.openai.azure.us", None, "/openai/v1/chat/completions"),
        ("https://proxy.test/azure", "2024-06-01", f"/azure{CLASSIC}?api-version=2024-06-01"),
    ],
)  # fmt: skip
def test_the_path_follows_from_the_base_url_and_the_api_version(base_url, version, expected):
    assert path(base_url, api_version=version) == expected


@pytest.mark.parametrize("endpoint", [Endpoint.IMAGE_GENERATIONS, Endpoint.EMBEDDINGS])
def test_other_endpoints_have_paths_of_the_same_shape(endpoint):
    classic = f"/openai/deployments/upstream-model/{endpoint.value}?api-version=2025-04-01-preview"

    assert path(endpoint=endpoint) == f"/openai/v1/{endpoint.value}"
    assert path(endpoint=endpoint, api_version="2025-04-01-preview") == classic


def test_an_edit_goes_out_as_a_form_to_its_deployment():
    call = form_call([("model", "p"), ("prompt", "mend")], [("image", "a.png", b"A")], Endpoint.IMAGE_EDITS)

    request = azure(api_version="2025-04-01-preview").encode(call, TARGET)

    assert request.path == b"/openai/deployments/upstream-model/images/edits?api-version=2025-04-01-preview"
    assert dict(request.headers)[b"content-type"].startswith(b"multipart/form-data")
    assert (b"api-key", b"sk-secret") in request.headers


@pytest.mark.parametrize(
    ("base_url", "endpoint"),
    [(ORIGIN, Endpoint.IMAGE_VARIATIONS), ("https://r.services.ai.azure.com/models", Endpoint.IMAGE_GENERATIONS)],
)
def test_what_azure_does_not_have_is_for_another_target(base_url, endpoint):
    with pytest.raises(UpstreamError) as caught:
        path(base_url, endpoint)

    assert caught.value.reason is Reason.UNSUPPORTED


def test_a_deployment_of_any_name_stays_within_its_place():
    target = type(TARGET)(id="a/b", provider="a", model="my/dep loy?x")

    request = azure(api_version="2024-10-21").encode(json_call(HELLO), target)

    assert request.path.startswith(b"/openai/deployments/my%2Fdep%20loy%3Fx/chat/completions?")


def test_the_key_goes_in_its_own_header_and_none_where_a_signer_adds_a_token():
    headers = dict(azure().encode(json_call(HELLO), TARGET).headers)
    assert headers[b"api-key"] == b"sk-secret"
    assert b"authorization" not in headers

    assert b"api-key" not in dict(azure(api_key="").encode(json_call(HELLO), TARGET).headers)


def test_the_models_address_passes_fields_on_that_it_does_not_know():
    request = azure("https://r.services.ai.azure.com/models").encode(json_call(HELLO), TARGET)

    assert (b"extra-parameters", b"pass-through") in request.headers


@pytest.mark.parametrize(
    ("version", "asks"),
    [
        (None, True),
        ("2024-10-21", True),
        ("2024-02-01", False),
        ("2024-08-01-preview", False),
        ("2024-09-01-preview", True),
    ],
)
def test_usage_is_asked_for_where_the_version_knows_the_word(version, asks):
    call = json_call({**HELLO, "stream": True}, stream=True)

    request = azure(api_version=version).encode(call, TARGET)

    assert ("stream_options" in json.loads(b"".join(request.body))) is asks


def test_no_repr_shows_the_key():
    dialect = azure(api_version="2024-10-21")

    assert "sk-" not in repr(dialect) + repr(dialect.encode(json_call(HELLO), TARGET))


def frame(value):
    return f"data: {json.dumps(value, separators=(',', ':'))}\n\n".encode()


def chunk(delta, finish=None, **more):
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "gpt"}
    return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish, **more}]}


NAMELESS = {"id": "", "object": "", "created": 0, "model": ""}
PROMPT = {**NAMELESS, "choices": [], "prompt_filter_results": OF_PROMPT}
OFFSETS = {"check_offset": 44, "start_offset": 44, "end_offset": 198}


def found(finish=None):
    choice = {"index": 0, "finish_reason": finish, "content_filter_results": SAFE, "content_filter_offsets": OFFSETS}
    return {**NAMELESS, "choices": [choice], "usage": None}


def play(values, **fields):
    needs = Needs(choices=fields.pop("choices", 1))
    decoder = azure().decoder(json_call(HELLO, stream=True, needs=needs, **fields), TARGET, SSE)
    events = [
        event for value in values for event in decoder.decode(value if isinstance(value, bytes) else frame(value))
    ]
    return events + list(decoder.finish())


def chunks(events):
    lines = b"".join(event.data for event in events).split(b"\n\n")
    return [json.loads(line[6:]) for line in lines if line.startswith(b"data: {")]


DONE = b"data: [DONE]\n\n"


def test_the_verdict_on_the_prompt_is_no_first_word_and_rides_on_the_first_chunk():
    decoder = azure().decoder(json_call(HELLO, stream=True), TARGET, SSE)

    assert not decoder.decode(frame(PROMPT))

    (event,) = decoder.decode(frame(chunk({"role": "assistant", "content": ""})))
    assert chunks([event]) == [{**chunk({"role": "assistant", "content": ""}), "prompt_filter_results": OF_PROMPT}]


def test_a_stream_that_ends_after_the_verdict_on_the_prompt_has_failed():
    decoder = azure().decoder(json_call(HELLO, stream=True), TARGET, SSE)
    decoder.decode(frame(PROMPT))

    with pytest.raises(UpstreamError) as caught:
        decoder.finish()

    assert caught.value.reason is Reason.CLOSED


def test_findings_of_a_filter_that_runs_beside_the_model_are_whole_chunks_of_the_same_reply():
    said = [PROMPT, chunk({"content": "Hi"}), found(), chunk({}, "stop"), found(), DONE]

    got = chunks(play(said))

    for each in got:
        parsed = ChatCompletionChunk.model_validate(each)
        assert (parsed.id, parsed.created, parsed.model) == ("c1", 7, "gpt")
        assert parsed.choices[0].delta is not None
    assert got[1]["choices"][0]["content_filter_offsets"] == OFFSETS


def test_a_filter_that_stops_the_answer_afterwards_says_so():
    events = play([PROMPT, chunk({"content": "Hi"}), found("content_filter"), DONE])

    assert [event.finish for event in events if event.finish] == ["content_filter"]
    assert ChatCompletionChunk.model_validate(chunks(events)[-1]).choices[0].finish_reason == "content_filter"


def test_a_prompt_that_is_stopped_at_once_has_an_answer_all_the_same():
    events = play([PROMPT, found("content_filter"), DONE])

    (only,) = chunks(events)
    assert only["prompt_filter_results"] == OF_PROMPT
    assert only["choices"][0]["delta"] == {}
    assert events[0].finish == "content_filter"


def test_usage_ends_a_stream_as_it_does_at_openai():
    usage = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
    events = play([PROMPT, chunk({"content": "Hi"}, "stop"), {**NAMELESS, "choices": [], "usage": usage}, DONE])

    (counted,) = [event for event in events if event.usage]
    assert counted.is_usage_frame
    assert (counted.usage.input, counted.usage.output) == (9, 1)


def test_an_ordinary_chunk_stays_the_bytes_that_came():
    ordinary = frame(chunk({"content": 'a "delta" \\"choices\\":[]'}))

    events = play([chunk({"content": "x"}), ordinary, chunk({}, "stop")])

    assert events[1].data == ordinary


def test_an_error_after_the_verdict_on_the_prompt_is_one():
    with pytest.raises(UpstreamError) as caught:
        play([PROMPT, {"error": {"code": "429", "message": "slow down", "status": 429}}])

    assert "slow down" in caught.value.message


def test_a_choice_that_was_filtered_away_has_an_empty_message():
    choice = {"index": 0, "finish_reason": "content_filter", "content_filter_results": SAFE, "logprobs": None}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}

    (event,) = azure().decoder(json_call(HELLO), TARGET, JSON).decode(json.dumps(body).encode())

    parsed = ChatCompletion.model_validate_json(event.data)
    assert parsed.choices[0].message.content is None
    assert parsed.choices[0].finish_reason == "content_filter"
    assert json.loads(event.data)["choices"][0]["content_filter_results"] == SAFE


def test_a_whole_reply_with_findings_stays_the_bytes_that_came():
    choice = {
        "index": 0,
        "finish_reason": "stop",
        "message": {"content": "content_filter"},
        "content_filter_results": SAFE,
    }
    body = json.dumps({"choices": [choice], "prompt_filter_results": OF_PROMPT}).encode()

    (event,) = azure().decoder(json_call(HELLO), TARGET, JSON).decode(body)

    assert event.data is body


POLICY = "The response was filtered due to the prompt triggering our content management policy."


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, {"error": {"code": "content_filter", "message": POLICY, "param": "prompt", "status": 400}},
         Reason.CONTENT_FILTER),
        (400, {"error": {"code": None, "message": POLICY, "innererror": {"code": "ResponsibleAIPolicyViolation"}}},
         Reason.CONTENT_FILTER),
        (400, {"error": {"code": "contentFilter", "message": "Your task failed as a result of our safety system.",
                         "inner_error": {"code": "ResponsibleAIPolicyViolation"}}}, Reason.CONTENT_FILTER),
        (404, {"error": {"code": "DeploymentNotFound", "message": "no such deployment"}}, Reason.NOT_FOUND),
        (404, {"error": {"code": "404", "message": "Resource not found"}}, Reason.NOT_FOUND),
        (400, {"error": {"code": "OperationNotSupported", "message": "The chatCompletion operation does not work with "
                         "the specified model, dall-e-3."}}, Reason.NOT_FOUND),
        (400, {"error": {"code": "unknown_model", "message": "Unknown model: x"}}, Reason.NOT_FOUND),
        (401, {"statusCode": 401, "message": "Unauthorized. Access token is missing, invalid."}, Reason.AUTH),
        (401, {"error": {"code": "401", "message": "Access denied due to invalid subscription key"}}, Reason.AUTH),
        (401, {"error": {"code": "PermissionDenied", "message": "lacks the required data action"}}, Reason.AUTH),
        (429, {"error": {"code": "429", "message": "Requests have exceeded call rate limit."}}, Reason.RATE_LIMITED),
        (429, {"statusCode": 429, "message": "Rate limit is exceeded. Try again in 7 seconds."}, Reason.RATE_LIMITED),
        (400, {"error": {"code": "context_length_exceeded", "message": "too long"}}, Reason.CONTEXT_LENGTH),
        (500, {"error": {"code": "InternalServerError", "message": "Backend returned unexpected response."}},
         Reason.SERVER_ERROR),
        (408, {"error": {"code": "Timeout", "message": "The operation was timeout."}}, Reason.CONFLICT),
    ],
)  # fmt: skip
def test_refusals_are_told_apart(status, body, reason):
    error = azure().failure(HttpHead(status, []), json.dumps(body).encode())

    assert error.reason is reason
    assert error.status == status


def test_a_rate_limit_says_how_long_to_wait():
    head = HttpHead(429, [(b"retry-after-ms", b"0"), (b"retry-after", b"7")])

    assert azure().failure(head, b"{}").retry_after_s == 7


@given(st.lists(st.integers(0, 40), max_size=12), st.randoms(use_true_random=False))
def test_broken_frames_are_an_upstream_error_or_nothing(cuts, random: random.Random):
    said = [PROMPT, chunk({"content": "Hi"}), found(), chunk({}, "stop"), found()]
    frames = [frame(value) for value in said]
    for cut in cuts:
        index = random.randrange(len(frames))
        whole = frames[index]
        frames[index] = whole[: len(whole) - cut] + b"\n\n" if random.random() < 0.5 else whole[cut:]

    try:
        play(frames)
    except UpstreamError:
        return


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(["choices", "prompt_filter_results", "usage", "finish_reason", "index", "error"]), inner
            )
        ),
        max_leaves=12,
    )
)
def test_frames_of_any_shape_are_an_upstream_error_or_nothing(value):
    try:
        play([PROMPT, value, chunk({"content": "x"}, "stop"), value])
        azure().decoder(json_call(HELLO), TARGET, JSON).decode(
            json.dumps({"choices": value, "finish_reason": "content_filter"}).encode()
        )
    except UpstreamError:
        return
