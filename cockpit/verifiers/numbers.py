"""Numbers as people and models write them, compared as numbers.

Parsing is linear in the length of the text and never builds a huge integer or a float: a value is its sign, its
significant digits and its power of ten, so `1e400` is not infinity and equals only itself. Read: `1,234.50`,
`$18`, `-$3`, `18%`, `.5`, `2e3`, `3/4`, and digits of any script. Not read: `1.234,50` (European grouping),
superscripts, number words. A per cent or currency sign is a unit, not a factor: `18%` equals `18`, not `0.18`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction

# A run of digits and commas is taken whole and judged afterwards (`_grouped`): deciding by backtracking would
# be quadratic on a hostile run.
_UNSIGNED = r"(?:\d+(?:,\d+)*(?:\.\d+)?|(?<!\d)\.\d+)(?:[eE][-+]?\d{1,4}(?!\d))?"
_CURRENCY = "[$\u20ac\u00a3\u00a5\u20b9]"
# A minus after a letter, a digit or a closing bracket is a subtraction or a range, not a sign.
_TOKEN = re.compile(rf"(?:(?<![\w)\]}}.,%])[-+])?(?:\\?{_CURRENCY} ?[-+]?)?({_UNSIGNED})", re.ASCII)
_WHOLE = re.compile(
    rf"([-+]?)\s*(?:\\?{_CURRENCY})?\s*([-+]?)({_UNSIGNED})(?:\s*/\s*({_UNSIGNED}))?\s*(?:\\?%|{_CURRENCY})?\s*\.?",
    re.ASCII,
)
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:$|[.eE])", re.ASCII)
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_MAX_NUMBER_CHARS = 512  # a longer text is compared as text
_MAX_FRACTION_CHARS = 64


@dataclass(frozen=True, slots=True)
class Number:
    """A rational number: `digits` x 10^`exponent` with its sign, over `denominator` where it is a fraction."""

    negative: bool
    digits: str
    exponent: int
    denominator: str = "1"

    def fraction(self) -> Fraction | None:
        """Return the exact value, or None where it is too long to be worth computing."""
        if len(self.digits) + abs(self.exponent) + len(self.denominator) > 2000:
            return None
        value = Fraction(int(self.digits)) * Fraction(10) ** self.exponent / Fraction(self.denominator)
        return -value if self.negative else value


def to_ascii_digits(text: str) -> str:
    """Return `text` with decimal digits of any script and the minus sign in ASCII; the length stays the same."""
    if text.isascii():
        return text
    return "".join(_ascii_of(char) for char in text)


def _ascii_of(char: str) -> str:
    if char < "\x80":
        return char
    if char in "\u2212\u2012\uff0d\ufe63":
        return "-"
    if char in "\u00a0\u2009\u202f":
        return " "
    if char == "\uff0e":
        return "."
    if char == "\uff0c":
        return ","
    digit = unicodedata.decimal(char, -1)
    return char if digit < 0 else str(digit)


def parse(text: str) -> Number | None:
    """Read the whole of `text` as one number, with an optional currency or per cent sign; None if it isn't one."""
    if len(text) > _MAX_NUMBER_CHARS:
        return None
    match = _WHOLE.fullmatch(_plain_latex(to_ascii_digits(text).strip()))
    if match is None:
        return None
    outer, inner, numerator, denominator = match.groups()
    if (outer and inner) or not all(_well_grouped(part) for part in (numerator, denominator) if part):
        return None
    negative = "-" in (outer, inner)
    if denominator is None:
        return _canonical(negative, numerator)
    return _ratio(negative, numerator, denominator)


def last_number(text: str) -> tuple[str, tuple[int, int]] | None:
    """Find the last number written in `text`: its text and its span, or None."""
    found = None
    for match in _TOKEN.finditer(to_ascii_digits(text)):
        found = match
    if found is None:
        return None
    start, end = found.span()
    if not _well_grouped(found.group(1)):  # a list such as 1,2,3
        start = text.rindex(",", start, end) + 1 if text.isascii() else start + found.group().rindex(",") + 1
    return text[start:end], (start, end)


def leading_number(text: str) -> str | None:
    """Return the number that `text` begins with (`18` of `18 dollars`), or None."""
    match = _TOKEN.match(to_ascii_digits(text))
    if match is None:
        return None
    return text[: match.end()] if _well_grouped(match.group(1)) else text[: match.group().index(",")]


def same_number(left: Number, right: Number) -> bool:
    """Say whether two numbers have exactly the same value (no tolerance)."""
    if left == right:
        return True
    if left.denominator == right.denominator == "1":
        return False  # the decimal form is canonical
    a, b = left.fraction(), right.fraction()
    return a is not None and a == b


def _well_grouped(written: str) -> bool:
    return "," not in written or _GROUPED.match(written) is not None


def _plain_latex(text: str) -> str:
    if "\\" not in text and "{" not in text:
        return text
    text = text.replace("{,}", ",").replace("\\,", "").replace("\\!", "").replace("\\ ", " ")
    if len(text) <= 4 * _MAX_FRACTION_CHARS:
        text = _FRACTION.sub(r"\1/\2", text)
    return text.strip()


def _canonical(negative: bool, written: str) -> Number:
    mantissa, _, power = written.lower().replace(",", "").partition("e")
    whole, _, decimals = mantissa.partition(".")
    exponent = (int(power) if power else 0) - len(decimals)
    digits = (whole + decimals).lstrip("0")
    significant = digits.rstrip("0")
    if not significant:
        return Number(False, "0", 0)  # -0 is 0
    return Number(negative, significant, exponent + len(digits) - len(significant))


def _ratio(negative: bool, numerator: str, denominator: str) -> Number | None:
    if len(numerator) + len(denominator) > _MAX_FRACTION_CHARS:
        return None
    above, below = _canonical(False, numerator).fraction(), _canonical(False, denominator).fraction()
    if above is None or not below:
        return None
    value = above / below
    if value.denominator == 1:
        return _canonical(negative, str(value.numerator))
    return Number(negative, str(value.numerator), 0, str(value.denominator))
