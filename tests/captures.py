"""Where the shared recordings are, and which of them are the Binance family's."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RECORDINGS = ROOT.parent / "shared" / "recordings"
CAPTURES: dict[str, tuple[str, str | None]] = {
    # The oracle's id: the format, and the exchange where the capture alone cannot tell.
    "hft/spot-ethusdt-20240808+09": ("hftbacktest", None),
    "hft/usdm-ethusdt-20240718+19": ("hftbacktest", None),
    "hft/usdm-ethusdt-20240808": ("hftbacktest", None),
    "cryptofeed/BINANCE-20211012": ("cryptofeed", None),
    "cryptofeed/BINANCE_US-20211012": ("cryptofeed", None),
    "cryptofeed/BINANCE_FUTURES-20210722": ("cryptofeed", None),
}
needs_recordings = pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason="the shared recordings are not beside this checkout"
)
