r"""An exact check on top of math-verify's yes, for the worker that judges mathematics; never turns a no into a yes.

math-verify subtracts two values, evaluates the difference to fifteen digits with small remainders chopped off, and
calls it zero: so `1/2004!` equals `1/2006!`. It also reads the well-formed beginning of an expression and ignores the
rest: so `4\sqrt(2)` is 4. Here a difference is weighed against the values themselves, with as many digits as the
cancellation costs, and what was not read to its end equals nothing but its own text.
"""

from __future__ import annotations

import importlib
import re
from fractions import Fraction
from typing import Any

SAME = 1e-40  # of the values' size: exact values that are nearer than that are the same
WRITTEN = 1e-3  # of the values' size: where one is a decimal, three digits must agree beside math-verify's six decimals
_DIGITS, _MAX_DIGITS = 60, 2000
_POINTS = (Fraction(7, 5), Fraction(-17, 11), Fraction(23, 29))
"""What free variables are set to, one after the other: where two expressions agree, they do so there."""
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_OPERATOR = re.compile(
    r"[\^_*/!+]|\\(?:sqrt|[dtc]?frac|over|log|ln|exp|sin|cos|tan|binom|sum|prod|int|lim|cdot|times|div|pm|pi)(?![A-Za-z])"
)
_FALLBACKS = ("sympy_numeric_eq", "sympy_symbolic_eq")


def strict() -> Any:
    """math-verify with the check on top of each comparison of two values: in sets, intervals and equations, too."""
    library: Any = importlib.import_module("math_verify")
    grader: Any = importlib.import_module("math_verify.grader")
    for name in _FALLBACKS:
        setattr(grader, name, _checked(getattr(grader, name)))
    return library


def _checked(original: Any) -> Any:
    def compare(a: Any, b: Any, *rest: Any) -> bool:
        return bool(original(a, b, *rest)) and same_value(a, b)

    return compare


def same_value(a: Any, b: Any) -> bool:
    """Whether two expressions have the same value, by symbols where that decides, else to many digits."""
    sympy: Any = importlib.import_module("sympy")
    if isinstance(a, sympy.MatrixBase) and isinstance(b, sympy.MatrixBase):
        return a.shape == b.shape and all(same_value(x, y) for x, y in zip(a.flat(), b.flat(), strict=True))
    if not (isinstance(a, sympy.Expr) and isinstance(b, sympy.Expr)):
        return True  # no values: the library's word stands
    percents = _percents(a), _percents(b)
    if percents[0] != percents[1]:  # 50% may be meant as 50 or as 0.5: either side may have left the sign out
        return any(_same(x, y) for x in (a.doit(), _unsigned(a)) for y in (b.doit(), _unsigned(b)))
    return _same(a.doit(), b.doit())


def _same(a: Any, b: Any) -> bool:
    difference = a - b
    if difference == 0:
        return True
    decimal = bool(a.atoms(_float()) or b.atoms(_float()))
    if not decimal and difference.is_Rational:
        return False
    symbols: list[Any] = sorted(difference.free_symbols, key=str)
    if not symbols:
        return _near(a, b, decimal)
    for turn in range(len(_POINTS)):
        point: Any = dict(zip(symbols, _points(turn, len(symbols)), strict=True))
        if not _near(a.subs(point), b.subs(point), decimal):
            return False
    return True


def _near(a: Any, b: Any, decimal: bool) -> bool:
    difference = (a - b).evalf(_DIGITS, maxn=_MAX_DIGITS)
    size = max(abs(a.evalf(15)), abs(b.evalf(15)))
    if not (difference.is_number and size.is_number):
        return True  # what has no value at this point says nothing
    return bool(abs(difference) <= (WRITTEN if decimal else SAME) * size)


def _points(turn: int, count: int) -> list[Any]:
    sympy: Any = importlib.import_module("sympy")
    chosen = [_POINTS[(turn + i) % len(_POINTS)] + i for i in range(count)]
    return [sympy.Rational(point.numerator, point.denominator) for point in chosen]


def _float() -> Any:
    return importlib.import_module("sympy").Float


def _percents(value: Any) -> bool:
    """Whether the library wrote a per cent sign as a factor of 1/100 that it leaves unevaluated."""
    sympy: Any = importlib.import_module("sympy")
    hundredth = sympy.UnevaluatedExpr(sympy.Rational(1, 100))
    return bool(isinstance(value, sympy.Mul) and hundredth in value.args)


def _unsigned(value: Any) -> Any:
    sympy: Any = importlib.import_module("sympy")
    return value.xreplace({sympy.UnevaluatedExpr(sympy.Rational(1, 100)): sympy.Integer(1)}).doit()


def is_whole(latex: str) -> bool:
    """Whether the library reads this expression to its end; or, where it can't, whether it is a number with words."""
    module: Any = importlib.import_module("latex2sympy2_extended.latex2sympy2")
    last: Any = importlib.import_module("math_verify.parser").get_last_eq(latex)
    for text in dict.fromkeys((latex, last)):
        try:
            parser = module._Latex2Sympy().create_parser(text)
            parser.math()
        except Exception:  # noqa: BLE001, S112 - the library then takes the last equation, if there are several
            continue
        return bool(parser.getCurrentToken().type == -1)  # ANTLR's end of the input
    # What it can't read at all it searches for numbers: `4\sqrt[3](2)` would be its first one.
    bare = latex.strip("*_`. ")  # Markdown's emphasis
    return len(_NUMBER.findall(bare)) == 1 and _OPERATOR.search(bare) is None
