"""Builds the compiled core: into the wheel, or for an editable install beside its source.

Where it cannot be built (no C compiler, no headers of Python, no Cython) or put in its place (a full
disk, a folder that may not be written) the install goes on without it, since the Python of `tapefold.core`
does the same. `tapefold --version` says which of them runs.
"""

from hashlib import sha256
from importlib import import_module
from pathlib import Path
from shutil import copy
from sysconfig import get_config_var
from tempfile import TemporaryDirectory
from textwrap import shorten
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.builders.wheel import WheelBuilderConfig


class CompiledCore(BuildHookInterface[WheelBuilderConfig]):
    """What `hatchling` calls before and after it makes a wheel; an editable one is a wheel as well."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the core, or say why there is none."""
        package, self._built = Path(self.root, "engine", "tapefold"), TemporaryDirectory()
        try:
            if version == "editable":  # an old one must not outlive its source
                (package / f"_core{get_config_var('EXT_SUFFIX')}").unlink(missing_ok=True)
            core = compiled(package / "_core.pyx", Path(self._built.name), "-O2", "-g0")
            if version == "editable":
                placed(core, package)
                return
        except Exception as error:  # whatever a machine lacks, and however its compiler says so
            why = shorten(f"{type(error).__name__}: {error}", 200)
            self.app.display_warning(f"no compiled core, so tapefold runs in pure Python: {why}")
            return
        build_data["force_include"][str(core)] = f"tapefold/{core.name}"
        build_data["pure_python"], build_data["infer_tag"] = False, True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """The wheel has its own copy."""
        self._built.cleanup()


def placed(core: Path, package: Path) -> None:
    """The module beside its source, whole or not at all: of half of one Python would die without a word."""
    new = package / f"{core.name}.new"
    try:
        copy(core, new)
        new.replace(package / core.name)
    finally:
        new.unlink(missing_ok=True)


def compiled(source: Path, folder: Path, *flags: str) -> Path:
    """*source* as a module of `tapefold` in *folder*. Raises whatever keeps it from being built."""
    from setuptools import Distribution, Extension

    import_module("Cython")  # without it `setuptools` would look for a C file, and miss that

    # The module can tell what it was built from, so that an old one is not taken for a new one.
    digest = sha256(source.read_bytes()).hexdigest()
    module = Extension(
        f"tapefold.{source.stem}",
        [str(source)],
        define_macros=[("TAPEFOLD_SOURCE", f'"{digest}"')],
        extra_compile_args=[*flags],
        extra_link_args=[*flags],
    )
    where = {"build_lib": str(folder), "build_temp": str(folder), "cython_c_in_temp": True}
    made = Distribution({"ext_modules": [module], "options": {"build_ext": where}})
    made.run_command("build_ext")
    return next(folder.glob(f"tapefold/{source.stem}.*"))
