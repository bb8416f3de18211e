"""Containers as kernelspecs: which of them, under which names, and the words of a card."""

from __future__ import annotations

import pytest

from dexec_kernel.backend.models import ContainerSummary
from dexec_kernel.backend.targets import KUBE_BOUND_LABEL
from dexec_kernel.errors import ConfigurationError
from dexec_kernel.picker.filters import ContainerFilters, filters_of
from dexec_kernel.picker.names import short_image
from dexec_kernel.picker.specs import KnownSpecs, container_specs, spec_names


def container(name: str, *, image: str = "nginx:1.25", state: str = "running", **labels: str):
    known = {key.replace("__", ".").replace("_", "-"): text for key, text in labels.items()}
    return ContainerSummary(f"{name}-id", name, image, state, "Up", known)


def service(name: str, number: int = 1, *, project: str = "shop", state: str = "running", **more):
    labels = {
        "com.docker.compose.project": project,
        "com.docker.compose.service": name,
        "com.docker.compose.container-number": str(number),
        **more,
    }
    made = f"{project}-{name}-{number}"
    return ContainerSummary(f"{made}-id", made, "postgres:16", state, "Up", labels)


def shown(*containers: ContainerSummary, filters: ContainerFilters | None = None) -> dict[str, str]:
    """The kernelspecs' names, each with the container that it is bound to."""
    specs = container_specs(containers, filters or ContainerFilters(), {})
    return {spec.name: spec.container for spec in specs}


def names(*containers: ContainerSummary) -> list[str]:
    """What the cards show, by the kernelspecs' names."""
    return [spec.display_name for spec in container_specs(containers, ContainerFilters(), {})]


def task(name: str) -> ContainerSummary:
    labels = {
        "com.docker.swarm.service.name": name.partition(".")[0],
        "com.docker.swarm.task.name": name,
    }
    return ContainerSummary(f"{name}-id", name, "nginx:1.25", "running", "Up", labels)


def test_a_swarms_task_has_its_slot_for_a_name_whichever_container_it_has():
    specs = container_specs(
        [task("shop_web.2.abc"), task("shop_web.10.def"), task("agent.n0de.ghi")],
        ContainerFilters(exclude=("shop_web.10",)),
        {},
    )
    assert [(spec.name, spec.container, spec.display_name) for spec in specs] == [
        ("dexec-agent.n0de", "swarm:agent.n0de", "agent (nginx:1.25)"),
        ("dexec-shop_web.2", "swarm:shop_web.2", "shop_web.2 (nginx:1.25)"),
    ]
    known = KnownSpecs()
    known.add_to(specs, [], 0.0)
    gone = {spec.display_name for spec in known.add_to([], [], 1.0)}
    assert "shop_web.2 (not running)" in gone
    assert specs[1].mark is not None
    assert specs[1].files()["logo-svg.svg"]


def test_a_container_is_bound_by_its_name():
    [spec] = container_specs([container("web")], ContainerFilters(), {"DOCKER_HOST": "unix:///x"})
    assert (spec.name, spec.container, spec.display_name) == (
        "dexec-web",
        "web",
        "web (nginx:1.25)",
    )
    assert spec.to_json()["env"] == {"DOCKER_HOST": "unix:///x"}


def test_only_what_takes_cells_is_shown():
    assert shown(container("a", state="paused"), container("b", state="exited")) == {}


def test_the_replicas_of_a_service_are_one_kernel_of_the_lowest_number():
    replicas = [service("db", 2, **{"dexec.display-name": "second"}), service("db", 1)]
    [spec] = container_specs(replicas, ContainerFilters(), {})
    assert (spec.name, spec.container) == ("dexec-shop-db", "compose:shop/db")
    assert spec.display_name == "shop / db (postgres:16)"


def test_a_container_of_compose_run_is_no_service():
    oneoff = service("db", **{"com.docker.compose.oneoff": "True"})
    assert shown(oneoff) == {"dexec-shop-db-1": "shop-db-1"}
    assert shown(oneoff, service("db", 3))["dexec-shop-db"] == "compose:shop/db"


def test_names_that_jupyter_cannot_tell_apart_are_told_apart_and_stay():
    alone = spec_names(["Web"])
    both = spec_names(["Web", "web"])
    assert alone == {"Web": "dexec-web"}
    assert both["web"] == "dexec-web"
    assert both["Web"] != "dexec-web"
    assert both == spec_names(["web", "Web"])
    other = spec_names(["compose:shop/web", "shop-web"])
    assert other["shop-web"] == "dexec-shop-web"
    assert len(set(other.values())) == 2
    assert all(name == name.lower() for name in both.values())


