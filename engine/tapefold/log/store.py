"""Where rows live: eventsourcing's recorder in a SQLite file or in memory, and the lock on the file.

Only the recorder of that library is used: a `StoredEvent` is a row, its `originator_id` the log's
name, its `originator_version` the position of the segment's first event.
"""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

from eventsourcing.persistence import ApplicationRecorder, PersistenceError, StoredEvent
from eventsourcing.popo import POPOApplicationRecorder
from eventsourcing.sqlite import (
    SQLiteApplicationRecorder,
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteDatastore,
)

from tapefold.errors import LogError, LogFull, LogLocked, Refused

NAME: Final = "tapefold"
TOPIC: Final = "segment"
PAGE: Final = 64
"""Rows read at a time: 1 MB."""
POSITION_MAX: Final = 2**62
FULL: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)
"""What SQLite says on a full disk: of a file, and of the index beside it, which readers make, too."""

try:
    import fcntl
except ImportError:  # Windows: the fence behind the lock still holds
    fcntl = None  # type: ignore[assignment] # a module, where there is one


class Rows:
    """The rows of one log."""

    def __init__(self, recorder: ApplicationRecorder, where: str = "the log in memory") -> None:
        self._recorder, self.where = recorder, where

    def insert(self, rows: list[tuple[int, bytes]]) -> None:
        """Store *rows*, position and state each, in one transaction: all of them or none."""
        self._recorder.insert_events(
            [StoredEvent(NAME, position, TOPIC, state) for position, state in rows]
        )

    def last(self) -> int:
        """The position of the newest row's first event; 0 where there is none."""
        rows = self._select(desc=True, limit=1)
        return rows[0].originator_version if rows else 0

    def read(self, first: int, until: int = POSITION_MAX) -> Iterator[tuple[int, bytes]]:
        """Rows that begin at *first* or after it, up to *until*. One is read before a page is."""
        gt, limit = first - 1, 1
        while rows := self._select(gt=gt, lte=until, limit=limit):
            for row in rows:
                yield row.originator_version, row.state
            gt, limit = rows[-1].originator_version, PAGE

    def close(self) -> None:
        """Let go of the file."""
        if isinstance(self._recorder, SQLiteApplicationRecorder):
            self._recorder.datastore.close()

    def _select(
        self, *, gt: int | None = None, lte: int | None = None, desc: bool = False, limit: int
    ) -> list[StoredEvent]:
        try:
            return list(self._recorder.select_events(NAME, gt=gt, lte=lte, desc=desc, limit=limit))
        except (PersistenceError, sqlite3.Error) as error:
            raise LogError(f"{self.where} cannot be read: {error}") from error


class _Pool(SQLiteConnectionPool):
    """Connections on which a commit is on the disk, whatever this SQLite was built to do by itself."""

    def _create_connection(self) -> SQLiteConnection:
        connection = super()._create_connection()
        connection.cursor().execute("PRAGMA synchronous=FULL")
        return connection


def in_memory() -> Rows:
    """Rows that go when the process goes."""
    return Rows(POPOApplicationRecorder())


def in_file(path: Path, *, write: bool) -> Rows:
    """The rows of a file; it is made where *write* says so, readable by its owner alone.

    Raises `LogError` where the file is something else, `LogFull` where there is no room for it or its
    index, `Refused` where it cannot be opened.
    """
    try:
        if write and not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        elif write:  # SQLite would open what may not be written, and fail later
            _may(path, os.R_OK | os.W_OK)
        if not check(path) and not write:
            raise LogError(f"{path} is empty: nothing was ever written to it")
        name = str(path.absolute()) if write else _reading(path)
        store = SQLiteDatastore(name, originator_id_type="text")
        store.pool = _Pool(db_name=name)
        recorder = SQLiteApplicationRecorder(store)
        if write:
            recorder.create_table()
    except OSError as error:
        raise refused(path, error) from error
    except (PersistenceError, sqlite3.Error) as error:
        raise _failed(path, error) from error
    return Rows(recorder, str(path))


def check(path: Path) -> bool:
    """Whether there is anything in the file.

    Raises `LogError` where that is not a log, `LogFull` where there is no room to look into it, `Refused`
    where it cannot be opened.

    It is left to SQLite to open it: were the file opened and closed here, the locks would be gone that a
    SQLite of this process has on it, and somebody else's could delete what the log was last written to.
    """
    try:
        _may(path, os.R_OK)
        tables = _tables(path)
    except OSError as error:
        raise refused(path, error) from error
    except sqlite3.Error as error:
        raise _failed(path, error) from error
    if tables and "stored_events" not in tables:
        raise LogError(f"{path} is not a log: it is a SQLite file of something else")
    return bool(tables)


def _may(path: Path, what: int) -> None:
    """That a file may be read, or written. Raises `PermissionError`."""
    if not os.access(path, what):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _tables(path: Path) -> set[str]:
    """The names of a file's tables. Raises as `sqlite3` does.

    Who was killed in the very moment of making the file has left an undo journal beside it, and who
    only reads cannot use that.
    """
    try:
        with closing(sqlite3.connect(_reading(path), uri=True)) as db:
            return _named(db)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
            raise
    with closing(sqlite3.connect(path)) as db:
        return _named(db)


def _named(db: sqlite3.Connection) -> set[str]:
    return {name for (name,) in db.execute("SELECT name FROM sqlite_master")}


def _reading(path: Path) -> str:
    """How SQLite is to open a file that is only read.

    It keeps an index of its own beside the file; where the folder takes none, the file must be whole
    by itself, which it is once its writer has closed it.
    """
    alone = not os.access(path.parent, os.W_OK) and not path.with_name(path.name + "-wal").exists()
    return f"file:{quote(str(path.absolute()))}?{'immutable=1' if alone else 'mode=ro'}"


class Lock:
    """One engine at a time may write to a file. The operating system lets go of it at any death."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise refused(self._path, error) from error
        if fcntl is None:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._file, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(self._file)
            raise LogLocked(
                f"{path} is open in another engine (process {holder}): stop that one, or give this one "
                "a log of its own"
            ) from error
        try:
            os.ftruncate(self._file, 0)
            os.write(self._file, b"%d\n" % os.getpid())
        except OSError as error:
            os.close(self._file)
            raise refused(self._path, error) from error

    def release(self) -> None:
        """Let the next one in."""
        os.close(self._file)


def refused(path: Path, error: OSError) -> Refused:
    """Why the machine does not let a file be opened."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _full(path)
    return Refused(f"{path} cannot be opened: {error.strerror}")


def _failed(path: Path, error: BaseException) -> LogFull | LogError:
    """Why SQLite does not open a file; what the library has wrapped is looked for inside."""
    inner: BaseException | None = error
    while inner:
        code = getattr(inner, "sqlite_errorcode", None)
        if code in FULL:
            return _full(path)
        if code == sqlite3.SQLITE_NOTADB:
            return LogError(f"{path} is not a log: it is no SQLite file")
        inner = inner.__cause__ or inner.__context__
    return LogError(f"{path} cannot be opened as a log: {error}")


def _full(path: Path) -> LogFull:
    return LogFull(f"{path} cannot be opened: the disk is full; free some space and start again")
