"""tapefold: an event-sourced trading engine with a recorded test harness."""

from msgspec import Raw

from tapefold.adapter import *
from tapefold.events import *
from tapefold.events import NOTHING, UNLISTED, pack
from tapefold.units import DIGITS_MAX, TooFine, TooLarge, column, decimals, exact, scale, scaled
