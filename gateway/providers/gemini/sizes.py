"""The exact sizes that Google's models draw, and how each is asked for: an aspect ratio and a step.

Gemini: https://ai.google.dev/gemini-api/docs/image-generation#aspect_ratios_and_image_size
Imagen: https://cloud.google.com/vertex-ai/generative-ai/docs/models/imagen/4-0-generate-001
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from gateway.core.errors import unsupported
from gateway.providers.client.image_request import nearest, pixels


class Shape(msgspec.Struct, frozen=True):
    """``step`` is Google's word for how large (``2K``); empty for what it draws unasked."""

    ratio: str
    step: str = ""


Sizes = Mapping[str, Shape]
"""``1024x1024`` -> how to ask for it."""


def _sizes(steps: Sequence[str], rows: Mapping[str, str]) -> Sizes:
    """One row a ratio, one size a step."""
    named = ((size, Shape(ratio, step)) for ratio, row in rows.items() for size, step in zip(row.split(), steps))  # noqa: B905 - a row may end early
    return dict(named)


_AT_1K = {
    "1:1": "1024x1024",
    "2:3": "848x1264",
    "3:2": "1264x848",
    "3:4": "896x1200",
    "4:3": "1200x896",
    "4:5": "928x1152",
    "5:4": "1152x928",
    "9:16": "768x1376",
    "16:9": "1376x768",
    "21:9": "1584x672",
}
_LARGER = {
    "1:1": "2048x2048 4096x4096",
    "2:3": "1696x2528 3392x5056",
    "3:2": "2528x1696 5056x3392",
    "3:4": "1792x2400 3584x4800",
    "4:3": "2400x1792 4800x3584",
    "4:5": "1856x2304 3712x4608",
    "5:4": "2304x1856 4608x3712",
    "9:16": "1536x2752 3072x5504",
    "16:9": "2752x1536 5504x3072",
    "21:9": "3168x1344 6336x2688",
}
_SMALLER = {
    "1:1": "512x512",
    "2:3": "424x632",
    "3:2": "632x424",
    "3:4": "448x600",
    "4:3": "600x448",
    "4:5": "464x576",
    "5:4": "576x464",
    "9:16": "384x688",
    "16:9": "688x384",
    "1:4": "256x1024",
    "4:1": "1024x256",
    "1:8": "192x1536",
    "8:1": "1536x192",
}
_NARROW = {
    "1:4": "512x2048 1024x4096 2048x8192",
    "4:1": "2048x512 4096x1024 8192x2048",
    "1:8": "384x3072 768x6144 1536x12288",
    "8:1": "3072x384 6144x768 12288x1536",
}
_FLASH_2_5 = {
    "1:1": "1024x1024",
    "2:3": "832x1248",
    "3:2": "1248x832",
    "3:4": "864x1184",
    "4:3": "1184x864",
    "4:5": "896x1152",
    "5:4": "1152x896",
    "9:16": "768x1344",
    "16:9": "1344x768",
    "21:9": "1536x672",
}
_IMAGEN_1K = {"1:1": "1024x1024", "3:4": "896x1280", "4:3": "1280x896", "9:16": "768x1408", "16:9": "1408x768"}
_IMAGEN_2K = {"1:1": "2048x2048", "3:4": "1792x2560", "4:3": "2560x1792", "9:16": "1536x2816", "16:9": "2816x1536"}

_ONE = ("",)
_PRO = {**_sizes(("1K",), _AT_1K), **_sizes(("2K", "4K"), _LARGER)}
_IMAGEN = {**_sizes(_ONE, _IMAGEN_1K), **_sizes(("2K",), _IMAGEN_2K)}

SIZES: Mapping[str, Sizes] = {
    "gemini-2.5-flash-image": _sizes(_ONE, _FLASH_2_5),
    "gemini-3-pro-image": _PRO,
    "gemini-3.1-flash-image": {**_PRO, **_sizes(("1K", "2K", "4K"), _NARROW), **_sizes(("512",), _SMALLER)},
    "gemini-3.1-flash-lite-image": _sizes(_ONE, _AT_1K),
    "imagen-3.0": _sizes(_ONE, _IMAGEN_1K),
    "imagen-4.0-fast": _sizes(_ONE, _IMAGEN_1K),
    "imagen-4.0": _IMAGEN,
}
"""By what a model's name begins with; the longest name that fits counts."""


def sizes_of(model: str) -> Sizes:
    """Those of a model that is not known are what Gemini 3 Pro draws."""
    name = model.rpartition("/")[2]
    found = [prefix for prefix in SIZES if name.startswith(prefix)]
    if found:
        return SIZES[max(found, key=len)]
    return _IMAGEN if name.startswith("imagen") else _PRO


def shape_of(size: str, model: str, *, is_nearest_fine: bool) -> Shape | None:
    """How to ask ``model`` for ``size``; None for ``auto``.

    ``is_nearest_fine``: the config takes the nearest aspect ratio for another size. Raises UpstreamError (UNSUPPORTED)
    where it doesn't.
    """
    if size == "auto":
        return None
    sizes = sizes_of(model)
    found = size if size in sizes else None
    if found is None and is_nearest_fine and (asked := pixels(size)) is not None:
        found = nearest(asked, sizes)
    if found is None:
        known = ", ".join(list(sizes)[:10])
        raise unsupported("size", f"{model} draws no images of {size}, only {known} and the like")
    return sizes[found]
