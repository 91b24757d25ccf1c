"""The completion's side: runs its code behind walls, and answers what the tests' side asks, until that hangs up.

Nothing here is trusted by the other side, since the code that runs here can change it.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import functools
import io
import os
import sys
import types
from typing import Any, cast

from cockpit.verifiers.code import wire

NAME = "completion"
MOST_SAID = 1 << 20  # characters of output that one call passes on
_CHUNK = 256


class Guest:
    """Objects of the completion by number, and what can be asked of them."""

    def __init__(self, pipe: wire.Pipe) -> None:
        self.pipe = pipe
        self.held: list[Any] = []
        self.numbers: dict[int, int] = {}
        self.module = types.ModuleType(NAME)
        self.said = io.BytesIO()
        self.code = ""

    def load(self, setup: str, code: str) -> dict[str, Any]:
        """Run the code; the names that it defines, or what it raised."""
        sys.modules[NAME] = self.module
        space = self.module.__dict__
        for node in _parsed(setup):
            with contextlib.suppress(Exception):
                exec(compile(ast.Module([node], []), "setup.py", "exec"), space)
        try:
            exec(compile(code, "completion.py", "exec"), space)
        except BaseException as error:  # noqa: BLE001 - whatever foreign code raises is told
            return {"raised": self.raised(error)}
        names: dict[str, list[Any] | None] = {}
        for name, held in cast("list[tuple[object, Any]]", list(space.items())):
            with contextlib.suppress(Exception):  # what can't be spoken of is not there
                if isinstance(name, str) and not name.startswith("__"):
                    names[name] = self.standing(held)
        return {"names": names}

    def standing(self, value: Any) -> list[Any] | None:
        """What stands for a function, a class or a module; None for a value, which is told when it is asked for."""
        kind = cast("type[Any]", type(value))
        node = self.stay(value) if callable(value) or issubclass(kind, types.ModuleType) else None
        return node if node and node[0] == "h" else None

    def serve(self) -> None:
        """Answer until the other side is gone."""
        while (message := wire.receive(self.pipe)) is not None:
            wire.send(self.pipe, self.answer(message))

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """What the message asks for, as a message: the value, what became of the arguments, and what was printed."""
        met: dict[int, Any] = {}
        before: dict[int, Any] = {}
        told: dict[str, Any] = {}
        try:
            words = [wire.decode(word, self.known, met) for word in message["args"]]
            named = {
                name: wire.decode(word, self.known, met) for name, word in message.get("kwargs", {}).items()
            }
            before = {number: wire.content(held, _nothing) for number, held in met.items()}
            value = getattr(self, f"do_{message['do']}")(*words, **named)
            seen: wire.Seen = {id(held): (number, held) for number, held in met.items()}
            told["value"] = wire.encode(value, self.stay, seen)
        except BaseException as error:  # noqa: BLE001 - told to the other side, which raises it there
            told["raised"] = self.raised(error)
        changed: list[Any] = []
        for number, held in sorted(met.items()):
            if wire.content(held, _nothing) != before.get(number):
                seen = {id(one): (n, one) for n, one in met.items()}
                changed.append([number, wire.content(held, self.stay, seen)])
        told["changed"], told["said"] = changed, self.said.getvalue()[:MOST_SAID].decode(errors="replace")
        self.said.seek(0)
        self.said.truncate()
        return told

    def value(self, value: Any) -> Any:
        """The value for the other side."""
        return wire.encode(value, self.stay)

    def stay(self, value: Any) -> list[Any]:
        """A number for what stays here, and what kind of thing it is."""
        if isinstance(value, type) and wire.shared(value.__module__, value.__name__) is value:
            return ["g", value.__module__, value.__name__]
        number = self.numbers.get(id(value))
        if number is None:
            number = self.numbers[id(value)] = len(self.held)
            self.held.append(value)
        return ["h", number, *self.described(value)]

    def described(self, value: Any) -> list[Any]:
        """Its kind, its name, for a class of exceptions the names of its bases, and whether it can be false."""
        kind = cast("type[Any]", type(value))
        if isinstance(value, types.ModuleType):
            return ["module", value.__name__, [], False]
        if isinstance(value, type):
            bases = [base.__name__ for base in value.__mro__] if issubclass(value, BaseException) else []
            return ["class", value.__name__, bases, False]
        if kind.__module__ == "unittest.mock":
            what = "mock"
        elif isinstance(value, types.CoroutineType):
            what = "coroutine"
        elif isinstance(value, types.GeneratorType):
            what = "generator"
        elif hasattr(kind, "__next__") and hasattr(kind, "__iter__"):
            what = "iterator"
        else:
            what = "function" if callable(value) else "object"
        name: Any = getattr(cast("object", value), "__name__", None) if what == "function" else None
        sized = hasattr(kind, "__bool__") or hasattr(kind, "__len__")
        return [what, name if isinstance(name, str) else kind.__name__, [], sized]

    def raised(self, error: BaseException) -> list[Any]:
        """An exception: the names of its classes, what it was given, and the line of the code that it came from."""
        trace, line = error.__traceback__, getattr(error, "lineno", None)
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == "completion.py":
                line = trace.tb_lineno
            trace = trace.tb_next
        words = [wire.encode(word, lambda value: ["l", []]) for word in error.args[:8]]
        names = [kind.__name__ for kind in type(error).__mro__]
        return [names, words, str(error)[:200], line if isinstance(line, int) else 0]

    def known(self, node: list[Any]) -> Any:
        """What a node of the other side's stands for here."""
        if node[0] == "h":
            return self.held[node[1]]
        if node[0] == "g":
            return wire.by_name(node[1], node[2])
        if node[0] == "C":  # a function of the tests', which this side may call
            return functools.partial(self.ask_back, node[1])
        if node[0] == "I":
            return iter([wire.decode(held, self.known) for held in node[1]])
        if node[0] == "K":
            return self.module.__dict__[node[1]]
        if node[0] == "O":  # an object of a class that the set-up defines on both sides
            made = object.__new__(self.module.__dict__[node[1]])
            for name, held in node[2].items():
                object.__setattr__(made, name, wire.decode(held, self.known))
            return made
        raise wire.Unreadable("no such value")

    def ask_back(self, number: int, /, *words: Any, **named: Any) -> Any:
        """Call a function of the tests' side and wait for what it gives, answering what is asked meanwhile."""
        call = {"back": number, "args": [self.value(word) for word in words],
                "kwargs": {name: self.value(word) for name, word in named.items()}}  # fmt: skip
        wire.send(self.pipe, call)
        while (message := wire.receive(self.pipe)) is not None:
            if "returned" in message:
                return wire.decode(message["returned"], self.known)
            if "failed" in message:
                kind = wire.by_name("builtins", str(message["failed"][0]))
                raise (
                    kind(*message["failed"][1:])
                    if isinstance(kind, type)
                    else RuntimeError(message["failed"])
                )
            wire.send(self.pipe, self.answer(message))
        os._exit(0)

    # -- what may be asked ---------------------------------------------------------------------------------------

    def do_call(self, target: Any, /, *words: Any, **named: Any) -> Any:
        return target(*words, **named)

    def do_name(self, name: str) -> Any:
        return self.module.__dict__[name]

    def do_get(self, target: Any, name: str) -> Any:
        return getattr(target, name)

    def do_set(self, target: Any, name: str, value: Any) -> None:
        setattr(target, name, value)

    def do_method(self, target: Any, name: str, *words: Any) -> Any:
        """One of Python's own methods, as the interpreter looks it up: on the class."""
        kind = cast("type[Any]", type(target))
        method = getattr(kind, name, None)
        if method is None:
            raise TypeError(f"{kind.__name__} has no {name}")
        return method(target, *words)

    def do_isinstance(self, target: Any, kind: Any) -> bool:
        return isinstance(target, kind)

    def do_state(self, target: Any) -> Any:
        """What an object holds: its class and its fields."""
        kind = cast("type[Any]", type(target))
        slots = [name for base in kind.__mro__ for name in getattr(base, "__slots__", ())]
        fields = {
            **getattr(target, "__dict__", {}),
            **{n: getattr(target, n) for n in slots if hasattr(target, n)},
        }
        return [kind.__qualname__, fields]

    def do_same(self, left: Any, right: Any) -> list[bool]:
        """Whether they are equal, and whether the left one is equal even to what nobody has."""
        return [bool(left == right), bool(left == object())]

    def do_take(self, iterator: Any, most: int) -> list[Any]:
        """The next items, at most so many, and whether it is at its end; an exception after the items before it."""
        taken: list[Any] = []
        for _ in range(min(most, _CHUNK)):
            try:
                taken.append(next(iterator))
            except StopIteration:
                return [taken, True]
        return [taken, False]

    def do_program(self, given: str) -> list[Any]:
        """Run the code as a program with this input: what it prints, how it ends, why it doesn't start."""
        with open("given", "w", encoding="utf-8") as handle:
            handle.write(given)
        try:
            child = os.fork()
        except OSError as error:
            return ["", None, str(error)]
        if child == 0:
            self._be_program()
        _, status = os.waitpid(child, 0)
        with open("said", encoding="utf-8", errors="replace") as handle:
            return [handle.read(MOST_SAID), os.waitstatus_to_exitcode(status), ""]

    def _be_program(self) -> None:
        ended = 1
        try:
            for end in self.pipe:
                os.close(end)
            os.dup2(os.open("given", os.O_RDONLY), 0)
            os.dup2(os.open("said", os.O_RDWR | os.O_CREAT | os.O_TRUNC), 1)
            sys.stdin = io.TextIOWrapper(io.FileIO(0), encoding="utf-8")
            sys.stdout = io.TextIOWrapper(io.FileIO(1, "w"), encoding="utf-8")
            main = sys.modules["__main__"] = types.ModuleType("__main__")
            exec(compile(self.code, "completion.py", "exec"), main.__dict__)
            ended = 0
        except SystemExit as error:
            ended = error.code if isinstance(error.code, int) else int(error.code is not None)
        finally:
            sys.stdout.flush()
            os._exit(ended & 255)

    def do_run(self, coroutine: Any) -> Any:
        import asyncio  # takes a while, and few need it

        return asyncio.run(coroutine)


def _nothing(value: Any) -> list[Any]:
    return ["h", id(value)]


def _parsed(text: str) -> list[ast.stmt]:
    try:
        return ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def main(pipe: wire.Pipe, request: dict[str, Any]) -> None:
    """Load the completion, say what it defines, and answer. Ends when the tests' side hangs up."""
    guest = Guest(pipe)
    sys.stdout = sys.stderr = io.TextIOWrapper(
        guest.said, encoding="utf-8", errors="backslashreplace", newline="\n", write_through=True
    )
    sys.setrecursionlimit(wire.FRAMES)
    builtins.exit = builtins.quit = sys.exit  # `site` puts them there, and it isn't run here
    guest.code = str(request["code"])
    nothing: dict[str, Any] = {"names": {}}
    loaded = nothing if request["program"] else guest.load(str(request["setup"]), guest.code)
    wire.send(pipe, loaded)
    if "names" in loaded:
        guest.serve()
