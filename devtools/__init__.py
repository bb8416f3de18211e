"""Tools of the developers: private engines, images without a registry, the demo, the docs."""

LABEL = "dexec-kernel.devtools"
"""The label of every image and container that these tools make; its value is ``1``."""
