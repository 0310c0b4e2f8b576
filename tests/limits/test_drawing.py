"""The same call on an image model and on a chat model that draws: what each may take, and in how many requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.money import NANOUSD as USD
from gateway.core.money import Price, Tier
from gateway.core.types import Capabilities, Endpoint, Feature, Target
from gateway.core.usage import Usage
from gateway.limits.drawing import at_once, billed_as, is_by_chat, pictures, requests
from gateway.limits.estimate import ROUNDED_LINES, UNKNOWN_IMAGE_TOKENS, worst_case
from tests.limits.calls import call, target

GENERATIONS, EDITS, CHAT = Endpoint.IMAGE_GENERATIONS, Endpoint.IMAGE_EDITS, Endpoint.CHAT
DRAWS = frozenset({Feature.IMAGE_OUTPUT})
LINES = {"low/1024x1024": 10_000_000, "high/1024x1024": 40_000_000, "high/1536x1024": 60_000_000}
BY_IMAGE = Price(per_image=LINES, per_request=1_000)
BY_TOKENS = Price(input=USD, image_input=2 * USD, output=3 * USD, image_output=30 * USD, per_image=LINES)


def image_model(price, **able) -> Target:
    return target(price, Capabilities(endpoints=frozenset({GENERATIONS, EDITS}), **able))


def chat_model(price, **able) -> Target:
    able.setdefault("max_output_tokens", 1_000)
    return target(price, Capabilities(endpoints=frozenset({CHAT}), features=DRAWS, **able))


def drawing_chat(**needs):
    return call(CHAT, features=DRAWS, **needs)


def test_images_are_drawn_by_an_images_endpoint_or_written_in_a_chat():
    images, chat = call(GENERATIONS, images=3), drawing_chat(choices=2)

    assert (pictures(images, image_model(None)), is_by_chat(images, image_model(None))) == (3, False)
    assert (pictures(images, chat_model(None)), is_by_chat(images, chat_model(None))) == (3, True)
    assert pictures(chat, image_model(None)) == 2
    assert pictures(chat, chat_model(None)) == 0, "served as a chat, its images are written as any other words"
    assert pictures(call(CHAT), image_model(None)) == 0


@pytest.mark.parametrize(
    ("one", "most", "times"),
    [
        (image_model(None), 5, 1),
        (image_model(None, max_images=2), 2, 3),
        (image_model(None, max_images=10), 10, 1),
        (chat_model(None), 1, 5),
        (chat_model(None, max_images=5), 5, 1),
        (target(None), 5, 1),
    ],
    ids=["not known", "two", "ten", "a chat", "a chat of five", "nothing known"],
)
def test_what_a_target_makes_at_once_decides_how_often_it_is_asked(one, most, times):
    asked = call(GENERATIONS, images=5)

    assert at_once(asked, one) == most
    assert requests(asked, one) == times


def test_a_call_that_draws_nothing_is_one_request():
    assert requests(call(), chat_model(None)) == 1


def test_a_chat_on_an_image_model_is_billed_as_images_are():
    assert billed_as(drawing_chat(), image_model(None)) is GENERATIONS
    assert billed_as(drawing_chat(), chat_model(None)) is CHAT
    assert billed_as(call(GENERATIONS, images=1), chat_model(None)) is GENERATIONS


def test_a_chat_on_an_image_model_holds_its_images_and_counts_them():
    worst = worst_case(drawing_chat(choices=2, input_tokens_max=50), [image_model(BY_IMAGE)])

    assert worst.cost_nanousd == 1_000 + 2 * 60_000_000
    assert worst.images == 2


def test_a_chat_holds_the_dearer_of_what_it_may_come_to():
    chat = drawing_chat(output_tokens_max=10)
    by_words = worst_case(chat, [chat_model(BY_TOKENS)])
    by_image = worst_case(chat, [image_model(BY_IMAGE)])
    both = worst_case(chat, [chat_model(BY_TOKENS), image_model(BY_IMAGE)])

    more, whole = ROUNDED_LINES

    assert by_words.cost_nanousd == 10 * 30_000 + 60_000_000 * more // whole, "an image is no matter of the ceiling"
    assert both.cost_nanousd == max(by_words.cost_nanousd, by_image.cost_nanousd)
    assert (both.images, both.tokens) == (1, max(by_words.tokens, by_image.tokens))


def test_a_chat_that_draws_by_itself_holds_a_piece_for_each_choice_and_counts_it():
    piece = Price(output=USD, per_image={"default": 50_000_000})
    drawing = worst_case(drawing_chat(choices=2, output_tokens_max=10), [chat_model(piece)])
    talking = worst_case(call(CHAT, choices=2, output_tokens_max=10), [chat_model(piece)])

    assert (drawing.cost_nanousd, drawing.images) == (2 * (10 * 1_000 + 50_000_000), 2)
    assert (talking.cost_nanousd, talking.images) == (2 * 10 * 1_000, 0)


def test_images_of_a_chat_model_hold_the_words_beside_them_too():
    images = call(GENERATIONS, images=2, image_quality="low", image_size="1024x1024", input_tokens_max=100)
    more, whole = ROUNDED_LINES

    worst = worst_case(images, [chat_model(BY_TOKENS)])

    of_images = 2 * 10_000_000 * more // whole
    assert worst.cost_nanousd == of_images + 2 * (100 * 1_000 + 1_000 * 3_000), "both requests read and may talk"
    assert worst.images == 2


def test_images_of_a_chat_model_without_lines_hold_the_most_tokens_of_one():
    worst = worst_case(call(GENERATIONS, images=1), [chat_model(Price(image_output=30 * USD), max_output_tokens=1)])

    assert worst.cost_nanousd == UNKNOWN_IMAGE_TOKENS * 30_000


def test_each_request_of_a_fan_out_holds_its_input_and_its_fee():
    edit = call(
        EDITS,
        images=5,
        image_quality="low",
        image_size="1024x1024",
        input_images=1,
        input_tokens=80,
        input_tokens_max=100,
    )
    one = image_model(Price(input=USD, image_input=2 * USD, per_image=LINES, per_request=7), max_images=2)

    worst = worst_case(edit, [one])

    assert worst.cost_nanousd == 3 * 7 + 5 * 10_000_000 + 3 * (100 * 1_000 + 1_600 * 2_000)
    assert worst.tokens == 3 * (80 + 1_600)


def test_the_line_that_is_really_drawn_is_held():
    able = Capabilities(endpoints=frozenset({GENERATIONS}), image_sizes=frozenset({"1024x1024", "1536x1024"}))
    near = Target(id="a/b", provider="a", model="b", price=BY_IMAGE, capabilities=able, nearest_image_size=True)
    square = call(GENERATIONS, images=1, image_quality="high", image_size="512x512")
    wide = call(GENERATIONS, images=1, image_quality="high", image_size="1920x1080")

    assert worst_case(square, [near]).cost_nanousd == 1_000 + 40_000_000
    assert worst_case(wide, [near]).cost_nanousd == 1_000 + 60_000_000


rates = st.integers(0, 100 * USD)
lines = st.none() | st.fixed_dictionaries(dict.fromkeys(LINES, st.integers(0, USD)))
counts = st.integers(0, 1_000)


@st.composite
def prices(draw):
    fields = ("input", "cached_input", "image_input", "cached_image_input", "output", "image_output", "per_request")
    price = {name: draw(rates) for name in fields}
    reasoning = draw(st.none() | rates)
    longer = Price(**{name: draw(rates) for name in fields}, per_image=draw(lines) or {})
    return Price(**price, reasoning=reasoning, per_image=draw(lines) or {}, tiers=(Tier(1_500, longer),))


@given(prices(), st.data())
def test_no_bill_for_images_is_more_than_what_was_held(price, data):
    draw = data.draw
    quality, size = draw(st.sampled_from(sorted(LINES))).split("/")
    count, most = draw(st.integers(1, 4)), draw(st.none() | st.integers(1, 3))
    inputs = draw(st.integers(0, 2))
    by_chat, is_chat = draw(st.booleans()), draw(st.booleans())
    one = (chat_model if by_chat else image_model)(price, max_images=most)
    read, words = draw(counts), draw(counts)
    needs = {
        "input_tokens_max": read,
        "input_images": inputs,
        "image_quality": draw(st.sampled_from([quality, "auto"])),
        "image_size": draw(st.sampled_from([size, "auto"])),
    }
    asked = call(EDITS, images=count, **needs)
    if is_chat and not by_chat:
        asked = drawing_chat(choices=count, **needs)
    times = requests(asked, one)
    drawn = draw(st.integers(0, count))
    cached = draw(st.integers(0, read))
    usage = Usage(
        input=times * (read - cached),
        cached_input=times * cached,
        image_input=times * inputs * draw(st.integers(0, 1_600)),
        output=times * words if by_chat else 0,
        images=drawn,
        image_line=f"{quality}/{size}" if drawn else "",
        requests=times,
    )
    usage = _with_tokens(usage, price, drawn, draw)

    assert price.cost(usage) <= worst_case(asked, [one]).cost_nanousd


def _with_tokens(usage: Usage, price: Price, drawn: int, draw) -> Usage:
    """``usage`` with image tokens, as many as the line that is billed comes to, or as one image has at most."""
    rate = price.for_input(usage.total_input)
    if not rate.image_output or not drawn or draw(st.booleans()):
        return usage
    most = UNKNOWN_IMAGE_TOKENS
    if rate.per_image:
        most = rate.image(usage.image_line) * 1_000_000 // rate.image_output
    fields = {name: getattr(usage, name) for name in usage.__struct_fields__}
    return Usage(**fields | {"image_output": drawn * draw(st.integers(0, most))})
