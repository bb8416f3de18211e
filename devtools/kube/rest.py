"""The REST part of the front: pods, their logs, access reviews, and switches for faults.

Source: Kubernetes API, "Pod v1 core", "Efficient detection of changes".
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any

from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler

from devtools.kube import logs
from devtools.kube.cri import Cri
from devtools.kube.history import Expired
from devtools.kube.lines import Lines
from devtools.kube.pods import Pod, Pods
from devtools.kube.rights import REVIEWS, Attributes, Rights, refusal
from devtools.kube.select import Selects, selector
from devtools.kube.status import ApiFault, failure

_WATCH_SECONDS = 1800.0


@dataclass
class Front:
    """What all handlers share."""

    cri: Cri
    pods: Pods
    lines: Lines = field(default_factory=Lines)
    rights: Rights = field(default_factory=Rights)
    #: Objects of other kinds, by their path.
    others: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: Statuses that the next requests are refused with.
    refusals: list[int] = field(default_factory=list)
    #: Whether a terminal's size never arrives, as if it came after all that the command does.
    keeps_sizes: bool = False
    #: The requests so far: method, path with its query, user.
    requests: list[tuple[str, str, str]] = field(default_factory=list)


class Handler(RequestHandler):
    """A request whose user is known and has the right; faults are answered with a Status."""

    front: Front

    def initialize(self, front: Front) -> None:
        """Take what all handlers share. Called by tornado."""
        self.front = front

    def prepare(self) -> Awaitable[None] | None:
        """Refuse whom nobody knows. Called by tornado."""
        header = self.request.headers.get("Authorization", "")
        certificate = self.request.get_ssl_certificate()
        user = self.front.rights.user_of(
            header, certificate if isinstance(certificate, dict) else None
        )
        self.front.requests.append((self.request.method or "", self.request.uri or "", user or ""))
        if self.front.refusals:
            code = self.front.refusals.pop(0)
            raise ApiFault(code, f"the test refuses this with {code}")
        if user is None:
            raise ApiFault(401, "Unauthorized")
        self.user = user
        return None

    def require(
        self, verb: str, resource: str, namespace: str, name: str = "", group: str = ""
    ) -> None:
        """Raise ApiFault unless the user may do that."""
        asked = Attributes(verb, resource, namespace, name, group)
        if not self.front.rights.allow(self.user, asked):
            raise ApiFault(403, refusal(self.user, asked))

    @property
    def body(self) -> dict[str, Any]:
        """The request's body."""
        found = json.loads(self.request.body or b"{}")
        return found if isinstance(found, dict) else {}

    def answer(self, content: Any, code: int = 200) -> None:
        """Answer with JSON."""
        self.set_status(code)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(content))

    def write_error(self, status_code: int, **options: Any) -> None:
        """Answer with a Status. Called by tornado."""
        error = options.get("exc_info", (None, None, None))[1]
        fault = error if isinstance(error, ApiFault) else ApiFault(status_code, repr(error))
        self.answer(fault.to_json(), fault.code)

    def log_exception(self, *_of: Any) -> None:
        """Log what is not an answer. Called by tornado."""
        if not isinstance(_of[1], ApiFault):
            super().log_exception(*_of)


class AllPods(Handler):
    """The pods of a namespace, or of all."""

    async def get(self, namespace: str = "") -> None:
        """List or watch them."""
        is_watch = self.get_query_argument("watch", "") in {"1", "true"}
        self.require("watch" if is_watch else "list", "pods", namespace)
        try:
            selects = selector(
                self.get_query_argument("labelSelector", ""),
                self.get_query_argument("fieldSelector", ""),
            )
        except ValueError as error:
            raise ApiFault(400, str(error)) from error

        def wanted(found: dict[str, Any]) -> bool:
            return namespace in {"", found["metadata"]["namespace"]} and selects(found)

        if is_watch:
            await self._watch(wanted)
        else:
            await self.front.pods.refresh()
            self._list(wanted)

    def _list(self, wanted: Selects) -> None:
        found = [pod.to_json() for pod in self.front.pods]
        items = [item for item in found if wanted(item)]
        begin = int(self.get_query_argument("continue", "0"))
        limit = int(self.get_query_argument("limit", "0")) or len(items)
        metadata = {"resourceVersion": str(self.front.pods.history.version)}
        if begin + limit < len(items):
            metadata["continue"] = str(begin + limit)
        items = items[begin : begin + limit]
        self.answer({"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": items})

    async def _watch(self, wanted: Selects) -> None:
        seconds = float(self.get_query_argument("timeoutSeconds", str(_WATCH_SECONDS)))
        history = self.front.pods.history
        since = int(self.get_query_argument("resourceVersion", "0") or 0)
        self.set_header("Content-Type", "application/json")
        await self.flush()
        try:
            if not since:
                since = history.version
                for pod in self.front.pods:
                    if wanted(found := pod.to_json()):
                        await self._event({"type": "ADDED", "object": found})
            async for event in history.watch(since, wanted, seconds):
                if event is not None:
                    await self._event(event)
                elif self.get_query_argument("allowWatchBookmarks", "") in {"1", "true"}:
                    version = {"resourceVersion": str(history.version)}
                    mark = {"kind": "Pod", "apiVersion": "v1", "metadata": version}
                    await self._event({"type": "BOOKMARK", "object": mark})
        except Expired:
            gone = failure(410, f"too old resource version: {since} ({history.version})")
            await self._event({"type": "ERROR", "object": gone})
        except StreamClosedError:
            return
        await self.finish()

    async def _event(self, event: dict[str, Any]) -> None:
        self.write(json.dumps(event) + "\n")
        await self.flush()

    def on_connection_close(self) -> None:
        """Let the watch see it. Called by tornado."""
        self.front.pods.history.wake()

    async def post(self, namespace: str) -> None:
        """Create a pod."""
        self.require("create", "pods", namespace)
        self.answer(self.front.pods.create(namespace, self.body).to_json(), 201)


