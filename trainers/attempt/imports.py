"""Import torch and its libraries with the garbage collector off, which finds nothing there and takes time.

They make about a million objects that all stay, and the collector goes through them again and again: `import trl` took
12.2 s with it, 8.7 s without and with what was imported frozen (two cores, trl 1.16.0; `python -m tests.bench imports`
compares them anywhere). Frozen objects are left out of the collections during training, too, and of the last one.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


def hold() -> None:
    """Before the imports."""
    gc.disable()


def settle() -> None:
    """After them: what is there stays. Does nothing where nothing was held."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


@contextmanager
def quick() -> Iterator[None]:
    """`hold` and `settle` around a block of imports."""
    hold()
    try:
        yield
    finally:
        settle()
