#!/usr/bin/env bash
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Builds Vault and the External Secrets Operator, once on a machine, and shows a Secret on its way from Vault into the
# sandbox. Whatever KUBECONFIG says, only the sandbox of this checkout is touched.
set -euo pipefail
cd "$(dirname "$0")/../.."
unset KUBECONFIG VAULT_ADDR VAULT_TOKEN VAULT_NAMESPACE
python=.venv/bin/python
export PYTHONPATH=$PWD/.build/collections:$PWD/tests/integration:$PWD/tests/integration/secrets

printf '\n== Vault and the External Secrets Operator: built once on a machine, 5 to 10 min each on 2 cores\n'
tests/tools/with_progress.sh .build/vault-build.log \
  "$python" tests/tools/build_servers.py vault
tests/tools/with_progress.sh .build/external-secrets-build.log \
  "$python" tests/tools/build_servers.py external-secrets
exec "$python" tests/tools/demo_secrets.py
