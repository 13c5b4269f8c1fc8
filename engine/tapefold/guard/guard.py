"""The guard: nothing that must stay secret gets into a recording.

First what is known to be private is masked, by the rules that an adapter declares. Then all that is to
be written is searched for secrets, encoded and packed as they may be; what holds one is refused. Rules
are written by people and can be wrong; the search does not believe them.

Not noticed: what was encrypted or hashed; pieces of a secret under 11 characters with other text
between; more than three encodings one over the other; raw deflate that does not begin where its text
begins (it has no mark); pieces in JSON that stands there backwards; a secret of under 11 characters in
other letters (capitals for small ones), or base64 in other letters; account numbers that are encoded,
and those of under 8 digits, as tokens of under 6 characters, anywhere but in their fields; tokens in a
list or an object that is their field's value, and whatever else an exchange minted and no rule names:
in public traffic always, in private traffic where it does not look like a key. A number that looks like
one of our stand-ins, such as 99999998, is taken for one and stays.
"""

from collections.abc import Mapping
from typing import Final

from tapefold.adapter import Taping
from tapefold.errors import Refused
from tapefold.guard.codes import TooMuch
from tapefold.guard.ids import WORD_MIN, MaskedIds, is_number, stands_alone
from tapefold.guard.masks import Kind, Masks
from tapefold.guard.needles import SHORTEST, Needles, as_bytes
from tapefold.guard.stands import Stands
from tapefold.guard.views import View, views
from tapefold.guard.words import looks_like_a_key, unknown

ACCOUNT_MIN: Final = 8
"""Characters of an account's name or number that is masked outside its field too."""


class Leak(Refused):
    """A recording would have held a secret. It says where, which one and in what form; never what."""


class Guard:
    """Masks texts, learns what the exchange says of itself, and refuses what holds a secret."""

    def __init__(
        self,
        taping: Taping,
        secrets: Mapping[str, str] = {},
        identities: Mapping[str, str] = {},
        *,
        ids: MaskedIds | None = None,
    ) -> None:
        """Prepare for one recording.

        *secrets* (name to value) must never be written. *identities* are sent with requests, such as
        an API key: `apikey` is written as `apikey1`. With *ids* those that enter events are masked as
        well. Raises `Leak` for a value that is shorter than 6 characters: it cannot be told from
        ordinary text, so nothing can be recorded with it.
        """
        self._masks, self._ids = Masks(taping), ids
        self._stands = Stands()
        self._needles = Needles()
        self._known = {word.encode() for word in taping.public}
        """Long words that are no secrets."""
        self._credentials: dict[str, str] = {}
        for name, value in identities.items():
            self._identify(name, value)
        for name, value in secrets.items():
            self._seek(name, value)

    def __repr__(self) -> str:
        return f"Guard(masked={self.masked})"

    @property
    def masked(self) -> list[str]:
        """The names of the fields and identities that were masked, sorted."""
        return sorted(self._stands.masked)

    @property
    def credentials(self) -> dict[str, str]:
        """Identities and what stands in for them: with these a client plays the recording."""
        return dict(self._credentials)

    def mask(self, text: str) -> str:
        """*text* with stand-ins for all that is private; every other byte stays."""
        text = self._stands.mask(self._masks.mask(text, self._stand))
        return self._ids.mask(text) if self._ids else text

    def mask_id(self, value: str) -> str:
        """What is written for an id of an order, where ids are masked."""
        return self._ids.mask(self._id("exchange_order_id", value)) if self._ids else value

    def learn(self, text: str) -> None:
        """See the tokens that *text* gives, so that they are masked everywhere from then on."""
        self._masks.mask(text, self._stand)

    def check(self, data: str | bytes, where: str, *, private: bool = False) -> None:
        """Refuse *data* if it holds a secret. *where* is where it would be written, for people.

        *private*: nobody else sees this traffic; then long words that no rule names are refused too.
        Raises `Leak`.
        """
        if not (private or self._needles):
            return
        raw = as_bytes(data) if isinstance(data, str) else data
        odd = ""
        try:
            for view in views(raw, self._needles.least):
                found = self._needles.find(view.text)
                if found:
                    raise Leak(f"{where} holds {found}{': ' if view.how else ''}{view.how}")
                odd = odd or (self._odd(view) if private else "")
        except TooMuch:
            raise Leak(f"{where} unpacks to more than can be looked through") from None
        if odd:  # at last, for it may be a known secret in three wrappings
            advice = "declare its field as token or account, or the word as public"
            raise Leak(f"{where} holds {odd}: {advice}")

    def _odd(self, view: View) -> str:
        """What is to be said of a long word; what was decoded from a word is judged by the word."""
        if view.kind != "text":
            return ""
        return unknown(view.text, self._known, map(str.encode, self._stands.words()))

    def _identify(self, name: str, value: str) -> None:
        """In mock mode the stand-in is the credential."""
        stand = f"{name}1"
        self._credentials[name] = stand
        if value == stand:
            self._stands.reserve(stand)
            return
        self._seek(name, value)
        self._stands.put(name, value, stand, everywhere=True)

    def _seek(self, name: str, value: str) -> None:
        if len(value) < SHORTEST:
            short = f"shorter than {SHORTEST} characters and cannot be told from ordinary text"
            raise Leak(f"{name} is {short}, so nothing is recorded")
        self._needles.add(name, value)

    def _stand(self, kind: Kind, name: str, value: str) -> str:
        """What is written for the value of a field."""
        if kind == "id":
            return self._id(name, value)
        if kind == "volatile":
            self._stands.masked.add(name)
            return "masked"
        if not value:
            return value
        if not self._stands.known(name, value):
            token = kind == "token" and len(value) >= SHORTEST
            # An account may be called 1 or `main`, and such words are in other fields too.
            account = kind == "account" and len(value) >= ACCOUNT_MIN and not value.isalpha()
            self._stands.add(name, value, everywhere=token or account)
            # The digits of an account's number are in many a number: it is masked, and not sought.
            if token or (account and not value.isdigit()):
                self._needles.add(name, value)
        return self._stands.of(name, value)

    def _id(self, name: str, value: str) -> str:
        """What is written for an id that enters events."""
        if self._ids and value.strip("0") and not self._ids.is_ours(value):
            if is_number(value):
                self._stands.masked.add(name)
                return self._ids.number(value)
            if not self._stands.known(name, value):
                self._stands.add(name, value, everywhere=stands_alone(value), least=WORD_MIN)
            return self._stands.of(name, value)
        # It is named by a rule, though not masked: a long one is no surprise.
        if looks_like_a_key(as_bytes(value)):
            self._known.add(as_bytes(value))
        return value
