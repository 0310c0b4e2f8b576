"""What a call is charged whose provider never came to say what it used."""

from __future__ import annotations

import msgspec
import pytest

from gateway.core.body import JsonBody
from gateway.core.errors import Reason, UpstreamError
from gateway.core.money import NANOUSD, Price
from gateway.core.types import Call, Caller, Capabilities, Endpoint, Event, Feature, Needs, Target
from gateway.core.usage import Usage
from gateway.limits.estimate import UNKNOWN_IMAGE_TOKENS, worst_case
from gateway.pipeline.bill import Bill, bill_of, bill_of_cut_off
from gateway.pipeline.meter import Meter
from tests.clock import FrozenClock

BY_IMAGE = Target(id="a/i", provider="a", model="i", price=Price(per_image={"default": NANOUSD // 25}))
BY_TOKEN = Target(id="a/t", provider="a", model="t", price=Price(input=NANOUSD, output=10 * NANOUSD))


def image_call(stream):
    needs = Needs(input_tokens=5, input_tokens_max=20, images=3, image_quality="high", image_size="1024x1024")
    return call(stream, endpoint=Endpoint.IMAGE_GENERATIONS, needs=needs)


def call(stream, **fields):
    needs = Needs(input_tokens=5, input_tokens_max=20, output_tokens_max=50)
    given = {"endpoint": Endpoint.CHAT, "needs": needs, **fields}
    return Call(id="r", model="m", caller=Caller(key="k"), body=JsonBody(b"{}", {}), stream=stream, **given)


def test_text_is_not_free_where_the_price_speaks_of_images_alone():
    assert not bill_of(BY_IMAGE, Usage(input=5, output=5), 0.0, is_official=True).is_priced
    assert bill_of(BY_IMAGE, Usage(input=5, output=5, images=1), 0.0, is_official=True).is_priced
    assert bill_of(BY_TOKEN, Usage(input=5, output=5), 0.0, is_official=True).is_priced


@pytest.mark.parametrize("charged", [0, 7, 10**12])
@pytest.mark.parametrize("target", [BY_TOKEN, BY_IMAGE, Target(id="a/n", provider="a", model="n")], ids=lambda t: t.id)
def test_what_the_provider_itself_charges_is_the_truth(target, charged):
    bill = bill_of(target, Usage(input=5, output=5, images=1, cost_nanousd=charged), 0.0, is_official=True)

    assert bill.cost_nanousd == charged
    assert bill.is_priced


class Previews:
    """A reply that shows previews of an image, and then waits."""

    waited_s = 0.0

    async def read(self):
        return Event(b"data: {}\n\n")

    def close(self):
        pass


@pytest.mark.parametrize("stream", [False, True])
def test_images_that_nobody_waited_for_are_counted_and_charged(stream):
    bill = bill_of_cut_off(image_call(stream), BY_IMAGE, 0.0)

    assert bill.cost_nanousd == 3 * NANOUSD // 25
    assert bill.consumption.images == 3
    assert not bill.is_official


async def test_a_stream_of_images_that_is_left_after_its_previews_costs_its_images():
    meter = Meter(image_call(True), BY_IMAGE, Previews(), FrozenClock(), 0.0)
    await meter.read()

    assert meter.bill.cost_nanousd == 3 * NANOUSD // 25
    assert meter.bill.consumption.images == 3


async def test_a_stream_of_images_that_its_provider_breaks_off_costs_no_image():
    class Broken(Previews):
        async def read(self):
            raise UpstreamError(Reason.SERVER_ERROR, "no")

    meter = Meter(image_call(True), BY_IMAGE, Broken(), FrozenClock(), 0.0)
    with pytest.raises(UpstreamError):
        await meter.read()

    assert meter.bill.consumption.images == 0


def test_a_whole_reply_that_was_cut_off_counts_the_tokens_that_were_held_for_it():
    bill = bill_of_cut_off(call(False), BY_TOKEN, 0.0)

    assert (bill.usage, bill.consumption.tokens) == (Usage(input=5), 55)
    assert bill.cost_nanousd == 20 * 1_000 + 50 * 10_000


def test_a_stream_of_text_that_had_not_begun_costs_its_input():
    bill = bill_of_cut_off(call(True), BY_TOKEN, 0.0)

    assert (bill.cost_nanousd, bill.consumption.tokens) == (5_000, 5)


def test_a_price_that_is_not_known_is_said_to_be_so():
    assert not bill_of_cut_off(image_call(False), msgspec.structs.replace(BY_IMAGE, price=None), 0.0).is_priced


def test_known_usage_is_what_limits_are_settled_to():
    consumption = Bill(Usage(input=3, output=4, images=2), True, 99).consumption

    assert (consumption.tokens, consumption.images, consumption.cost_nanousd) == (7, 2, 99)


def drawing_chat(stream):
    needs = Needs(features=frozenset({Feature.IMAGE_OUTPUT}), input_tokens=5, input_tokens_max=20, choices=2)
    return call(stream, needs=needs)


@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_that_nobody_waited_for_costs_the_images_of_the_image_model_that_drew_them(stream):
    drawing = msgspec.structs.replace(
        BY_IMAGE, capabilities=Capabilities(endpoints=frozenset({Endpoint.IMAGE_GENERATIONS}))
    )
    bill = bill_of_cut_off(drawing_chat(stream), drawing, 0.0)

    assert bill.cost_nanousd == 2 * NANOUSD // 25
    assert bill.consumption.images == 2


@pytest.mark.parametrize("stream", [False, True])
def test_images_that_a_chat_model_was_drawing_cost_what_was_held_for_it(stream):
    able = Capabilities(
        endpoints=frozenset({Endpoint.CHAT}), features=frozenset({Feature.IMAGE_OUTPUT}), max_output_tokens=100
    )
    drawing = msgspec.structs.replace(BY_TOKEN, capabilities=able)
    asked = image_call(stream)

    bill = bill_of_cut_off(asked, drawing, 0.0)

    assert bill.cost_nanousd == worst_case(asked, (drawing,)).cost_nanousd > 0
    assert bill.consumption.images == 3


def test_images_that_nobody_waited_for_cost_the_size_that_was_drawn():
    lines = {"high/1024x1024": 1, "high/1536x1024": 2}
    able = Capabilities(image_sizes=frozenset({"1536x1024"}))
    near = Target(
        id="a/i", provider="a", model="i", price=Price(per_image=lines), capabilities=able, nearest_image_size=True
    )

    bill = bill_of_cut_off(image_call(False), near, 0.0)

    assert (bill.cost_nanousd, bill.usage.image_line) == (3 * 2, "high/1536x1024")


class Reply:
    """A reply of these events, which then waits."""

    waited_s = 0.0

    def __init__(self, *events):
        self._events = list(events)

    async def read(self):
        return self._events.pop(0) if self._events else None

    def close(self):
        pass


CHATS = Capabilities(endpoints=frozenset({Endpoint.CHAT}), features=frozenset({Feature.IMAGE_OUTPUT}))
DRAWS = Target(
    id="a/c",
    provider="a",
    model="c",
    price=Price(input=NANOUSD, output=10 * NANOUSD, image_output=30 * NANOUSD, per_image={"default": NANOUSD // 25}),
    capabilities=CHATS,
)


async def test_a_chat_that_was_to_draw_costs_its_images_from_whoever_hangs_up_before_the_usage():
    meter = Meter(drawing_chat(True), DRAWS, Reply(Event(b"data: {}\n\n", tokens=1)), FrozenClock(), 0.0)
    await meter.read()

    assert meter.bill.cost_nanousd == 5_000 + 10_000 + 2 * NANOUSD // 25
    assert meter.bill.consumption.images == 2


async def test_a_chat_that_was_to_draw_costs_its_images_though_its_input_was_told_early():
    early = Event(b"data: {}\n\n", usage=Usage(input=7))
    meter = Meter(drawing_chat(True), DRAWS, Reply(early), FrozenClock(), 0.0)
    await meter.read()

    assert (meter.bill.cost_nanousd, meter.bill.is_official) == (7_000 + 2 * NANOUSD // 25, False)


async def test_a_chat_that_said_its_end_without_an_image_costs_none():
    last = Event(b"data: {}\n\n", usage=Usage(input=7), finish="stop")
    meter = Meter(drawing_chat(True), DRAWS, Reply(last), FrozenClock(), 0.0)
    await meter.read()

    assert (meter.bill.cost_nanousd, meter.bill.is_official) == (7_000, True)


def test_a_stream_that_was_to_draw_and_had_not_begun_costs_its_images():
    bill = bill_of_cut_off(drawing_chat(True), DRAWS, 0.0)

    assert (bill.cost_nanousd, bill.consumption.images) == (5_000 + 2 * NANOUSD // 25, 2)


async def test_a_stream_of_images_that_is_left_after_the_first_costs_them_all():
    one = Usage(images=1, image_line="high/1024x1024")
    meter = Meter(image_call(True), BY_IMAGE, Reply(Event(b"data: {}\n\n", usage=one)), FrozenClock(), 0.0)
    await meter.read()
    left = meter.bill
    await meter.read()

    assert left.cost_nanousd == 3 * NANOUSD // 25
    assert meter.bill.cost_nanousd == NANOUSD // 25, "at its end it has drawn what it has drawn"


def test_an_image_whose_tokens_nobody_told_is_not_free():
    price = Price(input=NANOUSD, output=10 * NANOUSD, image_output=30 * NANOUSD)
    bill = bill_of(msgspec.structs.replace(BY_TOKEN, price=price), Usage(input=5, images=2), 0.0, is_official=True)

    assert bill.cost_nanousd == 5_000 + 2 * UNKNOWN_IMAGE_TOKENS * 30_000
    assert not bill.is_official
