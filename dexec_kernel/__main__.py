"""``python -m dexec_kernel -f CONNECTION_FILE``: what Jupyter starts."""

import sys

if __name__ == "__main__":
    # Python puts the notebook's folder first, where a requests.py would be taken for the library.
    del sys.path[0]

    from dexec_kernel.app import main

    main()
