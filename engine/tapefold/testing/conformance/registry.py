"""All checks, in their order. Whoever adds some adds them here."""

from typing import Final

from tapefold.testing.conformance.checks import Check
from tapefold.testing.conformance.exactness import CHECKS as EXACTNESS
from tapefold.testing.conformance.keys import CHECKS as KEYS
from tapefold.testing.conformance.orders import CHECKS as ORDERS
from tapefold.testing.conformance.purity import CHECKS as PURITY
from tapefold.testing.conformance.recordings import CHECKS as RECORDINGS
from tapefold.testing.conformance.strength import CHECKS as STRENGTH
from tapefold.testing.conformance.sweep import CHECKS as BOOKS
from tapefold.testing.conformance.totality import CHECKS as TOTALITY
from tapefold.testing.conformance.trips import CHECKS as TRIPS

CHECKS: Final[tuple[Check, ...]] = (
    *PURITY,
    *TOTALITY,
    *EXACTNESS,
    *TRIPS,
    *KEYS,
    *RECORDINGS,
    *STRENGTH,
    *BOOKS,
    *ORDERS,
)
"""What an adapter is checked for."""
