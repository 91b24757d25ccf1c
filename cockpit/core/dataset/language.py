"""Tell which language a text is in, by its script and, in Latin script, by its commonest words.

Enough to tell that one side of a spot check speaks another language than the other; formulas, code, numbers and
texts of a few words have none. The words are each language's most frequent function words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

_LETTERS = 12
"""Fewer letters than this say nothing."""
_SEEN = 2_000
_SCRIPTS: tuple[tuple[str, int, int], ...] = (
    ("Greek", 0x370, 0x3FF),
    ("Cyrillic", 0x400, 0x52F),
    ("Hebrew", 0x590, 0x5FF),
    ("Arabic", 0x600, 0x6FF),
    ("Arabic", 0x750, 0x77F),
    ("Devanagari", 0x900, 0x97F),
    ("Bengali", 0x980, 0x9FF),
    ("Tamil", 0xB80, 0xBFF),
    ("Thai", 0xE00, 0xE7F),
    ("Korean", 0x1100, 0x11FF),
    ("Japanese", 0x3040, 0x30FF),
    ("Chinese", 0x3400, 0x4DBF),
    ("Chinese", 0x4E00, 0x9FFF),
    ("Korean", 0xAC00, 0xD7AF),
)
_COMMON: dict[str, frozenset[str]] = {
    "English": frozenset(["the", "of", "and", "to", "in", "is", "that", "it", "for", "was", "with", "as", "his", "he", "be", "on", "at", "by", "this", "had", "not", "are", "but", "from", "has", "have", "how", "many", "what", "you", "she", "they", "does", "each", "there", "will", "if", "or", "an", "which", "did", "her", "their"]),
    "German": frozenset(["der", "die", "und", "das", "den", "von", "zu", "mit", "sich", "des", "auf", "für", "ist", "im", "dem", "nicht", "ein", "eine", "als", "auch", "es", "wie", "viele", "hat", "was", "er", "sie", "wird", "jede", "wenn", "oder", "ich", "sind", "hatte"]),
    "French": frozenset(["le", "la", "les", "et", "des", "en", "un", "une", "du", "que", "qui", "dans", "pour", "est", "sur", "pas", "au", "avec", "ce", "il", "sont", "elle", "combien", "quel", "quelle", "ses", "par", "plus", "ont", "chaque", "mais"]),
    "Spanish": frozenset(["el", "los", "las", "y", "del", "en", "que", "un", "una", "por", "con", "para", "se", "es", "como", "su", "lo", "más", "pero", "sus", "al", "cuántos", "cuánto", "cuántas", "cuál", "tiene", "qué", "cada", "tienen", "hay", "sobre"]),
    "Portuguese": frozenset(["o", "os", "as", "e", "do", "da", "em", "que", "um", "uma", "para", "com", "não", "por", "mais", "se", "como", "dos", "das", "ao", "foi", "quantos", "quanto", "tem", "qual", "quantas", "cada", "ele", "ela", "são", "uns"]),
    "Italian": frozenset(["il", "lo", "gli", "e", "di", "che", "un", "una", "per", "con", "non", "sono", "del", "della", "nel", "alla", "più", "come", "ha", "è", "quanti", "quanto", "quante", "qual", "quale", "ogni", "suo", "sua", "lei", "sulla"]),
    "Dutch": frozenset(["de", "het", "een", "en", "van", "ik", "te", "dat", "die", "in", "hij", "niet", "zijn", "is", "was", "op", "aan", "met", "als", "voor", "haar", "er", "hoeveel", "wat", "heeft", "hoe", "elke", "ze", "je", "maar", "wordt"]),
}  # fmt: skip
_WORDS = re.compile(r"[^\W\d_]+")
# Formulas, code and markup are written in no language.
_NOISE = re.compile(r"```.*?```|\$[^$]{0,200}\$|\\[A-Za-z]+|<[^<>]{1,60}>|https?://\S+", re.DOTALL)


def language(text: str) -> str | None:
    """The language (or the script, where one script is shared by many) of `text`; None where too little tells it."""
    body = _NOISE.sub(" ", text[:_SEEN])
    scripts = Counter(_script(char) for char in body if char.isalpha())
    total = sum(scripts.values())
    if not total:
        return None
    # Japanese is written with Chinese characters too: a tenth of kana tells it.
    if scripts["Japanese"] * 10 >= total:
        return "Japanese"
    script, count = scripts.most_common(1)[0]
    if script != "Latin":
        dense = script in ("Chinese", "Korean")
        return script if count * (3 if dense else 1) >= _LETTERS and count * 2 >= total else None
    return _latin(body) if count >= _LETTERS else None


def languages(texts: Iterable[str]) -> Counter[str]:
    """How many of `texts` are in which language; those that don't tell are left out."""
    return Counter(found for text in texts if (found := language(text)) is not None)


def _script(char: str) -> str:
    code = ord(char)
    if code < 0x250:
        return "Latin"
    return next((name for name, low, high in _SCRIPTS if low <= code <= high), "another script")


def _latin(body: str) -> str | None:
    """The language whose commonest words are most of those found; None unless three or more speak clearly for one."""
    words = [word.lower() for word in _WORDS.findall(body)]
    scores = {name: sum(word in common for word in words) for name, common in _COMMON.items()}
    ranked = sorted(scores.items(), key=lambda item: -item[1])
    (best, hits), (_, second) = ranked[0], ranked[1]
    return best if hits >= 3 and hits >= second + 2 and hits * 12 >= len(words) else None
