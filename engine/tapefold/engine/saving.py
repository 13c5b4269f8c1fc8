"""Views saved beside a log file while an engine writes it, so that its past is soon at hand."""

from pathlib import Path

from tapefold.history import SAVE_EVERY, Cache
from tapefold.log import Log
from tapefold.views import Views


class Saver:
    """Saves views now and then beside a log file, so that its past is soon at hand."""

    def __init__(self, log: Log, path: Path | None) -> None:
        self._log, self._cache = log, Cache(path) if path else None
        self._saved = 0

    def save(self, views: Views) -> None:
        """Save, if it is time."""
        if self._cache and self._log.head // SAVE_EVERY > self._saved:
            self._saved = self._log.head // SAVE_EVERY
            self._cache.save(views, self._log.digest())
