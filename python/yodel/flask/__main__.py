# SPDX-License-Identifier: MIT
"""python3 -m yodel.flask app.py"""

from .launcher import main

if __name__ == "__main__":
    main()
