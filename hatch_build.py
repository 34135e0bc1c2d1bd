"""What hatchling calls while it builds a wheel: with MODESCAPE_PREBUILT=1, kernels for common processors go into it.

Without it the wheel is one for every machine (``py3-none-any``), on which the kernels are compiled at the first run.
``tools/release.py`` builds both.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TAG = "py3-none-manylinux_2_17_x86_64"  # nothing newer of glibc is called: aligned_alloc is of 2.16


class Kernels(BuildHookInterface):
    """Compiles `modescape.kernels.native.PREBUILT` into the wheel and names the platform in its tag."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """As hatchling asks it."""
        if os.environ.get("MODESCAPE_PREBUILT") != "1" or version == "editable":
            return
        if (sys.platform, platform.machine()) != ("linux", "x86_64"):
            raise RuntimeError("kernels are built for Linux on x86-64 alone; leave MODESCAPE_PREBUILT out")
        sys.path.insert(0, str(Path(self.root) / "src"))
        from modescape.kernels import native

        if (compiler := native.find_compiler()) is None:
            raise RuntimeError("no C compiler is installed (gcc or clang)")
        self.scratch = tempfile.TemporaryDirectory()
        for level in native.PREBUILT:
            made = Path(self.scratch.name) / f"{level}.so"
            native.compile_into(made, compiler, (*native.FLAGS, f"-march={level}", "-s"))
            build_data["force_include"][str(made)] = f"modescape/kernels/prebuilt/{made.name}"
        build_data["pure_python"], build_data["tag"] = False, TAG

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Nothing is left behind."""
        if hasattr(self, "scratch"):
            self.scratch.cleanup()
