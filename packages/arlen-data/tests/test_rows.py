"""Rows: tuples that know their columns, whatever these are called."""

import copy
import pickle
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_data.errors import AmbiguousColumn, UndefinedColumn
from arlen_data.rows import Row, shape

NAMES = st.text(max_size=8) | st.sampled_from(
    [
        "keys",
        "count",
        "index",
        "_x",
        "_columns",
        "_places",
        "__class__",
        "__len__",
        "class",
        "",
        "a b",
        "é",
        "mro",
        "None",
    ]
)


def row(**values):
    """Return a row of these values."""
    return shape(tuple(values))(list(values.values()))


def test_a_row_is_a_tuple():
    """It is equal to a tuple, hashes as one, and unpacks."""
    made = row(id=1, name="ada")
    first, second = made
    assert (1, "ada") == made == (first, second)
    assert hash((1, "ada")) == hash(made)
    assert isinstance(made, Row)
    assert {"id": 1, "name": "ada"} == dict(made) == {**made}


def test_access():
    """A value is there by index, from the end, as a slice, by name and by attribute."""
    made = row(id=1, name="ada", age=36)
    assert (1, 36, (1, "ada")) == (made[0], made[-1], made[:2])
    assert ("ada", "ada") == (made["name"], made.name)
    with pytest.raises(IndexError):
        made[3]
    with pytest.raises(TypeError):
        made[1.5]


def test_a_name_may_be_of_a_subclass_of_str():
    """A member of a `StrEnum` names a column."""

    class Column(StrEnum):
        NAME = "name"

    assert "ada" == row(name="ada")[Column.NAME]


def test_unknown_names():
    """By name it is `UndefinedColumn`, which lists the columns, and by attribute `AttributeError`."""
    made = row(id=1, name="ada")
    with pytest.raises(UndefinedColumn, match=r"no column 'mail'; it has id, name$"):
        made["mail"]
    with pytest.raises(AttributeError, match="no column 'mail'"):
        made.mail  # noqa: B018
    assert getattr(made, "mail", None) is None
    assert not hasattr(made, "_mail")


def test_doubles():
    """A name that occurs twice is an error by name and by attribute, and no value is lost."""
    made = shape(("id", "id", "name"))((1, 2, "ada"))
    assert (1, 2) == made[:2]
    for ask in (lambda: made["id"], lambda: made.id, lambda: dict(made)):
        with pytest.raises(AmbiguousColumn, match="several columns 'id'"):
            ask()
    assert "ada" == made.name


@pytest.mark.parametrize("name", ["count", "index", "class", "import", "a b", "", "mro", "é", "None"])
def test_odd_names(name):
    """A column is an attribute whatever it is called, also where a tuple has a method of that name."""
    made = shape((name,))((7,))
    assert (7, 7, (name,)) == (made[name], getattr(made, name), made.keys())


@pytest.mark.parametrize(
    "name", ["keys", "_x", "_columns", "_places", "__class__", "__len__", "__slots__", "__reduce__"]
)
def test_names_that_are_no_attributes(name):
    """`keys`, and what begins with an underscore, is there by name, and breaks nothing."""
    made = shape((name,))((7,))
    assert 7 == made[name]
    assert (name,) == made.keys()
    assert 1 == len(made)
    assert made == pickle.loads(pickle.dumps(made))


def test_a_row_cannot_be_changed():
    """Neither a value nor an attribute can be set."""
    made = row(id=1)
    with pytest.raises(TypeError):
        made[0] = 2
    with pytest.raises(AttributeError):
        made.id = 2
    with pytest.raises(AttributeError):
        made.other = 2


def test_copies():
    """Copies and pickles know their columns too, and a deep copy has its values deep."""
    made = shape(("id", "id", "tags"))((1, 2, ["a"]))
    for other in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert made == other
        assert ("id", "id", "tags") == other.keys()
        assert ["a"] == other.tags
    assert copy.deepcopy(made).tags is not made.tags


def test_repr():
    """It shows names and values."""
    assert "Row(id=1, name='ada')" == repr(row(id=1, name="ada"))


def test_a_shape_is_made_once():
    """Rows of the same columns share their class."""
    assert shape(("a", "b")) is shape(("a", "b"))
    assert shape(("a",)) is not shape(("b",))


@given(st.lists(st.tuples(NAMES, st.integers()), max_size=8))
def test_any_columns(pairs):
    """For any columns a row gives all values by index, those that occur once by name, and survives a pickle."""
    names = tuple(name for name, _ in pairs)
    made = shape(names)([value for _, value in pairs])
    assert tuple(value for _, value in pairs) == tuple(made)
    assert names == made.keys()
    for name, value in pairs:
        if names.count(name) == 1:
            assert value == made[name]
        else:
            with pytest.raises(AmbiguousColumn):
                made[name]
    other = pickle.loads(pickle.dumps(made))
    assert (made, names) == (other, other.keys())
