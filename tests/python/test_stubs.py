# SPDX-License-Identifier: MIT
"""The stub of the extension module names what it has, and all of it is documented; so is the package."""

import ast
import importlib
import inspect
import pkgutil
import sys

import package
from harness import equal, run

package.require()
sys.path.insert(0, str(package.PACKAGE))

STUB = package.ROOT / "python/yodel/_yodel.pyi"


def public(names):
    return {name for name in names if not name.startswith("_")}


def members(body):
    """The names that statements of a stub define."""
    for statement in body:
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            yield statement.name
        elif isinstance(statement, ast.AnnAssign):
            yield statement.target.id


def test_the_stub_has_every_name():
    module = importlib.import_module("yodel._yodel")
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    equal(public(members(tree.body)), public(vars(module)))
    for statement in tree.body:
        if isinstance(statement, ast.ClassDef) and statement.name != "ClientDisconnected":
            type_ = getattr(module, statement.name)
            equal(public(members(statement.body)), public(vars(type_)), statement.name)


def test_the_extension_is_documented():
    module = importlib.import_module("yodel._yodel")
    for name in public(vars(module)):
        value = getattr(module, name)
        assert value.__doc__, name
        if inspect.isclass(value):
            for member in public(vars(value)):
                assert vars(value)[member].__doc__, f"{name}.{member}"


def test_the_package_is_documented():
    import yodel  # pylint: disable=import-outside-toplevel

    found = list(pkgutil.walk_packages(yodel.__path__, "yodel."))
    assert found
    for entry in found:
        if entry.name.endswith(("__main__", "._yodel")):
            continue
        source = importlib.util.find_spec(entry.name).loader.get_source(entry.name)
        assert ast.get_docstring(ast.parse(source)), f"{entry.name} says nothing of itself"


if __name__ == "__main__":
    run(globals())
