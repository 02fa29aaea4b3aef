#!/usr/bin/env bash
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Hardens the sandbox twice. Its inventory knows no other cluster than that of this checkout.
set -euo pipefail
cd "$(dirname "$0")/../.."
kubeconfig=$PWD/.sandbox/kubeconfig
log=.build/demo-second-run.log
report=$PWD/.sandbox/report
harden() { .venv/bin/ansible-playbook -i inventories/sandbox harden-gpu-cluster.yml; }
verify() {
  .venv/bin/ansible-playbook -i inventories/sandbox playbooks/verify_gpu_cluster.yml \
    -e "{verify_report_directory: '$report'}" "$@"
}

printf '\n== What is wrong with the cluster as it is\n'
verify -e verify_fail_on=never | grep -E "^ +- '(sandbox|checks|open findings|tried):"
printf '\n== First run: harden the cluster\n'
harden
printf '\n== Second run: nothing may change\n'
harden | tee "$log"
if ! grep -q 'changed=0 .*failed=0' "$log"; then
  echo "The second run changed something; that is a bug. Its output is in $log." >&2
  exit 1
fi
printf '\nThe second run changed nothing.\n\n== What is wrong with it now\n'
verify
printf '\nWhat the cluster holds now:\n\n'
kubectl=(.sandbox/bin/kubectl --kubeconfig "$kubeconfig")
columns=NAME:.metadata.name,NODE-TYPE:.metadata.labels.node-type,GPU-TYPE:.metadata.labels.gpu-type,TAINTS:.spec.taints[*].key
"${kubectl[@]}" get nodes -o "custom-columns=$columns"
echo
"${kubectl[@]}" get namespaces -l app.kubernetes.io/part-of=gpu-cluster-hardening -L pod-security.kubernetes.io/enforce
echo
"${kubectl[@]}" get validatingadmissionpolicybindings -l app.kubernetes.io/part-of=gpu-cluster-hardening \
  -o custom-columns=ADMISSION-POLICY:.metadata.name,ACTIONS:.spec.validationActions
echo
"${kubectl[@]}" get daemonsets -A -l app.kubernetes.io/part-of=gpu-cluster-hardening
echo
"${kubectl[@]}" get networkpolicies,serviceaccounts,roles,rolebindings -A -l app.kubernetes.io/part-of=gpu-cluster-hardening
cat <<END

The report:     $report/sandbox.html
Look around:    .sandbox/bin/kubectl --kubeconfig .sandbox/kubeconfig get nodes
Try a refusal:  .sandbox/bin/kubectl --kubeconfig .sandbox/kubeconfig -n ml-training run root --image=x --privileged
Unpinned image: .sandbox/bin/kubectl --kubeconfig .sandbox/kubeconfig -n ml-serving create deployment web --image=nginx:latest
Ask for rights: .sandbox/bin/kubectl --kubeconfig .sandbox/kubeconfig -n ml-training auth can-i --list --as system:serviceaccount:ml-training:ml-trainer
Falco's rules:  .sandbox/bin/kubectl --kubeconfig .sandbox/kubeconfig -n falco get configmap falco-rules -o yaml
Stop it:        make sandbox-down
END
