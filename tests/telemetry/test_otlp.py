"""What sends to a collector."""

from __future__ import annotations

import socket

import pytest

from gateway.telemetry import otlp
from gateway.telemetry.otlp import Collector, NotTaken
from tests import otlp as receiving


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(otlp, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(otlp, "LONGEST_PAUSE_S", 0.002)


def sender(collector, **headers):
    return Collector(collector.url, "/v1/traces", headers)


def test_what_is_sent_comes_with_its_headers_and_its_type():
    with receiving.Collector() as collector:
        sender(collector, Authorization="Bearer of-collector").send(b"")
    (post,) = collector.posts
    assert post.path == "/v1/traces"
    assert post.headers["authorization"] == "Bearer of-collector"
    assert post.headers["content-type"] == "application/x-protobuf"


def test_an_endpoint_may_be_given_with_its_path():
    with receiving.Collector() as collector:
        Collector(collector.url + "/v1/traces", "/v1/traces", {}).send(b"")
    assert [post.path for post in collector.posts] == ["/v1/traces"]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_collector_that_is_busy_is_asked_again(status):
    with receiving.Collector([status, status]) as collector:
        sender(collector).send(b"")
    assert len(collector.refused) == 2
    assert len(collector.posts) == 1


def test_a_collector_that_stays_busy_is_given_up_after_a_few_tries():
    with receiving.Collector([503] * 9) as collector, pytest.raises(NotTaken, match="answered 503"):
        sender(collector).send(b"")
    assert len(collector.refused) == otlp.TRIES


@pytest.mark.parametrize("status", [400, 401, 404, 500, 302])
def test_what_a_collector_refuses_is_not_sent_again(status):
    with receiving.Collector([status]) as collector, pytest.raises(NotTaken, match=f"answered {status}"):
        sender(collector).send(b"")
    assert len(collector.refused) == 1


def test_a_pause_that_the_collector_asks_for_is_bounded():
    with receiving.Collector([503], headers={"retry-after": "86400"}) as collector:
        sender(collector).send(b"")
    assert len(collector.posts) == 1


def test_a_collector_that_is_gone_is_named_and_its_headers_are_not():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(NotTaken, match=rf"http://127\.0\.0\.1:{port} is out of reach") as found:
        Collector(f"http://127.0.0.1:{port}", "/v1/traces", {"authorization": "sk-hidden"}).send(b"")
    assert "sk-hidden" not in repr(found.value)


def test_once_it_closes_nothing_is_tried_again():
    with receiving.Collector([503] * 9) as collector:
        sending = sender(collector)
        sending.close()
        with pytest.raises(NotTaken):
            sending.send(b"")
    assert len(collector.refused) == 1


@pytest.mark.parametrize("value", ["sk-hidden\r\nx: y", "sk-hidden-ä"])
def test_a_header_that_no_request_can_carry_is_refused_without_its_value(value):
    with pytest.raises(ValueError, match="'authorization'") as found:
        Collector("http://127.0.0.1:1", "/v1/traces", {"authorization": value})
    assert "sk-hidden" not in str(found.value)


def test_a_name_that_no_header_has_is_refused():
    with pytest.raises(ValueError, match="no name of a header"):
        Collector("http://127.0.0.1:1", "/v1/traces", {"x y": "1"})
