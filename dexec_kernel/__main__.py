"""``python -m dexec_kernel -f CONNECTION_FILE``: what Jupyter starts."""

import gc
import sys

if __name__ == "__main__":
    # Python puts the notebook's folder first, where a requests.py would be taken for the library.
    del sys.path[0]

    # Imported modules stay: scanning them for garbage would take a tenth of the start. The kernel
    # switches the collector on again after its imports.
    gc.disable()

    from dexec_kernel.jupyter.app import main

    main()
