"""The language of expressions: a small part of Python's, each piece made into a function of a moment.

What is not on the lists here cannot be said. Kinds are known beforehand, so what could never hold, such as
a price that is compared with a text or a status that no order has, is refused before anything is read.
"""

import ast
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal, InvalidOperation

from tapefold.inquiry.nameable import Moment
from tapefold.inquiry.operators import ARITHMETIC, ORDERED, compare, compute
from tapefold.inquiry.paths import SAYABLE, Paths, Piece, Read, Wrong, listed
from tapefold.units import ACCOUNT, is_account_number


class Reader(Paths):
    """Makes pieces out of Python's own tree. Raises `Wrong`."""

    def condition(self, node: ast.expr) -> Callable[[Moment], bool]:
        """A piece that is true or not: what is not there is not."""
        piece = self._piece(node)
        if piece.kind not in ("truth", "any"):
            more = f": {self.asks(piece)}" if piece.kind == "thing" else ": compare it"
            raise Wrong(node, f"{self.shown(node)} is {self.kind(piece)}{more}")
        read = piece.read
        return lambda moment: read(moment) is True

    def _piece(self, node: ast.expr) -> Piece:
        match node:
            case ast.Name() | ast.Attribute() | ast.Call() | ast.Subscript():
                piece = self.path(node)
                self.named.setdefault(self.text(node), piece.read)
                return piece
            case ast.Constant():
                return self._constant(node)
            case ast.BoolOp() | ast.Compare():
                return self._bool(node) if isinstance(node, ast.BoolOp) else self._compare(node)
            case ast.BinOp():
                return self._sum(node)
            case ast.UnaryOp():
                return self._unary(node)
            case ast.Tuple() | ast.List():
                return self._several(node)
            case _:
                raise Wrong(node, f"{self.shown(node)!r} is not part of the language: {SAYABLE}")

    # What is written out

    def _constant(self, node: ast.Constant) -> Piece:
        match node.value:
            case None:
                return Piece("any", lambda _: None, nothing=True)
            case bool() as truth:
                return Piece("truth", lambda _: truth)
            case int() | float():
                number = self._number(node)
                return Piece("number", lambda _: number)
            case str() as text:
                return Piece("text", lambda _: text, word=text)
            case _:
                raise Wrong(node, f"{self.shown(node)!r} is not part of the language: {SAYABLE}")

    def _number(self, node: ast.Constant) -> Decimal:
        """As it was typed: 0.1 is a tenth."""
        try:
            number = Decimal(self.text(node).replace("_", ""))
        except InvalidOperation:  # hexadecimal, say
            number = Decimal(node.value) if isinstance(node.value, int) else Decimal("NaN")
        if not is_account_number(number):
            raise Wrong(node, "a number has up to 38 digits, and 30 of them after the point")
        return number

    def _several(self, node: ast.Tuple | ast.List) -> Piece:
        pieces = [self._piece(each) for each in node.elts]
        for each, piece in zip(node.elts, pieces, strict=True):
            if piece.kind in ("thing", "texts", "amounts"):
                raise Wrong(each, f"{self.shown(each)} is {self.kind(piece)}")
        reads = [piece.read for piece in pieces]
        return Piece("texts", lambda moment: tuple(read(moment) for read in reads))

    # What is true

    def _bool(self, node: ast.BoolOp) -> Piece:
        parts = [self.condition(each) for each in node.values]
        if isinstance(node.op, ast.And):
            return Piece("truth", lambda moment: all(part(moment) for part in parts))
        return Piece("truth", lambda moment: any(part(moment) for part in parts))

    def _compare(self, node: ast.Compare) -> Piece:
        nodes = [node.left, *node.comparators]
        pieces = [self._piece(each) for each in nodes]
        if any(piece.nothing for piece in pieces) or not _plain(node.ops):
            return self._presence(node, pieces)
        operators = [type(op) for op in node.ops]
        for n, operator in enumerate(operators):
            self._fits(operator, nodes[n : n + 2], pieces[n : n + 2])
        reads = [piece.read for piece in pieces]
        if len(reads) == 2:  # nearly all of them
            (left, right), (operator,) = reads, operators
            return Piece("truth", lambda moment: compare(operator, left(moment), right(moment)))

        def holds(moment: Moment) -> bool:
            values = [read(moment) for read in reads]
            return all(map(compare, operators, values, values[1:]))

        return Piece("truth", holds)

    def _presence(self, node: ast.Compare, pieces: list[Piece]) -> Piece:
        """Whether something is there: a comparison with None, written out."""
        operator = type(node.ops[0])
        if len(pieces) != 2 or operator not in (ast.Is, ast.IsNot, ast.Eq, ast.NotEq):
            raise Wrong(node, "None is compared with one thing, by `is None` or `is not None`")
        left, right = pieces
        if not (left.nothing or right.nothing):
            raise Wrong(node, "`is` is for None alone: say ==")
        read, there = (
            (right if left.nothing else left).read,
            operator in (ast.IsNot, ast.NotEq),
        )
        return Piece("truth", lambda moment: (read(moment) is not None) is there)

    def _fits(
        self, operator: type[ast.cmpop], nodes: Sequence[ast.expr], pieces: Sequence[Piece]
    ) -> None:
        """That two pieces can be compared, and that a word is one that can be."""
        for node, piece in zip(nodes, pieces, strict=True):
            whole = operator in (ast.In, ast.NotIn) and piece is pieces[1]
            if piece.kind == "thing":
                raise Wrong(node, f"{self.shown(node)} is {self.kind(piece)}: {self.asks(piece)}")
            if piece.kind in ("texts", "amounts") and not (whole and piece.kind == "texts"):
                raise Wrong(node, f"{self.shown(node)} is {self.kind(piece)}")
            if operator in ORDERED and piece.kind not in ("number", "any"):
                raise Wrong(node, f"{self.shown(node)} is {self.kind(piece)}, and no number")
        left, right = pieces
        if operator in (ast.In, ast.NotIn):
            if right.kind not in ("text", "texts", "any"):
                raise Wrong(
                    nodes[1], f"{self.shown(nodes[1])} is {self.kind(right)}: nothing is in it"
                )
            if isinstance(nodes[1], ast.Tuple | ast.List):
                for node in nodes[1].elts:
                    self._says(left, node, self.word(node))
        elif "any" not in (left.kind, right.kind) and left.kind != right.kind:
            what = f"{self.kind(left)} is never {self.kind(right)}"
            raise Wrong(nodes[1], f"{what}: {self.shown(nodes[0])}, {self.shown(nodes[1])}")
        else:
            self._says(left, nodes[1], right.word)
            self._says(right, nodes[0], left.word)

    def _says(self, piece: Piece, node: ast.expr, word: str | None) -> None:
        words = piece.asked.words if piece.asked else None
        if words and word is not None and word not in words:
            raise Wrong(node, f'it is never "{word}"; it can be {listed(words)}')

    # What is computed

    def _sum(self, node: ast.BinOp) -> Piece:
        do = ARITHMETIC.get(type(node.op))
        if do is None:
            raise Wrong(node, f"that operator is not part of the language: {SAYABLE}")
        left, right = self.number(node.left), self.number(node.right)
        return Piece("number", lambda moment: compute(do, left(moment), right(moment)))

    def _unary(self, node: ast.UnaryOp) -> Piece:
        if isinstance(node.op, ast.Not):
            condition = self.condition(node.operand)
            return Piece("truth", lambda moment: not condition(moment))
        if not isinstance(node.op, ast.USub | ast.UAdd):
            raise Wrong(node, f"that operator is not part of the language: {SAYABLE}")
        read = self.number(node.operand)
        if isinstance(node.op, ast.UAdd):
            return Piece("number", read)
        return Piece("number", lambda moment: compute(ACCOUNT.subtract, Decimal(0), read(moment)))

    def number(self, node: ast.expr) -> Read:
        """A piece that is a number; None where it is not known."""
        piece = self._piece(node)
        if piece.kind not in ("number", "any") or piece.nothing:
            raise Wrong(node, f"{self.shown(node)} is {self.kind(piece)}, and no number")
        return piece.read


def _plain(operators: Iterable[ast.cmpop]) -> bool:
    return not any(isinstance(operator, ast.Is | ast.IsNot) for operator in operators)
