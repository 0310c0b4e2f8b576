"""Which limits a call is under."""

from __future__ import annotations

from gateway.limits import book as book_module
from gateway.limits.book import Book, limits_of
from tests.limits.calls import call

SCOPES = {
    "provider openai": limits_of("provider openai", rpm=5),
    "model m": limits_of("model m", rpm=4),
    "key ci": limits_of("key ci", rpm=3, budgets=[(1, "day")]),
    "team research": limits_of("team research", rpm=2),
    "global": limits_of("global", rpm=1),
}


def names(limits) -> list[str]:
    return [limit.scope for limit in limits]


def test_a_call_is_under_the_limits_of_everyone_it_belongs_to_widest_first():
    limits = Book(SCOPES).of_call(call(key="ci", team="research", model="m"))

    assert names(limits) == ["global", "team research", "key ci", "key ci", "model m"]


def test_others_limits_do_not_hold():
    limits = Book(SCOPES).of_call(call(key="other", team="sales", model="n"))

    assert names(limits) == ["global"]


def test_a_caller_without_a_team_is_under_no_teams_limits():
    scopes = {"team None": limits_of("team None", rpm=1)}

    assert Book(scopes).of_call(call(team=None)) == ()


def test_it_is_known_beforehand_whether_money_is_counted():
    book = Book(SCOPES)

    assert book.of_call(call(key="ci")).has_budget
    assert not book.of_call(call(key="other")).has_budget


def test_a_provider_has_limits_of_its_own():
    book = Book(SCOPES)

    assert names(book.of_provider("openai")) == ["provider openai"]
    assert book.of_provider("unlimited") == ()


def test_the_providers_whose_money_is_counted_are_known_beforehand():
    book = Book({**SCOPES, "provider azure": limits_of("provider azure", budgets=[(1, "day")])})

    assert book.budgeted_providers == {"azure"}


def test_the_same_caller_gets_the_same_tuple_again():
    book = Book(SCOPES)

    assert book.of_call(call()) is book.of_call(call())


def test_names_that_clients_make_up_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(book_module, "MAX_CACHED", 100)
    book = Book(SCOPES)
    for number in range(1_000):
        book.of_call(call(model=f"made-up-{number}"))

    assert len(book._of_call) <= 100
    assert names(book.of_call(call(key="ci", model="m"))) == ["global", "key ci", "key ci", "model m"]
