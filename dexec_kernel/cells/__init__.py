"""One cell, one exec. It knows nothing of Jupyter: output goes to whoever is handed in."""
