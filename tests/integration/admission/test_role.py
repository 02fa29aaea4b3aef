# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role itself: idempotent, exact in check mode, reversible, and it refuses wrong settings before any request."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from audit_log import AuditLog
from pod_objects import GPU, STAGES, STRICT, container, pod, workload
from policy_canaries import CANARIES, refusal
from sandbox_access import Kubectl, Sandbox
from waiting import wait_for

KINDS = "validatingadmissionpolicy,validatingadmissionpolicybinding"
ROLE = "admission_policies"
OF_PODS = ("image-digests", "image-registries", "secrets", "placement")
FIRM = (
    *(
        "rbac",
        "rbac-cluster-roles",
        "rbac-roles",
        "namespaces",
        "tampering",
        "own-namespaces",
        "written-secrets",
        "network",
        "tokens",
    ),
    "nodes",
)
GENTLE = ("gpu-use", "gpu-use-elsewhere", "pods", "host-access", "host-access-elsewhere", "host-volumes")


def ours(kubectl: Kubectl) -> set[str]:
    found = kubectl("get", KINDS, "-l", "app.kubernetes.io/name=admission-policies")["items"]
    return {f"{item['kind'].removeprefix('ValidatingAdmission')} {item['metadata']['name']}" for item in found}


def full_name(policy: str) -> str:
    return f"{policy.replace('_', '-')}.gpu-cluster.hardening"


@pytest.fixture
def bare(policies: Any, kubectl: Kubectl) -> Any:
    """The stages without any policy."""
    policies.roles(ROLE, admission_policies_state="absent", **STRICT)
    assert ours(kubectl) == set()
    return policies


@pytest.mark.parametrize("profile", ["audit", "strict", "standard"])
def test_a_profile_sets_how_hard_every_policy_is(bare: Any, kubectl: Kubectl, profile: str) -> None:
    stages = [{**stage, "rules": []} for stage in STAGES]
    bare.roles(ROLE, gpu_cluster_stages=stages, gpu_cluster_profile=profile)
    live = {
        item["metadata"]["name"].removesuffix(".gpu-cluster.hardening"): item["spec"]
        for item in kubectl("get", "validatingadmissionpolicybinding")["items"]
    }
    actions = {name: spec["validationActions"] for name, spec in live.items()}
    assert actions == {
        **dict.fromkeys((*FIRM, *OF_PODS), ["Audit"] if profile == "audit" else ["Deny", "Audit"]),
        **{f"{name}-trial": ["Warn", "Audit"] for name in OF_PODS if profile == "standard"},
        **dict.fromkeys(GENTLE, {"audit": ["Audit"], "standard": ["Warn", "Audit"]}.get(profile, ["Deny", "Audit"])),
    }
    if profile != "standard":
        return
    selector = live["image-digests"]["matchResources"]["namespaceSelector"]["matchExpressions"]
    assert selector == [
        {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["adm-training", "adm-serving"]}
    ]
    for policy in kubectl("get", "validatingadmissionpolicy")["items"]:
        assert policy["spec"]["failurePolicy"] == "Fail"
        assert policy["status"]["typeChecking"] == {}


def test_a_second_run_changes_nothing_and_sends_no_write_request(strict: Any, audit: AuditLog) -> None:
    settings = {**STRICT, "admission_policies_gpu_quotas": {"training": {"nvidia.com/gpu": 8}}}
    strict.roles(ROLE, **settings)
    audit.mark()
    run = strict.roles(ROLE, **settings)
    assert not run.changed
    # Not even a dry run, for which a read-only account has no right.
    assert {request.verb for request in audit.requests().all} <= {"get", "list"}


def test_check_mode_says_what_the_run_does_and_changes_nothing(bare: Any, kubectl: Kubectl, audit: AuditLog) -> None:
    audit.mark()
    predicted = bare.roles(ROLE, "--check", **STRICT)
    assert audit.requests().writes == []
    assert ours(kubectl) == set()
    assert bare.roles(ROLE, **STRICT).counts == predicted.counts
    changes = {**STRICT, "admission_policies_secrets_actions": [], "admission_policies_trial_stages": ["monitoring"]}
    predicted = bare.roles(ROLE, "--check", **changes)
    assert predicted.changed
    assert bare.roles(ROLE, **changes).counts == predicted.counts


def test_what_the_settings_do_not_want_any_more_goes(strict: Any, kubectl: Kubectl) -> None:
    rich = {
        "admission_policies_trial_stages": ["monitoring"],
        "admission_policies_cluster_wide": {"pods": ["Audit"]},
        "admission_policies_gpu_quotas": {"training": {"nvidia.com/gpu": 8}},
    }
    strict.roles(ROLE, **{**STRICT, **rich})
    assert "PolicyBinding secrets-trial.gpu-cluster.hardening" in ours(kubectl)
    assert "PolicyBinding pods-elsewhere.gpu-cluster.hardening" in ours(kubectl)
    assert kubectl.get("resourcequota", "gpus", "adm-training")
    strict.roles(ROLE, **{**STRICT, "admission_policies_secrets_actions": []})
    left = ours(kubectl)
    assert not [name for name in left if " secrets." in name or "-trial" in name or "-elsewhere" in name]
    assert "Policy pods.gpu-cluster.hardening" in left
    assert kubectl.get("resourcequota", "gpus", "adm-training") is None


