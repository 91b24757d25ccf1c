"""What the tests get in place of the completion's functions, classes and objects: stand-ins that ask over the pipe.

A stand-in never lets the completion's code decide about a plain value of the tests: it equals none, has no order with
any, and what comes of arithmetic between the two is no plain value.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from typing import Any, cast

from cockpit.verifiers.code import wire

_LONGEST = 100_000  # items of an iterator that a test hands over
_ENDLESS = 200_000  # items that a test takes of an iterator of the completion's
_FIRST, _MOST = 1, 256  # items of an iterator that are fetched at once: more each time


class Refused(BaseException):
    """The completion's result can't be judged by this test. No `except Exception` of the tests' catches it."""


class Gone(BaseException):
    """The completion's process ended."""


class Asker:
    """The tests' end of the pipe."""

    def __init__(self, pipe: wire.Pipe, classes: dict[str, type[Any]]) -> None:
        self.pipe = pipe
        self.classes = classes
        """The classes that the set-up defines on both sides: their objects cross as what they hold."""
        self.asked = 0
        self.lent: list[Any] = []
        self.kinds: dict[int, Any] = {}
        self.errors: dict[str, type[BaseException]] = {}

    def ask(self, do: str, /, *words: Any, **named: Any) -> Any:
        """What the completion's side gives. Raises what it raised, Refused, Gone."""
        self.asked += 1
        seen: wire.Seen = {}
        try:
            message = {
                "do": do, "args": [wire.encode(word, self.stay, seen) for word in words],
                "kwargs": {name: wire.encode(word, self.stay, seen) for name, word in named.items()},
            }  # fmt: skip
            wire.send(self.pipe, message)
            told = self._told()
            met: dict[int, Any] = dict(seen.values())
            for number, held in told.get("changed", ()):
                wire.refill(met[number], wire.decode(held, self.known, dict(met)))
            sys.stdout.write(str(told.get("said", "")))
            if "raised" not in told:
                return wire.decode(told["value"], self.known, dict(met))
            error = self.error(told["raised"])
        except OSError:
            raise Gone from None
        except (wire.Unreadable, LookupError, TypeError, ValueError, AttributeError) as unreadable:
            raise Refused(f"its result can't be judged: {unreadable}") from None
        raise error

    def _told(self) -> dict[str, Any]:
        while True:
            told = wire.receive(self.pipe)
            if told is None:
                raise Gone
            if "back" not in told:
                return told
            try:
                words = [wire.decode(word, self.known) for word in told["args"]]
                named = {str(name): wire.decode(word, self.known) for name, word in told["kwargs"].items()}
                answer = {"returned": wire.encode(self.lent[told["back"]](*words, **named), self.stay)}
            except Exception as error:  # noqa: BLE001 - the completion asked for it, and may catch it
                answer = {"failed": [type(error).__name__, str(error)[:200]]}
            wire.send(self.pipe, answer)

    def stay(self, value: Any) -> list[Any]:
        """What is written for a value of the tests' that has no encoding."""
        number = number_of(value)
        if number is not None:
            return ["h", number]
        found = wire.named(value)
        if found is not None:
            return found
        kind = cast("type[Any]", type(value))
        if self.classes.get(kind.__qualname__) is kind:
            fields = cast("dict[str, Any]", vars(value))
            return ["O", kind.__qualname__, {n: wire.encode(one, self.stay) for n, one in fields.items()}]
        if isinstance(value, type) and self.classes.get(value.__qualname__) is value:
            return ["K", value.__qualname__]
        if callable(value):
            self.lent.append(value)
            return ["C", len(self.lent) - 1]
        if isinstance(value, Iterator):
            taken = itertools.islice(cast("Iterator[Any]", value), _LONGEST)
            return ["I", [wire.encode(one, self.stay) for one in taken]]
        raise TypeError(f"a test passes a {kind.__name__}, which can't be handed to the completion")

    def known(self, node: list[Any]) -> Any:
        """What stands for an object of the completion's."""
        if node[0] == "g" and (found := wire.shared(node[1], node[2])):
            return found
        if node[0] != "h" or type(node[1]) is not int:
            raise wire.Unreadable("what it sent is no value")
        number, what, name, bases, sized = node[1:6]
        if number not in self.kinds:
            self.kinds[number] = self._made(
                number, str(what), str(name), [str(base) for base in bases], bool(sized)
            )
        return self.kinds[number]

    def _made(self, number: int, what: str, name: str, bases: list[str], sized: bool) -> Any:
        if what == "mock":
            raise wire.Unreadable("a mock is whatever is asked of it")
        if what == "class" and bases:
            return self.kind_of_error(bases)
        if what == "generator":
            return _items(self, number)
        if what == "coroutine":
            return _awaited(self, number)
        kinds = {"class": Class, "function": Function, "iterator": Items}
        return kinds.get(what, Thing)(self, number, name, sized)

    def kind_of_error(self, names: list[str]) -> type[BaseException]:
        """The exception's class: a builtin, or one that stands for the completion's, below the builtin it extends."""
        found = wire.by_name("builtins", names[0])
        if isinstance(found, type) and issubclass(found, BaseException):
            return found
        below = next((k for n in names[1:] if isinstance(k := wire.by_name("builtins", n), type)), Exception)
        if names[0] not in self.errors:
            base = below if issubclass(below, BaseException) else Exception
            made: Any = type(names[0], (base,), {"__init__": BaseException.__init__})
            self.errors[names[0]] = made
        return self.errors[names[0]]

    def error(self, raised: list[Any]) -> BaseException:
        """What the completion's side raised, as an exception here; marked with the line of the code."""
        names, words, text, line = raised
        kind = self.kind_of_error([str(name) for name in names])
        given = [wire.decode(word, self.known) for word in words]
        try:
            error = kind(*given)
        except Exception:  # noqa: BLE001 - UnicodeDecodeError and others want arguments of their own
            error = kind.__new__(kind, str(text))
        error.of_completion = int(line)  # type: ignore[attr-defined]
        return error


