import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.types import Caller, Route
from gateway.core.wish import Wish
from gateway.routing.ask import both, narrow
from tests.routing.scene import call

names = st.frozensets(st.sampled_from("abcd"))
some = st.none() | names
amounts = st.none() | st.integers(0, 100)

routes = st.builds(
    Route,
    regions=some,
    only=some,
    ignore=names,
    max_cost_nanousd=amounts,
    max_latency_s=amounts,
    min_quality=amounts,
    allow_fallbacks=st.booleans(),
)
wishes = st.builds(
    Wish,
    regions=some,
    only=some,
    ignore=names,
    max_cost_nanousd=amounts,
    max_latency_s=amounts,
    min_quality=amounts,
    allow_fallbacks=st.none() | st.booleans(),
)


def within(inner, outer):
    return outer is None or (inner is not None and inner <= outer)


@given(routes, wishes, some, some)
def test_a_wish_narrows_every_bound_and_widens_none(route, wish, caller_regions, other_regions):
    asked = call(wish=wish, caller=Caller(key="k", regions=caller_regions))

    found = narrow(route, asked, regions=other_regions)

    for source in (route, wish):
        assert within(found.regions, source.regions)
        assert within(found.only, source.only)
        assert found.ignore >= source.ignore
        assert source.max_cost_nanousd is None or found.max_cost_nanousd <= source.max_cost_nanousd
        assert source.max_latency_s is None or found.max_latency_s <= source.max_latency_s
        assert source.min_quality is None or found.min_quality >= source.min_quality
        assert not (source.allow_fallbacks is False and found.allow_fallbacks)
    assert within(found.regions, caller_regions)
    assert within(found.regions, other_regions)


@given(routes)
def test_without_a_wish_a_route_is_used_as_it_is(route):
    assert narrow(route, call()) is route
    assert narrow(route, call(wish=Wish())) == route


@given(routes, names)
def test_without_a_wish_the_keys_regions_bind_all_the_same(route, regions):
    found = narrow(route, call(caller=Caller(key="k", regions=regions)))

    assert found == msgspec.structs.replace(route, regions=both(route.regions, regions))


def test_preferences_are_the_clients_where_it_has_any():
    route = Route(by="cost", task="chat", order=("a",), weights={"cost": 1.0})

    found = narrow(route, call(wish=Wish(by="latency", task="code", order=("b",))))

    assert (found.by, found.task, found.order, found.weights) == ("latency", "code", ("b",), {"cost": 1.0})
    kept = narrow(route, call(wish=Wish(ignore=frozenset({"x"}))))
    assert (kept.by, kept.task, kept.order) == ("cost", "chat", ("a",))


def test_regions_without_anything_in_common_allow_nothing():
    asked = call(wish=Wish(regions=frozenset({"us"})))

    assert narrow(Route(regions=frozenset({"eu"})), asked).regions == frozenset()
