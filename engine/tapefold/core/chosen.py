"""Which of the two runs here: the compiled core where there is one, else its definition."""

import os
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final
from warnings import warn


def _compiled() -> bool:
    """Whether there is a compiled core, and in a checkout one of the source that lies there."""
    if os.environ.get("TAPEFOLD_PURE"):
        return False
    if find_spec("tapefold._core") is None:
        return False
    source = Path(__file__).parents[1] / "_core.pyx"
    try:
        built = import_module("tapefold._core").SOURCE
        if not source.exists() or sha256(source.read_bytes()).hexdigest() == built:
            return True
        why = "was built from another _core.pyx"
    # Of another machine, of other names than ours, or with a source that may not be read.
    except (ImportError, AttributeError, OSError) as error:
        why = f"cannot be used ({error})"
    warn(
        f"the compiled core {why}, so pure Python runs: install tapefold again (in a checkout "
        "`pip install -e .`), and it is built anew",
        RuntimeWarning,
        stacklevel=2,
    )
    return False


NATIVE: Final = _compiled()
"""Whether the compiled core runs."""
if TYPE_CHECKING or not NATIVE:  # for a type checker the definition is the truth
    from tapefold.core.folding import fold_events
    from tapefold.core.half import Half
    from tapefold.core.levels import pack_levels, pack_sides
    from tapefold.core.plain import Plain
    from tapefold.units import scaled
else:
    from tapefold._core import Half, Plain, fold_events, pack_levels, pack_sides, scaled

__all__ = ["NATIVE", "Half", "Plain", "fold_events", "pack_levels", "pack_sides", "scaled"]
