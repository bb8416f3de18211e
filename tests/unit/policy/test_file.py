"""The file of the policy: where there is one it holds, or nothing runs."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from dexec_kernel.errors import PolicyUnusable
from dexec_kernel.policy import file
from dexec_kernel.policy.file import find_policy, why_changeable


@pytest.fixture
def path(tmp_path, monkeypatch) -> Path:
    """The place of the policy, which the user of the tests cannot change, as it were."""
    folder = tmp_path / "dexec-kernel"
    folder.mkdir()
    monkeypatch.setattr(file, "PATH", folder / "policy.toml")
    monkeypatch.setattr(file, "why_changeable", lambda _path: "")
    return folder / "policy.toml"


def fault() -> str:
    with pytest.raises(PolicyUnusable) as caught:
        find_policy()
    assert "nothing may run" in caught.value.message
    assert str(file.PATH) in caught.value.message
    return caught.value.message


def test_its_place_is_nobody_s_setting(monkeypatch):
    for name in ("JUPYTER_CONFIG_PATH", "JUPYTER_PATH", "JUPYTER_CONFIG_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, "/tmp/elsewhere")
    assert Path("/etc/dexec-kernel/policy.toml") == file.PATH


def test_without_a_file_nothing_is_limited(path):
    assert find_policy().file == ""
    path.parent.rmdir()
    assert find_policy().file == ""


def test_a_file_is_read_and_known_by_its_name(path):
    path.write_text("[exec]\nprivileged = false\n")
    assert (find_policy().file, find_policy().privileged) == (str(path), False)


def test_a_file_with_a_mistake_is_unusable(path):
    path.write_text("[exec]\nprivilged = false\n")
    assert "did you mean exec.privileged?" in fault()


def test_what_is_there_and_cannot_be_read_is_unusable(path, monkeypatch):
    path.symlink_to(path.parent / "gone")
    assert "cannot be read" in fault()
    path.unlink()
    path.mkdir()
    assert "not a file" in fault()
    path.rmdir()
    os.mkfifo(path)
    assert "not a file" in fault()
    path.unlink()
    path.write_text("")

    def refuse(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert "Permission denied" in fault()


def test_a_folder_that_is_none_is_unusable(path):
    path.parent.rmdir()
    path.parent.write_text("")
    assert "Not a directory" in fault()
    path.parent.unlink()
    path.parent.symlink_to("nowhere")
    assert "No such file" in fault()


def test_a_file_that_its_reader_could_change_is_unusable(path, monkeypatch):
    path.write_text("")
    monkeypatch.setattr(file, "why_changeable", lambda place: f"{place} may be written by me")
    assert "may be written by me, so that it binds nobody" in fault()


# --- who could change it ---------------------------------------------------------------------


def status(mode: int, *, user: int = 0, group: int = 0) -> SimpleNamespace:
    return SimpleNamespace(st_mode=mode, st_uid=user, st_gid=group)


FILE, FOLDER = stat.S_IFREG, stat.S_IFDIR


@pytest.mark.parametrize(
    ("me", "found", "why"),
    [
        (1000, status(FILE | 0o644), ""),
        (1000, status(FOLDER | 0o755), ""),
        (1000, status(FOLDER | 0o1777), ""),
        (1000, status(FILE | 0o444, user=1000), "belongs to the user 1000"),
        (1000, status(FOLDER | 0o1777, user=1000), "belongs to the user 1000"),
        (1000, status(FILE | 0o666), "may be written by anybody"),
        (1000, status(FOLDER | 0o777), "may be written by anybody"),
        (0, status(FILE | 0o600), ""),
        (0, status(FILE | 0o660), ""),
        (0, status(FILE | 0o660, group=5), "may be written by the group 5"),
        (0, status(FILE | 0o600, user=1000), "belongs to the user 1000"),
    ],
)
def test_owner_and_mode_decide(me, found, why, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: me)
    monkeypatch.setattr(os, "access", lambda *_arguments, **_named: False)
    assert file._why(Path("/x"), found) == why


def test_a_group_or_an_acl_that_lets_the_user_write(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "access", lambda *_arguments, **_named: True)
    assert file._why(Path("/x"), status(FILE | 0o660)) == "may be written by the user 1000"


def test_every_folder_above_it_counts_and_where_a_link_leads(tmp_path, monkeypatch):
    (tmp_path / "real").mkdir()
    (tmp_path / "real/policy.toml").touch()
    (tmp_path / "link").symlink_to("real")
    looked: list[Path] = []
    monkeypatch.setattr(file, "_why", lambda place, _status: looked.append(place) or "")
    assert why_changeable(tmp_path / "link/policy.toml") == ""
    wanted = {tmp_path / "link/policy.toml", tmp_path / "link", tmp_path, Path("/")}
    assert wanted | {tmp_path / "real/policy.toml", tmp_path / "real"} <= set(looked)
    monkeypatch.setattr(
        file, "_why", lambda place, _status: "is open" if place.name == "real" else ""
    )
    assert why_changeable(tmp_path / "link/policy.toml") == f"{tmp_path}/real is open"
