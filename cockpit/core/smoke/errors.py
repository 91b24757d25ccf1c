"""Tell from an error text whether it is about memory or mismatched dtypes, by PyTorch's own words."""

from __future__ import annotations

import re

_MEMORY = re.compile(
    r"out of memory|can't allocate memory|cannot allocate memory|OutOfMemoryError|MemoryError"
    r"|CUBLAS_STATUS_ALLOC_FAILED",
    re.IGNORECASE,
)
_DTYPE = re.compile(
    r"expected (?:scalar type|m1 and m2 to have the same dtype|mat1 and mat2 to have the same dtype)"
    r"|must have the same dtype|should be the same|found dtype|but found (?:Half|BFloat16|Float|Double)"
    r"|not implemented for '(?:Half|BFloat16|Byte|Char)'|unsupported (?:scalar|dtype)"
    r"|Attempting to unscale FP16 gradients"
    r"|dtype mismatch|bf16/gpu|Your setup doesn't support bf16",
    re.IGNORECASE,
)


_NO_ROWS = re.compile(r"num_samples should be a positive integer|num_samples=0|dataset is empty|0 examples")


_MISSING = re.compile(r"No module named|cannot import name|ModuleNotFoundError|ImportError")


def is_missing_package(text: str) -> bool:
    """Whether this error says that a package, or a part of one, is not there."""
    return _MISSING.search(text) is not None


def is_no_rows(text: str) -> bool:
    """Whether this error says that no row was left to train on."""
    return _NO_ROWS.search(text) is not None


def is_memory(text: str) -> bool:
    """Whether this error says that memory ran out."""
    return _MEMORY.search(text) is not None


def is_dtype(text: str) -> bool:
    """Whether this error says that number formats don't agree."""
    return _DTYPE.search(text) is not None
