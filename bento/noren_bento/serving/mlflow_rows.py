"""MLflow rows: the rows of a scoring request, whichever of the four formats it has, or a Refusal that says why none."""

from __future__ import annotations

from typing import Any

from noren_bento.serving.refusal import Refusal, listed, named_type, quote
from noren_bento.serving.strict_json import require_unrepeated

FORMATS = ("dataframe_split", "dataframe_records", "inputs", "instances")
WANTED = f"The body must be an object with one of {', '.join(FORMATS)}"
SPLIT = ("columns", "index", "data")


def rows_of_document(document: Any, names: tuple[str, ...]) -> list[Any]:
    """Return one object of column and value a row; raises Refusal.

    >>> rows_of_document({"instances": [[41, 2]]}, ("age", "floor"))
    [{'age': 41, 'floor': 2}]
    """
    if not isinstance(document, dict):
        raise Refusal(f"{WANTED}, not {named_type(document)}.")
    require_unrepeated(document)
    given = [name for name in FORMATS if name in document]
    if unknown := [name for name in document if name not in (*FORMATS, "params")]:
        raise Refusal(f"{WANTED}; {quote(unknown[0])} is none of them.")
    if len(given) != 1:
        raise Refusal(f"{WANTED}; it has {' and '.join(given) or 'none'}.")
    if document.get("params") not in (None, {}):
        raise Refusal('This model takes no "params"; leave them out.')
    content = document[given[0]]
    match given[0]:
        case "dataframe_split":
            return _rows_of_split(content, names)
        case "dataframe_records":
            return _require_list(content, given[0])
        case "inputs" if isinstance(content, dict):
            return _rows_of_columns(content, given[0])
        case _:
            return [_row(one, names, number) for number, one in enumerate(_require_list(content, given[0]))]


def _rows_of_split(content: Any, names: tuple[str, ...]) -> list[dict[str, Any]]:
    if not isinstance(content, dict):
        raise Refusal(
            f'"dataframe_split" must be an object with "columns" and "data", not {named_type(content)}.'
        )
    require_unrepeated(content)
    if unknown := [name for name in content if name not in SPLIT]:
        raise Refusal(f'"dataframe_split" holds {quote(unknown[0])}; it takes columns, index and data.')
    if not isinstance(content.get("index", []), list):
        raise Refusal(f'"index" in "dataframe_split" must be a list, not {named_type(content["index"])}.')
    columns = content.get("columns", list(names))
    if not isinstance(columns, list) or not all(isinstance(one, str | int) for one in columns):
        raise Refusal('"columns" in "dataframe_split" must be a list of names.')
    given = names if columns == list(range(len(names))) else tuple(str(one) for one in columns)
    if (twice := next((name for place, name in enumerate(given) if name in given[:place]), None)) is not None:
        raise Refusal(f"Column {quote(twice)} is given twice; send it once.", column=twice[:200])
    data = _require_list(content.get("data"), "data")
    if data and not all(isinstance(one, list) for one in data):
        row = next(place for place, one in enumerate(data) if not isinstance(one, list))
        raise Refusal(f'Row {row} of "data" must be a list of values, not {named_type(data[row])}.', row=row)
    return [_row(one, given, number) for number, one in enumerate(data)]


def _row(values: Any, names: tuple[str, ...], number: int) -> Any:
    """Name the values of one row; an object is one already, and one column's value may stand alone."""
    if isinstance(values, dict):
        return values
    if not isinstance(values, list):
        if len(names) != 1:
            raise Refusal(
                f"Row {number} must be a list of {len(names)} values or an object, not {named_type(values)}.",
                row=number,
            )
        values = [values]
    if len(values) != len(names):
        raise Refusal(
            f"Row {number} has {len(values)} values for {len(names)} columns: {listed(names)}.", row=number
        )
    return dict(zip(names, values, strict=True))


def _rows_of_columns(content: dict[str, Any], what: str) -> list[dict[str, Any]]:
    require_unrepeated(content)
    if not any(isinstance(values, list) for values in content.values()):
        return [content]
    lists = {name: _flat(name, values) for name, values in content.items()}
    lengths = {name: len(values) for name, values in lists.items()}
    longest = max(lengths.values(), default=0)
    if (short := next((name for name, length in lengths.items() if length != longest), None)) is not None:
        raise Refusal(
            f'Column {quote(short)} in "{what}" has {lengths[short]} values, another has {longest}.',
            column=short[:200],
        )
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


def _flat(name: str, values: Any) -> list[Any]:
    """One column: a list, or a list of lists of one value, which is a tensor of shape (rows, 1)."""
    if not isinstance(values, list):
        raise Refusal(
            f"Column {quote(name)} must be a list like the others, not {named_type(values)}.",
            column=name[:200],
        )
    if values and all(isinstance(one, list) and len(one) == 1 for one in values):
        return [one[0] for one in values]
    return values


def _require_list(content: Any, what: str) -> list[Any]:
    if not isinstance(content, list):
        raise Refusal(f'"{what}" must be a list of rows, not {named_type(content)}.')
    return content