class OnePod(Handler):
    """One pod."""

    async def get(self, namespace: str, name: str) -> None:
        """Look at it."""
        self.require("get", "pods", namespace, name)
        pod = self.front.pods.get(namespace, name)
        await self.front.pods.refresh()
        self.answer(pod.to_json())

    async def delete(self, namespace: str, name: str) -> None:
        """Delete it."""
        self.require("delete", "pods", namespace, name)
        pod = self.front.pods.get(namespace, name)
        grace = self.get_query_argument("gracePeriodSeconds", "")
        given = int(grace) if grace else self.body.get("gracePeriodSeconds")
        self.front.pods.delete(pod, given)
        self.answer(pod.to_json())

    async def patch(self, namespace: str, name: str) -> None:
        """Change labels and annotations; None removes one."""
        self.require("patch", "pods", namespace, name)
        pod = self.front.pods.get(namespace, name)
        for kind in ("labels", "annotations"):
            entries = {
                **pod.manifest["metadata"].get(kind, {}),
                **self.body.get("metadata", {}).get(kind, {}),
            }
            kept = {key: value for key, value in entries.items() if value is not None}
            pod.manifest["metadata"][kind] = kept
        self.front.pods.publish(pod)
        self.answer(pod.to_json())


class Ephemeral(Handler):
    """The ephemeral containers of a pod."""

    async def patch(self, namespace: str, name: str) -> None:
        """Add those that the pod does not have."""
        self.require("patch", "pods/ephemeralcontainers", namespace, name)
        pod = self.front.pods.get(namespace, name)
        self.front.pods.add_ephemeral(pod, self.body["spec"]["ephemeralContainers"])
        self.answer(pod.to_json())


class Log(Handler):
    """The log of a container."""

    async def get(self, namespace: str, name: str) -> None:
        """Send it, and follow it if asked to."""
        self.require("get", "pods/log", namespace, name)
        pod = self.front.pods.get(namespace, name)
        run = container_of(pod, self.get_query_argument("container", ""))
        if not run.id:
            raise ApiFault(400, f'container "{run.name}" in pod "{name}" is waiting to start')
        is_previous = self.get_query_argument("previous", "") in {"1", "true"}
        attempt = run.attempt - is_previous
        path = pod.logs / f"{run.name}-{attempt}.log"
        tail = self.get_query_argument("tailLines", "")
        since = self.get_query_argument("sinceTime", "")
        if seconds := self.get_query_argument("sinceSeconds", ""):
            begin = time.gmtime(time.time() - float(seconds))
            since = time.strftime("%Y-%m-%dT%H:%M:%SZ", begin)
        lines = logs.Log(path, tail=int(tail) if tail else None, since=since)
        self.set_header("Content-Type", "text/plain")
        if self.get_query_argument("timestamps", "") in {"1", "true"}:
            lines.with_times = True
        try:
            self.write(lines.read())
            await self.flush()
            if self.get_query_argument("follow", "") in {"1", "true"}:
                async for piece in lines.follow(lambda: run.attempt == attempt and run.runs):
                    self.write(piece)
                    await self.flush()
        except StreamClosedError:
            return
        await self.finish()


class Review(Handler):
    """What the user may do."""

    async def post(self) -> None:
        """Answer a SelfSubjectAccessReview."""
        body = self.body
        if self.front.rights.is_asking_ruled:
            self.require("create", REVIEWS, "", group="authorization.k8s.io")
        asked = body["spec"]["resourceAttributes"]
        resource = asked.get("resource", "")
        if sub := asked.get("subresource"):
            resource = f"{resource}/{sub}"
        attributes = Attributes(
            asked.get("verb", ""), resource, asked.get("namespace", ""), asked.get("name", "")
        )
        allowed = self.front.rights.allow(self.user, attributes)
        self.answer({**body, "status": {"allowed": allowed}}, 201)


