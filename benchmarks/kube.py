"""A cell in a pod, beside `kubectl exec`, a raw WebSocket and Kubernetes' own Python client.

The pod is one of a private front over containerd, whose API server is a program in Python: the
figures of a real cluster count. DEXEC_BENCH_KUBECONFIG names one, and DEXEC_BENCH_POD a pod in it
(`NAMESPACE/POD`, with `sh`, `head` and one container).
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import websocket

from benchmarks.bench import READY, Bench
from benchmarks.measure import Bound, Goal, Row, Samples, Unit, interleave
from devtools.kube.private import PrivateKube, missing_package
from dexec_kernel.backend.models import ExecConfig
from dexec_kernel.kube.address import KubeAddress
from dexec_kernel.kube.credentials import Credentials
from dexec_kernel.kube.engine import KubeEngine
from dexec_kernel.kube.kubeconfig import find_access

_ECHO = "echo hi"
_WHAT = f"`{_ECHO}` in a pod, request to idle"
_SIZE = 100_000_000
_MANY = 30
_PROTOCOLS = ["v5.channel.k8s.io", "v4.channel.k8s.io"]


@dataclass(frozen=True)
class _Place:
    """A pod, and the kubeconfig that leads to it."""

    config: str
    namespace: str
    pod: str

    @property
    def environment(self) -> dict[str, str]:
        return {"KUBECONFIG": self.config}


def measure(bench: Bench) -> list[Row]:
    """Measure cells, output and many kernels; no rows where there is no pod to be had."""
    if missing_package() and "DEXEC_BENCH_KUBECONFIG" not in os.environ:
        return []
    with ExitStack() as stack:
        place = stack.enter_context(_place())
        before = os.environ.get("KUBECONFIG")
        os.environ["KUBECONFIG"] = place.config
        stack.callback(_restore, before)
        return [*_cells(bench, place), _output(bench, place), *_many(bench, place)]


@contextmanager
def _place() -> Iterator[_Place]:
    if config := os.environ.get("DEXEC_BENCH_KUBECONFIG"):
        namespace, _, pod = os.environ.get("DEXEC_BENCH_POD", "default/web").partition("/")
        yield _Place(config, namespace, pod)
        return
    with PrivateKube() as kube:
        pod = kube.run_pod("bench")
        yield _Place(str(kube.kubeconfig()), "default", pod)


def _restore(value: str | None) -> None:
    if value is None:
        os.environ.pop("KUBECONFIG", None)
    else:
        os.environ["KUBECONFIG"] = value


# --- cells ----------------------------------------------------------------------------------------


def _cells(bench: Bench, place: _Place) -> list[Row]:
    peers: dict[str, tuple[str, Goal | None]] = {
        "raw": ("a raw WebSocket, cold", Goal(Bound.RATIO_AT_MOST, 1.2))
    }
    subjects: dict[str, Callable[[], float]] = {"raw": lambda: _raw(place, _ECHO)[1]}
    if shutil.which("kubectl"):
        peers["kubectl"] = ("`kubectl exec`", Goal(Bound.RATIO_AT_MOST, 1.0))
        subjects["kubectl"] = lambda: _kubectl(place)
    if importlib.util.find_spec("kubernetes"):
        peers["python"] = ("the Python client `kubernetes`", None)
        subjects["python"] = _python_client(place)
    container = f"kube:{place.namespace}/{place.pod}"
    rows = []
    with (
        bench.kernel(container=container) as ready,
        bench.kernel(container=container, standby="0") as cold,
    ):
        subjects |= {"ready": lambda: ready.seconds(_ECHO), "cold": lambda: cold.seconds(_ECHO)}
        found = interleave(subjects, count=bench.samples, settle=READY)
    if "kubectl" in found:
        limit = Goal(Bound.RATIO_AT_MOST, 0.08)
        what = f"{_WHAT}, standby ready"
        rows.append(Row(what, found["ready"], "`kubectl exec`", found["kubectl"], limit))
    for name, (peer, goal) in peers.items():
        what = f"{_WHAT}, cold (`standby = 0`)"
        rows.append(Row(what, found["cold"], peer, found[name], goal))
    return rows


def _kubectl(place: _Place) -> float:
    command = ["kubectl", "exec", "-n", place.namespace, place.pod, "--", "sh", "-c", _ECHO]
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begin


def _python_client(place: _Place) -> Callable[[], float]:
    from kubernetes import client, config, stream  # noqa: PLC0415 -- it may be missing

    api = client.CoreV1Api(config.new_client_from_config(place.config))

    def cycle() -> float:
        begin = time.perf_counter()
        stream.stream(
            api.connect_get_namespaced_pod_exec,
            place.pod,
            place.namespace,
            command=["sh", "-c", _ECHO],
            stdout=True,
            stderr=True,
        )
        return time.perf_counter() - begin

    return cycle


def _raw(place: _Place, command: str) -> tuple[int, float]:
    """Run a command with nothing but a WebSocket; return its bytes, and the seconds it took."""
    access = find_access(place.environment)
    credentials = Credentials(access, place.environment)
    address = KubeAddress(access, credentials, place.environment)
    query = urlencode(
        [
            *(("command", word) for word in ("sh", "-c", command)),
            ("stdout", "true"),
            ("stderr", "true"),
        ]
    )
    path = f"/api/v1/namespaces/{place.namespace}/pods/{place.pod}/exec?{query}"
    url = f"wss://{urlsplit(address.url).netloc}{address.prefix}{path}"
    begin, size = time.perf_counter(), 0
    connection = websocket.create_connection(
        url,
        subprotocols=_PROTOCOLS,
        header=[f"{name}: {value}" for name, value in credentials.headers()],
        sslopt={"context": credentials.tls()},
        suppress_origin=True,
        timeout=300,
    )
    try:
        while (answer := connection.recv_data())[0] == websocket.ABNF.OPCODE_BINARY:
            size += len(answer[1]) - 1
    finally:
        connection.shutdown()  # type: ignore[no-untyped-call] # a library's
    return size, time.perf_counter() - begin


# --- output ---------------------------------------------------------------------------------------


def _output(bench: Bench, place: _Place) -> Row:
    size = _SIZE // 10 if bench.quick else _SIZE
    command = f"head -c {size} /dev/zero"

    def raw() -> float:
        count, taken = _raw(place, command)
        return count / taken

    found = interleave(
        {"ours": lambda: asyncio.run(_read(place, command)), "raw": raw},
        count=bench.fewest,
        warm_up=0,
        unit=Unit.RATE,
    )
    return Row(
        f"{size // 1_000_000} MB of output of a pod, read by the client",
        found["ours"],
        "a raw WebSocket",
        found["raw"],
        Goal(Bound.RATIO_AT_LEAST, 0.8),
    )


async def _read(place: _Place, command: str) -> float:
    """Return the bytes a second that our client reads."""
    async with await KubeEngine.from_environment(place.environment) as engine:
        begin, size = time.perf_counter(), 0
        config = ExecConfig(["sh", "-c", command])
        attached = await engine.exec(f"kube:{place.namespace}/{place.pod}", config)
        try:
            while frames := await attached.read():
                size += sum(len(frame.data) for frame in frames)
        finally:
            attached.close()
        return size / (time.perf_counter() - begin)


# --- many kernels ---------------------------------------------------------------------------------


def _many(bench: Bench, place: _Place) -> list[Row]:
    count = 3 if bench.quick else _MANY
    container = f"kube:{place.namespace}/{place.pod}"
    errors, taken, alone = 0, [], []
    with ExitStack() as stack:
        kernels = [stack.enter_context(bench.kernel(container=container)) for _ in range(count)]
        for kernel in kernels:
            kernel.run(_ECHO)
        for _ in range(bench.fewest):
            time.sleep(READY * 4)
            alone.append(kernels[0].seconds(_ECHO))
            time.sleep(READY * 4)
            begin = time.perf_counter()
            requests = [(kernel, kernel.send(_ECHO)) for kernel in kernels]
            for kernel, request in requests:
                result = kernel.collect(request, begin)
                errors += result.status != "ok"
                taken.append(result.duration)
    once = f"{count} kernels in one pod, `{_ECHO}` at once"
    return [
        Row(once, Samples(tuple(sorted(taken))), "one of them", Samples(tuple(sorted(alone)))),
        Row(
            f"errors in these {len(taken)} cells",
            Samples((float(errors),), Unit.COUNT),
            goal=Goal(Bound.VALUE_AT_MOST, 0),
        ),
    ]
