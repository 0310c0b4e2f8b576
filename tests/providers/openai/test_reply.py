"""Replies in OpenAI's format are looked at and passed on as they came."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import HttpHead
from gateway.core.types import Endpoint, Needs
from gateway.providers import registry
from tests.providers.calls import TARGET, account, json_call

SSE = HttpHead(200, [(b"content-type", b"text/event-stream")])
JSON = HttpHead(200, [(b"content-type", b"application/json")])


def decoder(kind="openai", head=JSON, endpoint=Endpoint.CHAT, **fields):
    call = json_call({"model": "p", "messages": []}, endpoint, **fields)
    return registry.dialect(account(kind)).decoder(call, TARGET, head)


def stream(kind="openai", **fields):
    return decoder(kind, SSE, stream=True, **fields)


def frame(chunk, end="\n\n"):
    return f"data: {chunk if isinstance(chunk, str) else json.dumps(chunk)}{end}".encode()


def chunk(content=None, finish=None, **rest):
    delta = {} if content is None else {"content": content}
    return frame({"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **rest})


def whole(**fields):
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hello there"}, "finish_reason": "stop"}
    return json.dumps({"id": "c", "choices": [choice], **fields}).encode()


USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}


class TestWhole:
    def test_the_body_is_the_bytes_that_came_padding_and_all(self):
        body = b"\n         \n" + whole(usage=USAGE)

        (event,) = decoder().decode(body)

        assert event.data is body
        assert event.finish == "stop"
        assert (event.usage.input, event.usage.output) == (100, 20)

    def test_cached_tokens_are_counted_once(self):
        usage = {**USAGE, "prompt_tokens_details": {"cached_tokens": 80, "audio_tokens": 5}}

        (event,) = decoder().decode(whole(usage=usage))

        assert (event.usage.input, event.usage.cached_input, event.usage.audio_input) == (15, 80, 5)
        assert event.usage.total_input == 100

    def test_reasoning_is_a_part_of_the_completion(self):
        usage = {**USAGE, "completion_tokens_details": {"reasoning_tokens": 15}}

        (event,) = decoder().decode(whole(usage=usage))

        assert (event.usage.output, event.usage.reasoning) == (5, 15)

    def test_reasoning_beside_the_completion_is_told_by_the_total(self):
        usage = {**USAGE, "total_tokens": 135, "completion_tokens_details": {"reasoning_tokens": 15}}

        (event,) = decoder("xai").decode(whole(usage=usage))

        assert (event.usage.output, event.usage.reasoning) == (20, 15)

    def test_without_usage_the_text_is_counted_roughly(self):
        (event,) = decoder().decode(whole())

        assert event.usage is None
        assert event.tokens > 0

    @pytest.mark.parametrize(
        ("kind", "bill", "nanousd"),
        [
            ("openrouter", {"cost": 0.000735}, 735_000),
            ("openrouter", {"cost": 0}, 0),
            ("openrouter", {"cost": True}, None),
            ("openrouter", {"cost": 1e300}, None),
            (
                "openrouter",
                {"cost": 0.05, "is_byok": True, "cost_details": {"upstream_inference_cost": 1}},
                1_050_000_000,
            ),
            (
                "openrouter",
                {"cost": 0.05, "is_byok": False, "cost_details": {"upstream_inference_cost": 1}},
                50_000_000,
            ),
            ("openrouter", {}, None),
            ("perplexity", {"cost": {"total_cost": 0.00501}}, 5_010_000),
            ("xai", {"cost_in_usd_ticks": 200_000_000}, 20_000_000),
            ("xai", {"cost_in_usd_ticks": 0}, None),
            ("openai", {"cost": 5}, None),
        ],
    )
    def test_what_a_provider_says_it_charges_is_read_where_its_row_says_so(self, kind, bill, nanousd):
        (event,) = decoder(kind).decode(whole(usage={**USAGE, **bill}))

        assert event.usage.cost_nanousd == nanousd

    @pytest.mark.parametrize(
        "body", [b"null", b"", b"   ", b"[]", b'"text"', b"{}", b'{"choices":[]}', b'{"choices":null}', b"<html>", b"{"]
    )
    def test_a_success_that_is_no_reply_is_a_failure(self, body):
        with pytest.raises(UpstreamError) as caught:
            decoder().decode(body)

        assert caught.value.reason is Reason.UNREADABLE

    @pytest.mark.parametrize(
        ("error", "reason"),
        [
            ({"message": "slow down", "code": 429}, Reason.RATE_LIMITED),
            ({"message": "boom"}, Reason.SERVER_ERROR),
            ("at capacity", Reason.SERVER_ERROR),
            ({"message": "no", "code": "content_filter", "status_code": 400}, Reason.CONTENT_FILTER),
        ],
    )
    def test_an_error_inside_a_success_is_a_failure(self, error, reason):
        with pytest.raises(UpstreamError) as caught:
            decoder().decode(json.dumps({"error": error}).encode())

        assert caught.value.reason is reason

    @pytest.mark.parametrize("error", [b'"\xff\xfe"', b'{"message":"\xff"}', b'{"code":1e999}'])
    def test_an_error_that_can_not_be_read_is_one_all_the_same(self, error):
        with pytest.raises(UpstreamError) as caught:
            decoder().decode(b'{"choices":[{"message":{"content":"a"}}],"error":' + error + b"}")

        assert caught.value.reason is Reason.SERVER_ERROR

    @pytest.mark.parametrize("usage", [b'{"prompt_tokens":1,"x":"\xff"}', b'{"prompt_tokens":1e999}', b'"\xff\xfe"'])
    @pytest.mark.parametrize("kind", ["openai", "openrouter"])
    def test_usage_that_can_not_be_read_is_none(self, usage, kind):
        body = b'{"choices":[{"message":{"content":"a"}}],"data":[{"b64_json":"aGk="}],"usage":' + usage + b"}"

        (chat,) = decoder(kind).decode(body)
        (images,) = decoder(kind, endpoint=Endpoint.IMAGE_GENERATIONS).decode(body)

        assert chat.usage is None
        assert (images.usage.images, images.usage.total) == (1, 0)

    def test_a_count_that_nobody_could_pay_for_is_bounded(self):
        (event,) = decoder().decode(whole(usage={"prompt_tokens": 1e308, "completion_tokens": 1}))

        assert event.usage.input == 10**12

    def test_an_error_of_null_is_none(self):
        (event,) = decoder().decode(whole(error=None))

        assert event.finish == "stop"

    def test_a_whole_reply_to_a_streaming_request_is_a_failure(self):
        with pytest.raises(UpstreamError, match="streaming"):
            decoder(stream=True).decode(whole())

    def test_no_body_at_all_is_a_failure(self):
        with pytest.raises(UpstreamError):
            decoder().finish()

    def test_an_embedding_counts_its_input_alone(self):
        body = b'{"object":"list","data":[{"embedding":[0.5]}],"usage":{"prompt_tokens":8,"total_tokens":8}}'

        (event,) = decoder(endpoint=Endpoint.EMBEDDINGS).decode(body)

        assert (event.usage.input, event.usage.total_output) == (8, 0)

    def test_images_are_counted_and_named_by_quality_and_size(self):
        usage = {"input_tokens": 76, "input_tokens_details": {"image_tokens": 64, "text_tokens": 12}}
        body = {"data": [{}, {}], "quality": "low", "size": "1024x1536", "usage": {**usage, "output_tokens": 240}}

        (event,) = decoder(endpoint=Endpoint.IMAGE_EDITS).decode(json.dumps(body).encode())

        usage = event.usage
        assert (usage.images, usage.image_line) == (2, "low/1024x1536")
        assert (usage.input, usage.image_input, usage.output, usage.image_output) == (12, 64, 0, 240)

    def test_images_without_a_word_on_quality_are_what_was_asked_for(self):
        needs = Needs(image_quality="hd", image_size="1024x1792")

        (event,) = decoder(endpoint=Endpoint.IMAGE_GENERATIONS, needs=needs).decode(b'{"data":[{"url":"u"}]}')

        assert (event.usage.images, event.usage.image_line) == (1, "hd/1024x1792")


class TestStream:
    def test_every_frame_is_passed_on_as_it_came(self):
        reader = stream(wants_usage=True)
        frames = [chunk("Hi"), chunk(" you", usage=None), chunk(finish="stop"), frame("[DONE]")]

        events = [event for each in frames for event in reader.decode(each)]

        assert [event.data for event in events] == frames
        assert reader.finish() == ()

    def test_the_usage_frame_is_marked_so_that_it_can_be_left_out(self):
        (event,) = stream().decode(frame({"choices": [], "usage": USAGE}))

        assert event.is_usage_frame
        assert event.usage.input == 100

    def test_the_null_usage_that_our_asking_caused_is_taken_out_again(self):
        (asked,) = stream(wants_usage=True).decode(chunk("a", usage=None))
        (unasked,) = stream().decode(frame('{"choices":[],"usage":null}'))
        (other,) = stream("together").decode(frame('{"choices":[],"usage":null}'))

        assert b'"usage": null' in asked.data
        assert unasked.data == frame('{"choices":[]}')
        assert other.data == frame('{"choices":[],"usage":null}')

    def test_text_that_speaks_of_null_usage_is_left_alone(self):
        text = chunk('{"a":1,"usage":null}').replace(b": ", b":").replace(b"data:", b"data: ")

        (event,) = stream().decode(text)

        assert event.data == text

    def test_usage_beside_a_choice_stays_in_its_frame(self):
        data = chunk("3", "stop", usage=USAGE)

        (event,) = stream("mistral").decode(data)

        assert not event.is_usage_frame
        assert event.usage.output == 20
        assert event.data == data

    def test_groqs_own_place_for_usage_is_found(self):
        (event,) = stream("groq").decode(chunk(finish="stop", x_groq={"usage": USAGE}))

        assert event.usage.input == 100

    def test_comments_wait_for_the_first_event_so_that_another_target_may_still_be_tried(self):
        reader = stream("openrouter")

        assert reader.decode(b": OPENROUTER PROCESSING\n\n") == ()
        (event,) = reader.decode(chunk("Hi"))

        assert event.data == b": OPENROUTER PROCESSING\n\n" + chunk("Hi")

    @pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", "\r\r"])
    def test_any_line_end_will_do(self, end):
        data = frame({"choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}]}, end)

        (event,) = stream("perplexity").decode(data)

        assert (event.data, event.finish) == (data, "stop")

    def test_an_error_frame_raises_with_its_own_words(self):
        reader = stream("groq")
        reader.decode(chunk("x"))
        said = {"message": "Tool call validation failed", "code": "tool_use_failed", "status_code": 400}

        with pytest.raises(UpstreamError, match="Tool call") as caught:
            reader.decode(b"event: error\n" + frame({"error": said}))

        assert caught.value.code == "tool_use_failed"

    def test_a_stream_that_ends_without_its_end_was_cut(self):
        reader = stream()
        reader.decode(chunk("half"))

        with pytest.raises(UpstreamError) as caught:
            reader.finish()

        assert caught.value.reason is Reason.CLOSED

    @pytest.mark.parametrize("last", [chunk(finish="stop"), frame("[DONE]")])
    def test_a_finish_reason_or_done_is_an_end(self, last):
        reader = stream()
        reader.decode(last)

        assert reader.finish() == ()

    def test_of_several_choices_one_that_has_ended_is_no_end(self):
        reader = stream(needs=Needs(choices=2))
        for index, finish in ((0, None), (1, None), (0, "stop"), (0, None)):
            delta = {"content": "x"}
            reader.decode(frame({"choices": [{"index": index, "delta": delta, "finish_reason": finish}]}))

        with pytest.raises(UpstreamError) as caught:
            reader.finish()
        reader.decode(frame({"choices": [{"index": 1, "delta": {}, "finish_reason": "length"}]}))

        assert caught.value.reason is Reason.CLOSED
        assert reader.finish() == ()

    def test_a_provider_that_gives_one_choice_where_more_were_asked_for_ends_with_it(self):
        reader = stream(needs=Needs(choices=2))
        reader.decode(chunk("x"))
        reader.decode(chunk(finish="stop"))

        assert reader.finish() == ()

    @pytest.mark.parametrize("data", ["{", "null", "7", '"text"'])
    def test_a_frame_that_is_no_chunk_is_unreadable(self, data):
        with pytest.raises(UpstreamError) as caught:
            stream().decode(frame(data))

        assert caught.value.reason is Reason.UNREADABLE

    def test_a_chunk_of_another_shape_is_passed_on(self):
        data = frame({"choices": [{"finish_reason": 3}], "object": "odd"})

        (event,) = stream().decode(data)

        assert event.data == data

    def test_the_running_count_grows_with_the_text(self):
        reader = stream()

        tokens = [sum(event.tokens for event in reader.decode(chunk(text))) for text in ("", "a", "a" * 400)]

        assert tokens == [0, 1, 100]

    @pytest.mark.parametrize(
        "field", [b'"error":{"message":"\xff"}', b'"choices":[],"usage":{"prompt_tokens":1,"x":"\xff"}']
    )
    def test_no_field_that_can_not_be_read_raises_anything_else(self, field):
        try:
            stream().decode(b"data: {" + field + b"}\n\n")
        except UpstreamError as error:
            assert error.reason is Reason.SERVER_ERROR  # noqa: PT017  either is fine, another error is not

    @given(st.binary(max_size=200))
    def test_no_bytes_raise_anything_but_an_upstream_error(self, data):
        for prefix in (b"", b"data: ", b'data: {"choices":', b'data: {"usage":{"prompt_tokens":'):
            reader = stream()
            try:
                reader.decode(prefix + data + b"\n\n")
                reader.finish()
            except UpstreamError:
                pass


class TestImageStream:
    def test_partial_images_pass_and_the_completed_one_is_metered(self):
        reader = stream(endpoint=Endpoint.IMAGE_GENERATIONS)
        partial = b"event: x\n" + frame({"type": "image_generation.partial_image", "b64_json": "AA"})
        usage = {"input_tokens": 5, "output_tokens": 4160}
        done = {"type": "image_generation.completed", "quality": "high", "size": "1024x1024", "usage": usage}

        (first,) = reader.decode(partial)
        (last,) = reader.decode(frame(done))

        assert (first.data, first.usage) == (partial, None)
        assert (last.usage.images, last.usage.image_line) == (1, "high/1024x1024")
        assert last.usage.image_output == 4160
        assert reader.finish() == ()

    def test_without_a_completed_image_it_was_cut(self):
        reader = stream(endpoint=Endpoint.IMAGE_EDITS)
        reader.decode(frame({"type": "image_edit.partial_image"}))

        with pytest.raises(UpstreamError):
            reader.finish()

    @pytest.mark.parametrize("said", [{"type": "error", "message": "no"}, {"error": {"message": "no"}}])
    def test_an_error_event_raises(self, said):
        with pytest.raises(UpstreamError, match="no"):
            stream(endpoint=Endpoint.IMAGE_GENERATIONS).decode(frame(said))