def test_absent_lets_everything_pass_again(policies: Any, kubectl: Kubectl) -> None:
    policies.apply()
    canary = CANARIES["image_digests"]("canary")
    assert refusal(kubectl, canary)
    policies.roles(ROLE, admission_policies_state="absent", **STRICT)
    assert ours(kubectl) == set()
    wait_for(lambda: refusal(kubectl, canary) == "", "nothing is refused")


def test_every_policy_can_be_rolled_out_step_by_step(policies: Any, kubectl: Kubectl, sandbox: Sandbox) -> None:
    """Audit, Warn, Deny: noted, said, refused. Each canary is what one policy alone is against."""

    def each(*actions: str) -> None:
        policies.apply(**{f"admission_policies_{policy}_actions": list(actions) for policy in CANARIES})

    def answer(policy: str) -> tuple[bool, bool, str]:
        done = kubectl.run("create", "--dry-run=server", stdin=CANARIES[policy]("canary"))
        return done.returncode == 0, f"'{full_name(policy)}'" in done.stderr, done.stderr

    def noted_in_silence(policy: str) -> bool:
        size = sandbox.audit_log.stat().st_size
        admitted, said, _text = answer(policy)
        with sandbox.audit_log.open("rb") as log:
            log.seek(size)
            text = log.read().decode()
        violation = "validation.policy.admission.k8s.io/validation_failure" in text and full_name(policy) in text
        return admitted and not said and violation

    def said_and_admitted(policy: str) -> bool:
        admitted, said, text = answer(policy)
        return admitted and said and text.startswith("Warning: Validation failed for ValidatingAdmissionPolicy")

    each("Audit")
    for policy in CANARIES:
        wait_for(partial(noted_in_silence, policy), f"{policy}: noted, and nothing said")
    each("Warn", "Audit")
    for policy in CANARIES:
        wait_for(partial(said_and_admitted, policy), f"{policy}: said, and admitted")
    each("Deny", "Audit")
    for policy in CANARIES:
        assert f"'{full_name(policy)}'" in refusal(kubectl, CANARIES[policy]("canary"))


def test_a_stage_on_trial_is_only_warned(policies: Any, kubectl: Kubectl) -> None:
    policies.apply(admission_policies_trial_stages=["training"])
    for policy, canary in CANARIES.items():
        done = kubectl.run("create", "--dry-run=server", stdin=canary("canary"))
        assert done.returncode == 0, done.stderr
        assert f"Warning: Validation failed for ValidatingAdmissionPolicy '{full_name(policy)}'" in done.stderr


def test_what_runs_is_tried_before_it_is_refused(bare: Any, kubectl: Kubectl, audit: AuditLog) -> None:
    """By the run that makes it harder, and by no other. Nothing that it takes stays."""
    tagged = container(image="registry.internal/legacy:1")
    old = workload("Deployment", "legacy", tagged)
    kubectl("create", stdin=old)
    kubectl("create", stdin=workload("Deployment", "good"))
    try:
        stopped = bare.roles.attempt(ROLE, admission_policies_on_violation="fail", **STRICT)
        assert stopped.returncode != 0
        assert (
            "Deployment adm-training/legacy (image-digests.gpu-cluster.hardening): container main: image"
            in stopped.text
        )
        assert "adm-training/good" not in stopped.text
        assert ours(kubectl) == set()
        run = bare.roles(ROLE, **STRICT)
        assert "Runs, but would not be admitted again: Deployment adm-training/legacy" in run.text
        assert not [name for name in kubectl("get", KINDS)["items"] if "rehearsal" in name["metadata"]["name"]]
        audit.mark()
        assert "would not be admitted again" not in bare.roles(ROLE, **STRICT).text
        assert audit.requests().writes == []
    finally:
        kubectl("delete", "deployment", "legacy", "good", "-n", "adm-training")


def test_an_exemption_covers_an_object_and_what_it_makes(policies: Any, kubectl: Kubectl) -> None:
    exempt = {"policy": "image_digests", "namespace": "adm-training", "name": "legacy", "reason": "until March"}
    policies.apply(admission_policies_exemptions=[exempt])
    tagged = container(image="registry.internal/legacy:1")
    for name in ("legacy", "legacy-7d9f", "legacy-7d9f-x2x"):
        assert refusal(kubectl, pod(name, tagged)) == ""
    assert refusal(kubectl, workload("Deployment", "legacy", tagged)) == ""
    for item in (pod("legacy2", tagged), pod("not-legacy", tagged), pod("legac", tagged)):
        assert "is not pinned" in refusal(kubectl, item)
    assert "is not approved" in refusal(
        kubectl, pod("legacy", container(image=tagged["image"].replace("internal", "evil")))
    )
    live = kubectl.get("validatingadmissionpolicy", "image-digests.gpu-cluster.hardening")
    assert "adm-training/legacy: until March" in live["metadata"]["annotations"]["gpu-cluster.hardening/exemptions"]