@pytest.mark.parametrize(
    ("image", "short"),
    [
        ("nginx", "nginx"),
        ("ghcr.io/org/app:1.2", "app:1.2"),
        ("registry:5000/a/b@sha256:" + "1" * 64, "b"),
        ("sha256:" + "ab" * 32, "abababababab"),
        ("0123456789abcdef", "0123456789ab"),
        ("", ""),
    ],
)
def test_an_image_is_shown_without_its_registry(image, short):
    assert short_image(image) == short


def test_a_name_is_whole_where_nothing_else_begins_so():
    name = "acme-platform-production-billing-worker"
    assert names(container(name, image=""), container("web", image="")) == [name, "web"]


def test_names_that_begin_alike_show_their_ends():
    found = names(*(container(f"build-agent-linux-amd64-0{n}") for n in (1, 2)))
    assert found == ["build-agen…ux-amd64-01 (nginx:1.25)", "build-agen…ux-amd64-02 (nginx:1.25)"]


def test_a_very_long_name_keeps_its_beginning_and_its_end():
    [name] = names(container("a" * 200 + "-end", image=""))
    assert len(name) == 44
    assert name.endswith("a-end")


def test_services_of_a_project_stand_side_by_side_when_its_name_is_long():
    project = "acme-platform-production"
    found = names(
        *(service(name, project=project) for name in ("db", "web", "a-long-name-for-a-service")),
        container("acme-platform-other"),
    )
    assert len({name.partition(" / ")[0] for name in found if " / " in name}) == 1
    assert len({name[:22] for name in found}) == len(found)


def test_what_looks_the_same_is_told_apart():
    labels = {"dexec__display_name": "Lab"}
    specs = container_specs(
        [container("a", **labels), container("b", **labels)], ContainerFilters(), {}
    )
    assert [spec.display_name for spec in specs] == ["Lab (a)", "Lab (b)"]


def test_a_wish_is_one_line_of_bounded_length():
    [wish] = names(container("a", dexec__display_name=" Lab\n\x1b[31m 3 " + "x" * 500))
    assert wish.startswith("Lab [31m 3 xxx")
    assert len(wish) == 100


def test_each_card_has_a_mark_of_its_own():
    found = [
        *(container("web"), container("build-agent-1"), container("build-agent-2")),
        *(service("db"), service("api"), container("x", dexec__display_name="Lab 3")),
    ]
    specs = {spec.container: spec for spec in container_specs(found, ContainerFilters(), {})}
    marks = {name: spec.mark for name, spec in specs.items()}
    assert {name: mark.initials for name, mark in marks.items()} == {
        "web": "WE",
        "build-agent-1": "B1",
        "build-agent-2": "B2",
        "x": "L3",
        "compose:shop/db": "DB",
        "compose:shop/api": "AP",
    }
    assert len(set(marks.values())) == len(marks)
    # A project has a colour, and so has an image.
    assert marks["compose:shop/db"].box == marks["compose:shop/api"].box
    assert marks["web"].lid == marks["build-agent-1"].lid


@pytest.mark.parametrize(
    ("label", "filters", "expected"),
    [
        (None, ContainerFilters(), True),
        ("true", ContainerFilters(), True),
        ("false", ContainerFilters(), False),
        ("No", ContainerFilters(), False),
        ("odd", ContainerFilters(), True),
        (None, ContainerFilters(only_labelled=True), False),
        ("odd", ContainerFilters(only_labelled=True), False),
        ("true", ContainerFilters(only_labelled=True), True),
        ("1", ContainerFilters(only_labelled=True), True),
        ("false", ContainerFilters(only_labelled=True), False),
    ],
)
def test_the_label_dexec_kernel(label, filters, expected):
    labels = {} if label is None else {"dexec__kernel": label}
    assert filters.allow(container("web", **labels)) is expected


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (ContainerFilters(labels=("team=data",)), {"a"}),
        (ContainerFilters(labels=("team",)), {"a", "b"}),
        (ContainerFilters(labels=("team", "stage=test")), {"b"}),
        (ContainerFilters(include=("a*", "shop/*")), {"a", "compose:shop/db"}),
        (ContainerFilters(exclude=("shop-db-*",)), {"a", "b"}),
        (ContainerFilters(include=("[ab]",), exclude=("b",)), {"a"}),
        (ContainerFilters(include=("nothing",)), set()),
    ],
)
def test_filters(filters, expected):
    found = shown(
        container("a", team="data"),
        container("b", team="web", stage="test"),
        service("db"),
        filters=filters,
    )
    assert set(found.values()) == expected


