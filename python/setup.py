# SPDX-License-Identifier: MIT
"""The extension module of the wheel is built by CMake, as everywhere else; the rest says pyproject.toml."""

import pathlib
import re
import shutil
import subprocess
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

TOP = pathlib.Path(__file__).resolve().parent.parent
PRESET = "python-release"
BUILD = TOP / "build" / PRESET


def version():
    text = (TOP / "CMakeLists.txt").read_text(encoding="utf-8")
    return re.search(r"^project\(yodel VERSION (\S+)", text, re.M)[1]


class BuildWithCMake(build_ext):
    def build_extension(self, ext):
        configure = ["cmake", "--preset", PRESET, f"-DPython3_EXECUTABLE={sys.executable}"]
        subprocess.run(configure, cwd=TOP, check=True)
        subprocess.run(["cmake", "--build", "--preset", PRESET], cwd=TOP, check=True)
        built = next((BUILD / "python/yodel").glob("_yodel.*.so"))
        target = pathlib.Path(self.get_ext_fullpath(ext.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(built, target)
        subprocess.run(["strip", "--strip-unneeded", target], check=True)


FOLDER = TOP / "build/python-wheel"
FOLDER.mkdir(parents=True, exist_ok=True)
setup(
    version=version(),
    ext_modules=[Extension("yodel._yodel", [])],
    cmdclass={"build_ext": BuildWithCMake},
    options={"build": {"build_base": str(FOLDER)}, "egg_info": {"egg_base": str(FOLDER)}},
)
