"""Texts laid as codes a batch at a time say what they say word by word."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.core.overlap.text import Spellings, spelled
from cockpit.core.overlap.tokens import Tokens

HELD = [
    spelled("Max bought 16 red stamps, and Bella's twelve internationalisations weren't thrown away 三个苹果")
]
WORD = st.sampled_from([
    "Max", "max", "MAX", "stamps", "twelve", "16", "1,200.50", "internationalisations", "internationalisationz",
    "Bella's", "weren't", "''", "--", "a", "ab" * 4, "ab" * 8, "ab" * 40, "三个苹果", "naïve", "<b>red</b>", "&amp;",
    "x\x1fy", "x\x7fy", "ｆｕｌｌ", "\u200bMax", "😀", "\ud800", "",
])  # fmt: skip
TEXT = st.lists(WORD, max_size=8).map(" ".join) | st.text(st.characters(exclude_characters="\0"), max_size=20)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(TEXT, min_size=1, max_size=6), min_size=1, max_size=3))
def test_a_batch_is_laid_as_its_words_are_one_by_one(batches: list[list[str]]) -> None:
    tokens, look = Tokens(Spellings(HELD)), Spellings(HELD)
    for texts in batches:
        laid = tokens.lay(texts)
        wanted = [[look[word] for word in spelled(text)] for text in texts]
        assert laid.codes.tolist() == [code for codes in wanted for code in (*codes, 0)]
        assert laid.sizes.tolist() == [len(codes) for codes in wanted]
        assert [
            laid.codes[at : at + n].tolist() for at, n in zip(laid.starts, laid.sizes, strict=True)
        ] == wanted


def test_the_table_grows_and_forgets_nothing() -> None:
    tokens, look = Tokens(Spellings(HELD)), Spellings(HELD)
    words = [f"Word{k}" for k in range(50_000)]
    for _ in range(2):
        assert tokens.lay([" ".join(words)]).codes.tolist() == [*(look[word] for word in words), 0]
