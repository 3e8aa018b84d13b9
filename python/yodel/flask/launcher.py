# SPDX-License-Identifier: MIT
"""python3 -m yodel.flask: finds the program, and runs it with Yodel in place of its server."""

import importlib
import importlib.abc
import importlib.util
import os
import runpy
import sys

from .._launch import logs
from .._launch.errors import LaunchError
from .._launch.load import add_path
from . import arguments
from .plan import Launch

log = logs.error
APP_NAMES = ("app", "application")
FACTORY_NAMES = ("create_app", "make_app")
_PATCHES = {
    "eventlet": ("monkey_patch",),
    "eventlet.patcher": ("monkey_patch",),
    "gevent.monkey": ("patch_all", "patch_thread", "patch_socket"),
}


def main(words=None):
    """Runs the launcher; ends the process with its status."""
    options = arguments.parse(words)
    logs.set_up(options.log_level, access_log=True, colours=options.use_colors, config=options.log_config)
    Launch.launched = True
    Launch.overrides = arguments.overrides(options)
    try:
        _prepare()
        _run(options.target, options.words)
    except LaunchError as error:
        print(f"yodel.flask: {error}", file=sys.stderr)
        sys.exit(error.status)


def _prepare():
    """Puts Yodel in place of what the program imports."""
    try:
        import flask
        import flask_socketio
    except ImportError as error:
        raise LaunchError(f"Flask and Flask-SocketIO are needed, and {error.name} is not installed") from None
    del flask_socketio
    from . import install

    install()
    flask.Flask.run = _run_flask
    for name in _PATCHES:
        if name in sys.modules:  # Flask-SocketIO has imported it
            _take_out(sys.modules[name], _PATCHES[name])
    sys.meta_path.insert(0, _WithoutPatches())


def _run_flask(app, host=None, port=None, debug=None, load_dotenv=True, **options):
    """Flask.run() of a launched program: its SocketIO is served with it, where there is one."""
    if debug is not None:
        options["debug"] = bool(debug)
    _serve(app, host=host, port=port, **options)


def _run(target, words):
    if os.path.isdir(target) and os.path.exists(os.path.join(target, "__main__.py")):
        target = os.path.join(target, "__main__.py")
    if target.endswith(".py") or os.path.isfile(target):
        _run_script(target, words)
    else:
        _run_module(target, words)


def _run_script(path, words):
    """As "python3 path words": its __main__ block calls run().  If it calls none the application is served."""
    if not os.path.isfile(path):
        raise LaunchError(f"there is no file {path}")
    sys.argv = [path, *words]
    sys.path[0] = os.path.dirname(os.path.abspath(path))
    found = runpy.run_path(path, run_name="__main__")
    if not Launch.served:
        _serve(_find(found, path))


def _run_module(target, words):
    add_path(os.getcwd())
    name, _, attribute = target.partition(":")
    sys.argv = [name, *words]
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name and not name.startswith(f"{error.name}."):
            raise
        raise LaunchError(f"there is no module {name}") from None
    if Launch.served:
        return
    if not attribute:
        _serve(_find(vars(module), name))
        return
    _serve(_attribute(module, attribute))


def _attribute(module, path):
    """The application that module:path names; "create_app()" calls a factory."""
    called = path.endswith("()")
    found = module
    for part in path.removesuffix("()").split("."):
        if not hasattr(found, part):
            raise LaunchError(f"{module.__name__} has no {path}")
        found = getattr(found, part)
    app = _as_app(found() if called else found)
    if app is None and callable(found) and not called:
        app = _as_app(found())
    if app is None:
        raise LaunchError(f"{module.__name__}:{path} is no Flask application")
    return app


def _as_app(found):
    """The Flask application that an object is, or that it belongs to, or the first of a tuple."""
    import flask
    from yodel.flask_socketio import SocketIO

    if isinstance(found, tuple):
        apps = [app for app in map(_as_app, found) if app is not None]
        return apps[0] if apps else None
    if isinstance(found, SocketIO):
        middleware = getattr(found, "sockio_mw", None)
        return middleware.flask_app if middleware else None
    return found if isinstance(found, flask.Flask) else None


def _find(names, where):
    """The application of a module that runs none by itself."""
    for name in APP_NAMES:
        app = _as_app(names.get(name))
        if app is not None:
            return app
    apps = {id(app): app for app in map(_as_app, list(names.values())) if app is not None}
    if len(apps) == 1:
        return apps.popitem()[1]
    if apps:
        raise LaunchError(f"{where} has several applications: name one as module:attribute")
    for name in FACTORY_NAMES:
        if callable(names.get(name)):
            app = _as_app(names[name]())
            if app is not None:
                return app
    raise LaunchError(f"{where} has no Flask application")


def _serve(app, **options):
    from yodel.flask_socketio import SocketIO

    socketio = app.extensions.get("socketio")
    if socketio is None:
        socketio = SocketIO(app)  # its routes alone: nobody connects where nothing is handled
    options.setdefault("debug", app.debug)
    socketio.run(app, **options)


class _WithoutPatches(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Takes the monkey patching out of eventlet and gevent, which is not needed and would stop the threads."""

    def __init__(self):
        self._loading = set()

    def find_spec(self, name, path, target=None):
        if name not in _PATCHES or name in self._loading:
            return None
        self._loading.add(name)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._loading.discard(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Quiet(spec.loader, _PATCHES[name])
        return spec


class _Quiet(importlib.abc.Loader):
    """A loader whose module has some functions that do nothing."""

    def __init__(self, loader, functions):
        self._loader = loader
        self._functions = functions

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        self._loader.exec_module(module)
        _take_out(module, self._functions)


def _take_out(module, functions):
    for function in functions:
        setattr(module, function, _quiet(f"{module.__name__}.{function}"))


def _quiet(name):
    def nothing(*args, **kwargs):
        log.info("%s() has no meaning here: handlers run in threads", name)

    return nothing