def test_a_stage_takes_no_more_gpus_than_its_quota(policies: Any, kubectl: Kubectl) -> None:
    policies.apply(admission_policies_gpu_quotas={"training": {"nvidia.com/gpu": 1}})
    two = {"limits": {**GPU["limits"], "nvidia.com/gpu": 2}}
    wait_for(
        lambda: "exceeded quota: gpus" in refusal(kubectl, pod("two", container(resources=two))), "the quota counts"
    )
    assert refusal(kubectl, pod("one", container(resources=GPU))) == ""


def test_the_group_may_read_a_secret_if_the_settings_say_so(policies: Any, kubectl: Kubectl) -> None:
    policies.apply(admission_policies_secret_group_read=True)
    volume = {"name": "creds", "secret": {"secretName": "a", "defaultMode": 0o440}}
    assert refusal(kubectl, pod("group", volumes=[volume])) == ""
    volume["secret"] = {"secretName": "a", "defaultMode": 0o444}
    assert "set defaultMode, and the mode of items, to 0440" in refusal(kubectl, pod("all", volumes=[volume]))


def test_a_cluster_without_any_gpu_stage_closes_gpus_to_all(policies: Any, kubectl: Kubectl) -> None:
    stages = [{**stage, "gpu": False} for stage in STAGES]
    policies.apply(gpu_cluster_stages=stages, admission_policies_gpu_service_accounts={})
    message = refusal(kubectl, pod("gpu", container(resources=GPU)))
    assert "GPUs are not for namespace adm-training; no stage has gpu: true" in message


def test_nothing_is_approved_where_no_registry_is(policies: Any, kubectl: Kubectl) -> None:
    policies.apply(
        admission_policies_registries=["registry.internal"], admission_policies_stage_registries={"serving": []}
    )
    message = refusal(kubectl, pod("none", namespace="adm-serving"))
    assert "nowhere, as no registry is approved" in message


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"admission_policies_pods_actions": ["Refuse"]}, "admission_policies_pods_actions: must be one or more of"),
        ({"admission_policies_pods_actions": ["deny"]}, "did you mean Deny?"),
        ({"admission_policies_pods_actions": None}, "admission_policies_pods_actions"),
        ({"admission_policies_cluster_wide": {"pods": ["Refuse"]}}, "cluster_wide.pods[0]: 'Refuse' is not one of"),
        ({"admission_policies_registries": None}, "admission_policies_registries"),
        (
            {"admission_policies_pods_actions": ["Deny", "Warn"]},
            "admission_policies_pods_actions: has both Deny and Warn",
        ),
        ({"admission_policies_trial_stages": ["trainig"]}, 'no stage "trainig" (did you mean training?)'),
        ({"admission_policies_stage_registries": {"evaluation": ["a.b"]}}, 'no stage "evaluation"'),
        ({"admission_policies_registries": ["ml-trainer"]}, "'ml-trainer' is no registry"),
        ({"admission_policies_gpu_quotas": {"training": {"nvidia.com/gpu": "many"}}}, "must be a whole number"),
        ({"admission_policies_exemptions": [{"policy": "pods", "namespace": "adm-training", "name": "a"}]}, "reason"),
        ({"admission_policies_state": "gone"}, "admission_policies_state: must be one of"),
    ],
)
def test_a_wrong_setting_is_refused_before_anything_is_changed(
    policies: Any, audit: AuditLog, settings: dict[str, Any], message: str
) -> None:
    audit.mark()
    run = policies.roles.attempt(ROLE, **{**STRICT, **settings})
    assert run.returncode != 0
    assert message in run.text.replace("\\", "")
    assert audit.requests().writes == []
    assert not [item for item in audit.requests().all if item.resource.startswith("validating")]


def test_a_foreign_policy_of_the_same_name_is_not_taken_over(bare: Any, kubectl: Kubectl, audit: AuditLog) -> None:
    name = "secrets.gpu-cluster.hardening"
    bare.roles(ROLE, **STRICT)
    body = kubectl.get("validatingadmissionpolicybinding", name)
    for key in ("managedFields", "uid", "resourceVersion", "creationTimestamp", "generation"):
        body["metadata"].pop(key, None)
    bare.roles(ROLE, admission_policies_state="absent", **STRICT)
    body["spec"]["policyName"] = "somebody-elses"
    kubectl("create", stdin=body)
    try:
        audit.mark()
        run = bare.roles.attempt(ROLE, **STRICT)
        assert run.returncode != 0
        assert "is owned by field manager" in run.text
        assert audit.requests().writes == []
    finally:
        kubectl("delete", "validatingadmissionpolicybinding", name)
