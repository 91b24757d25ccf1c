"""How values cross the pipe between tests and completion: JSON with every type pinned, rebuilt as plain builtins.

Nothing that arrives can act: no class of the other side, no method, no `__eq__`. What has no encoding stays where it is
and is spoken of by a number (`h`), of which each side decides what it may be asked.
"""

from __future__ import annotations

import binascii
import builtins
import collections
import importlib
import json
import os
import struct
import sys
from collections.abc import Callable
from typing import Any, cast

LARGEST = 16 << 20  # bytes of one message
DEEPEST = 1000
FRAMES = 8000
"""How deep the interpreter may go: a value of that depth takes a few frames a level."""
_INLINE = 1 << 53
_PLAIN: dict[type[Any], str] = {list: "l", tuple: "t", set: "s", frozenset: "z"}
_MADE: dict[str, Callable[[list[Any]], Any]] = {"l": list, "t": tuple, "s": set, "z": frozenset}
_MAPS: dict[type[Any], str] = {
    dict: "d",
    collections.OrderedDict: "o",
    collections.Counter: "n",
    collections.defaultdict: "f",
}
_EMPTY: dict[Any, Any] = {}
_EXTENDED: tuple[type[Any], ...] = (int, str, float, list, dict, set, tuple)
_VIEWS: tuple[type[Any], ...] = (type(_EMPTY.keys()), type(_EMPTY.values()), type(_EMPTY.items()))
_RARE = (
    {("decimal", "Decimal"): "D", ("fractions", "Fraction"): "F", ("uuid", "UUID"): "U"}
    | {("datetime", name): "T" for name in ("datetime", "date", "time", "timedelta")}
    | {("pathlib", name): "P" for name in ("PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath")}
)
"""Classes of modules that are imported only where they are used."""
_SHARED = {("collections", kind.__name__) for kind in (*_MAPS, collections.deque)} | set(_RARE)
_EMPTIED: tuple[type[Any], ...] = (list, set, bytearray, collections.deque, *_MAPS)
MUTABLE = frozenset(_EMPTIED)
Stay = Callable[[Any], list[Any]]
Seen = dict[int, tuple[int, Any]]
"""What can change and was met, by its identity: the number under which it is written, and itself."""


class Unreadable(Exception):
    """What arrived is no value of this encoding, or too large or deep a one."""


Pipe = tuple[int, int]
"""Where messages come from, and where they go."""


def send(pipe: Pipe, message: dict[str, Any]) -> None:
    """Write one message whole. Raises OSError, and Unreadable where it is too large."""
    data = json.dumps(message, separators=(",", ":")).encode()
    if len(data) > LARGEST:
        raise Unreadable(f"a value of more than {LARGEST >> 20} MB")
    view = memoryview(struct.pack("=I", len(data)) + data)
    while view:
        view = view[os.write(pipe[1], view) :]


def receive(pipe: Pipe) -> dict[str, Any] | None:
    """Read one message; None where the other side is gone. Raises Unreadable."""
    head = _exactly(pipe[0], 4)
    if head is None:
        return None
    size = struct.unpack("=I", head)[0]
    if size > LARGEST:
        raise Unreadable(f"a value of more than {LARGEST >> 20} MB")
    data = _exactly(pipe[0], size)
    if data is None:
        return None
    try:
        message: object = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"what it sent is no value: {type(error).__name__}") from None
    if not isinstance(message, dict):
        raise Unreadable("what it sent is no message")
    return cast("dict[str, Any]", message)


def _exactly(pipe: int, size: int) -> bytes | None:
    parts: list[bytes] = []
    while size:
        block = os.read(pipe, min(size, 1 << 20))
        if not block:
            return None
        parts.append(block)
        size -= len(block)
    return b"".join(parts)


def encode(value: Any, stay: Stay, seen: Seen | None = None, depth: int = 0) -> Any:
    """The value as JSON. `stay` gives what is written for one that has no encoding.

    `seen` collects what can change: the other side numbers it the same, and knows it again.
    """
    kind = cast("type[Any]", type(value))
    if value is None or kind is bool or kind is str or kind is float:
        return value
    if kind is int:
        return value if -_INLINE < value < _INLINE else ["i", hex(value)]
    if depth > DEEPEST:
        raise Unreadable(f"a value nested more than {DEEPEST} deep")
    if seen is not None and id(value) in seen:
        return ["=", seen[id(value)][0]]
    if seen is not None and _changes(kind):
        number = len(seen)
        seen[id(value)] = number, value
        return ["m", number, content(value, stay, seen, depth)]
    return content(value, stay, seen, depth)


