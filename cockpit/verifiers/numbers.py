r"""Numbers as people and models write them, compared as numbers.

Parsing is linear in the length of the text and never builds a huge integer or a float: a value is its sign, its
significant digits and its power of ten, so `1e400` is not infinity and equals only itself. Read: `1,234.50`,
`1 234 567`, `$18`, `-$3`, `18%`, `.5`, `2e3`, `1.5 x 10^4`, `2^10`, `3/4`, `\frac{3}{4}`, `1 1/2`, `1½`, and
digits of any script. Not read: `1.234,50` (European grouping), number words. A per cent or currency sign is a unit,
not a factor: `18%` equals `18`, not `0.18`. A part of a number is none: the `2` of `1/2` and of `x^2`, the `567` of
`1 234 567`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction

# A run of digits and commas is taken whole and judged afterwards (`_grouped`): deciding by backtracking would
# be quadratic on a hostile run. A plain blank separates thousands only where there are two of them (`5 100` may be
# two numbers), a no-break or thin one (here U+202F) always.
_COMMAS = r"\d+(?:(?:,(?:\\!)?|\{,\}|\\,)\d+)*"
_BLANKS = "\\d{1,3}(?:\u202f\\d{3})+(?!\\d)|\\d{1,3}(?: \\d{3}){2,}(?!\\d)"
_UNSIGNED = rf"(?:(?:{_BLANKS}|{_COMMAS})(?:\.\d+)?|(?<!\d)\.\d+)(?:[eE][-+]?\d{{1,4}}(?!\d))?"
_CURRENCY = "[$\u20ac\u00a3\u00a5\u20b9]"
_VULGAR = "[\u00bc-\u00be\u2150-\u215e]"
_SUPERSCRIPT = "[\u207b\u207a]?[\u2070\u00b9\u00b2\u00b3\u2074-\u2079]{1,6}"
_POWER = rf"(?: ?(?:\^|\*\*) ?[{{(]? ?[-+]?\d{{1,6}} ?[)}}]?|{_SUPERSCRIPT})"
_TIMES_TEN = " ?(?:x|\u00d7|\\*|\u00b7|\\\\times|\\\\cdot) ?10"
_SLASH = " ?[/\u2044\u2215] ?"
_LATEX = r"\\[dt]?frac ?(?:\{[^{}\n]{1,64}\}|\d) ?(?:\{[^{}\n]{1,64}\}|\d)"
# `_5` after a letter is an index, after a blank the beginning of Markdown's emphasis.
# A minus after a letter, a digit or a closing bracket is a subtraction or a range, not a sign.
_TOKEN = re.compile(
    rf"(?=[-+.\d\\{_CURRENCY[1:-1]}{_VULGAR[1:-1]}])(?<!\^)(?<![^\W_]_)(?<![)\]}}]_)(?<![\^_]\{{)(?<![\w)\]}}]/)(?:(?!\d)|(?<!\d))"
    rf"(?:(?<![\w)\]}}.,%])[-+])?(?:\\?{_CURRENCY}[ \u202f]?[-+]?)?"
    rf"(?:(?:\d{{1,9}}[ \u202f]?)?(?:{_LATEX}|{_VULGAR})"
    rf"|(?<![\d.,/])\d{{1,9}} \d{{1,9}}{_SLASH}\d{{1,9}}(?![\d/])"
    rf"|(?P<divided>{_UNSIGNED}){_SLASH}[-+]?{_UNSIGNED}(?![\d/])"
    rf"|(?P<plain>{_UNSIGNED})(?:(?:{_TIMES_TEN})?{_POWER})?)",
    re.ASCII,
)
_WHOLE = re.compile(
    rf"([-+]?)\s*(?:\\?{_CURRENCY})?\s*([-+]?)(?:(\d{{1,9}}) )?({_UNSIGNED})"
    rf"(?:({_TIMES_TEN})?({_POWER}))?(?:\s*/\s*({_UNSIGNED}))?\s*(?:\\?%|{_CURRENCY})?\s*\.?",
    re.ASCII,
)
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:$|[.eE])", re.ASCII)
_FRACTION = re.compile(r"(\d?)[ ]?\\[dt]?frac ?(?:\{([^{}]*)\}|(\d)) ?(?:\{([^{}]*)\}|(\d))")
_INTEGER = re.compile(r"[-+]?\d+", re.ASCII)
_SUPERS = str.maketrans(
    "\u207b\u207a\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079", "-+0123456789"
)
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
    if char in "\u2212\u2012\u2013\uff0d\ufe63":
        return "-"
    if char in "\u00a0\u2009\u202f":
        return "\u202f"
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
    match = _WHOLE.fullmatch(_plain(to_ascii_digits(text).strip()))
    if match is None:
        return None
    outer, inner, whole, numerator, times, power, denominator = match.groups()
    if (outer and inner) or not all(_well_grouped(part) for part in (numerator, denominator) if part):
        return None
    negative = "-" in (outer, inner)
    if power is not None:
        return None if whole or denominator else _raised(negative, numerator, power, scaled=times is not None)
    if denominator is not None:
        return _ratio(negative, numerator, denominator, whole or "")
    return _canonical(negative, numerator) if whole is None else None


def last_number(text: str) -> tuple[str, tuple[int, int]] | None:
    """Find the last number written in `text`: its text and its span, or None."""
    found = None
    for match in _TOKEN.finditer(to_ascii_digits(text)):
        found = match
    if found is None:
        return None
    start, end = found.span()
    if not _well_grouped(found["plain"] or found["divided"] or ""):  # a list such as 1,2,3
        start = text.rindex(",", start, end) + 1 if text.isascii() else start + found.group().rindex(",") + 1
    return text[start:end], (start, end)


def leading_number(text: str) -> str | None:
    """Return the number that `text` begins with (`18` of `18 dollars`), or None."""
    match = _TOKEN.match(to_ascii_digits(text))
    if match is None:
        return None
    grouped = _well_grouped(match["plain"] or match["divided"] or "")
    return text[: match.end()] if grouped else text[: match.group().index(",")]


def same_number(left: Number, right: Number) -> bool:
    """Say whether two numbers have exactly the same value (no tolerance)."""
    if left == right:
        return True
    if left.denominator == right.denominator == "1":
        return False  # the decimal form is canonical
    a, b = left.fraction(), right.fraction()
    return a is not None and a == b


def _well_grouped(written: str) -> bool:
    if "," not in written:
        return True
    return (
        _GROUPED.match(written if "\\" not in written and "{" not in written else _plain(written)) is not None
    )


def _plain(text: str) -> str:
    """`text` with LaTeX's, typographers' and superscript spellings in ASCII: `1\\frac12` is `1 1/2`."""
    if not text.isascii():
        text = re.sub(_SUPERSCRIPT, lambda m: "^" + m.group().translate(_SUPERS), text)
        text = re.sub(
            rf"(\d?)\s?({_VULGAR})", lambda m: f"{m[1]} {unicodedata.normalize('NFKC', m[2])}", text
        )
        text = text.replace("\u2044", "/").replace("\u2215", "/")
    if "\\" in text or "{" in text:
        text = text.replace("{,}", ",").replace("\\,", "").replace("\\!", "").replace("\\ ", " ")
        if len(text) <= 4 * _MAX_FRACTION_CHARS:
            text = _FRACTION.sub(
                lambda m: f"{m[1]} {(m[2] or m[3] or '').strip()}/{(m[4] or m[5] or '').strip()}", text
            )
    return text.strip()


def _canonical(negative: bool, written: str) -> Number:
    mantissa, _, power = re.sub("[, \u202f]", "", written.lower()).partition("e")
    whole, _, decimals = mantissa.partition(".")
    exponent = (int(power) if power else 0) - len(decimals)
    digits = (whole + decimals).lstrip("0")
    significant = digits.rstrip("0")
    if not significant:
        return Number(False, "0", 0)  # -0 is 0
    return Number(negative, significant, exponent + len(digits) - len(significant))


def _raised(negative: bool, base: str, power: str, *, scaled: bool) -> Number | None:
    found = _INTEGER.search(power.translate(_SUPERS))
    exponent = int(found.group()) if found else 0
    number = _canonical(negative, base)
    if scaled:
        return (
            number
            if number.digits == "0"
            else Number(number.negative, number.digits, number.exponent + exponent)
        )
    value = number.fraction()
    if value is None or len(base) * abs(exponent) > 1000 or (not value and exponent <= 0):
        return None
    # The sign stands before the power: -2^2 is -4.
    result = abs(value) ** exponent
    return _ratio(negative, str(result.numerator), str(result.denominator))


def _ratio(negative: bool, numerator: str, denominator: str, whole: str = "") -> Number | None:
    if len(numerator) + len(denominator) > _MAX_FRACTION_CHARS:
        return None
    above, below = _canonical(False, numerator).fraction(), _canonical(False, denominator).fraction()
    if above is None or not below:
        return None
    value = above / below + int(whole or 0)
    if value.denominator == 1:
        return _canonical(negative, str(value.numerator))
    return Number(negative and value != 0, str(value.numerator), 0, str(value.denominator))
