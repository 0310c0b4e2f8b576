"""That a price says enough to write a bill from."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.settings.reader import Place
from gateway.settings.rules.view import View
from gateway.settings.terms import Price


def prices_say_enough(view: View) -> None:
    for place, price in _prices(view):
        rates = price.rates
        if not (rates or price.per_image or price.per_request is not None):
            view.error(place, "says nothing", "Write free, or {input: 0.25, output: 2}.")
        elif rates and "input" not in rates:
            view.error(place, "is by tokens and has no input", "Add input: in USD a million tokens, 0 if it is free.")
        elif rates and not (rates.keys() & {"output", "image_output"} or price.per_image):
            fix = "Add output: in USD a million tokens, 0 where nothing is written, as with embeddings."
            view.error(place, "is by tokens and has no output", fix)


def _prices(view: View) -> Iterator[tuple[Place, Price]]:
    """Every price that is whole: one with a wrong rate in it is told of already."""
    for name, provider in view.settings.providers.items():
        place: Place = ("providers", name, "price")
        if provider.price is not None and view.is_whole(place):
            yield place, provider.price
    for target_place, target in view.targets():
        place = (*target_place, "price")
        if target.price is not None and view.is_whole(place):
            yield place, target.price
