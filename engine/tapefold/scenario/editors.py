"""What editors are told of scenario files: a JSON schema, made of the words and of what is written at them.

It knows which words there are, and what may stand at each; the rest `tapefold scenario run` says.
"""

import ast
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeAlias, get_args

import msgspec
from msgspec import Struct

from tapefold.events import Doubt, Status
from tapefold.folds.book import Live
from tapefold.scenario import words
from tapefold.scenario.check_names import NOBODYS
from tapefold.scenario.event_words import EVENTS, TELLABLE
from tapefold.scenario.naming import ORDER_NAME
from tapefold.scenario.wording import Kind, choices_of, fields_of, is_dict, kinds_of
from tapefold.scenario.words import ACTIONS, NOTHING_SAID, Fields, Scenario
from tapefold.units import fixed

Schema: TypeAlias = dict[str, Any]
"""A JSON schema, as data."""
DIALECT: Final = "http://json-schema.org/draft-07/schema#"
"""The one that editors of TOML know."""
_PLAIN: Final = {str: "string", bool: "boolean", int: "integer", Decimal: "number"}


def schema() -> Schema:
    """The JSON schema of a scenario file."""
    definitions: dict[str, Schema] = {}
    whole = _table(Scenario, definitions)
    named = dict(sorted(definitions.items()))
    return {"$schema": DIALECT, "title": "A scenario", **whole, "definitions": named}


def _table(kind: type, definitions: dict[str, Schema]) -> Schema:
    """A table of known words."""
    properties: dict[str, Schema] = {}
    for field in msgspec.structs.fields(kind):
        said = _any(fields_of(kind)[field.name], definitions)
        said |= _MORE.get(f"{kind.__name__}.{field.name}", {})
        about = _about(kind, field)
        if "$ref" in said and about:  # beside a reference nothing else is read
            said = {"allOf": [said]}
        properties[field.name] = {"description": about, **said} if about else said
    made: Schema = {
        "description": " ".join((kind.__doc__ or "").split()),
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    required = [field.name for field in msgspec.structs.fields(kind) if field.required]
    return made | ({"required": required} if required else {}) | _MORE.get(kind.__name__, {})


def _any(kind: Kind, definitions: dict[str, Schema]) -> Schema:
    """What may stand at a key."""
    if kind == Fields:
        return _event(EVENTS)
    kinds = kinds_of(kind)
    if choices := choices_of(kinds):
        return {"enum": [*choices]}
    types = [_PLAIN[each] for each in kinds if each in _PLAIN]
    plain: Schema = {"type": types if len(types) > 1 else types[0]} if types else {}
    rest = [_made(each, definitions) for each in kinds if each not in _PLAIN]
    return plain if not rest else rest[0] if not plain else {"anyOf": [plain, *rest]}


def _made(kind: Kind, definitions: dict[str, Schema]) -> Schema:
    """A table, or a list."""
    if isinstance(kind, type) and issubclass(kind, Struct):
        name = kind.__name__
        if name not in definitions:
            definitions[name] = {}
            definitions[name] = _table(kind, definitions)
        return {"$ref": f"#/definitions/{name}"}
    inner = get_args(kind)
    if is_dict(kind):
        made: Schema = {"type": "object", "additionalProperties": _any(inner[1], definitions)}
        choices = choices_of(kinds_of(inner[0]))
        return made | ({"propertyNames": {"enum": [*choices]}} if choices else {})
    if inner[-1] is Ellipsis:
        return {"type": "array", "items": _any(inner[0], definitions)}
    items = [_any(each, definitions) for each in inner]
    return {"type": "array", "items": items, "minItems": len(items), "maxItems": len(items)}


def _event(there: Any) -> Schema:
    """An event, and what it is to have."""
    return {
        "type": "object",
        "properties": {"event": {"enum": [*there]}, "order": {"type": "string"}},
        "required": ["event"],
        "additionalProperties": {"type": ["string", "number", "boolean", "array", "object"]},
    }


# What is written at the words


def _about(kind: type, field: "msgspec.structs.FieldInfo") -> str:
    """A field's own docstring, and what it is if it is not said."""
    about = _docstrings().get((kind.__name__, field.name), "")
    if field.required or field.default is msgspec.NODEFAULT or field.default in NOTHING_SAID:
        return about
    default = field.default
    if not isinstance(default, Decimal | str | int):
        return about
    said = fixed(default) if isinstance(default, Decimal) else str(default)
    return f"{about} {said} if not said.".lstrip()


@cache
def _docstrings() -> dict[tuple[str, str], str]:
    """By class and field. Python keeps none of them, so the source is read."""
    source = Path(words.__file__).read_text(encoding="utf-8")
    classes = [each for each in ast.parse(source).body if isinstance(each, ast.ClassDef)]
    return {
        (each.name, field): " ".join(text.split())
        for each in classes
        for field, text in _written(each.body)
    }


def _written(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for field, below in pairwise(body):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str() as text)),
            ):
                yield name, text
            case _:
                pass


_ORDERS: Final[Schema] = {
    "propertyNames": {"pattern": f"^{ORDER_NAME.pattern}$", "not": {"const": NOBODYS}}
}
_MORE: Final[dict[str, Schema]] = {
    "Step": {
        "oneOf": [{"required": [name]} for name in ACTIONS],
        "dependencies": {"within": ["until"]},
    },
    "Given": {
        "if": {"required": ["session"]},
        "then": {"propertyNames": {"enum": ["session", "overlay"]}},
        "else": {"not": {"required": ["overlay"]}},
    },
    "Scenario.exchanges": {
        "items": {"type": "string", "pattern": "^[a-z0-9_]+$"},
        "minItems": 1,
    },
    "Given.instruments": {"minItems": 1},
    "OrderWord.order": {"pattern": f"^{ORDER_NAME.pattern}$", "not": {"const": NOBODYS}},
    "OrderThen.status": {"enum": [*get_args(Status)]},
    "OrderThen.doubt": {"enum": [*get_args(Doubt)]},
    "BookThen.state": {"enum": [*get_args(Live)]},
    "Then.orders": _ORDERS,
    "Then.told": {
        **_ORDERS,
        "additionalProperties": {"type": "array", "items": _event(TELLABLE)},
    },
}
"""What the types of the words do not say, by word and field."""
