"""What a call consumed in the end, and what that costs."""

from __future__ import annotations

import msgspec

from gateway.core.money import PER_MILLION
from gateway.core.types import Call, Target
from gateway.core.usage import NOTHING, Usage
from gateway.limits.base import Consumption
from gateway.limits.drawing import illustrations, pictures
from gateway.limits.estimate import UNKNOWN_IMAGE_TOKENS, worst_case
from gateway.providers.client.image_request import image_line


class Bill(msgspec.Struct, frozen=True, gc=False):
    usage: Usage = NOTHING
    is_official: bool = False
    """The provider's own figures; else our running count."""
    cost_nanousd: int = 0
    is_priced: bool = True
    """False: the target's price is not known, and a cost of 0 says nothing."""
    tokens_held: int | None = None
    """What limits on tokens count where nobody knows the usage."""

    @property
    def consumption(self) -> Consumption:
        """What the call's limits and budgets are settled to."""
        tokens = self.usage.total if self.tokens_held is None else self.tokens_held
        return Consumption(tokens=tokens, images=self.usage.images, cost_nanousd=self.cost_nanousd)


NOTHING_OWED = Bill()


def bill_of(target: Target, usage: Usage, at: float, *, is_official: bool) -> Bill:
    """The bill for ``usage`` of ``target`` by the price at ``at`` (epoch seconds), some change with the hour.

    What the provider itself charges, where it says so, is the truth.
    """
    if usage.cost_nanousd is not None:
        return Bill(usage, is_official, usage.cost_nanousd)
    if target.price is None:
        return Bill(usage, is_official, is_priced=False)
    price = target.price.at(at)
    bill = price.cost(usage)
    if usage.images and not usage.total_output and not price.per_image and price.image_output:
        # Billed by tokens that nobody told, and no line says what they come to: not free, but what was held for it.
        return Bill(usage, False, bill + usage.images * -(-UNKNOWN_IMAGE_TOKENS * price.image_output // PER_MILLION))
    is_text = bool(usage.output or usage.reasoning) and not usage.images
    return Bill(usage, is_official, bill, is_priced=price.is_of_text or not is_text)


def bill_of_cut_off(call: Call, target: Target, at: float) -> Bill:
    """What is owed for a call that was cut off before its first event, while the provider worked on it.

    It may well be charged: a stream of text that had not begun costs its input, a whole reply what was held for it. So
    do images, streamed or not: they are made whole whether or not anyone waits for them.
    """
    drawn = pictures(call, target)
    images = drawn or illustrations(call, target)
    line = image_line(call, target) if images else ""
    usage = Usage(input=call.needs.input_tokens, images=images, image_line=line)
    bill = bill_of(target, usage, at, is_official=False)
    if call.stream and not drawn:
        return bill
    worst = worst_case(call, (target,))
    return Bill(usage, False, worst.cost_nanousd, is_priced=bill.is_priced, tokens_held=worst.tokens)
