"""OpenRouter speaks OpenAI's format in chats, and draws by an API of its own."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import ImagesResponse

from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import HttpHead
from gateway.core.types import Caller, Capabilities, Endpoint, Feature, Needs, Target
from gateway.providers import registry
from tests.providers.calls import TARGET, account, form_call, json_call

SSE = HttpHead(200, [(b"content-type", b"text/event-stream")])
JSON = HttpHead(200, [(b"content-type", b"application/json")])
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
DRAWS = frozenset({Feature.IMAGE_OUTPUT, Feature.VISION})
CHATS_AND_DRAWS = Target(
    id="o/g", provider="o", model="google/g", capabilities=Capabilities(endpoints={Endpoint.CHAT}, features=DRAWS)
)
ONLY_DRAWS = Target(
    id="o/f",
    provider="o",
    model="flux",
    capabilities=Capabilities(endpoints={Endpoint.IMAGE_GENERATIONS, Endpoint.IMAGE_EDITS}),
)
USAGE = {
    "prompt_tokens": 12,
    "completion_tokens": 1_120,
    "total_tokens": 1_132,
    "cost": 0.0339,
    "is_byok": False,
    "completion_tokens_details": {"reasoning_tokens": 0, "image_tokens": 1_120},
}


@pytest.fixture
def openrouter():
    return registry.dialect(account("openrouter", base_url="https://openrouter.ai/api/v1"))


def asked(dialect, call, target=CHATS_AND_DRAWS):
    request = dialect.encode(call, target)
    return request.path.decode(), json.loads(b"".join(map(bytes, request.body)))


def images_call(body, endpoint=Endpoint.IMAGE_GENERATIONS, **needs):
    return json_call({"model": "p", **body}, endpoint, needs=Needs(images=1, **needs))


class TestChats:
    def test_its_own_fields_pass_through(self, openrouter):
        own = {
            "modalities": ["image", "text"],
            "provider": {"only": ["xai"], "allow_fallbacks": False},
            "models": ["a", "b"],
            "transforms": ["middle-out"],
            "plugins": [{"id": "web"}],
            "reasoning": {"max_tokens": 2_000},
            "image_config": {"aspect_ratio": "3:2"},
        }

        path, body = asked(openrouter, json_call({"model": "p", "messages": [], **own}))

        assert path == "/api/v1/chat/completions"
        assert body == {"model": "google/g", "messages": [], **own}

    def test_a_key_for_some_models_gets_no_others_by_a_list_of_fallbacks(self, openrouter):
        given = {"model": "p", "messages": [], "models": ["openai/o1-pro"], "preset": "dear", "provider": {}}
        call = msgspec.structs.replace(json_call(given), caller=Caller(key="k", models=("p",)))

        assert asked(openrouter, call)[1] == {"model": "google/g", "messages": [], "provider": {}}

    def test_comments_are_no_first_word(self, openrouter):
        decoder = openrouter.decoder(json_call({"model": "p"}, stream=True), TARGET, SSE)

        assert not decoder.decode(b": OPENROUTER PROCESSING\n\n")

        frame = b'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":null}]}\n\n'
        (event,) = decoder.decode(frame)
        assert event.data == b": OPENROUTER PROCESSING\n\n" + frame

    def test_an_error_in_mid_stream_is_one(self, openrouter):
        decoder = openrouter.decoder(json_call({"model": "p"}, stream=True), TARGET, SSE)
        decoder.decode(b'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":null}]}\n\n')
        error = {"code": 502, "message": "Provider disconnected", "metadata": {"provider_name": "X"}}
        chunk = {"error": error, "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]}

        with pytest.raises(UpstreamError) as caught:
            decoder.decode(b"data: " + msgspec.json.encode(chunk) + b"\n\n")

        assert (caught.value.reason, caught.value.message) == (Reason.SERVER_ERROR, "Provider disconnected")

    @pytest.mark.parametrize(
        ("status", "error", "reason"),
        [
            (
                403,
                {"code": 403, "message": "flagged", "metadata": {"reasons": ["violence"], "flagged_input": "…"}},
                Reason.CONTENT_FILTER,
            ),
            (403, {"code": 403, "message": "no"}, Reason.AUTH),
            (402, {"code": 402, "message": "Insufficient credits"}, Reason.QUOTA),
            (503, {"code": 503, "message": "no provider meets your routing requirements"}, Reason.OVERLOADED),
            (
                400,
                {
                    "code": 400,
                    "message": "Provider returned error",
                    "metadata": {"raw": "maximum context length is 4096 tokens"},
                },
                Reason.CONTEXT_LENGTH,
            ),
        ],
    )
    def test_refusals_are_told_apart(self, openrouter, status, error, reason):
        failure = openrouter.failure(HttpHead(status, []), json.dumps({"error": error}).encode())

        assert failure.reason is reason


class TestImagesAsked:
    def test_a_generation_goes_to_the_images_api_also_by_a_model_that_chats(self, openrouter):
        for target in (CHATS_AND_DRAWS, ONLY_DRAWS, TARGET):
            path, body = asked(openrouter, images_call({"prompt": "a cat"}), target)

            assert path == "/api/v1/images"
            assert body == {"model": target.model, "prompt": "a cat"}

    def test_everything_that_it_has_a_word_for_is_said(self, openrouter):
        own = {"aspect_ratio": "16:9", "resolution": "2K", "seed": 7, "provider": {"only": ["x"]}}
        given = {"prompt": "a cat", "background": "transparent", "output_compression": 50, **own}
        call = json_call(
            {"model": "p", **given, "user": "u", "moderation": "low"},
            Endpoint.IMAGE_GENERATIONS,
            needs=Needs(images=2, image_size="1024x1024", image_quality="high", image_format="webp"),
        )

        _, body = asked(openrouter, call)

        drawn = {"n": 2, "size": "1024x1024", "quality": "high", "output_format": "webp"}
        assert body == {"model": "google/g", **given, **drawn}

    def test_an_edit_has_its_images_as_references(self, openrouter):
        links = [{"image_url": f"data:image/png;base64,{PNG}"}, {"image_url": "https://a.test/b.png"}]
        references = [{"type": "image_url", "image_url": {"url": each["image_url"]}} for each in links]

        path, body = asked(openrouter, images_call({"prompt": "mend", "images": links}, Endpoint.IMAGE_EDITS))

        assert path == "/api/v1/images"
        assert body == {"model": "google/g", "prompt": "mend", "input_references": references}

    def test_an_edit_by_a_form_too(self, openrouter):
        call = form_call([("prompt", "mend")], [("image", "a.png", b"\x89PNG\r\n")], Endpoint.IMAGE_EDITS)

        request = openrouter.encode(call, CHATS_AND_DRAWS)

        (reference,) = json.loads(b"".join(map(bytes, request.body)))["input_references"]
        assert reference["image_url"]["url"] == "data:image/png;base64,iVBORw0K"
        assert dict(request.headers)[b"content-type"] == b"application/json"

    @pytest.mark.parametrize(
        ("body", "endpoint"),
        [
            ({"prompt": "x", "images": [], "mask": {"image_url": "data:image/png;base64,aGk="}}, Endpoint.IMAGE_EDITS),
            ({"prompt": "x"}, Endpoint.IMAGE_VARIATIONS),
        ],
    )
    def test_what_it_can_not_say_is_for_another_target(self, openrouter, body, endpoint):
        with pytest.raises(UpstreamError) as caught:
            openrouter.encode(images_call(body, endpoint), CHATS_AND_DRAWS)

        assert caught.value.reason is Reason.UNSUPPORTED

    def test_a_chat_for_an_image_goes_there_where_a_model_does_nothing_else(self, openrouter):
        needs = Needs(features=frozenset({Feature.IMAGE_OUTPUT}))
        given = {"messages": [{"role": "user", "content": "a cat"}], "image_config": {"aspect_ratio": "3:2"}}
        call = json_call({"model": "p", **given}, needs=needs)

        path, body = asked(openrouter, call, ONLY_DRAWS)
        assert (path, body) == ("/api/v1/images", {"model": "flux", "prompt": "a cat", "aspect_ratio": "3:2"})

        assert asked(openrouter, call, CHATS_AND_DRAWS)[0] == "/api/v1/chat/completions"


def reply(**fields):
    return json.dumps({"created": 5, "data": [{"b64_json": PNG, "media_type": "image/png"}], **fields}).encode()


class TestImagesAnswered:
    def read(self, openrouter, body, call=None, target=CHATS_AND_DRAWS):
        decoder = openrouter.decoder(call or images_call({"prompt": "a cat"}), target, JSON)
        events = list(decoder.decode(body))
        return events + list(decoder.finish())

    def test_it_is_openais_reply_with_their_bill(self, openrouter):
        (event,) = self.read(openrouter, reply(usage=USAGE))

        parsed = ImagesResponse.model_validate_json(event.data)
        assert [image.b64_json for image in parsed.data] == [PNG]
        assert (parsed.usage.input_tokens, parsed.usage.output_tokens) == (12, 1_120)
        usage = event.usage
        assert (usage.input, usage.image_output, usage.output, usage.images) == (12, 1_120, 0, 1)
        assert usage.cost_nanousd == 33_900_000

    def test_without_details_all_that_was_written_is_an_image(self, openrouter):
        given = {name: value for name, value in USAGE.items() if name != "completion_tokens_details"}

        (event,) = self.read(openrouter, reply(usage=given))

        assert (event.usage.image_output, event.usage.output) == (1_120, 0)

    def test_without_usage_the_images_are_counted(self, openrouter):
        (event,) = self.read(openrouter, reply())

        assert (event.usage.images, event.usage.total, event.usage.cost_nanousd) == (1, 0, None)

    def test_a_client_that_streams_gets_events(self, openrouter):
        call = json_call({"model": "p", "prompt": "x"}, Endpoint.IMAGE_GENERATIONS, stream=True, needs=Needs(images=1))

        events = self.read(openrouter, reply(usage=USAGE), call)

        data = b"".join(event.data for event in events)
        assert data.startswith(b"event: image_generation.completed\ndata: {")
        assert PNG.encode() in data

    def test_a_client_that_chats_gets_a_message(self, openrouter):
        call = json_call({"model": "p", "messages": []}, needs=Needs(features=frozenset({Feature.IMAGE_OUTPUT})))

        events = self.read(openrouter, reply(usage=USAGE), call, ONLY_DRAWS)

        message = json.loads(events[-1].data)["choices"][0]["message"]
        assert message["images"][0]["image_url"]["url"] == f"data:image/png;base64,{PNG}"
        assert events[-1].usage.cost_nanousd == 33_900_000

    def test_an_error_within_a_success_is_one(self, openrouter):
        with pytest.raises(UpstreamError) as caught:
            self.read(openrouter, b'{"error":{"code":429,"message":"slow down"}}')

        assert caught.value.reason is Reason.RATE_LIMITED

    @pytest.mark.parametrize("body", [b"", b"null", b"{}", b'{"data":[]}', b'{"data":[{}]}', b"<html>", b'{"data":{}}'])
    def test_what_is_no_reply_is_an_upstream_error(self, openrouter, body):
        with pytest.raises(UpstreamError):
            self.read(openrouter, body)

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["data", "usage", "cost", "completion_tokens", "b64_json", "error", "url"]), inner
                )
            ),
            max_leaves=10,
        )
    )
    def test_a_reply_of_any_shape_is_read_or_an_upstream_error(self, value):
        dialect = registry.dialect(account("openrouter", base_url="https://openrouter.ai/api/v1"))
        for body in (value, {"data": [{"b64_json": PNG}], "usage": value}, {"data": value}):
            try:
                self.read(dialect, msgspec.json.encode(body))
            except UpstreamError:
                continue
