"""Imports: somebody else's capture made into a session.

capture.py    what a capture is, and the registry of formats
formats.py    the formats
importer.py   running the kernel on a capture
"""

from tapefold.imports.capture import Captured, formats, load_format
from tapefold.imports.importer import Imported, import_capture

__all__ = ["Captured", "Imported", "formats", "import_capture", "load_format"]
