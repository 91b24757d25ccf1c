"""Texts as the overlap check compares them: words without case, punctuation and disguises, and their skeletons.

A skeleton is what is left of an item that is passed off as new: numbers (digits and number words), names and he or
she are each one sign. "Max bought 16 stamps" and "Bella bought 11 stamps" have the same one. Scripts without blanks
(Chinese, Japanese) are compared sign by sign.
"""

from __future__ import annotations

import html
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise

UNKNOWN, NUMBER, NAME, PRONOUN = 0, 1, 2, 3
FIRST_WORD = 4
MAX_SEEN = 300_000  # spellings that are remembered (bounds the memory; others are worked out anew)

# fmt: off
_NUMBER_WORDS: Mapping[str, str] = {
    "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15",
    "sixteen": "16", "seventeen": "17", "eighteen": "18", "nineteen": "19", "twenty": "20", "thirty": "30",
    "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90", "hundred": "100",
    "thousand": "1000", "million": "1000000", "half": "2", "twice": "2", "double": "2", "triple": "3", "thrice": "3",
    "quarter": "4", "third": "3", "dozen": "12", "once": "1",
    "一": "1", "二": "2", "两": "2", "三": "3", "四": "4", "五": "5", "六": "6", "七": "7", "八": "8", "九": "9",
    "十": "10", "百": "100", "千": "1000", "半": "2",
}
_PRONOUNS = frozenset((
    "he", "she", "they", "him", "her", "them", "his", "hers", "their", "theirs", "himself", "herself", "themselves",
))
# fmt: on
_BLANKED = str.maketrans({**dict.fromkeys(string.punctuation, " "), "'": None})
_SIGNS = re.compile(
    r"[\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"
)
_DIGITS = re.compile(r"\d+(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?")
_APOSTROPHES = str.maketrans("’‘ʼ`´", "'''''")
_INLINE = "a|abbr|b|big|code|em|font|i|ins|kbd|mark|s|small|span|strong|sub|sup|tt|u"
_BLOCK = (
    "article|blockquote|body|br|center|dd|div|dl|dt|footer|h[1-6]|head|header|hr|html|img|li|ol|p|pre|section|"
    "table|tbody|td|tfoot|th|thead|title|tr|ul"
)
_ATTRIBUTES = r"""(?:\s+[\w:-]+\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>=]+)){0,20}\s*/?>"""
_HIDDEN = re.compile(rf"</?(?:{_INLINE}){_ATTRIBUTES}|<<[^<>\n]{{1,120}}>>", re.I | re.S)
_BROKEN = re.compile(rf"</?(?:{_BLOCK}){_ATTRIBUTES}", re.I)
_MIXED = re.compile(r"\w*(?:[A-Za-z][Ͱ-ӿ]|[Ͱ-ӿ][A-Za-z])\w*")
_LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁһԛԝАВЕКМНОРСТУХІЈЅαονρΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "aeopcyxijsdhqwABEKMHOPCTYXIJSaovpABEZHIKMNOPTYX"
)
_LABEL = re.compile(r"(?m)(?:^|(?<=\s))\(?[A-J][.):]\)?(?=\s)")
_FILLERS = frozenset((0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0))


class _Seen(dict[int, int | None]):
    """Signs that nobody sees (zero-width, fillers, direction marks) -> None, others as they are."""

    def __missing__(self, code: int) -> int | None:
        hidden = code in _FILLERS or unicodedata.category(chr(code)) == "Cf" or 0xFE00 <= code <= 0xFE0F
        self[code] = found = None if hidden else code
        return found


class _Marks(dict[int, str | None]):
    """Punctuation and symbols of any script -> a blank, apostrophes -> nothing."""

    def __missing__(self, code: int) -> str | None:
        sign = chr(code)
        self[code] = found = None if sign == "'" else " " if unicodedata.category(sign)[0] in "PS" else sign
        return found


_SEEN, _MARKS = _Seen(), _Marks()


