"""The layout of the tests: each file has the name of the module that it tests."""

from __future__ import annotations

from pathlib import Path

UNIT = Path(__file__).parent
ROOT = UNIT.parents[1]
#: A folder of the unit tests mirrors the folder of that name, here or in the package.
TREES = (ROOT / "dexec_kernel", ROOT)


def files() -> list[Path]:
    """Return the files below a package. Those beside this one are about the house as a whole."""
    found = [path.relative_to(UNIT) for path in UNIT.rglob("test_*.py") if path.parent != UNIT]
    assert len(found) > 50
    return sorted(found)


def named_after(path: Path) -> list[Path]:
    """Return the names that a file of tests may have: a module's, a shell script's, a package's.

    It is one in the place that the file mirrors; or a package of the house that is tested with it.
    """
    name = path.stem.removeprefix("test_")
    places = [tree / path.parent for tree in TREES]
    modules = [place / f"{name}{kind}" for place in places for kind in (".py", ".sh")]
    packages = [place / name for place in (*places, *TREES, ROOT / "tests")]
    return [*modules, *packages, *(place / f"__{name}__.py" for place in places)]


def test_each_file_of_tests_has_the_name_of_a_module_or_a_package():
    wrong = [
        path for path in files() if not any(candidate.exists() for candidate in named_after(path))
    ]
    assert wrong == []


def test_folders_hold_nothing_else():
    others = {
        path.relative_to(UNIT)
        for path in UNIT.rglob("*.py")
        if not path.name.startswith("test_") and path.name != "conftest.py"
    }
    assert {path.parts[0] for path in others} == {"support"}
