"""``python -m dexec_kernel -f CONNECTION_FILE``: what Jupyter starts."""

from dexec_kernel.app import main

if __name__ == "__main__":
    main()
