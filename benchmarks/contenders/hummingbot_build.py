"""Compiles what hummingbot's book needs, in its unpacked source, and puts its package into the environment.

Its own flags, its own C++; four of its 37 modules. Run by benchmarks/environment, in the source's folder.
"""

import shutil
import sys
import sysconfig
from compileall import compile_dir
from pathlib import Path

import numpy as np
from Cython.Build import cythonize
from setuptools import Extension, setup

_MODULES = (
    "hummingbot/core/pubsub",
    "hummingbot/core/event/event_listener",
    "hummingbot/core/data_type/order_book_query_result",
    "hummingbot/core/data_type/order_book",
)


def main() -> None:
    """In the current folder."""
    extensions = cythonize(
        [
            Extension(
                module.replace("/", "."),
                [f"{module}.pyx"],
                include_dirs=[np.get_include()],
                extra_compile_args=["-std=c++11"],
                extra_link_args=["-std=c++11"],
                language="c++",
            )
            for module in _MODULES
        ],
        compiler_directives={"annotation_typing": False, "language_level": 3},
    )
    setup(
        name="book",
        packages=[],
        ext_modules=extensions,
        script_args=["build_ext", "--inplace", "--parallel=2"],
    )
    packages = Path(sysconfig.get_path("purelib"))
    into = packages / "hummingbot"
    shutil.rmtree(into, ignore_errors=True)
    shutil.copytree("hummingbot", into, ignore=shutil.ignore_patterns("*.pyx", "*.cpp", "*.h"))
    told = packages / f"hummingbot-{sys.argv[1]}.dist-info"
    told.mkdir(exist_ok=True)
    (told / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: hummingbot\nVersion: {sys.argv[1]}\n"
    )
    if not compile_dir(into, quiet=2, maxlevels=20):
        sys.stdout.write("some modules that no book needs do not compile to bytecode\n")


main()
