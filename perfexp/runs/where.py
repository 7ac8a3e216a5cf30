"""The part of a pandas query that a database can answer: columns that must equal certain texts."""

import ast
from collections.abc import Iterator

Texts = dict[str, frozenset[str]]


def texts(query: str | None) -> Texts:
    """What must hold wherever ``query`` does: ``column == "text"`` and ``column in ["a", "b"]``.

    Only terms that "and" or "&" joins with the rest count; a query that is not Python says nothing.
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
