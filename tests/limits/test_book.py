"""Which limits a call is under."""

from __future__ import annotations

from gateway.core.types import Caller
from gateway.limits import book as book_module
from gateway.limits.book import Book
from tests.ceilings import ceilings
from tests.limits.calls import call

SCOPES = {
    "provider openai": ceilings(rpm=5),
    "model m": ceilings(rpm=4),
    "global": ceilings(rpm=1),
}

CI = Caller(
    key="ci",
    team="research",
    scopes=(("team research", ceilings(rpm=2)), ("key ci", ceilings(rpm=3, budgets=[(1, "day")]))),
)


def names(limits) -> list[str]:
    return [limit.scope for limit in limits]


def test_a_call_is_under_the_limits_of_everyone_it_belongs_to_widest_first():
    limits = Book(SCOPES).of_call(call(caller=CI, model="m"))

    assert names(limits) == ["global", "team research", "key ci", "key ci", "model m"]


def test_others_limits_do_not_hold():
    limits = Book(SCOPES).of_call(call(key="other", team="sales", model="n"))

    assert names(limits) == ["global"]


def test_each_end_user_of_a_caller_has_limits_of_its_own():
    caller = Caller(key="ci", per_user=(("team research", ceilings(rpm=2)),))
    book = Book({})
    alice, bob = (book.of_call(call(caller=caller, user=user)) for user in ("alice", "bob"))

    assert names(alice) == ["user alice of team research"]
    assert {limit.key for limit in alice}.isdisjoint(limit.key for limit in bob)


def test_calls_that_name_no_end_user_share_one_allowance():
    caller = Caller(key="ci", per_user=(("key ci", ceilings(rpm=2)),))

    assert names(Book({}).of_call(call(caller=caller))) == ["user - of key ci"]


def test_a_users_name_can_not_reach_into_another_scope():
    caller = Caller(key="ci", per_user=(("key ci", ceilings(rpm=2)),))

    (limit,) = Book({}).of_call(call(caller=caller, user="x of key ci:rpm\nteam:a"))
    assert limit.scope == "user x%20of%20key%20ci%3Arpm%0Ateam%3Aa of key ci"


def test_a_caller_that_was_changed_is_under_its_new_limits():
    book = Book({})
    assert names(book.of_call(call(caller=CI))) == ["team research", "key ci", "key ci"]
    changed = Caller(key="ci", team="research", scopes=(("key ci", ceilings(rpm=9)),))

    (limit,) = book.of_call(call(caller=changed))
    assert limit.rule.limit == 9


def test_what_a_limit_means_in_an_outage_it_says_itself_or_the_default_does():
    says = ceilings(rpm=1, tpm=1, on_outage={"rpm": "open"})

    (rpm, tpm) = Book({"global": says}, default="closed").of_call(call())
    assert (rpm.rule.on_outage, tpm.rule.on_outage) == ("open", "closed")


def test_it_is_known_beforehand_whether_money_is_counted():
    book = Book(SCOPES)

    assert book.of_call(call(caller=CI)).has_budget
    assert not book.of_call(call(key="other")).has_budget


def test_a_key_s_own_limits_are_known_from_its_last_call_on():
    book = Book(SCOPES)
    assert book.of_key("ci") == ()
    book.of_call(call(caller=CI))

    assert names(book.of_key("ci")) == ["key ci", "key ci"]
    book.of_call(call(caller=Caller(key="ci", scopes=(("key ci", ceilings(rpm=9)),))))
    assert [limit.rule.limit for limit in book.of_key("ci")] == [9]


def test_a_provider_has_limits_of_its_own():
    book = Book(SCOPES)

    assert names(book.of_provider("openai")) == ["provider openai"]
    assert book.of_provider("unlimited") == ()


def test_the_providers_whose_money_is_counted_are_known_beforehand():
    book = Book({**SCOPES, "provider azure": ceilings(budgets=[(1, "day")])})

    assert book.budgeted_providers == {"azure"}


def test_the_same_caller_gets_the_same_tuple_again():
    book = Book(SCOPES)

    assert book.of_call(call(caller=CI)) is book.of_call(call(caller=CI))


def test_names_that_clients_make_up_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(book_module, "MAX_CACHED", 100)
    book = Book(SCOPES)
    for number in range(1_000):
        book.of_call(call(model=f"made-up-{number}"))

    assert len(book._of_call) <= 100
    assert names(book.of_call(call(caller=CI, model="m"))) == ["global", "team research", "key ci", "key ci", "model m"]


def test_a_user_who_is_called_like_nobody_is_somebody():
    caller = Caller(key="ci", per_user=(("key ci", ceilings(rpm=2)),))

    assert names(Book({}).of_call(call(caller=caller, user="-"))) == ["user %2D of key ci"]


def test_long_names_of_users_are_kept_nowhere():
    caller = Caller(key="ci", per_user=(("key ci", ceilings(rpm=2)),))
    book = Book({})
    long = "x" * 10_000
    (limit,) = book.of_call(call(caller=caller, user=long))

    assert len(limit.scope) < 64
    assert long not in str(book._of_call)
    assert book.of_call(call(caller=caller, user=long))[0] is limit