def test_filters_of_the_environment():
    environ = {
        "DEXEC_PICKER_LABELS": "team=data, stage",
        "DEXEC_PICKER_INCLUDE": "web*,,shop/*",
        "DEXEC_PICKER_ONLY_LABELLED": "1",
    }
    assert filters_of(environ) == ContainerFilters(
        ("team=data", "stage"), ("web*", "shop/*"), only_labelled=True
    )
    assert filters_of({}) == ContainerFilters()
    with pytest.raises(ConfigurationError, match="ONLY_LABELLED"):
        filters_of({"DEXEC_PICKER_ONLY_LABELLED": "perhaps"})


def test_a_kernel_whose_container_is_gone_stays_for_a_while():
    known = KnownSpecs()
    web, db = container_specs([container("web"), service("db")], ContainerFilters(), {})[::-1]
    assert known.add_to([web, db], set(), 0.0) == [db, web]
    [_, gone] = known.add_to([db], set(), 60.0)
    assert (gone.name, gone.container) == (web.name, web.container)
    assert gone.display_name == "web (not running)"
    assert known.add_to([web, db], set(), 70.0) == [db, web], "it is there again"
    assert known.add_to([db], set(), 210.0) == [db, gone]
    assert known.add_to([db], set(), 230.0) == [db]


def test_a_kernel_that_was_used_stays_for_good():
    known = KnownSpecs()
    web, db = container_specs([container("web"), service("db")], ContainerFilters(), {})[::-1]
    assert known.add_to([web, db], {"dexec-shop-db", "python3"}, 0.0) == [db, web]
    [gone] = known.add_to([], set(), 1000.0)
    assert (gone.name, gone.container) == (db.name, db.container)
    assert gone.display_name == "shop / db (not running)"
    assert known.add_to([], set(), 2000.0) == [gone]
    assert known.add_to([db], set(), 3000.0) == [db], "it is there again"


def pod(name: str, bound: str, **labels: str) -> ContainerSummary:
    """A container in a pod, as the cluster's list has it."""
    found = {KUBE_BOUND_LABEL: bound, **labels}
    return ContainerSummary(f"{name}@uid", name, "img:1", "running", "running", found)


def test_pods_stand_together_and_have_variables_of_their_own():
    found = container_specs(
        [
            container("web"),
            pod("kube:lab/web-abc-1", "kube:lab/deploy/web"),
            pod("kube:lab/web-abc-2", "kube:lab/deploy/web"),
            pod("kube:lab/two/a", "kube:lab/two/a"),
            pod("kube:lab/named", "kube:lab/named", **{"dexec.display-name": "Lab 3"}),
            pod("kube:lab/hidden", "kube:lab/hidden", **{"dexec.kernel": "false"}),
        ],
        ContainerFilters(),
        {"DOCKER_HOST": "x"},
        pod_env={"KUBECONFIG": "y"},
    )
    assert {spec.container: (spec.name, spec.display_name, spec.env) for spec in found} == {
        "web": ("dexec-web", "web (nginx:1.25)", {"DOCKER_HOST": "x"}),
        "kube:lab/deploy/web": (
            "dexec-lab-deploy-web",
            "pod lab / deploy/web (img:1)",
            {"KUBECONFIG": "y"},
        ),
        "kube:lab/two/a": (
            "dexec-lab-two-a",
            "pod lab / two/a (img:1)",
            {"KUBECONFIG": "y"},
        ),
        "kube:lab/named": ("dexec-lab-named", "Lab 3", {"KUBECONFIG": "y"}),
    }
    marks = {spec.container: spec.mark.initials for spec in found}
    assert (marks["kube:lab/deploy/web"], marks["kube:lab/two/a"]) == ("WE", "TA")


@pytest.mark.parametrize(
    "pattern", ["kube:*", "lab/*", "web-abc-1", "lab/deploy/*", "deploy/web", "kube:lab/web-abc-1"]
)
def test_a_filter_may_mean_each_name_of_a_pod(pattern):
    found = pod("kube:lab/web-abc-1", "kube:lab/deploy/web")
    assert ContainerFilters(include=(pattern,)).allow(found)
    assert not ContainerFilters(exclude=(pattern,)).allow(found)
