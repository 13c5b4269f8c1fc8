"""YAML as a cassette has it: strings, lists and mappings, read from YAML's events; no tags, no aliases.

Whoever imports this module imports PyYAML, which takes as long as a quarter of tapefold does.
"""

import base64
import binascii
from typing import Final, TypeAlias

import yaml

DEPTH_MAX: Final = 16
"""How deep an interaction may be nested; a real one is 5 deep."""
Node: TypeAlias = "str | bytes | list[Node] | dict[str, Node]"
_BINARY: Final = "tag:yaml.org,2002:binary"
_NULLS: Final = ("null", "Null", "NULL", "~")
_Inner: TypeAlias = "list[Node] | dict[str, Node]"
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def parsed(data: bytes) -> Node:
    """One document as plain data.

    Raises `ValueError` for what is no YAML and for what no cassette needs, `RecursionError`.
    """
    try:
        return _build(data)
    except yaml.YAMLError as error:
        raise ValueError(getattr(error, "problem", None) or str(error)) from error


def dumped(node: object) -> bytes:
    """Plain data as YAML."""
    text: str = yaml.dump(node, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1 << 30)
    return text.encode()


def _build(data: bytes) -> Node:
    stack: list[tuple[_Inner, list[str]]] = [([], [])]
    for event in yaml.parse(data, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("an alias, which no cassette needs")  # noqa: TRY004 - the file is wrong
        if isinstance(event, yaml.CollectionEndEvent):
            node, _ = stack.pop()
            _put(stack, node)
        elif isinstance(event, yaml.CollectionStartEvent):
            stack.append(({} if isinstance(event, yaml.MappingStartEvent) else [], []))
            if len(stack) > DEPTH_MAX:
                raise ValueError("nested too deep")
        elif isinstance(event, yaml.ScalarEvent):
            _put(stack, _scalar(event))
    top = stack[0][0]
    if not isinstance(top, list) or len(top) != 1:
        raise ValueError("not one document")
    return top[0]


def _put(stack: list[tuple[_Inner, list[str]]], node: Node) -> None:
    inner, keys = stack[-1]
    if isinstance(inner, list):
        inner.append(node)
    elif keys:
        inner[keys.pop()] = node
    elif not isinstance(node, str):
        raise ValueError("a key that is no text")
    else:
        keys.append(node)


def _scalar(event: yaml.ScalarEvent) -> str | bytes:
    if event.tag == _BINARY:
        try:
            return base64.b64decode(event.value)
        except binascii.Error as error:
            raise ValueError("binary data that is no base64") from error
    if event.tag not in (None, "!"):
        raise ValueError(f"a tag, {event.tag}, which no cassette needs")
    # Whether it is a plain word: of that the parser in C says another style than the one in Python.
    return "" if event.implicit[0] and event.value in _NULLS else str(event.value)
