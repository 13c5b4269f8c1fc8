"""TOML documents laid out in every way that there is, with the line on which each key truly stands."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

from hypothesis import strategies as st

from tapefold.scenario.positions import below, nth

Tree: TypeAlias = Mapping[str, Any]
Draw: TypeAlias = Callable[[st.SearchStrategy[Any]], Any]

KEYS = st.text('ab-_1."[]=#{} ,\n\\é', max_size=3)
TEXTS = st.text("ab1 .=#[]{},\"'\\\té", max_size=6)
SCALARS = st.one_of(
    st.integers(-9, 9), st.booleans(), TEXTS, st.builds("{}\n{}".format, TEXTS, TEXTS)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=4)


def _rows(value: Any) -> Sequence[Any]:
    """The members of a list; none of what is none."""
    return cast("Sequence[Any]", value) if isinstance(value, list) else ()


class Layout:
    """Writes a document, and takes down where it has written each key."""

    def __init__(self, draw: Draw) -> None:
        self.text = ""
        self.lines: dict[str, int] = {}
        self._draw = draw

    def document(self, tree: Tree) -> "Layout":
        self._body(tree, "", [])
        return self

    def _line(self) -> int:
        return 1 + self.text.count("\n")

    def _yes(self) -> bool:
        return bool(self._draw(st.booleans()))

    def _one(self, *ways: str) -> str:
        return str(self._draw(st.sampled_from(ways)))

    def _gap(self) -> None:
        self.text += self._one("", "", "\n", "# [no] = 1\n", "  \n\t# '''\n")

    def _mention(self, key: str) -> None:
        self.lines.setdefault(key, self._line())

    def _body(self, tree: Tree, key: str, names: list[str]) -> None:
        """A table's own keys, and below them the tables in it, each with a header."""
        headed = [name for name, value in tree.items() if self._is_tables(value) and self._yes()]
        for name, value in tree.items():
            if name not in headed:
                self._gap()
                self._pair(name, value, key)
                self.text += self._one("\n", " # it = [\n", "\t\n\n")
        for name in headed:
            self._tables(tree[name], below(key, name), [*names, name])

    def _is_tables(self, value: Any) -> bool:
        rows = _rows(value)
        several = bool(rows) and all(isinstance(it, dict) for it in rows)
        return isinstance(value, dict) or several

    def _tables(self, value: Any, key: str, names: list[str]) -> None:
        if isinstance(value, dict):
            table = cast("Tree", value)
            inner = [self._is_tables(it) for it in table.values()]
            if inner and all(inner) and self._yes():  # a table that is only mentioned
                self._mentioned(table, key, names)
                return
            self._header(names, "[]")
            self.lines[key] = self._line()
            self.text += "\n"
            self._body(table, key, names)
            return
        for n, row in enumerate(_rows(value)):
            self._header(names, "[[]]")
            self._mention(key)
            self.lines[nth(key, n)] = self._line()
            self.text += "  # ]\n"
            self._body(row, nth(key, n), names)

    def _mentioned(self, value: Tree, key: str, names: list[str]) -> None:
        """Without a header of its own: it stands where the first table in it does."""
        before = set(self.lines)
        for name, inner in value.items():
            self._tables(inner, below(key, name), [*names, name])
        self.lines[key] = min(line for each, line in self.lines.items() if each not in before)

    def _header(self, names: Sequence[str], brackets: str) -> None:
        self._gap()
        half = len(brackets) // 2
        dotted = self._one(".", " . ").join(map(self._word, names))
        self.text += f"{brackets[:half]}{self._one('', ' ')}{dotted} {brackets[half:]}"

    def _pair(self, name: str, value: Any, key: str) -> None:
        """`key = value`; a table of one as `key.inner = value`, sometimes."""
        here = below(key, name)
        self._mention(here)
        self.text += self._word(name)
        table: Tree = cast("Tree", value) if isinstance(value, dict) else {}
        if len(table) == 1 and self._yes():
            self.text += self._one(".", " . ")
            ((inner, rest),) = table.items()
            self._pair(inner, rest, here)
            return
        self.text += self._one("=", " = ")
        self._value(value, here)

    def _value(self, value: Any, key: str) -> None:
        match value:
            case bool():
                self.text += "true" if value else "false"
            case str():
                self.text += self._text(value)
            case list():
                self._list(_rows(cast("Any", value)), key)
            case dict():
                self.text += "{ "
                for n, (name, inner) in enumerate(cast("Tree", value).items()):
                    self.text += ", " if n else ""
                    self._pair(name, inner, key)
                self.text += " }"
            case _:
                self.text += str(value)

    def _list(self, values: Sequence[Any], key: str) -> None:
        self.text += "["
        for n, value in enumerate(values):
            self.text += self._one("", " ", "\n", "  # ], 1\n\n")
            self._mention(nth(key, n))
            self._value(value, nth(key, n))
            self.text += "," if n + 1 < len(values) else self._one("", ",", "\n,")
        self.text += self._one("]", "\n]")

    def _word(self, name: str) -> str:
        ways = [json.dumps(name, ensure_ascii=False)]
        if name and name.replace("-", "a").replace("_", "a").isalnum() and name.isascii():
            ways.append(name)
        if "'" not in name and "\n" not in name:
            ways.append(f"'{name}'")
        return self._one(*ways)

    def _text(self, text: str) -> str:
        escaped = json.dumps(text, ensure_ascii=False)
        ways = [escaped, f'"""{escaped[1:-1]}"""']
        many = text.replace("\\", "\\\\").replace('""', '"\\"')
        ways.append(f'"""\n{many}"""')
        if "'" not in text:
            ways += [f"'''{text}'''"] if not text.startswith("\n") else []
            ways += [f"'{text}'"] if "\n" not in text else []
        return self._one(*ways)


@st.composite
def laid_out(draw: Draw) -> tuple[Tree, Layout]:
    """A document, and a layout of it."""
    tree = draw(DOCUMENTS)
    return tree, Layout(draw).document(tree)