class Other(Handler):
    """Objects of other kinds: they are kept, and nothing comes of them."""

    async def get(self, path: str) -> None:
        """Return one, or those of a collection."""
        group, namespace, kind, name = _parts(path)
        self.require("get" if name else "list", kind, namespace, name, group)
        if name:
            if path not in self.front.others:
                suffix = f".{group}" if group else ""
                raise ApiFault(404, f'{kind}{suffix} "{name}" not found')
            self.answer(self.front.others[path])
        else:
            found = [item for key, item in self.front.others.items() if key.startswith(f"{path}/")]
            self.answer({"kind": "List", "metadata": {}, "items": found})

    async def post(self, path: str) -> None:
        """Keep one."""
        group, namespace, kind, _ = _parts(path)
        self.require("create", kind, namespace, group=group)
        body = self.body
        body["metadata"] = {"namespace": namespace, "uid": path, **body["metadata"]}
        self.front.others[f"{path}/{body['metadata']['name']}"] = body
        self.answer(body, 201)

    async def delete(self, path: str) -> None:
        """Forget one."""
        group, namespace, kind, name = _parts(path)
        self.require("delete", kind, namespace, name, group)
        self.answer(self.front.others.pop(path, {}))


class Plain(Handler):
    """What everybody may ask."""

    async def get(self, path: str) -> None:
        """Tell the version, or that all is well."""
        if path == "version":
            self.answer({"major": "1", "minor": "32", "gitVersion": "v1.32.0-front"})
        else:
            await self.finish("ok")

    def prepare(self) -> None:
        """Let everybody in. Called by tornado."""


class Discovery(Handler):
    """What kubectl asks first."""

    async def get(self, path: str) -> None:
        """Name versions, groups and resources."""
        pods = {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod"}
        pods |= {"shortNames": ["po"], "verbs": ["create", "delete", "get", "list", "watch"]}
        answers: dict[str, dict[str, Any]] = {
            "api": {"kind": "APIVersions", "versions": ["v1"]},
            "apis": {"kind": "APIGroupList", "groups": []},
            "api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [pods]},
        }
        self.answer({"apiVersion": "v1", **answers[path]})


class Switches(Handler):
    """Faults on demand, and the requests so far: for tests, part of no Kubernetes."""

    async def get(self) -> None:
        """Return the requests so far."""
        self.answer(self.front.requests)

    async def post(self) -> None:
        """Throw switches: see ``devtools.kube.private.PrivateKube.switch``."""
        front, body = self.front, self.body
        history = front.pods.history
        if body.get("compact"):
            history.compact()
        if body.get("end_watches"):
            history.end_watches()
        if "refuse" in body:
            front.refusals[:] = body["refuse"]
        if "keep_sizes" in body:
            front.keeps_sizes = bool(body["keep_sizes"])
        if "tokens" in body:
            front.rights.tokens = body["tokens"]
        if "rules" in body:
            front.rights.rules = body["rules"]
        dropped = front.lines.drop(body["drop"], body["side"]) if "drop" in body else 0
        self.answer({"dropped": dropped, "open": front.lines.count})

    def prepare(self) -> None:
        """Need no token: it listens on loopback. Called by tornado."""


def container_of(pod: Pod, name: str) -> Any:
    """Return a container of a pod, the only one where no name is given. Raises ApiFault."""
    names = [run.name for run in pod.runs]
    if not name:
        main = [run for run in pod.runs if not run.ephemeral]
        if len(main) != 1:
            raise ApiFault(
                400,
                f"a container name must be specified for pod {pod.key[1]}, choose one of:"
                f" [{' '.join(names)}]",
            )
        return main[0]
    if name not in names:
        raise ApiFault(400, f"container {name} is not valid for pod {pod.key[1]}")
    return next(run for run in pod.runs if run.name == name)


def _parts(path: str) -> tuple[str, str, str, str]:
    """Return group, namespace, kind and name of a path."""
    words = path.strip("/").split("/")
    group = words[1] if words[0] == "apis" else ""
    words = words[3:] if words[0] == "apis" else words[2:]
    namespace = ""
    if words[0] == "namespaces" and len(words) > 2:  # noqa: PLR2004 -- more than its own name
        namespace, words = words[1], words[2:]
    return group, namespace, words[0], words[1] if len(words) > 1 else ""


def server_context(certificate: str, key: str, authority: str) -> ssl.SSLContext:
    """Return the context of a server that takes client certificates, and demands none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(authority)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context
