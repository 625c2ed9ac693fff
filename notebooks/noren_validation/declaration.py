"""Which checks a notebook promises to report: those it declares, and those its code calls unconditionally. Pure.

`declare("score", …)` says it outright. Besides, a `check("score", …)` that stands outside of `if`, loops and
functions is always reached, so that it promises its report too: swallowing its exception with `try` does not hide it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from noren_bento.errors import NorenError
from noren_validation import bundle

_PACKAGES = ("noren", "noren_validation")
_CONDITIONAL = (ast.Lambda, ast.IfExp, ast.BoolOp, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def promised_checks(notebook: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the checks that this executed notebook promises, in order, each once."""
    names: dict[str, None] = {}
    for output in outputs_of(notebook):
        payload = output.get("data", {}).get(bundle.DECLARED_MIME)
        if payload is not None:
            names |= dict.fromkeys(bundle.read_declared(payload))
    return tuple(names | dict.fromkeys(called_checks(_trees(notebook))))


def outputs_of(notebook: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All outputs of all code cells, in order."""
    for cell in code_cells(notebook):
        yield from cell.get("outputs", ())


def code_cells(notebook: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """The code cells that hold any code."""
    cells = notebook.get("cells")
    if not isinstance(cells, list):
        raise NorenError("it is not a notebook in format 4 (it has no list of cells)")
    return tuple(cell for cell in cells if cell.get("cell_type") == "code" and source_of(cell).strip())


def source_of(cell: Mapping[str, Any]) -> str:
    """The cell's text, which the format allows to be a list of lines."""
    source = cell.get("source", "")
    return "".join(source) if isinstance(source, list) else str(source)


def called_checks(trees: Iterable[ast.Module]) -> Iterator[str]:
    """Names in calls of check that are always reached.

    >>> code = "from noren import check\\ntry: check('a', 1)\\nexcept Exception: pass\\nif x: check('b', 1)"
    >>> list(called_checks([ast.parse(code)]))
    ['a']
    """
    functions: set[str] = set()
    packages: set[str] = set()
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in _PACKAGES:
                functions |= {alias.asname or alias.name for alias in node.names if alias.name == "check"}
            elif isinstance(node, ast.Import):
                packages |= {alias.asname or alias.name for alias in node.names if alias.name in _PACKAGES}
        for call in _calls(tree.body):
            if _is_check(call.func, functions, packages) and call.args:
                first = call.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    yield first.value


def _calls(body: Iterable[ast.stmt]) -> Iterator[ast.Call]:
    for statement in body:
        if isinstance(statement, ast.Try):
            yield from _calls((*statement.body, *statement.finalbody))
        elif isinstance(statement, ast.With):
            yield from _calls(statement.body)
        elif isinstance(statement, ast.Expr | ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Assert):
            yield from _calls_in(statement)


def _calls_in(node: ast.AST) -> Iterator[ast.Call]:
    if isinstance(node, ast.Call):
        yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, _CONDITIONAL):
            yield from _calls_in(child)


def _is_check(function: ast.expr, functions: set[str], packages: set[str]) -> bool:
    if isinstance(function, ast.Name):
        return function.id in functions
    return (
        isinstance(function, ast.Attribute)
        and function.attr == "check"
        and isinstance(function.value, ast.Name)
        and function.value.id in packages
    )


def _trees(notebook: Mapping[str, Any]) -> Iterator[ast.Module]:
    """Code cells as syntax trees; cell magics and what does not parse call nothing that is always reached."""
    for cell in code_cells(notebook):
        lines = source_of(cell).splitlines()
        text = "\n".join("" if line.startswith(("%", "!")) else line for line in lines)
        if not any(line.startswith("%%") for line in lines):
            try:
                yield ast.parse(text)
            except SyntaxError:
                continue