def content(value: Any, stay: Stay, seen: Seen | None = None, depth: int = 0) -> Any:
    """Encode what the value holds, even where it was met before."""
    kind = cast("type[Any]", type(value))

    def inner(held: Any) -> Any:
        return encode(held, stay, seen, depth + 1)

    if kind in _PLAIN:
        return [_PLAIN[kind], [inner(held) for held in value]]
    if kind in _MAPS:
        made = shared("builtins", getattr(getattr(value, "default_factory", None), "__name__", ""))
        factory = (
            [made.__name__] if made is not None and made is getattr(value, "default_factory", None) else []
        )
        return [_MAPS[kind], [[inner(key), inner(held)] for key, held in value.items()], *factory]
    if kind is collections.deque:
        return ["q", value.maxlen, [inner(held) for held in value]]
    if kind is bytes or kind is bytearray:
        return ["b" if kind is bytes else "B", binascii.b2a_base64(value, newline=False).decode()]
    if kind is complex:
        return ["c", value.real, value.imag]
    if kind is range:
        return ["r", inner(value.start), inner(value.stop), inner(value.step)]
    if kind is slice:
        return ["S", inner(value.start), inner(value.stop), inner(value.step)]
    rare = _RARE.get((kind.__module__, kind.__name__))
    if rare and getattr(sys.modules.get(kind.__module__), kind.__name__, None) is kind:
        if rare == "D":
            return ["D", str(value)]
        if rare == "F":
            return ["F", inner(value.numerator), inner(value.denominator)]
        if rare == "U":
            return ["U", value.hex]
        if rare == "P":
            return ["P", kind.__name__, str(value)]
        zone: Any = getattr(value, "tzinfo", None)
        offset = zone.utcoffset(value if kind.__name__ == "datetime" else None) if zone is not None else None
        if zone is None or offset is not None:
            return [
                "T",
                kind.__name__,
                _time_parts(value),
                *([_time_parts(offset)] if offset is not None else []),
            ]
    if value is ... or value is NotImplemented:
        return ["e", value is ...]
    if kind in _VIEWS:
        return ["v", _VIEWS.index(kind), [inner(held) for held in value]]
    if kind.__module__ == "numpy":
        made = _of_numpy(value, kind)
        return made if made is not None else stay(value)
    if kind.__base__ is tuple and hasattr(kind, "_fields"):
        return ["N", kind.__name__, list(kind._fields), list(map(inner, cast("Any", tuple).__iter__(value)))]
    base = next((base for base in _EXTENDED if issubclass(kind, base)), None)
    return stay(value) if base is None else _as_base(value, base, inner)