def plain(text: str) -> str:
    """Return the text without what hides it: mark-up, entities, zero-width signs, letters of a look-alike script."""
    if text.isascii() and "<" not in text and "&" not in text:
        return text
    if "&" in text:
        text = html.unescape(text)
    if "<" in text:
        text = _BROKEN.sub(" ", _HIDDEN.sub("", _without_comments(text)))
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text).translate(_SEEN).translate(_APOSTROPHES)
    return _MIXED.sub(lambda word: word[0].translate(_LOOKALIKES), text)


def _without_comments(text: str) -> str:
    """Return the text without `<!-- … -->` of up to 2,000 signs; each place is looked at once, whatever is in it."""
    kept: list[str] = []
    done, start, end = 0, text.find("<!--"), -1
    while start >= 0:
        if end < start + 4:
            end = text.find("-->", start + 4)
        if end < 0:
            break
        if end - start <= 2_004:
            kept.append(text[done:start])
            done = end + 3
            start = text.find("<!--", done)
        else:
            start = text.find("<!--", start + 4)
    return "".join((*kept, text[done:]))


def spelled(text: str) -> list[str]:
    """Return the words as written, punctuation and disguises stripped, split at blanks."""
    text = plain(text)
    if text.isascii():
        return text.translate(_BLANKED).split()
    return _SIGNS.sub(r" \g<0> ", text).translate(_MARKS).split()


def words(text: str) -> list[str]:
    """Return the words, lower-cased and punctuation stripped: what n-grams are made of."""
    return [word.lower() for word in spelled(text)]


def without_labels(text: str) -> str:
    """Return a multiple-choice question without the letters before its options, so that shuffled ones are the same."""
    return _LABEL.sub(" ", text)


def foreign(texts: Iterable[str], share: float = 0.02) -> bool:
    """Whether more than this share of the texts is mostly written in another script than the Latin one."""
    every = others = 0
    for text in texts:
        letters = [char for char in text[:400] if char.isalpha()]
        every += 1
        others += sum(not char.isascii() and ord(char) > 0x24F for char in letters) * 3 > len(letters)
    return others > share * every


def number_of(word: str) -> str | None:
    """Return the value of a number or number word as text; None for any other word."""
    if word.isdigit():
        return word.lstrip("0") or "0"
    return _NUMBER_WORDS.get(word.lower())


def numbers_in(text: str) -> Counter[str]:
    """Count the numbers of a text by their value, number words included: "1,200.50" is 1200.5, "twice" is 2."""
    found, text = Counter[str](), plain(text)
    for number in _DIGITS.findall(text):
        whole, _, part = number.replace(",", "").partition(".")
        part = part.rstrip("0")
        found[(whole.lstrip("0") or "0") + (f".{part}" if part else "")] += 1
    found.update(value for word in spelled(text) if (value := _NUMBER_WORDS.get(word.lower())) is not None)
    return found


class Spellings(dict[str, int]):
    """Spelling -> its word's id in the low 32 bits and its skeleton's id in the high ones; made from the held-out set.

    Words that the held-out set doesn't have are `UNKNOWN`: nothing that holds one can match. A capitalised word is a
    name unless the held-out set also has it in lower case.
    """

    def __init__(self, texts: Collection[Sequence[str]]) -> None:
        super().__init__()
        self.ids: dict[str, int] = {}
        self._plain: set[str] = set()
        for text in texts:
            for word in text:
                self.ids.setdefault(word.lower(), len(self.ids) + FIRST_WORD)
                if word.islower():
                    self._plain.add(word)

    def __missing__(self, spelling: str) -> int:
        lower = spelling.lower()
        known = self.ids.get(lower, UNKNOWN)
        code = known | self._skeleton(spelling, lower, known) << 32
        if len(self) < MAX_SEEN:
            self[spelling] = code
        return code

    def _skeleton(self, spelling: str, lower: str, known: int) -> int:
        if lower in _NUMBER_WORDS or any(char.isdigit() for char in spelling):
            return NUMBER
        if lower in _PRONOUNS:
            return PRONOUN
        if spelling[:1].isupper() and lower not in self._plain:
            return NAME
        return known


def bigrams(ids: Sequence[int]) -> set[tuple[int, int]]:
    """Return the pairs of neighbours, which a change of order among sentences leaves nearly whole."""
    return set(pairwise(ids))
