"""One cell, one exec. It is independent of Jupyter: output goes to a listener."""
