"""YAML to plain values, and the way back to the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.settings.document import Document
from gateway.settings.reader import BROKEN, MAX_DEPTH


def document(text: str, **environ: str) -> Document:
    return Document("a.yaml", text, environ)


def told(text: str, **environ: str) -> list[tuple[int | None, str, str]]:
    return [(p.line, p.path, p.what) for p in document(text, **environ).problems]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("8080", 8080),
        ("0x1f", 31),
        ("017", 15),
        ("1_000", 1000),
        ("0.25", 0.25),
        ("1.5e+3", 1500.0),
        ("yes", True),
        ("off", False),
        ("~", None),
        ("", None),
        ("text", "text"),
        ("'8080'", "8080"),
        ("2024-10-21", "2024-10-21"),
        ("1:30", "1:30"),
        ("llama3:8b", "llama3:8b"),
        ("9" * 5000, "9" * 5000),
        ("[1, a]", [1, "a"]),
        ("{a: {b: 1}}", {"a": {"b": 1}}),
    ],
)
def test_values_have_the_type_that_a_person_means(written, value):
    assert document(f"x: {written}").data == {"x": value}


def test_a_name_is_text_whatever_yaml_sees_in_it():
    assert document("on: 1\n4: 2\n1.5: 3\n").data == {"on": 1, "4": 2, "1.5": 3}


def test_every_place_has_its_line():
    doc = document("a:\n  b:\n    - x\n    - c: 1\n      d.e: 2\n")
    assert doc.line(("a", "b")) == 2
    assert doc.line(("a", "b", 0)) == 3
    assert doc.line(("a", "b", 1, "d.e")) == 5


def test_a_place_that_is_not_there_has_the_line_of_what_would_hold_it():
    doc = document("a:\n  b: 1\n")
    assert doc.line(("a", "missing")) == 1
    assert doc.line(("nowhere",)) is None


def test_a_problem_names_its_place_with_dots():
    problem = document("models:\n  gpt-4.1: {}\n").problem(("models", "gpt-4.1", "targets", 0), "is odd", "Mend it.")
    assert str(problem) == "a.yaml:2: error: models.gpt-4.1.targets.0: is odd\n    fix: Mend it."


def test_a_key_written_twice_is_told_with_both_lines():
    assert told("a: 1\nb: 2\na: 3\n") == [(3, "a", "is written twice; the first is on line 1")]


def test_duplicates_are_found_at_any_depth():
    assert told("a:\n- {b: 1, b: 2}\n") == [(2, "a.0.b", "is written twice; the first is on line 2")]


def test_merged_keys_give_way_to_a_mapping_s_own():
    doc = document("x-base: &base {a: 1, b: 2}\nuse:\n  <<: *base\n  b: 3\n")
    assert doc.data["use"] == {"a": 1, "b": 3}
    assert doc.line(("use", "a")) == 1
    assert doc.problems == []


def test_of_several_merges_the_first_wins():
    assert document("p: &p {a: 1}\nq: &q {a: 2, b: 2}\nuse: {<<: [*p, *q]}\n").data["use"] == {"a": 1, "b": 2}


def test_an_unset_variable_is_told_with_its_line():
    doc = document("a: 1\nb: ${NOPE}\n")
    assert [(p.line, p.path, p.what) for p in doc.problems] == [(2, "b", "the environment variable NOPE is not set")]
    assert doc.data["b"] is BROKEN


def test_a_problem_in_a_block_that_aliases_repeat_is_told_once():
    assert len(told("a: &a {k: '${NOPE}'}\nb: *a\nc: *a\n")) == 1


def test_a_malformed_reference_is_told():
    assert told("a: ${NOPE-x}\n") == [(1, "a", "holds a ${…} that can't be read")]


def test_source_is_what_the_file_says_and_not_the_environment():
    doc = document("a: ${SECRET}\n", SECRET="hush")
    assert doc.data == {"a": "hush"}
    assert doc.source(("a",)) == "${SECRET}"
    assert doc.variables(("a",)) == ("SECRET",)


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a: [1, 2\nb: 3\n", 2, "did not find expected ',' or ']'"),
        ("a: 1\n  b: 2\n", 2, "mapping values are not allowed"),
        ("a: *nowhere\n", 1, "found undefined alias"),
        ("a: 1\n---\nb: 2\n", 2, "but found another document"),
        ("\ta: 1\n", 1, "cannot start any token"),
    ],
)
def test_broken_yaml_is_told_with_its_line(text, line, what):
    [problem] = document(text).problems
    assert problem.line == line
    assert problem.what.startswith("is not valid YAML: ")
    assert what in problem.what


def test_a_tag_is_refused_without_being_repeated():
    [(line, path, what)] = told("a: !!python/object:os.system hush\n")
    assert (line, path) == (1, "a")
    assert "python" not in what
    assert "hush" not in what


def test_an_alias_of_itself_is_told_and_does_not_hang():
    assert any("nested too deeply" in what for _, _, what in told("a: &a [*a]\n"))


def test_aliases_of_aliases_are_bounded():
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert any("makes more than" in what for _, _, what in told("\n".join(rows)))


@pytest.mark.parametrize("depth", [MAX_DEPTH + 5, 3_000, 200_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{a: ", "}"), ("- ", "")])
def test_deep_nesting_is_told(depth, opening, closing):
    assert any("nested too deeply" in what for _, _, what in told(opening * depth + "x" + closing * depth))


@pytest.mark.parametrize("depth", [1, 45, 3_000, 200_000])
def test_keys_that_are_no_text_are_told_however_deep(depth):
    assert told("? " * depth + "[x]")


def test_a_missing_file_is_a_problem():
    [problem] = Document.read(Path("/nonexistent/sluice.yaml"), {}).problems
    assert str(problem).startswith("/nonexistent/sluice.yaml: error: the file: can't be read: No such file")


def test_a_folder_is_no_file(tmp_path):
    [problem] = Document.read(tmp_path, {}).problems
    assert "can't be read" in problem.what


def test_bytes_that_are_no_text_are_told_with_their_line(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_bytes(b"a: 1\nb: \xff\n")
    [problem] = Document.read(file, {}).problems
    assert (problem.line, problem.what) == (2, "is not UTF-8 text")


def test_a_byte_order_mark_does_no_harm(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert Document.read(file, {}).data == {"a": 1}


def test_control_characters_are_told():
    [problem] = document("a: \x00\n").problems
    assert "characters that YAML doesn't allow" in problem.what
