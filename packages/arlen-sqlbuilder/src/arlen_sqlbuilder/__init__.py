"""An immutable SQL builder for PostgreSQL and SQLite: values are always parameters, fragments are first-class."""

from arlen_sqlbuilder.compiled import Compiled
from arlen_sqlbuilder.dialects import PG, SQLITE, Dialect
from arlen_sqlbuilder.errors import SQLBuilderError, UnsafeStatement, UnsupportedFeature
from arlen_sqlbuilder.expressions import Expr, and_, not_, or_, param, row
from arlen_sqlbuilder.fragments import Fragment, sql
from arlen_sqlbuilder.functions import all_, any_, case, cast, exists, fn, window
from arlen_sqlbuilder.selects import Query, Select, select
from arlen_sqlbuilder.sources import Column, Cte, cte_recursive, excluded
from arlen_sqlbuilder.statements import Statement
from arlen_sqlbuilder.tables import Table, column
from arlen_sqlbuilder.writes import Delete, Insert, Update, delete, insert, update

__all__ = [
    "PG",
    "SQLITE",
    "Column",
    "Compiled",
    "Cte",
    "Delete",
    "Dialect",
    "Expr",
    "Fragment",
    "Insert",
    "Query",
    "SQLBuilderError",
    "Select",
    "Statement",
    "Table",
    "UnsafeStatement",
    "UnsupportedFeature",
    "Update",
    "all_",
    "and_",
    "any_",
    "case",
    "cast",
    "column",
    "cte_recursive",
    "delete",
    "excluded",
    "exists",
    "fn",
    "insert",
    "not_",
    "or_",
    "param",
    "row",
    "select",
    "sql",
    "update",
    "window",
]
