"""The errors.

    TapefoldError            base of every error that tapefold raises on purpose
    ├─ BadInput              what was given cannot be read                          exit code 3
    │  ├─ SessionError       a session folder
    │  ├─ CaptureError       a capture of somebody else's
    │  ├─ LogError           a log
    │  ├─ ScenarioError      a scenario file
    │  └─ UnknownInstrument  a name that no instrument has, or several
    ├─ Mismatch              what came out is not what was recorded                 exit code 1
    ├─ Refused               this machine or somebody else stands in the way        exit code 4
    │  ├─ LogLocked          another engine has the log open
    │  ├─ Fenced             another writer wrote to the log: ours writes no more
    │  └─ LogFull            the disk takes no more
    ├─ AdapterError          no adapter of that name, or two                        exit code 3
    ├─ StaleBook             a price was asked of a book that is not live           exit code 1
    └─ Unmet                 the session ended before what was waited for           exit code 1

Each message is a line that says what was wrong and what to do; a `Mismatch` adds lines with what
differs. Wrong usage of the command line is
exit code 2, Ctrl-C 130.
"""

from typing import ClassVar


class TapefoldError(Exception):
    """Base of every error that tapefold raises on purpose."""

    exit_code: ClassVar[int] = 1


class BadInput(TapefoldError):
    """What was given cannot be read."""

    exit_code = 3


class SessionError(BadInput):
    """A session folder that cannot be read or written."""


class CaptureError(BadInput):
    """A foreign capture that cannot be made into a session."""


class LogError(BadInput):
    """A log that cannot be read."""


class ScenarioError(BadInput):
    """A scenario file that cannot be read, or cannot be run as it is."""


class UnknownInstrument(BadInput):
    """A name that no instrument has, or several have."""


class UnknownOrder(BadInput):
    """A client order id that no order of ours has."""


class Mismatch(TapefoldError):
    """What came out is not what was recorded."""


class Refused(TapefoldError):
    """The machine, or somebody else on it, stands in the way."""

    exit_code = 4


class KeyRefused(Refused):
    """An exchange does not take our key."""


class LogLocked(Refused):
    """Another engine has the log open."""


class Fenced(Refused):
    """Another writer wrote to the log: ours may write no more, and nothing that waits for it may leave."""


class LogFull(Refused):
    """The disk takes no more; what was durable before stays."""


class AdapterError(TapefoldError):
    """There is no adapter of that name, or there are two."""

    exit_code = 3


class StaleBook(TapefoldError):
    """A price was asked of a book that is not live."""


class Unmet(TapefoldError):
    """The session ended before what was waited for came true."""
