"""A guard that lets everything pass, for tests of what stands around it."""


class Unguarded:
    """Masks nothing, refuses nothing; tests override what they need."""

    masked: list[str]

    def __init__(self) -> None:
        self.masked = []

    def mask(self, text: str) -> str:
        return text

    def mask_id(self, value: str) -> str:
        return value

    def learn(self, text: str) -> None:
        """Nothing to learn."""

    def check(self, data: str | bytes, where: str, *, private: bool = False) -> None:
        """Nothing to refuse."""
