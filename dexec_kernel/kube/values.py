"""The values of a kubeconfig, each of the type that it has to have.

Errors name files and settings, never what they say: that may be a secret.
"""

from __future__ import annotations

import base64
import binascii
import json
from pathlib import Path
from typing import Any

from dexec_kernel.errors import ConfigurationError

#: In bytes: no kubeconfig is as large, and reading another file may never end.
_MAX_SIZE = 16 * 1024 * 1024
#: Stands for secrets in what kubectl shows.
_LEFT_OUT = frozenset({"DATA+OMITTED", "REDACTED"})
_DATES = "tag:yaml.org,2002:timestamp"


def read(file: Path) -> dict[str, Any]:
    """Read a file; one that does not exist has nothing to say.

    Raises :class:`ConfigurationError` for one that is no kubeconfig.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(_MAX_SIZE + 1)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it has no such name"
        raise ConfigurationError(f"The kubeconfig {file} cannot be read: {reason}.") from error
    if len(content) > _MAX_SIZE:
        raise ConfigurationError(f"The kubeconfig {file} has more than {_MAX_SIZE:,} bytes.")
    found = _parse(content, file)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise _unusable(file, "the file", "an object")
    return found


def _parse(content: bytes, file: Path) -> Any:
    try:
        # JSON may be indented with tabs, and YAML may not.
        return json.loads(content)
    except (ValueError, RecursionError):
        pass  # It is YAML, or nothing.
    try:
        import yaml  # noqa: PLC0415 -- an extra, and slow to import
    except ImportError as error:
        raise ConfigurationError(
            "Cells in pods need a package that is not installed: PyYAML, which reads a kubeconfig.",
            advice="Install it: pip install 'dexec-kernel[kubernetes]'",
        ) from error

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # one of two
        """Has names that look like dates be names."""

        yaml_implicit_resolvers = {  # noqa: RUF012 -- as the base has it
            first: [resolver for resolver in resolvers if resolver[0] != _DATES]
            for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    try:
        return yaml.load(content, Loader)  # noqa: S506 -- it is a safe loader
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark is not None else ""
        # The cause would show the line.
        raise ConfigurationError(f"The kubeconfig {file} is not YAML{where}.") from None


def text(content: Any, key: object, file: Path) -> str:
    """Return a text, "" for none."""
    value = content.get(key) if isinstance(content, dict) else None
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)  # YAML takes 007 for a number.
    if not isinstance(value, str):
        raise _unusable(file, key, "text")
    return value


def flag(content: dict[str, Any], key: str, file: Path) -> bool:
    """Return a truth value. "false" with quotes is none."""
    value = content.get(key)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise _unusable(file, key, "true or false")
    return value


def words(content: dict[str, Any], key: Any, file: Path) -> tuple[str, ...]:
    """Return a list of texts."""
    value = content.get(key)
    if value is None:
        return ()
    if not isinstance(value, list):
        raise _unusable(file, key, "a list of texts")
    return tuple(text({key: item}, key, file) for item in value)


def mapping(content: Any, key: str, file: Path) -> dict[str, Any]:
    """Return an object, an empty one for none."""
    value = content.get(key) if isinstance(content, dict) else None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _unusable(file, key, "an object")
    return value


def mappings(content: dict[str, Any], key: str, file: Path) -> list[dict[str, Any]]:
    """Return a list of objects."""
    value = content.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _unusable(file, key, "a list of objects")
    return value


def data(content: dict[str, Any], key: str, file: Path) -> bytes:
    """Return what is there in base64."""
    given = text(content, key, file)
    if given in _LEFT_OUT:
        raise _left_out(file, key)
    try:
        return base64.b64decode("".join(given.split()), validate=True)
    except (binascii.Error, ValueError):
        raise _unusable(file, key, "base64") from None


def secret(content: dict[str, Any], key: str, file: Path) -> str:
    """Return a text that nobody may see, "" for none."""
    found = text(content, key, file)
    if found in _LEFT_OUT:
        raise _left_out(file, key)
    return found


def path(content: dict[str, Any], key: str, file: Path) -> str:
    """Return a path, which is relative to the file; "" for none."""
    name = text(content, key, file)
    return str(file.parent / name) if name else ""


def _left_out(file: Path, key: str) -> ConfigurationError:
    return ConfigurationError(
        f"In the kubeconfig {file}, {key} was left out by `kubectl config view`.",
        advice="`kubectl config view --raw` writes a file that can be used.",
    )


def _unusable(file: Path, key: object, wanted: str) -> ConfigurationError:
    return ConfigurationError(f"In the kubeconfig {file}, {key} is not {wanted}.")
