"""Logs written by older versions stay readable, and still mean the same. No door: logs are folded.

A log of each version that changed what is written is kept here for ever. What it came to when it was
written stands below; if a line has to be changed, old logs of users break as well.
"""

import shutil
from pathlib import Path

import pytest

from tapefold import History, verify_log

CORPUS = Path(__file__).parent / "corpus"
WRITTEN = {
    "0.1.0.log": (
        1500,
        "f8cf9f5b332fcb6ba8294992c08c5c23b5bd2725baa4830ac3140fa2b5b9e704",
        {
            "instruments": "23028217108a48a87896926da8d4e80835075a2783df367cebbe628d0cd32a63",
            "books": "200916440e24473731f8a939d1d84648e6a2be48da4ef76f2478e49ccc60efce",
            "markets": "4d4b0c3c64f789c6329dae24fc91f5cda2e4ac3867a1ef2e447300cc6b1f3c09",
            "connections": "019ea6a012bc978feb32690bedd10b980edf0a65fd9960d375b7cd18eea78c00",
            "anomalies": "e53bd4ecd7ae0201c7312ef3a9f78bae2bad2babd9ac86fa98d9578f367e9928",
        },
    ),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_an_old_log_means_what_it_meant(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    shutil.copy(CORPUS / name, path)
    head, digest, folds = WRITTEN[name]
    verified = verify_log(path)
    assert (verified.head, verified.digest) == (head, digest)
    with History(path) as history:
        assert history.views().digests().items() >= folds.items()


def test_every_log_of_the_corpus_is_looked_at() -> None:
    assert {path.name for path in CORPUS.iterdir()} == WRITTEN.keys()
