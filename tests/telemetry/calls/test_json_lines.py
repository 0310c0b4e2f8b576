"""Calls as lines of JSON in a file that others move away."""

from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path

import pytest

from gateway.telemetry.calls.json_lines import JsonLines
from tests.telemetry.outcomes import outcome


def ids(path):
    return [json.loads(line)["id"] for line in path.read_text().splitlines()]


def numbered(first, count=10):
    return [outcome(id=f"r{index}") for index in range(first, first + count)]


def test_a_call_is_a_line(tmp_path):
    lines = JsonLines(tmp_path / "logs" / "calls.jsonl", 10**9)
    lines.write(numbered(0, 2))
    lines.write(numbered(2, 1))
    assert ids(tmp_path / "logs" / "calls.jsonl") == ["r0", "r1", "r2"]
    lines.close()


def test_at_its_size_the_file_is_renamed_and_one_is_kept(tmp_path):
    path = tmp_path / "calls.jsonl"
    lines = JsonLines(path, 20_000)
    for batch in range(20):
        lines.write(numbered(batch * 10))
    assert {each.name for each in tmp_path.iterdir()} == {"calls.jsonl", "calls.jsonl.1"}
    kept = ids(tmp_path / "calls.jsonl.1") + ids(path)
    assert kept == [f"r{index}" for index in range(200 - len(kept), 200)]
    assert all(each.stat().st_size < 30_000 for each in tmp_path.iterdir())
    lines.close()


def test_whoever_moves_the_file_away_tells_nobody(tmp_path):
    path = tmp_path / "calls.jsonl"
    lines = JsonLines(path, 10**9)
    lines.write(numbered(0))
    path.rename(tmp_path / "moved")
    lines.write(numbered(10))
    path.unlink()
    lines.write(numbered(20))
    assert ids(tmp_path / "moved") == [f"r{index}" for index in range(10)]
    assert ids(path) == [f"r{index}" for index in range(20, 30)]
    lines.close()


def test_where_a_link_leads_is_where_files_are_renamed(tmp_path):
    (tmp_path / "disk").mkdir()
    path = tmp_path / "calls.jsonl"
    path.symlink_to(tmp_path / "disk" / "real.jsonl")
    lines = JsonLines(path, 20_000)
    for batch in range(20):
        lines.write(numbered(batch * 10))
    assert path.is_symlink()
    assert {each.name for each in (tmp_path / "disk").iterdir()} == {"real.jsonl", "real.jsonl.1"}
    kept = ids(tmp_path / "disk" / "real.jsonl.1") + ids(path)
    assert kept == [f"r{index}" for index in range(200 - len(kept), 200)]
    lines.close()


def test_strangers_on_the_machine_read_no_line(tmp_path):
    lines = JsonLines(tmp_path / "calls.jsonl", 10_000)
    for batch in range(3):
        lines.write(numbered(batch * 10))
    lines.close()
    assert [each.stat().st_mode & 0o7 for each in tmp_path.iterdir()] == [0, 0]


def test_what_is_no_plain_file_is_never_renamed():
    lines = JsonLines(Path(os.devnull), 1)
    lines.write(numbered(0))
    lines.write(numbered(10))
    assert Path(os.devnull).is_char_device()
    lines.close()


def test_a_disk_that_is_full_is_an_error_and_the_next_time_begins_anew(tmp_path):
    lines = JsonLines(Path("/dev/full"), 10**9)
    with pytest.raises(OSError, match="space"):
        lines.write(numbered(0))
    lines._path = tmp_path / "calls.jsonl"
    lines.write(numbered(10))
    assert len(ids(tmp_path / "calls.jsonl")) == 10
    lines.close()


def _write(path: Path, name: str) -> None:
    lines = JsonLines(path, 150_000)
    for batch in range(40):
        lines.write([outcome(id=f"{name}-{batch}-{index}") for index in range(3)])
    lines.close()


def test_several_processes_write_whole_lines_and_rename_once(tmp_path):
    path = tmp_path / "calls.jsonl"
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_write, args=(path, f"p{index}")) for index in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    kept = ids(tmp_path / "calls.jsonl.1") + ids(path)
    assert len(kept) == 360
    for name in ("p0", "p1", "p2"):
        mine = [one for one in kept if one.startswith(name)]
        assert mine == [f"{name}-{batch}-{index}" for batch in range(40) for index in range(3)]
