"""What is left of a document when everything that is wrong with it is taken out.

Problems are reported all at once: what refers from one section to another is checked even where some third place
is wrong. So the wrong values are cut out until the rest is valid, and the rules run on that.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.settings.reader import BROKEN, Place
from gateway.settings.schema import Settings

ROUNDS = 12


class Sound:
    """The valid part of ``data``. Positions in its lists are not those of the file: ``place`` leads back."""

    def __init__(self, data: Any) -> None:
        self._data = data
        self._doomed: set[Place] = set()
        self._kept: dict[Place, list[int]] = {}

    def first_errors(self, error: ValidationError) -> list[tuple[Place, ErrorDetails]]:
        """The errors of the first validation, each with its place. What could not even be read is told already."""
        found: list[tuple[Place, ErrorDetails]] = []
        for detail in error.errors(include_url=False):
            if detail["type"] == "too_short" and detail["input"]:
                # Its items are what is wrong: those that are are not counted.
                continue
            place = self._existing(detail["loc"], self._data)
            self._doomed.add(place)
            if detail["input"] is not BROKEN:
                found.append((place, detail))
        return found

    def settings(self) -> Settings | None:
        """Settings of what is valid; None if nothing is."""
        for _ in range(ROUNDS):
            if () in self._doomed:
                return None
            rest = self._cut(self._data, ())
            try:
                return Settings.model_validate(rest)
            except ValidationError as error:
                # What lacks a part that was cut out goes as a whole.
                for detail in error.errors(include_url=False):
                    self._doomed.add(self.place(self._existing(detail["loc"], rest)))
        return None

    def place(self, place: Place) -> Place:
        """Where in the file that is which stands at ``place`` in the sound part."""
        found: Place = ()
        for part in place:
            kept = self._kept.get(found)
            here = kept[part] if kept is not None and isinstance(part, int) and part < len(kept) else part
            found = (*found, here)
        return found

    def is_touched(self, place: Place) -> bool:
        """Something at or below ``place``, in the file, was cut out."""
        return any(doomed[: len(place)] == place for doomed in self._doomed)

    def _cut(self, value: Any, place: Place) -> Any:
        if isinstance(value, dict):
            kept = [name for name in value if (*place, name) not in self._doomed]
            return {name: self._cut(value[name], (*place, name)) for name in kept}
        if isinstance(value, list):
            indices = [index for index in range(len(value)) if (*place, index) not in self._doomed]
            self._kept[place] = indices
            return [self._cut(value[index], (*place, index)) for index in indices]
        return value

    @staticmethod
    def _existing(loc: tuple[str | int, ...], data: Any) -> Place:
        """The longest beginning of ``loc`` that ``data`` has."""
        place: Place = ()
        for part in loc:
            is_there = part in data if isinstance(data, dict) else _is_index(data, part)
            if not is_there:
                break
            data = data[part]
            place = (*place, part)
        return place


def _is_index(data: Any, part: str | int) -> bool:
    return isinstance(data, list) and isinstance(part, int) and part < len(data)
