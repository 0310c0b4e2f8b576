"""``sluice spend``: what was spent, at a terminal."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import pytest

from gateway.cli import main
from gateway.core.clock import SystemClock
from gateway.spend.base import Amounts, Cell
from gateway.spend.redis import RedisSpending
from gateway.spend.sqlite import SqliteSpending
from gateway.state.redis.connect import connect

TODAY = datetime.now(UTC).date().isoformat()
ROWS = {
    Cell(TODAY, "ci", "research", "m", "p", ("x",)): Amounts(1_500_000_001, 3, 30, 9, 0),
    Cell(TODAY, "web", "", "m", "p"): Amounts(2_000_000_000, 2, 20, 8, 1),
}
CONFIG = """
state: {{url: "{url}"}}
providers: {{p: {{kind: simulator, price: free}}}}
models: {{m: {{targets: [p/m]}}}}
"""


async def filled(spending):
    await spending.start()
    await spending.add("a", ROWS)
    await spending.aclose()


@pytest.fixture
def config(tmp_path):
    def written(url):
        path = tmp_path / "sluice.yaml"
        path.write_text(CONFIG.format(url=url))
        return str(path)

    return written


@pytest.fixture
def file(tmp_path, config):
    asyncio.run(filled(SqliteSpending(tmp_path / "sluice-spend.db", SystemClock())))
    return config(f"sqlite:///{tmp_path}/sluice.db")


def test_a_table_with_its_total(file, capsys):
    assert main(["spend", "--by", "team,key", "--config", file]) == 0

    assert capsys.readouterr().out.splitlines() == [
        "team      key     cost_usd  requests  input_tokens  output_tokens  images",
        "-         web            2         2            20              8       1",
        "research  ci   1.500000001         3            30              9       0",
        "total          3.500000001         5            50             17       1",
    ]


def test_json_as_the_control_plane_says_it(file, capsys):
    assert main(["spend", "--json", "--key", "ci", "--config", file]) == 0

    found = json.loads(capsys.readouterr().out)
    assert (found["by"], found["to"], found["total"]["cost_usd"]) == (["day"], TODAY, "1.500000001")


def test_a_tag_of_some_days_in_few_rows(file, capsys):
    assert main(["spend", "--by", "key", "--from", "2026-01-01", "--limit", "1", "--config", file]) == 0
    shown = capsys.readouterr()
    assert "1 more rows" in shown.err
    assert len(shown.out.splitlines()) == 3

    assert main(["spend", "--by", "", "--tag", "none", "--config", file]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split() == ["0", "0", "0", "0", "0"]


def test_the_sums_of_all_replicas_in_redis(config, redis_url, capsys):
    async def fill():
        client = connect(redis_url)
        await filled(RedisSpending(client, SystemClock()))
        await client.aclose()

    asyncio.run(fill())

    assert main(["spend", "--by", "model", "--config", config(redis_url)]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["m", "3.500000001", "5", "50", "17", "1"]


def test_sums_in_another_process_can_not_be_asked_here(config, capsys):
    assert main(["spend", "--config", config("memory://")]) == 1
    assert "GET /admin/v1/spend" in capsys.readouterr().err


def test_to_look_makes_no_file(config, tmp_path, capsys):
    assert main(["spend", "--config", config(f"sqlite:///{tmp_path}/none.db")]) == 1
    assert "nothing was spent yet" in capsys.readouterr().err
    assert not (tmp_path / "none-spend.db").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--by", "user"], "'by' is a list of day"),
        (["--from", "2026-02-02", "--to", "2026-02-01"], "'from' is after 'to'"),
    ],
)
def test_what_is_not_understood_is_told(file, capsys, options, said):
    assert main(["spend", *options, "--config", file]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--from", "yesterday"], ["--limit", "0"], ["--limit", "-1"]])
def test_options_are_checked(file, capsys, options):
    with pytest.raises(SystemExit):
        main(["spend", *options, "--config", file])
    assert "is no" in capsys.readouterr().err
