"""Whether hypothesis draws other examples in each run (DEXEC_FUZZ=1), and how many."""

from __future__ import annotations

import os

IS_FUZZING = os.environ.get("DEXEC_FUZZ") == "1"


def examples(usual: int) -> int:
    """Return the number of examples that a run has: ``usual``, but for DEXEC_FUZZ_EXAMPLES."""
    return int(os.environ.get("DEXEC_FUZZ_EXAMPLES", usual)) if IS_FUZZING else usual
