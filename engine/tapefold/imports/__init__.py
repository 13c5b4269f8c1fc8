"""Imports: somebody else's capture made into a session.

capture.py    what a capture is, and the registry of formats
hftbacktest.py, cryptofeed.py   a format each
scan.py       whose a capture is, and what it subscribed to
importer.py   running the kernel on a capture
"""

from tapefold.imports.capture import Captured, Format, formats, load_format
from tapefold.imports.importer import Imported, import_capture

__all__ = ["Captured", "Format", "Imported", "formats", "import_capture", "load_format"]
