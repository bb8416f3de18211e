"""Users of the front, and their rights, in the manner of RBAC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: The user of the client certificate of :mod:`devtools.tls`, and of the token ``admin``.
ADMIN = "dexec-test-client"
#: The resource that answers who may do what.
REVIEWS = "selfsubjectaccessreviews"


@dataclass(frozen=True)
class Attributes:
    """A request, as an access review has it. ``resource`` may be ``pods/exec``."""

    verb: str
    resource: str
    namespace: str
    name: str = ""
    group: str = ""


@dataclass
class Rights:
    """Who has which token, and what everybody may do.

    A rule is a mapping of ``user``, ``namespace`` (``*`` for all), ``resources`` and ``verbs``, and
    of ``names`` where it is about these alone.
    """

    tokens: dict[str, str] = field(
        default_factory=lambda: {"admin": ADMIN, "student": "student", "nobody": "nobody"}
    )
    rules: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {"user": ADMIN, "namespace": "*", "resources": ["*"], "verbs": ["*"]},
            {
                "user": "student",
                "namespace": "lab",
                "resources": ["pods", "pods/log"],
                "verbs": ["get", "list", "watch"],
            },
            {
                "user": "student",
                "namespace": "lab",
                "resources": ["pods/exec"],
                "verbs": ["get", "create"],
            },
        ]
    )

    @property
    def is_asking_ruled(self) -> bool:
        """Whether a rule says who may ask for rights; without one all may, as in a cluster."""
        return any(REVIEWS in rule["resources"] for rule in self.rules)

    def user_of(self, header: str, certificate: Mapping[str, Any] | None) -> str | None:
        """Return the user of a request, by its token or its client certificate."""
        scheme, _, token = header.partition(" ")
        if scheme.lower() == "bearer":
            return self.tokens.get(token.strip())
        for part in (certificate or {}).get("subject", ()):
            for key, value in part:
                if key == "commonName":
                    return str(value)
        return None

    def allow(self, user: str, asked: Attributes) -> bool:
        """Tell whether a rule lets the user do it."""
        return any(
            rule["user"] == user
            and rule["namespace"] in {"*", asked.namespace}
            and _in(asked.resource, rule["resources"])
            and _in(asked.verb, rule["verbs"])
            and _in(asked.name, rule.get("names", ["*"]))
            for rule in self.rules
        )


def refusal(user: str, asked: Attributes) -> str:
    """Return the message of a 403, as an apiserver writes it."""
    name = f' "{asked.name}"' if asked.name else ""
    where = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
    resource = asked.resource.partition("/")[0]
    return (
        f'{resource}{name} is forbidden: User "{user}" cannot {asked.verb} resource'
        f' "{asked.resource}" in API group "{asked.group}" {where}'
    )


def _in(word: str, words: list[str]) -> bool:
    return "*" in words or word in words
