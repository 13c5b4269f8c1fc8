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
    "0.1.0-orders.log": (
        382,
        "afc6f1571d3b6b3cf6b9f23bee718b95681a3520823746b0c560a29a51b483aa",
        {
            "instruments": "299eed48298132456f592121e839592eeef8033eda7c980219e3301e9a93ef8a",
            "anomalies": "6afea8691234118488a65a06c8ebd8f6cb38f698c67092d796d66d564796ce12",
            "orders": "5f45434aa14cf59de5fcc979e715dbae4be594dbd1dd7e849dd96e9f629e5920",
            "balances": "0e9dce226a3eb1866d545ba12db1bbae0a30ad1ecd91ba08f502c11a2799d2b3",
            "positions": "4d009d7bbca527339f038279f22c80a68453dffbac42bcd4396904a366f3d473",
            "fees": "e10cf8d5e4b51af70ebee3e7452b995f722a9490bf97f86a5aff9ff4edc77327",
            "risk": "5cc4d1cdbe77703c8da01c38cd007d548c470d1fb0bb1d4725fcc2cadc4f67fa",
            "rules": "cfd5cb2b156a5cb61664a8e2ef920352ef58ae8d25f0a556ebdd4c0d1ec1fe5d",
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
