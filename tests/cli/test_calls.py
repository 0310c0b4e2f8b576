"""``sluice calls``: single calls, at a terminal."""

from __future__ import annotations

import json

import pytest

from gateway.cli import calls, main
from gateway.core.clock import SystemClock
from gateway.telemetry.calls.query import Query
from gateway.telemetry.calls.reader import Reader
from gateway.telemetry.calls.record import entry
from gateway.telemetry.calls.retention import Keep
from gateway.telemetry.calls.writer import Writer
from tests.clock import FrozenClock
from tests.telemetry.outcomes import attempt, failure, outcome

CONFIG = """
state: {{url: "{url}"}}
providers: {{p: {{kind: simulator, price: free}}}}
models: {{m: {{targets: [p/m]}}}}
"""
RETRIED = outcome(
    id="retried",
    attempts=(
        attempt("azure/gpt-5-mini", error="overloaded", status=529, duration_s=0.5, ttft_s=None),
        attempt(started_after_s=0.6, duration_s=0.7, ttft_s=0.3),
    ),
    hold_after_s=0.0005,
    hold_s=0.0004,
)


@pytest.fixture
def config(tmp_path):
    def written(url):
        path = tmp_path / "sluice.yaml"
        path.write_text(CONFIG.format(url=url))
        return str(path)

    return written


@pytest.fixture
def writing(tmp_path):
    keep = Keep(days=30, payload_days=7, bytes=10**9)
    found = Writer(tmp_path / "sluice-calls.db", FrozenClock(), keep)
    yield found
    found.close()


@pytest.fixture
def file(tmp_path, config, writing):
    writing.write([RETRIED, failure(id="refused", status=404, error="model_not_found", key="web", team=None)])
    return config(f"sqlite:///{tmp_path}/sluice.db")


def test_a_line_a_call_the_last_at_the_end(file, capsys):
    assert main(["calls", "--config", file]) == 0

    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split()[:4] == ["time", "status", "model", "target"]
    assert first.split() == [
        "2023-11-14T22:13:20", "200", "gpt-5-mini", "openai/gpt-5-mini", "ci", "1.300", "0.300", "120+51", "0.0015",
        "retried",
    ]  # fmt: skip
    assert "model_not_found" in second
    assert second.index("refused") == head.index("id")


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--key", "ci"], ["retried"]),
        (["--status", "4xx"], ["refused"]),
        (["--failed"], ["refused"]),
        (["--no-failed"], ["retried"]),
        (["--team", ""], ["refused"]),
        (["--min-cost", "$0.001"], ["retried"]),
        (["--min-duration", "1m"], []),
        (["--since", "1h"], []),
        (["--until", "2023-11-15", "--stream"], ["retried", "refused"]),
        (["--limit", "1"], ["refused"]),
    ],
)
def test_filters(file, capsys, options, found):
    assert main(["calls", "--json", *options, "--config", file]) == 0
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == found


def test_one_call_with_its_waterfall(file, capsys):
    assert main(["calls", "retried", "--config", file]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert "key        ci, team research, user u-7" in lines
    assert "cost       $0.0015; $0.002 were held" in lines
    hold, first, second = lines[-3:]
    assert hold.startswith("hold")
    assert first.startswith("azure/gpt-5-mini ")
    assert first.endswith("| 0.500 s overloaded")
    assert second.startswith("openai/gpt-5-mini (failover) |")
    bar = second.split("|")[1]
    assert bar.strip("-= ") == ""
    assert bar.index("-") / len(bar) == pytest.approx(0.6 / 1.3, abs=0.02)
    assert bar.count("=") / len(bar) == pytest.approx(0.4 / 1.3, abs=0.02)
    assert bar.index("-") >= first.split("|")[1].rindex("-"), "one begins when the other has ended"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_lines_fit_the_terminal(width, capsys):
    show = calls._Table(width)
    show(entry(outcome(id="0123456789abcdef01234567", model="m" * 60, error="e" * 60)))
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= width for line in lines)
    assert len(lines) == 2


def test_what_a_terminal_would_obey_is_not_printed(capsys):
    calls._Table(200)(entry(failure(model="\x1b[2Jm")))
    assert "\x1b" not in capsys.readouterr().out
    assert not [line for line in calls.described(entry(failure(model="\x1b[2Jm", user="\n")), 80) if "\x1b" in line]


def test_nor_is_it_in_json(tmp_path, config, writing, capsys):
    writing.write([outcome(user="\x1b]0;\x9b2J")])
    assert main(["calls", "--json", "--config", config(f"sqlite:///{tmp_path}/sluice.db")]) == 0
    line = capsys.readouterr().out
    assert line.rstrip("\n").isprintable()
    assert json.loads(line)["user"] == "\x1b]0;\x9b2J"


def test_all_calls_of_one_id_are_told(tmp_path, config, writing, capsys):
    writing.write([outcome(id="same", status=200), failure(id="same", status=401, error="invalid_api_key")])
    url = config(f"sqlite:///{tmp_path}/sluice.db")
    assert main(["calls", "same", "--config", url]) == 0
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("status")]
    assert said == ["status     200", "status     401, invalid_api_key"]
    assert main(["calls", "same", "--json", "--config", url]) == 0
    assert [json.loads(line)["status"] for line in capsys.readouterr().out.splitlines()] == [200, 401]


async def test_who_follows_sees_each_call_that_comes_once(tmp_path, writing):
    writing.write([outcome(id="before")])
    seen, rounds = [], iter([["a", "b"], [], ["c"]])

    async def sleep(_seconds):
        batch = next(rounds, None)
        if batch is None:
            raise KeyboardInterrupt
        if batch:
            writing.write([outcome(id=id) for id in batch])

    reader = Reader(tmp_path / "sluice-calls.db", SystemClock())
    with pytest.raises(KeyboardInterrupt):
        await calls.follow(reader, Query(limit=2), lambda one: seen.append(one.id), sleep)
    await reader.aclose()
    assert seen == ["before", "a", "b", "c"]


def test_a_call_that_is_not_there(file, capsys):
    assert main(["calls", "nobody", "--config", file]) == 1
    assert "no call with this id" in capsys.readouterr().err


def test_calls_in_another_process_can_not_be_asked_here(config, capsys):
    assert main(["calls", "--config", config("memory://")]) == 1
    assert "GET /admin/v1/calls" in capsys.readouterr().err


def test_to_look_makes_no_file(config, tmp_path, capsys):
    assert main(["calls", "--config", config(f"sqlite:///{tmp_path}/none.db")]) == 1
    assert "nothing was called yet" in capsys.readouterr().err
    assert not (tmp_path / "none-calls.db").exists()


def test_a_status_that_is_none_is_told(file, capsys):
    assert main(["calls", "--status", "9xx", "--config", file]) == 2
    assert "'status' is" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--since", "yesterday"], ["--limit", "0"], ["--min-cost", "nan"]])
def test_options_are_checked(file, options):
    with pytest.raises(SystemExit):
        main(["calls", *options, "--config", file])


def test_what_a_moment_may_be_is_said_where_it_is_none(file, capsys):
    with pytest.raises(SystemExit):
        main(["calls", "--since", "yesterday", "--config", file])
    said = capsys.readouterr().err
    assert "30m" in said
    assert "2026-11-20T12:00" in said
