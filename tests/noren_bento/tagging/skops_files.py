"""skops files with another schema than skops would write: what a file may try to have called while it is loaded."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import skops.io
from sklearn.linear_model import Ridge

Node = dict[str, Any]
JSON = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "is_json": True}


def node(loader: str, name: str, **fields: Any) -> Node:
    """A node of a schema that names something by its full name."""
    module, _, last = name.rpartition(".")
    return {"__class__": last, "__module__": module, "__loader__": loader, **fields}


def text(value: Any) -> Node:
    """A plain value."""
    return JSON | {"content": json.dumps(value)}


def listed(*items: Node, name: str = "builtins.list", **fields: Any) -> Node:
    """A list, or whatever takes a list."""
    return node("ListNode", name, content=list(items), **fields)


def tuple_of(*items: Node) -> Node:
    """A tuple."""
    return node("TupleNode", "builtins.tuple", content=list(items))


def mapping(key_types: Node, **content: Node) -> Node:
    """A dict whose keys are made of text by `key_types`."""
    return node("DictNode", "builtins.dict", content=content, key_types=key_types)


def schema_of(data: bytes) -> Any:
    """The schema of a skops file."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return json.loads(archive.read("schema.json"))


def rewritten(data: bytes, change: Callable[[Any], Any]) -> bytes:
    """The same file with another schema."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "schema.json":
                content = json.dumps(change(json.loads(content))).encode()
            new.writestr(name, content)
    return made.getvalue()


def ridge_holding(attribute: Node) -> bytes:
    """A file of a fitted Ridge with one more attribute."""

    def add(schema: Any) -> Any:
        schema["content"]["content"]["extra_"] = attribute
        schema["content"]["key_types"]["content"].append(node("TypeNode", "builtins.str"))
        return schema

    return rewritten(skops.io.dumps(Ridge().fit([[0.0], [1.0]], [0.0, 1.0])), add)
