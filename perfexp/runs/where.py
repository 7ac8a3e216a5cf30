"""The ``where`` of a query: rows of a frame, and the part of it that a database can evaluate.

It is a small language: columns, constants, comparisons, ``in``, and/or/not, arithmetic. pandas evaluates
it, which could call functions, so all else is refused before.
"""

import ast
from collections.abc import Iterator
from tokenize import TokenError
from typing import TYPE_CHECKING

from perfexp.errors import ConfigError, first_line

if TYPE_CHECKING:
    import pandas as pd

Texts = dict[str, frozenset[str]]
_NO_QUERY = (
    ValueError,
    SyntaxError,
    TypeError,
    NameError,
    LookupError,
    AttributeError,
    NotImplementedError,
    TokenError,
    ArithmeticError,
)
"""What pandas raises for a text that it cannot evaluate."""
_LANGUAGE = (
    *(ast.Expression, ast.Name, ast.Load, ast.Constant, ast.List, ast.Tuple),
    *(ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn),
    *(ast.BoolOp, ast.And, ast.Or, ast.BitAnd, ast.BitOr, ast.UnaryOp, ast.Not, ast.Invert, ast.USub),
    *(ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div),
)
_LONGEST = 2000


def rows_where(frame: "pd.DataFrame", query: str | None) -> "pd.DataFrame":
    """Return the rows that satisfy a pandas query; None keeps all.

    Raises:
        ConfigError: it is not a query over the columns.
    """
    if query is None or frame.empty:
        return frame
    import pandas as pd

    try:
        _require_language(query)
        kept = frame.eval(query)
        if not (isinstance(kept, pd.Series) and pd.api.types.is_bool_dtype(kept)):
            raise ValueError("it says neither yes nor no of a run")
        return frame[kept.fillna(False).astype(bool)]
    except _NO_QUERY as error:
        raise ConfigError(
            f"where={query!r} is not a query over the runs' columns ({first_line(error)}); "
            "write it as in \"batch_size <= 8 and backend == 'torch'\"."
        ) from error


def _require_language(query: str) -> None:
    """Refuse what is no query of columns, constants, comparisons and arithmetic.

    Raises:
        ValueError, SyntaxError: it is something else.
    """
    if len(query) > _LONGEST:
        raise ValueError(f"it has more than {_LONGEST} characters")
    for node in ast.walk(ast.parse(query.strip(), mode="eval")):
        if not isinstance(node, _LANGUAGE):
            raise ValueError(
                "it may hold columns, constants, comparisons, in, and, or, not, + - * / alone, but has a "
                f"{type(node).__name__.lower()}"
            )
        if isinstance(node, ast.Compare | ast.UnaryOp) and not _names_column(node) and not _is_number(node):
            raise ValueError(f"{ast.unparse(node)} is about no column")  # pandas takes not (0 == 0) for yes


def _names_column(tree: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) for node in ast.walk(tree))


def _is_number(tree: ast.expr) -> bool:
    return isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub)


def required_texts(query: str | None) -> Texts:
    """Return the texts that columns must equal for ``query`` to hold, a necessary condition.

    It comes from terms such as ``column == "text"`` and ``column in ["a", "b"]`` that "and" or "&"
    joins with the rest; a query that is not Python gives none.
    """
    try:
        tree = ast.parse(query or "", mode="eval").body
    except (SyntaxError, ValueError):
        return {}
    found: Texts = {}
    for term in _terms(tree):
        if isinstance(term, ast.Compare) and isinstance(term.left, ast.Name) and len(term.ops) == 1:
            allowed = _allowed(term.ops[0], term.comparators[0])
            if allowed:
                found[term.left.id] = found.get(term.left.id, allowed) & allowed
    return found


def _terms(tree: ast.expr) -> Iterator[ast.expr]:
    match tree:
        case ast.BoolOp(op=ast.And(), values=values):
            for value in values:
                yield from _terms(value)
        case ast.BinOp(op=ast.BitAnd(), left=left, right=right):
            yield from _terms(left)
            yield from _terms(right)
        case _:
            yield tree


def _allowed(operator: ast.cmpop, right: ast.expr) -> frozenset[str] | None:
    match operator, right:
        case ast.Eq(), ast.Constant(value=str(text)):
            return frozenset({text})
        case ((ast.In() | ast.Eq()), (ast.List(elts=items) | ast.Tuple(elts=items))):
            values = [item.value if isinstance(item, ast.Constant) else None for item in items]
            texts = [value for value in values if isinstance(value, str)]
            return frozenset(texts) if len(texts) == len(items) else None
    return None
