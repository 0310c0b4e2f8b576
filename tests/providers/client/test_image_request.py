"""A request for images, taken apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import InvalidRequest, Reason, UpstreamError
from gateway.core.types import Capabilities, Endpoint, Needs, Target
from gateway.providers.client.image_request import ImageRequest, image_line, pixels, size_for
from gateway.providers.client.media import Media
from tests.providers.calls import TARGET, form_call, json_call

GENERATIONS, EDITS = Endpoint.IMAGE_GENERATIONS, Endpoint.IMAGE_EDITS
URL = "data:image/png;base64,QUJD"
PICTURE = Media(type="image/png", base64="QUJD")


def drawn(body, endpoint=GENERATIONS, **needs) -> ImageRequest:
    return ImageRequest.of(json_call(body, endpoint, needs=Needs(images=1, **needs)), TARGET)


def sized(*sizes: str, nearest: bool = True) -> Target:
    capabilities = Capabilities(image_sizes=frozenset(sizes))
    return Target(id="a/b", provider="a", model="b", capabilities=capabilities, nearest_image_size=nearest)


def user(*pictures: str, text: str = "again") -> dict[str, object]:
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in pictures]
    return {"role": "user", "content": [{"type": "text", "text": text}, *parts]}


def test_a_generation_is_read_from_its_fields():
    body = {"prompt": "a sea", "background": "transparent", "output_compression": 80}
    asked = drawn(body, image_size="1024x1024", image_quality="low", image_format="webp")

    assert (asked.prompt, asked.images, asked.mask, asked.count) == ("a sea", (), None, 1)
    assert (asked.size, asked.quality, asked.format) == ("1024x1024", "low", "webp")
    assert (asked.background, asked.compression) == ("transparent", 80)


def test_what_is_to_be_edited_comes_in_a_form():
    files = [("image[]", "a.png", b"ABC"), ("image[]", "b.png", b"ABC"), ("mask", "m.png", b"ABC")]
    call = form_call([("prompt", "a sea"), ("output_compression", "80")], files, EDITS)
    asked = ImageRequest.of(call, TARGET)

    assert (asked.prompt, asked.images, asked.mask, asked.compression) == ("a sea", (PICTURE, PICTURE), PICTURE, 80)


@pytest.mark.parametrize("given", [{"image_url": URL}, {"image_url": {"url": URL}}, URL])
def test_what_is_to_be_edited_comes_as_json(given):
    asked = drawn({"prompt": "x", "images": [given], "mask": given}, EDITS)

    assert (asked.images, asked.mask) == ((PICTURE,), PICTURE)


@pytest.mark.parametrize(("field", "value"), [("images", [{"file_id": "file-1"}]), ("mask", {"file_id": "file-1"})])
def test_a_file_that_lies_at_another_provider_is_not_known_here(field, value):
    with pytest.raises(UpstreamError) as caught:
        drawn({"prompt": "x", field: value}, EDITS)

    assert (caught.value.reason, caught.value.param) == (Reason.UNSUPPORTED, field)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt", 7),
        ("background", ["transparent"]),
        ("output_compression", "much"),
        ("output_compression", []),
        ("images", {"image_url": URL}),
        ("images", URL),
        ("images", 7),
    ],
)
def test_a_field_of_the_wrong_type_is_the_clients_fault(field, value):
    with pytest.raises(InvalidRequest) as caught:
        drawn({"prompt": "x", field: value}, EDITS)

    assert caught.value.param == field


def test_a_chats_last_user_message_is_the_prompt_and_its_pictures_are_edited():
    messages = [user("https://a.test/old.png"), {"role": "assistant", "content": "done"}, user(URL, text="a sea")]
    call = json_call({"messages": messages}, needs=Needs(choices=2))
    asked = ImageRequest.of(call, TARGET)

    assert (asked.prompt, asked.images, asked.count) == ("a sea", (PICTURE,), 2)


def test_without_a_picture_of_its_own_a_chat_edits_the_last_one_before():
    drew = {"role": "assistant", "content": None, "images": [{"type": "image_url", "image_url": {"url": URL}}]}
    messages = [user("https://a.test/old.png"), drew, user()]

    assert ImageRequest.of(json_call({"messages": messages}), TARGET).images == (PICTURE,)


def test_a_message_that_was_said_before_does_not_hide_what_came_between():
    drew = {"role": "assistant", "content": None, "images": [{"type": "image_url", "image_url": {"url": URL}}]}

    assert ImageRequest.of(json_call({"messages": [user(), drew, user()]}), TARGET).images == (PICTURE,)


@pytest.mark.parametrize(
    "messages", [[], [{"role": "system", "content": "a sea"}], [{"role": "user", "content": ""}], [user(URL, text="")]]
)
def test_a_chat_that_says_nothing_cannot_be_drawn(messages):
    with pytest.raises(UpstreamError) as caught:
        ImageRequest.of(json_call({"messages": messages}), TARGET)

    assert (caught.value.reason, caught.value.param) == (Reason.UNSUPPORTED, "messages")


@pytest.mark.parametrize(
    ("asked", "found"),
    [("1792x1024", "1536x1024"), ("512x512", "1024x1024"), ("1000x3000", "1024x1536"), ("1024x1536", "1024x1536")],
)
def test_the_nearest_ratio_is_drawn_where_the_configuration_allows_it(asked, found):
    call = json_call({}, GENERATIONS, needs=Needs(image_size=asked))
    sizes = ("1024x1024", "1024x1536", "1536x1024")

    assert size_for(call, sized(*sizes)) == found
    assert size_for(call, sized(*sizes, nearest=False)) == asked


def test_of_two_sizes_of_one_ratio_the_nearer_is_drawn():
    call = json_call({}, GENERATIONS, needs=Needs(image_size="2000x2000"))

    assert size_for(call, sized("1024x1024", "2048x2048", "4096x4096")) == "2048x2048"


@pytest.mark.parametrize("size", ["auto", "16:9", "", "0x5", "9" * 5_000 + "x1"])
def test_what_is_no_size_is_left_to_the_provider(size):
    call = json_call({}, GENERATIONS, needs=Needs(image_size=size))

    assert pixels(size) is None
    assert size_for(call, sized("1024x1024")) == size


@given(st.text() | st.from_regex(r"[0-9]{1,9}x[0-9]{1,9}", fullmatch=True), st.sets(st.text(), max_size=3))
def test_any_size_finds_one_to_draw(size, known):
    call = json_call({}, GENERATIONS, needs=Needs(image_size=size))

    assert size_for(call, sized("1024x1024", *known)) in {size, "1024x1024", *known}


def test_the_line_of_the_price_list_names_what_is_drawn():
    call = json_call({}, GENERATIONS, needs=Needs(image_size="512x512", image_quality="high"))

    assert image_line(call, sized("1024x1024")) == "high/1024x1024"
    assert image_line(call, TARGET) == "high/512x512"
