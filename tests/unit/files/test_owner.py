"""The owner of a new file, by what a container's files say of its user."""

from __future__ import annotations

import pytest

from dexec_kernel.files import owner as module
from dexec_kernel.files.content import FileContent
from dexec_kernel.files.owner import owner_of

LONG = "9" * 5_000
FILES = {
    "/etc/passwd": f"ann:x:7:8::/:/bin/sh\nlong:x:{LONG}:{LONG}::/:/bin/sh\nodd:x:²:٣::/:/bin/sh\n",
    "/etc/group": f"staff:x:9:\nmany:x:{LONG}:\n",
}


@pytest.mark.parametrize(
    ("user", "ids"),
    [
        *(("ann", (7, 8)), ("ann:staff", (7, 9)), ("3:4", (3, 4)), ("nobody", (0, 0))),
        *(("long", (0, 0)), ("ann:many", (7, 0)), ("odd", (0, 0))),
        *((f"{LONG}:{LONG}", (0, 0)), (LONG, (0, 0)), ("²:²", (0, 0))),
    ],
)
async def test_numbers_that_no_system_has_are_unknown(monkeypatch, user, ids):
    async def read_file(_files, _container, path, *, limit):
        data = FILES[path].encode()
        assert len(data) < limit
        return FileContent(path, len(data), data, 0o644, 0, 0)

    monkeypatch.setattr(module, "read_file", read_file)
    assert await owner_of(None, "c", user) == ids
