"""YAML of others: plain values, and nothing that grows, runs or hides in it."""

from __future__ import annotations

import pytest

from cockpit.contract.bounded import yaml_text

BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(f'*{before}' for _ in range(9))}]\n"
    for before, name in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, "larger"),
        ("a: \x00b", "save it as UTF-8"),
        ("a: " + "[" * 60 + "]" * 60, "nested"),
        ("[" * 5000, "nested"),
        ("a: !!python/object/apply:os.system ['true']", "line 1"),
        ("a: 1\nb: [1, 2\nc: 3", "line 3"),
        ("a: &x\n  b: *x", "nested"),
        ("? [1, 2]\n: 3", "line 1|text"),
        ("x" * (2 << 20), "larger"),
        ("a: 1\n---\nb: 2", "line"),
        ("a: {b: !!binary aGk=}", "bytes"),
        ("a: [!!set {x}]", "set"),
        ("a: !!timestamp 2024-01-01", "date"),
        ("a: !!omap [b: 1]", "tuple"),
        ("a: 0x" + "f" * 300, "larger"),
        ("? 0x" + "f" * 300 + "\n: a", "name"),
    ],
)
def test_what_is_no_configuration_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        yaml_text.parse(text)


def test_what_is_one_is_read_and_written() -> None:
    value = {"a": [1, 2.5, True, None, "x: y"], "b": {"c": "2e-5", "d": "2024-01-01", "e": 2e-5}}
    assert yaml_text.parse(yaml_text.written(value)) == value
    assert yaml_text.parse('{"a": [1]}') == {"a": [1]}
    assert yaml_text.parse("a: 2e-5\nb: '0'\nc: 2024-01-01\nd: 1E3\ne: e5") == {
        "a": 2e-5, "b": "0", "c": "2024-01-01", "d": 1000.0, "e": "e5",
    }  # fmt: skip