def number_of(value: Any) -> int | None:
    """The number of a stand-in; None for anything else."""
    return object.__getattribute__(value, "_number") if isinstance(value, Thing) else None


def _items(asker: Asker, number: int) -> Iterator[Any]:
    most, given = _FIRST, 0
    while True:
        if given > _ENDLESS:
            raise Refused(f"it gives more than {_ENDLESS:,} items")
        taken, ended = asker.ask("take", Thing(asker, number, "generator", False), most)
        yield from taken
        given += len(taken)
        if ended:
            return
        most = min(2 * most, _MOST)


async def _awaited(asker: Asker, number: int) -> Any:
    return asker.ask("run", Thing(asker, number, "coroutine", False))


class Thing:
    """An object of the completion's."""

    def __init__(self, asker: Asker, number: int, name: str, sized: bool, mixed: bool = False) -> None:
        for key, value in (
            ("_asker", asker),
            ("_number", number),
            ("_name", name),
            ("_sized", sized),
            ("_mixed", mixed),
            ("_rest", None),
        ):
            object.__setattr__(self, key, value)

    def __getattr__(self, name: str) -> Any:
        if name == "__name__":
            return self._name
        if name.startswith("__array") or name in ("__await__", "__fspath__", "_asdict"):
            raise AttributeError(name)  # libraries look for these to take a thing for their own
        return self._asker.ask("get", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._asker.ask("set", self, name, value)

    def __repr__(self) -> str:
        return str(self._plain("__repr__", str))

    def __str__(self) -> str:
        return str(self._plain("__str__", str))

    def __bool__(self) -> bool:
        if not self._sized:
            return True
        try:
            return bool(self._plain("__bool__", bool))
        except TypeError:
            return len(self) > 0

    def __len__(self) -> int:
        return int(self._plain("__len__", int))

    def __hash__(self) -> int:
        return hash(int(self._plain("__hash__", int)))

    def __iter__(self) -> Iterator[Any]:
        return iter(self._asker.ask("method", self, "__iter__"))

    def __contains__(self, item: Any) -> bool:
        return any(held is item or held == item for held in self)

    def __getitem__(self, key: Any) -> Any:
        return self._asker.ask("method", self, "__getitem__", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._asker.ask("method", self, "__setitem__", key, value)

    def __delitem__(self, key: Any) -> None:
        self._asker.ask("method", self, "__delitem__", key)

    def __enter__(self) -> Any:
        return self._asker.ask("method", self, "__enter__")

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        self._asker.ask("method", self, "__exit__", None, None, None)
        return False

    def __eq__(self, other: object) -> bool:
        if number_of(other) is None:
            return False
        if number_of(other) == number_of(self):
            return True
        equal, anything = self._asker.ask("same", self, other)
        if anything is not False:
            raise Refused("its result equals everything")
        if equal is not True:
            return False
        mine, theirs = self._asker.ask("state", self), self._asker.ask("state", other)
        return bool(mine[1]) and mine == theirs

    def _plain(self, method: str, kind: type[Any]) -> Any:
        """What one of Python's own methods gives, which must be of this very type."""
        if self._mixed and kind is not str:
            raise Refused(f"its result, a {self._name}, answers arithmetic with the tests' values by itself")
        value = self._asker.ask("method", self, method)
        if type(value) is not kind:
            raise Refused(f"{method} of its result, a {self._name}, gives a {type(value).__name__}")
        return value


def _number(method: str, kind: type[Any]) -> Callable[[Thing], Any]:
    return lambda self: self._plain(method, kind)  # pyright: ignore[reportPrivateUsage]


def _order(method: str) -> Callable[[Thing, Any], bool]:
    def compare(self: Thing, other: Any) -> bool:
        if number_of(other) is None:
            raise Refused(f"its result, a {self._name}, is compared with a plain value")
        value = self._asker.ask("method", self, method, other)
        if type(value) is not bool:
            raise Refused(f"a comparison of its results gives a {type(value).__name__}")
        return value

    return compare


def _computed(method: str) -> Callable[..., Any]:
    def compute(self: Thing, *others: Any) -> Any:
        value = self._asker.ask("method", self, method, *others)
        if not (self._mixed or any(number_of(other) is None for other in others)):
            return value
        if number_of(value) is None:
            raise Refused(f"its result, a {self._name}, answers arithmetic with the tests' values by itself")
        return Thing(self._asker, value._number, value._name, value._sized, mixed=True)

    return compute


for _name in ("__lt__", "__le__", "__gt__", "__ge__"):
    setattr(Thing, _name, _order(_name))
for _name, _kind in (("__int__", int), ("__float__", float), ("__index__", int), ("__complex__", complex)):
    setattr(Thing, _name, _number(_name, _kind))
for _name in ("neg", "pos", "abs", "invert", "round", "floor", "ceil", "trunc"):
    setattr(Thing, f"__{_name}__", _computed(f"__{_name}__"))
for _name in (
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "and",
    "or",
    "xor",
    "lshift",
    "rshift",
):
    for _side in ("", "r"):
        setattr(Thing, f"__{_side}{_name}__", _computed(f"__{_side}{_name}__"))


class Function(Thing):
    """A function of the completion's, or any object that can be called."""

    def __call__(self, *words: Any, **named: Any) -> Any:
        return self._asker.ask("call", self, *words, **named)


class Class(Function):
    """A class of the completion's."""

    def __instancecheck__(self, value: Any) -> bool:
        return number_of(value) is not None and self._asker.ask("isinstance", value, self) is True


class Items(Thing):
    """An iterator of the completion's."""

    _rest: Any

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        rest: Iterator[Any] | None = self._rest
        if rest is None:
            rest = _items(self._asker, self._number)
            object.__setattr__(self, "_rest", rest)
        return next(rest)
