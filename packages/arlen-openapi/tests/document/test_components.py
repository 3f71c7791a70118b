"""Components: each type has a name of its own, whatever letters its class has."""

from __future__ import annotations

import re
from dataclasses import make_dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

import pytest
from msgspec import Struct, defstruct

from arlen_core.errors import StartupError
from arlen_openapi.components import components
from arlen_openapi.schemas import Schemas

T = TypeVar("T")


class Box(Struct, Generic[T]):
    item: T


def record(name: str, module: str = "shop", **words: Any) -> Any:
    """Return a record of that name with one field, `a`."""
    return defstruct(name, [("a", int)], module=module, **words)


def names(*kinds: Any) -> list[str]:
    """Return the names of the components of types."""
    schemas = Schemas()
    for each in kinds:
        schemas.of(each)
    return list(schemas.settle())


def test_a_letter_outside_of_ascii_is_its_number() -> None:
    """OpenAPI knows no others in names (section 4.8.7.1); the title keeps it."""
    size = record("Gr\u00f6\u00dfe")
    (found,), made = components([size], lambda _: {})
    assert {"$ref": "#/components/schemas/Gr_f6__df_e"} == found
    assert "Gr\u00f6\u00dfe" == made["Gr_f6__df_e"]["title"]


def test_two_that_differ_in_such_letters_are_two() -> None:
    """Of one module, beside one that is called as they would be without."""
    kinds = [record("Gr\u00f6\u00dfe"), record("Gr\u00fc\u00dfe"), record("Gr__e")]
    assert ["Gr__e", "Gr_f6__df_e", "Gr_fc__df_e"] == names(*kinds)


def test_a_name_does_not_depend_on_the_others() -> None:
    """Alone or in company, first or last: it stays."""
    one, other = record("\u540d"), record("\u524d")
    assert {"_540d_", "_524d_"} == set(names(one, other)) == set(names(other, one))
    assert (["_540d_"], ["_524d_"]) == (names(one), names(other))


def test_names_of_one_kind_in_two_modules() -> None:
    """They are called by module and name, as all are."""
    assert ["a.Gr_f6_n", "b.Gr_f6_n"] == names(record("Gr\u00f6n", "a"), record("Gr\u00f6n", "b"))


def test_types_inside_of_others() -> None:
    """Generic types, enumerations and data classes are named like that too, and refer to each other."""
    size, colour = record("Gr\u00f6\u00dfe"), Enum("F\u00e4rbung", {"RED": "red"})
    plain = make_dataclass("Ma\u00df", [("size", Box[size]), ("colour", colour)])
    (found,), made = components([plain], lambda _: {})
    assert {"Ma_df_", "Box_Gr_f6__df_e_", "Gr_f6__df_e", "F_e4_rbung"} == set(made)
    assert set(re.findall(r"schemas/([^']+)'", str((found, made)))) == set(made)
    assert "Box[Gr\u00f6\u00dfe]" == made["Box_Gr_f6__df_e_"]["title"]
    assert "description" not in made["Ma_df_"]


def test_classes_keep_their_names() -> None:
    """They are as they were afterwards, also when two cannot be told apart."""
    size, again = record("Gr\u00f6\u00dfe"), record("Gr\u00f6\u00dfe")
    before = (size.__name__, size.__qualname__, repr(Box[size]))
    names(size, Box[size])
    with pytest.raises(StartupError, match="called alike"):
        names(size, again)
    assert before == (size.__name__, size.__qualname__, repr(Box[size]))


def test_classes_inside_of_classes_with_such_names() -> None:
    """What is around them tells them apart."""
    inner = [record("Item") for _ in range(2)]
    for each, around in zip(inner, ("\u00c4", "\u00d6"), strict=True):
        each.__qualname__ = f"{around}.Item"
    assert ["shop._c4_.Item", "shop._d6_.Item"] == names(*inner)