def decode(value: Any, known: Callable[[list[Any]], Any], met: dict[int, Any] | None = None) -> Any:
    """The value that was meant. `known` gives what stands for an object of the other side, or of this one.

    `met` collects what can change by its number (`m`). Raises Unreadable for what is no encoding.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    try:
        return _decoded(value, known, {} if met is None else met)
    except Unreadable:
        raise
    except (
        TypeError,
        ValueError,
        KeyError,
        IndexError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise Unreadable(f"what it sent is no value: {type(error).__name__}") from None


def _decoded(node: Any, known: Callable[[list[Any]], Any], met: dict[int, Any]) -> Any:
    if node is None or isinstance(node, bool | int | float | str):
        return node
    tag: str = node[0]

    def inner(held: Any) -> Any:
        return _decoded(held, known, met)

    if tag == "m":
        made = inner(node[2])
        met[node[1]] = made
        return made
    if tag == "=":
        return met[node[1]]
    if tag in _MADE:
        return _MADE[tag]([inner(held) for held in node[1]])
    if tag in ("d", "o", "n", "f"):
        pairs = {inner(key): inner(held) for key, held in node[1]}
        return _map(tag, pairs, shared("builtins", node[2]) if len(node) > 2 else None)
    if tag == "q":
        turned: collections.deque[Any] = collections.deque(map(inner, node[2]), node[1])
        return turned
    if tag == "i":
        return int(node[1], 16)
    if tag in ("b", "B"):
        raw = binascii.a2b_base64(node[1])
        return raw if tag == "b" else bytearray(raw)
    if tag == "c":
        return complex(node[1], node[2])
    if tag in ("r", "S"):
        return (range if tag == "r" else slice)(*map(inner, node[1:4]))
    if tag == "D":
        return importlib.import_module("decimal").Decimal(node[1])
    if tag == "F":
        return importlib.import_module("fractions").Fraction(inner(node[1]), inner(node[2]))
    if tag == "T" and ("datetime", node[1]) in _RARE:
        datetime = importlib.import_module("datetime")
        made = getattr(datetime, node[1])(*map(int, node[2]))
        offset = [datetime.timedelta(*map(int, parts)) for parts in node[3:]]
        return made.replace(tzinfo=datetime.timezone(offset[0])) if offset else made
    if tag == "U":
        return importlib.import_module("uuid").UUID(node[1])
    if tag == "P" and ("pathlib", node[1]) in _RARE:
        return getattr(importlib.import_module("pathlib"), node[1])(node[2])
    if tag == "e":
        return ... if node[1] else NotImplemented
    if tag == "v":
        held: list[Any] = list(map(inner, node[2]))
        views: dict[Any, Any] = dict(held) if node[1] == 2 else dict.fromkeys(held)
        return (
            views.keys()
            if node[1] == 0
            else views.items()
            if node[1] == 2
            else dict(enumerate(held)).values()
        )
    if tag in ("a", "A"):
        return _to_numpy(tag, node)
    if tag == "N":
        made: Any = getattr(collections, "namedtuple")(node[1], node[2])  # noqa: B009 - its fields are known only now
        return made(*map(inner, node[3]))
    return known(node)


def _map(tag: str, pairs: dict[Any, Any], factory: type[Any] | None) -> Any:
    if tag == "o":
        return collections.OrderedDict(pairs)
    if tag == "n":
        return collections.Counter(pairs)
    return collections.defaultdict(factory, pairs) if tag == "f" else pairs


def refill(target: Any, fresh: Any) -> None:
    """Make `target` hold what `fresh` holds, in place. Raises Unreadable where that is something of another type."""
    if type(target) is not type(fresh):
        raise Unreadable("an argument became something else")
    if hasattr(target, "shape"):
        target[...] = fresh
    elif isinstance(target, list | bytearray):
        target[:] = fresh
    else:
        target.clear()
        (target.extend if hasattr(target, "extend") else target.update)(fresh)


def named(value: Any) -> list[Any] | None:
    """A builtin or a function of the standard library by its name, which both sides know; None for anything else."""
    module, name = getattr(value, "__module__", None) or "", getattr(value, "__qualname__", "")
    if not (isinstance(module, str) and isinstance(name, str) and name):
        return None
    owner = getattr(value, "__objclass__", None)  # str.upper and the like
    if owner is not None and owner.__module__ == "builtins":
        module = "builtins"
    if module in sys.stdlib_module_names and by_name(module, name) is value:
        return ["g", module, name]
    return None


def by_name(module: str, name: str) -> Any:
    """What `named` wrote; None where there is none."""
    if module not in sys.stdlib_module_names:
        return None
    try:
        found: Any = builtins if module == "builtins" else importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception:  # noqa: BLE001 - a module that this system lacks
        return None
    return found


def shared(module: str, name: str) -> type[Any] | None:
    """A class whose objects cross, by its name: the tests' side has its own. None for any other."""
    found = by_name(module, name) if module == "builtins" or (module, name) in _SHARED else None
    return found if isinstance(found, type) else None


def _changes(kind: type[Any]) -> bool:
    return kind in MUTABLE or (kind.__module__ == "numpy" and kind.__name__ == "ndarray")


def _as_base(value: Any, base: type[Any], inner: Callable[[Any], Any]) -> Any:
    """A subclass of a builtin as the builtin that it extends, by the builtin's own view of it."""
    if base is str:
        return str.__str__(value)
    if base in (int, float):
        return inner(base.__add__(value, base()) if base is int else base.__float__(value))
    if base is dict:
        pairs = cast("list[tuple[Any, Any]]", list(dict.items(value)))  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
        return ["d", [[inner(key), inner(held)] for key, held in pairs]]
    return [_PLAIN[base], [inner(held) for held in base.__iter__(value)]]


def _time_parts(value: Any) -> list[int]:
    if hasattr(value, "microseconds"):  # a timedelta
        return [value.days, value.seconds, value.microseconds]
    names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return [getattr(value, name) for name in names if hasattr(value, name)]


def _of_numpy(value: Any, kind: type[Any]) -> list[Any] | None:
    dtype = getattr(value, "dtype", None)
    if dtype is None or dtype.kind not in "biufcSU?":
        return None
    raw = binascii.b2a_base64(value.tobytes(), newline=False).decode()
    return (
        ["a", dtype.str, list(value.shape), raw] if kind.__name__ == "ndarray" else ["A", dtype.str, [], raw]
    )


def _to_numpy(tag: str, node: list[Any]) -> Any:
    try:
        numpy: Any = importlib.import_module("numpy")
    except ImportError:
        raise Unreadable("an array, and numpy can't be imported") from None
    array = numpy.frombuffer(binascii.a2b_base64(node[3]), dtype=numpy.dtype(node[1])).reshape(node[2]).copy()
    if array.dtype.kind not in "biufcSU":
        raise Unreadable("an array of objects")
    return array if tag == "a" else array[()]
