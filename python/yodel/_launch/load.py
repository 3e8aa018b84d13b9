# SPDX-License-Identifier: MIT
"""Finds the application that "module:attribute" names."""

import importlib
import importlib.util
import sys

from .errors import BAD_OPTION, LaunchError


def add_path(folder):
    """Modules are looked for in `folder` first; "" stands for the current one."""
    if folder is not None and folder not in sys.path:
        sys.path.insert(0, folder)


def load(name):
    """
    The object that `name`, "module:attribute" or "package.module:object.attribute", names.

    A name that cannot be found is a LaunchError of one line; an exception that the module itself
    raises while it is imported comes through as it is.
    """
    module_name, colon, path = name.partition(":")
    if not module_name or not path:
        hint = f'; is "{module_name}:app" meant?' if module_name and not colon else ""
        raise LaunchError(f'the application "{name}" must be written as "<module>:<attribute>"{hint}', BAD_OPTION)
    found = _import(module_name)
    for word in path.split("."):
        try:
            found = getattr(found, word)
        except AttributeError:
            raise LaunchError(f'attribute "{path}" not found in module "{module_name}"') from None
    return found


def _import(name):
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # A module that the application's own module lacks is that one's fault, and keeps its traceback.
        if error.name is None or not (name == error.name or name.startswith(error.name + ".")):
            raise
        raise LaunchError(f'could not import module "{name}"') from None


def make(found, factory):
    """The application: `found`, or what it returns when it is a factory."""
    if not callable(found):
        raise LaunchError(f"the application is not callable: it is of type {type(found).__name__}")
    if not factory:
        return found
    application = found()
    if not callable(application):
        raise LaunchError(f"the factory returned no application, but {type(application).__name__}")
    return application
