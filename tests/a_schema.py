"""As much of JSON Schema as the schema of scenarios needs, for tests: what is wrong with a document."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, TypeAlias, cast

Schema: TypeAlias = dict[str, Any]

TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, Decimal),
    "array": (list,),
    "object": (dict,),
}
KEYWORDS = {
    *("$schema", "title", "description", "definitions", "type", "enum", "const", "not", "pattern"),
    *("properties", "additionalProperties", "propertyNames", "required", "dependencies", "items"),
    *("minItems", "maxItems", "oneOf", "anyOf", "allOf", "if", "then", "else", "$ref"),
}


def wrong(value: Any, schema: Schema, whole: Schema, at: str = "") -> Iterator[str]:
    """What is not as the schema says, each with its place."""
    assert {*schema} <= KEYWORDS, at
    if "$ref" in schema:
        assert {*schema} == {"$ref"}, "beside a reference nothing else is read"
        name = schema["$ref"].removeprefix("#/definitions/")
        yield from wrong(value, whole["definitions"][name], whole, at)
        return
    types = schema.get("type", [*TYPES])
    if not any(_is(value, each) for each in ([types] if isinstance(types, str) else types)):
        yield f"{at}: {value!r} is no {types}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r} is not in the list"
    if "const" in schema and value != schema["const"]:
        yield f"{at}: {value!r} is another"
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{at}: {value!r} is not {schema['pattern']}"
    if isinstance(value, dict):
        yield from _table(cast("Schema", value), schema, whole, at)
    if isinstance(value, list):
        yield from _list(cast("list[object]", value), schema, whole, at)
    yield from _combined(value, schema, whole, at)


def _is(value: Any, name: str) -> bool:
    return isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


def _table(value: dict[str, Any], schema: Schema, whole: Schema, at: str) -> Iterator[str]:
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{at}: there is no {name}"
    for name, needs in schema.get("dependencies", {}).items():
        if name in value and not {*needs} <= {*value}:
            yield f"{at}: {name} needs {needs}"
    for name, inner in value.items():
        yield from wrong(name, schema.get("propertyNames", {}), whole, f"{at}.{name}")
        rest = schema.get("additionalProperties", {})
        if name not in properties and rest is False:
            yield f"{at}: there is {name}"
        else:
            yield from wrong(inner, properties.get(name, rest), whole, f"{at}.{name}")


def _list(value: list[object], schema: Schema, whole: Schema, at: str) -> Iterator[str]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        yield f"{at}: {len(value)} items"
    items: Schema | list[Schema] = schema.get("items", {})
    each = [items] * len(value) if isinstance(items, dict) else items
    for n, (inner, kind) in enumerate(zip(value, each, strict=False)):
        yield from wrong(inner, kind, whole, f"{at}[{n}]")


def _combined(value: Any, schema: Schema, whole: Schema, at: str) -> Iterator[str]:
    for each in schema.get("allOf", ()):
        yield from wrong(value, each, whole, at)
    for word, right in (("oneOf", {1}), ("anyOf", range(1, 99))):
        if word in schema:
            count = sum(not [*wrong(value, each, whole, at)] for each in schema[word])
            if count not in right:
                yield f"{at}: {count} of {word}"
    if "not" in schema and not [*wrong(value, schema["not"], whole, at)]:
        yield f"{at}: what may not be"
    if "if" in schema:
        branch = "else" if [*wrong(value, schema["if"], whole, at)] else "then"
        yield from wrong(value, schema.get(branch, {}), whole, at)
