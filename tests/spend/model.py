"""What a Spending should answer, in the plainest words."""

from __future__ import annotations

from hypothesis import strategies as st

from gateway.spend.base import AMOUNTS, Amounts, Cell, Query

DAYS = ("2026-11-18", "2026-11-19", "2026-11-20")
NAMES = st.sampled_from(["", "ci", "research", 'a"b', "ü,["])
TAGS = st.sets(st.sampled_from(["x", "env=prod", "a:b"])).map(lambda tags: tuple(sorted(tags)))

cells = st.builds(Cell, st.sampled_from(DAYS), NAMES, NAMES, NAMES, NAMES, TAGS)
amounts = st.builds(
    Amounts,
    cost_nanousd=st.integers(0, 2**57),
    requests=st.integers(1, 10),
    input_tokens=st.integers(0, 10**12),
    output_tokens=st.integers(0, 10**12),
    images=st.integers(0, 10),
)
batches = st.lists(st.dictionaries(cells, amounts, max_size=8), max_size=4)
queries = st.builds(
    lambda by, days, where: Query(by=tuple(by), first_day=min(days), last_day=max(days), where=where),
    st.lists(st.sampled_from(["day", "key", "team", "model", "provider", "tag"]), unique=True, max_size=3),
    st.tuples(st.sampled_from(DAYS), st.sampled_from(DAYS)),
    st.one_of(
        st.just({}),
        st.fixed_dictionaries({"tag": st.sampled_from(["", "x", "env=prod", "none"])}),
        st.fixed_dictionaries({"key": NAMES, "provider": NAMES}),
    ),
)


def expected(given, query):
    """Groups with their figures, and the figures in all, of a list of batches."""
    groups, total = {}, [0] * len(AMOUNTS)
    for cell, amounts in ((cell, amounts) for batch in given for cell, amounts in batch.items()):
        tags = cell.tags or ("",)
        names = {"day": cell.day, "key": cell.key, "team": cell.team, "model": cell.model, "provider": cell.provider}
        wanted = all(value in tags if name == "tag" else names[name] == value for name, value in query.where.items())
        if not (wanted and query.first_day <= cell.day <= query.last_day):
            continue
        total = [a + b for a, b in zip(total, figures(amounts), strict=True)]
        for tag in tags if "tag" in query.by else tags[:1]:
            group = tuple(tag if name == "tag" else names[name] for name in query.by)
            groups[group] = [a + b for a, b in zip(groups.get(group, [0] * 5), figures(amounts), strict=True)]
    ordered = sorted(groups.items(), key=lambda item: (-item[1][0], item[0]))
    return ordered, total


def figures(amounts):
    return [getattr(amounts, name) for name in AMOUNTS]


def found(report):
    return [(group, figures(amounts)) for group, amounts in report.groups], figures(report.total)
