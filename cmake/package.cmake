# `cpack -G DEB` in a build directory with the Python module makes python3-yodel.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME yodel)
set(CPACK_PACKAGE_VENDOR yodel)
set(CPACK_PACKAGE_CONTACT "the authors of Yodel <yodel@localhost>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL python)
set(CPACK_DEBIAN_PYTHON_PACKAGE_NAME python3-yodel)
set(CPACK_DEBIAN_PYTHON_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PYTHON_PACKAGE_SECTION python)
set(CPACK_DEBIAN_PYTHON_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PYTHON_PACKAGE_DEPENDS
    "python3 (>= ${Python3_VERSION_MAJOR}.${Python3_VERSION_MINOR}), python3 (<< ${Python3_VERSION_MAJOR}.${YODEL_PYTHON_NEXT})")
set(CPACK_DEBIAN_PYTHON_PACKAGE_RECOMMENDS python3-uvloop)
set(CPACK_DEBIAN_PYTHON_PACKAGE_SUGGESTS
    "python3-fastapi, python3-flask-socketio, python3-django-channels")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "ASGI, Flask-SocketIO and Channels programs on an engine in C")
set(CPACK_DEBIAN_PYTHON_DESCRIPTION
    "Sockets, HTTP, WebSocket, Socket.IO, rooms and broadcasts are in C; the handlers are those of an
unchanged Python program.")
include(CPack)
