"""Values: wrappers that say what a list, a dict or a name is meant to be."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

__all__ = ["Array", "Json"]


class Json(Struct, frozen=True, repr_omit_defaults=True):
    """A value that is to be stored as JSON: a dict, list, scalar, `None` for JSON's null, or a Struct.

    A bare dict or list as a parameter means JSON too; a bare `None` is SQL's NULL.

    >>> Json({"a": [1, 2]}).value
    {'a': [1, 2]}
    """

    value: Any


class Array(Struct, frozen=True):
    """A list that is to be stored as an SQL array; needs the capability `arrays`.

    Args:
        value: the elements, all of one type; `None` is NULL. Lists in it make more dimensions.
        type: the type of an element in SQL ("int8", "text"), needed when there is nothing to tell it from.

    >>> Array([1, None, 3]).value
    [1, None, 3]
    """

    value: list[Any]
    type: str = ""
