"""Parameters of a request, read with Binance's own complaints."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final
from urllib.parse import unquote_plus

from tapefold import decimals, exact
from tapefold_adapters.binance.sim.failures import Failed, missing
from tapefold_adapters.binance.sim.numbers import PLACES

_NUMBER: Final = re.compile(r"([0-9]{1,20})(\.[0-9]{1,20})?", re.ASCII)
_INTEGER: Final = re.compile(r"[0-9]{1,20}", re.ASCII)
_NAME: Final = re.compile(r"[a-zA-Z0-9\-_]{1,36}", re.ASCII)
_SYMBOL_LEGAL: Final = "^[A-Z0-9-_.]{1,20}$"
_NUMBER_LEGAL: Final = "^([0-9]{1,20})(\\.[0-9]{1,20})?$"
_NAME_LEGAL: Final = "^[a-zA-Z0-9-_]{1,36}$"
SIGNING: Final = frozenset({"timestamp", "recvWindow", "signature", "apiKey"})
"""What any signed request may have."""


class Params:
    """What was sent. Each method raises `Failed` where it is not what it must be."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    @classmethod
    def of_forms(cls, *forms: str) -> "Params":
        """Of a query and a body, as they are on the wire."""
        values: dict[str, str] = {}
        for pair in "&".join(filter(None, forms)).split("&"):
            name, _, value = (unquote_plus(part) for part in pair.partition("="))
            if name in values:
                raise Failed(-1101, f"Duplicate values for a parameter detected: '{name}'.")
            if name:
                values[name] = value
        return cls(values)

    def only(self, names: Iterable[str]) -> None:
        """There are none but these, and those of signing."""
        known = {*names, *SIGNING}
        read = sum(name in known for name in self._values)
        if read < len(self._values):
            sent = len(self._values)
            told = f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'."
            raise Failed(-1104, told)

    def has(self, name: str) -> bool:
        """Whether it was sent."""
        return name in self._values

    def get(self, name: str) -> str:
        """As it was sent; empty where it was not."""
        return self._values.get(name, "")

    def items(self) -> list[tuple[str, str]]:
        """All of them."""
        return [*self._values.items()]

    def text(self, name: str) -> str:
        """It must be there."""
        value = self._values.get(name)
        if value is None:
            raise missing(name)
        if not value:
            raise Failed(-1105, f"Parameter '{name}' was empty.")
        return value

    def name(self, name: str) -> str:
        """An order's name; empty where it was not sent."""
        if not self.has(name):
            return ""
        value = self.text(name)
        if not _NAME.fullmatch(value):
            raise _illegal(name, _NAME_LEGAL)
        return value

    def integer(self, name: str, default: int = 0) -> int:
        """A whole number."""
        if not self.has(name):
            return default
        value = self.text(name)
        if not _INTEGER.fullmatch(value):
            raise _illegal(name, "^[0-9]{1,20}$")
        return int(value)

    def limit(self, default: int, most: int) -> int:
        """How many; more than *most* are *most*."""
        limit = self.integer("limit", default)
        if not limit:
            raise Failed(-1130, "Data sent for parameter 'limit' is not valid.")
        return min(limit, most)

    def number(self, name: str) -> Decimal:
        """An amount or a price, with no more decimals than there can be."""
        value = self.text(name)
        if not _NUMBER.fullmatch(value):
            raise _illegal(name, _NUMBER_LEGAL)
        if decimals(value) > PLACES:
            raise Failed(-1111, f"Parameter '{name}' has too much precision.")
        return exact(value)

    def symbol(self) -> str:
        """A symbol that somebody could have."""
        value = self.text("symbol")
        if len(value) > 20 or not all(part.isalnum() or part in "-_." for part in value):
            raise _illegal("symbol", _SYMBOL_LEGAL)
        return value


def _illegal(name: str, legal: str) -> Failed:
    told = f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."
    return Failed(-1100, told)
