import msgspec
import pytest

from gateway.core.types import Capabilities, Feature, Needs
from gateway.routing import explain
from tests.routing.scene import Scene, call, model, target, usd_price


@pytest.fixture
def decision():
    scene = Scene(
        model(
            target("a/x", price=usd_price("1", "0")),
            target("b/x"),
            target("c/x", capabilities=Capabilities(features=frozenset())),
            by="cost",
        )
    )
    return scene.decide(call(needs=Needs(input_tokens=1_000, features=frozenset({Feature.TOOLS}))))


def test_the_table_has_a_line_a_target_ranked_first_then_left_out(decision):
    assert explain.table(decision).splitlines() == [
        "m by cost",
        "   target  model  score  why",
        "1  a/x     m      1e+06  about $0.001 until it succeeds",
        "2  b/x     m      inf    price not known",
        "-  c/x     m             left out: can't do tools",
    ]


def test_the_header_is_one_line(decision):
    assert explain.header(decision) == (
        "m by cost: a/x (about $0.001 until it succeeds); b/x (price not known); not c/x (can't do tools)"
    )


def test_a_header_is_short_and_printable_whatever_the_names(decision):
    names = [f"prövider\r\n{number}/mödel" for number in range(200)]
    scene = Scene(model(*map(target, names), name="mödel\n"))

    line = explain.header(scene.decide(call("mödel\n")))

    assert len(line) == explain.HEADER_BYTES
    assert line.isascii()
    assert line.isprintable()
    assert line.endswith("...")


def test_the_data_is_json_with_null_for_what_is_no_number(decision):
    data = msgspec.json.decode(msgspec.json.encode(explain.as_data(decision)))

    assert data["by"] == "cost"
    assert [one["score"] for one in data["ranked"]] == [1_000_000.0, None]
    assert data["left_out"] == [
        {"target": "c/x", "provider": "c", "model": "m", "rule": "features", "reason": "can't do tools"}
    ]
