# SPDX-License-Identifier: MIT
"""python3 -m yodel.asgi module:app"""

from ._main import main

if __name__ == "__main__":
    main()
