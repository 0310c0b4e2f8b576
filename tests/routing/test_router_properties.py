from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import CallError
from gateway.core.types import Caller, Capabilities, Endpoint, Feature, Model, Needs, Route, Target
from gateway.core.wish import Wish
from gateway.routing import explain
from gateway.routing.ask import both
from gateway.routing.eligible import lack_of
from gateway.routing.strategies import STRATEGIES
from tests.routing.scene import Scene, call, usd_price

steady = settings(deadline=None, max_examples=60)
PROVIDERS = "abc"
REGIONS = ("eu", "us")

regions = st.none() | st.frozensets(st.sampled_from(REGIONS))
providers = st.frozensets(st.sampled_from(PROVIDERS), max_size=2)
features = st.frozensets(st.sampled_from(Feature), max_size=3)
strategies = st.sampled_from(sorted(STRATEGIES))

capabilities = st.builds(
    Capabilities,
    endpoints=st.none() | st.frozensets(st.sampled_from(Endpoint), min_size=3),
    features=st.none() | st.just(frozenset(Feature)) | features,
    context_tokens=st.none() | st.integers(100, 10_000),
    max_output_tokens=st.none() | st.integers(100, 10_000),
    max_images=st.none() | st.integers(0, 5),
)


@st.composite
def models(draw):
    made = []
    for name in ("m", "spare", "last"):
        ids = draw(st.lists(st.tuples(st.sampled_from(PROVIDERS), st.sampled_from("xyz")), unique=True, max_size=4))
        targets = tuple(
            Target(
                id=f"{provider}/{upstream}",
                provider=provider,
                model=upstream,
                weight=draw(st.sampled_from([0.0, 0.5, 3.0])),
                region=draw(st.sampled_from([None, *REGIONS])),
                price=draw(st.sampled_from([None, usd_price("0", "0"), usd_price("2", "8")])),
                capabilities=draw(capabilities),
                quality=draw(st.sampled_from([{}, {"default": 50.0}, {"code": 90.0}])),
            )
            for provider, upstream in ids
        )
        route = draw(
            st.builds(
                Route,
                by=strategies,
                regions=regions,
                ignore=providers,
                max_cost_nanousd=st.none() | st.integers(0, 10**7),
                min_quality=st.none() | st.integers(0, 100),
                allow_fallbacks=st.booleans(),
            )
        )
        made.append(Model(name=name, targets=targets, route=route, fallbacks=("spare", "last", "m", "nowhere")))
    return made


calls = st.builds(
    call,
    needs=st.builds(
        Needs,
        features=features,
        input_tokens=st.integers(0, 20_000),
        output_tokens_max=st.none() | st.integers(0, 20_000),
        images=st.integers(0, 6),
    ),
    caller=st.builds(
        Caller, key=st.just("k"), regions=regions, models=st.sampled_from([("*",), ("m",), ("m", "last")])
    ),
    wish=st.builds(
        Wish,
        by=st.none() | strategies,
        regions=regions,
        only=st.none() | providers,
        order=st.lists(st.sampled_from(PROVIDERS), max_size=3).map(tuple),
        max_latency_s=st.none() | st.floats(0, 100),
        allow_fallbacks=st.none() | st.booleans(),
    ),
    stream=st.booleans(),
    endpoint=st.sampled_from(Endpoint),
)

histories = st.lists(
    st.tuples(st.sampled_from(PROVIDERS), st.sampled_from("xyz"), st.sampled_from(["good", "bad", "open"])), max_size=12
)


def staged(made, history):
    scene = Scene(*made)
    for provider, upstream, what in history:
        if what == "open":
            scene.open_breaker(f"{provider}/{upstream}")
        else:
            scene.reply(f"{provider}/{upstream}", ok=what == "good")
    return scene


def decision_or_error(scene, asked, **options):
    try:
        return scene.decide(asked, **options)
    except CallError as error:
        return error


def decision_or_none(scene, asked, **options):
    found = decision_or_error(scene, asked, **options)
    return None if isinstance(found, CallError) else found


@steady
@given(models(), calls, histories)
def test_a_refusal_says_whose_turn_it_is(made, asked, history):
    found = decision_or_error(staged(made, history), asked)
    if isinstance(found, CallError):
        assert found.status in {400, 403, 503}
        assert (found.param is not None) == (found.status == 400)
    else:
        assert found.ranked


@steady
@given(models(), calls, histories, st.booleans())
def test_no_decision_has_a_target_that_is_not_eligible(made, asked, history, under_budget):
    scene = staged(made, history)
    decision = decision_or_none(scene, asked, under_budget=under_budget)
    for one in decision.ranked if decision else ():
        # A last resort was ranked by the same rules, its breaker apart.
        ask = scene.ask(asked, scene.models[one.model].route, under_budget=under_budget)
        assert lack_of(ask, one.target) is None
        assert scene.breakers.may_try(one.target.id) != one.is_last_resort
        assert asked.caller.may_use(one.model)


@steady
@given(models(), calls, histories)
def test_bounds_on_regions_hold_whatever_happens(made, asked, history):
    scene = staged(made, history)
    decision = decision_or_none(scene, asked)
    bound = both(both(asked.caller.regions, asked.wish.regions), scene.models["m"].route.regions)
    for one in decision.ranked if decision else ():
        own = both(bound, scene.models[one.model].route.regions)
        assert own is None or one.target.region in own


@steady
@given(models(), calls, histories)
def test_every_target_of_the_model_is_either_ranked_or_left_out_and_none_twice(made, asked, history):
    decision = decision_or_none(staged(made, history), asked)
    if decision is None:
        return
    ids = [one.target.id for one in decision.ranked]
    assert len(ids) == len(set(ids))
    own = {target.id for target in made[0].targets}
    ranked = {one.target.id for one in decision.ranked}
    left = {one.target.id for one in decision.left_out if one.model == "m"}
    assert own <= ranked | left
    assert not {one.target.id for one in decision.ranked if one.model == "m"} & left


@steady
@given(models(), calls, histories)
def test_a_models_targets_are_in_the_order_of_their_scores(made, asked, history):
    decision = decision_or_none(staged(made, history), asked)
    if decision is None or asked.wish.order:
        return
    for name in ("m", "spare", "last"):
        scores = [one.score for one in decision.ranked if one.model == name]
        assert scores == sorted(scores)


@steady
@given(models(), calls, histories)
def test_every_decision_can_be_explained(made, asked, history):
    decision = decision_or_none(staged(made, history), asked)
    if decision is None:
        return
    lines = explain.table(decision).splitlines()
    assert len(lines) == 2 + len(decision.ranked) + len(decision.left_out)
    assert len(explain.header(decision)) <= explain.HEADER_BYTES
    assert len(explain.as_data(decision)["ranked"]) == len(decision.ranked)
