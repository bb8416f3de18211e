"""What developers need and users do not: private engines, images without a registry, the demo."""

LABEL = "dexec-kernel.devtools"
"""The label of every image and container that these tools make; its value is ``1``."""
