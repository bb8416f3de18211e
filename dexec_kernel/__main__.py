"""``python -m dexec_kernel -f CONNECTION_FILE``: what Jupyter starts."""

import gc
import sys

if __name__ == "__main__":
    # Python puts the notebook's folder first, where a requests.py would be taken for the library.
    del sys.path[0]

    # What is imported stays: to look through it for garbage would take a tenth of the start. The
    # kernel switches the collector on again when it has all it needs.
    gc.disable()

    from dexec_kernel.jupyter.app import main

    main()
