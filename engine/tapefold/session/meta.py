"""session.toml: what a session is, when and from where, and the digests that a replay must reach."""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
import tomli_w

from tapefold.adapter import Free
from tapefold.errors import SessionError
from tapefold.session.files import NEW, create, open_plain

FORMAT: Final = 1
"""Of a session's folder. A newer one is refused."""
META_MAX: Final = 1 << 20
"""Bytes of session.toml."""
NAME: Final = "session.toml"
Source: TypeAlias = Literal["live", "testnet", "simulator", "import"]
_Time: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]
_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]


class Counts(msgspec.Struct, frozen=True):
    """How much there is of it."""

    lines: _Count = 0
    frames: _Count = 0
    """Received over WebSockets."""
    events: _Count = 0
    """The last position of its log: less `start_position`, that is how many are its own."""


class Digests(msgspec.Struct, frozen=True):
    """What a replay of the sealed folder gives, as hex."""

    log: str = ""
    folds: dict[str, str] = {}


class Meta(msgspec.Struct, kw_only=True, omit_defaults=True):
    """session.toml."""

    exchanges: list[str]
    instruments: list[str] = []
    source: Source
    started_ns: _Time
    """When the session began: nanoseconds since 1970, to which the tape's stamps are added."""
    sealed: bool = False
    """It was ended in order. One that was not has no digests to reach."""
    cut: bool = False
    """It was cut off, so what was asked last need not be on the tape."""
    synthesised: list[str] = []
    """Kinds of line that nobody recorded: an import made them."""
    free: list[Free] = []
    """Traffic that orders nothing, beside what the adapters say of it."""
    masked: list[str] = []
    """Names of what the recorder wrote stand-ins for."""
    masked_ids: bool = False
    """Ids that enter events are among them, and `run_id`: no log of the run itself is like a replay's."""
    credentials: dict[str, dict[str, str]] = {}
    """By exchange, what stands in for its credentials: with these the session is played."""
    run_id: str = ""
    first_order: _Count = 1
    """The number of the run's first order."""
    strategies: dict[str, dict[str, str]] = {}
    """Those that were at work, in their order, with their parameters."""
    seed: _Count = 0
    start_position: _Count = 0
    """The last position of the log that it went on from, which start.msgpack tells of; 0: it was empty."""
    versions: dict[str, str] = {}
    """Of what recorded or imported it."""
    counts: Counts = Counts()
    digests: Digests = Digests()
    tape_sha256: str = ""
    """Of the tape's lines when it was sealed: tells whether somebody edited it since."""
    capture: dict[str, Any] = {}
    """Of an import: the format, the files, and what was noticed."""


def read_meta(folder: Path) -> Meta:
    """A session's session.toml. Raises `SessionError`."""
    if not folder.is_dir():
        raise SessionError(f"{folder} is not a session: there is no such folder")
    path = folder / NAME
    if not path.exists() and not path.is_symlink():
        raise SessionError(f"{folder} is not a session: it has no {NAME}")
    with open_plain(path) as file:
        data = file.read(META_MAX + 1)
    if len(data) > META_MAX:
        raise SessionError(f"{path} is longer than {META_MAX} bytes")
    try:
        table = msgspec.toml.decode(data)
        newest = msgspec.convert(table, _Format).format
        if newest > FORMAT:
            raise SessionError(
                f"{folder} is of a newer tapefold (format {newest}, this one reads {FORMAT}): upgrade"
            )
        meta = msgspec.convert(table, Meta)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors too
        raise SessionError(f"{path} cannot be read: {error}") from error
    for exchange in meta.exchanges:
        if not re.fullmatch(r"[a-z0-9_]+", exchange):
            raise SessionError(f"{path}: {exchange!r} is no name of an exchange ([a-z0-9_]+)")
    return meta


class _Format(msgspec.Struct):
    format: Annotated[int, msgspec.Meta(ge=1)]


def write_meta(folder: Path, meta: Meta, *, mode: int = 0o666) -> None:
    """Write session.toml, whole or not at all; *mode* is its file's, less the umask."""
    path = folder / (NAME + NEW)
    path.unlink(missing_ok=True)  # a kill may have left one, with another mode
    with create(path, mode) as file:
        tomli_w.dump({"format": FORMAT, **msgspec.to_builtins(meta)}, file)
        file.flush()
        os.fsync(file.fileno())
    path.replace(folder / NAME)
