"""Nothing travels in a form that was not looked at: what the provider reads is what was checked here."""

from __future__ import annotations

import pytest

from gateway.core.errors import InvalidRequest
from gateway.core.types import Caller, Endpoint
from gateway.edge.asking import Asking
from gateway.edge.form import FormReader
from gateway.edge.images import image_call

IMAGE = b'Content-Disposition: form-data; name="image"; filename="a.png"\r\n'


def read(*parts):
    reader = FormReader(b"multipart/form-data; boundary=B", spool_bytes=1024)
    try:
        reader.feed(b"".join(b"--B\r\n" + part + b"\r\n" for part in parts) + b"--B--\r\n")
        return reader.finish()
    except BaseException:
        reader.close()
        raise


def text(name, value):
    return b'Content-Disposition: form-data; name="%s"\r\n\r\n%s' % (name, value)


def asked(form):
    asking = Asking("id", Caller(key="k"), 0.0, ())
    return image_call(Endpoint.IMAGE_EDITS, asking, form)


def test_a_content_type_can_not_begin_a_header_of_its_own():
    smuggled = b'Content-Type: image/png\nContent-Disposition: form-data; name="model"\r\n\r\ndear-model'

    with pytest.raises(InvalidRequest) as caught:
        read(IMAGE + smuggled)

    assert caught.value.param == "image"


def test_a_content_type_with_parameters_is_kept():
    form = read(IMAGE + b'Content-Type: image/png; name="a b"\r\n\r\nDATA')

    assert [(file.name, file.content_type, file.size) for file in form.files] == [
        ("image", 'image/png; name="a b"', 4),
    ]
    form.close()


@pytest.mark.parametrize("name", [b"model", b"n", b"size", b"stream", b"prompt"])
def test_a_file_in_the_place_of_a_text_is_refused_by_name(name):
    hidden = b'Content-Disposition: form-data; name="%s"; filename="x"\r\n\r\n10' % name
    form = read(text(b"prompt", b"mend it"), IMAGE + b"\r\nDATA", hidden)

    with pytest.raises(InvalidRequest) as caught:
        asked(form)

    assert caught.value.param == name.decode()
    form.close()


def test_of_a_name_given_twice_the_last_value_counts():
    form = read(text(b"prompt", b"mend it"), text(b"n", b"10"), text(b"n", b"2"), IMAGE + b"\r\nDATA")

    assert asked(form).needs.images == 2
    form.close()
