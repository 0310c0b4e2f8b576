"""The three encoders, against Pillow's decoders."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gateway.simulator.jpeg import jpeg
from gateway.simulator.png import colours, png
from gateway.simulator.webp import webp

sides = st.integers(1, 300)
colour = st.tuples(*[st.integers(0, 255)] * 3)


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@given(width=sides, height=sides, key=st.integers(0, 2**32), is_transparent=st.booleans(), least=st.integers(0, 5000))
def test_a_png_of_any_size_is_read(width: int, height: int, key: int, *, is_transparent: bool, least: int) -> None:
    data = png(width, height, key, is_transparent=is_transparent, least_bytes=least)
    image = opened(data)
    assert (image.format, image.size) == ("PNG", (width, height))
    assert len(data) >= least
    last = image.convert("RGBA").getpixel((width - 1, height - 1))
    assert isinstance(last, tuple)
    assert last[:3] in colours(key)
    assert is_transparent or last[3] == 255


@given(sides, sides, colour)
def test_a_jpeg_of_any_size_has_its_colour_to_the_corner(width: int, height: int, rgb: tuple[int, int, int]) -> None:
    image = opened(jpeg(width, height, rgb))
    assert (image.format, image.size) == ("JPEG", (width, height))
    found = image.getpixel((width - 1, height - 1))
    assert isinstance(found, tuple)
    assert all(abs(got - wanted) <= 4 for got, wanted in zip(found, rgb, strict=True))


@given(sides, sides, colour, st.integers(0, 255))
def test_a_webp_of_any_size_has_its_very_colour(width: int, height: int, rgb: tuple[int, int, int], alpha: int) -> None:
    image = opened(webp(width, height, rgb, alpha))
    assert (image.format, image.size) == ("WEBP", (width, height))
    assert image.convert("RGBA").getpixel((width - 1, height - 1)) == (*rgb, alpha)


@pytest.mark.parametrize("side", [2048, 4096])
def test_the_largest_images_are_read_too(side: int) -> None:
    assert opened(png(side, side, 3)).size == (side, side)
    assert opened(jpeg(side, side, (1, 2, 3))).size == (side, side)
    assert opened(webp(side, side, (1, 2, 3))).size == (side, side)


def test_the_key_decides_the_colours() -> None:
    assert png(9, 9, 1) == png(9, 9, 1)
    assert png(9, 9, 1) != png(9, 9, 100)
