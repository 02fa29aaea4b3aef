# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Needs Python >= 3.11, make and git. Writes only here and in the user's cache folder.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# Targets share sandboxes; those of `make test` do not.
ifndef SIDE_BY_SIDE
.NOTPARALLEL:
endif

VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
# Other requirements, or another place of the checkout, are another set-up; a link to it is none.
SETUP := .build/setup-$(shell { pwd -P; cat requirements/dev.txt requirements/go.txt; } | cksum | cut -d' ' -f1)
# A line of `integration` and not what it depends on: make would give its turn to the parts after it.
SERVERS := PYTHONPATH=.build/collections:tests/integration $(BIN)/python tests/tools/build_servers.py
MATRIX := PYTHONPATH=.build/collections:tests/integration $(BIN)/python tests/tools/run_matrix.py
COLLECTION := .build/collections/ansible_collections/gpu_cluster/hardening

# A user's KUBECONFIG may point at a real cluster: nothing here may ever see it.
unexport KUBECONFIG
export PATH := $(BIN):$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.build/collections
export ANSIBLE_HOME := $(CURDIR)/.build/ansible
export ANSIBLE_REMOTE_TMP := $(CURDIR)/.build/ansible/remote_tmp
export KUBECACHEDIR := $(CURDIR)/.build/kubectl-cache
export ANSIBLE_LOCALHOST_WARNING := 0
export ANSIBLE_INVENTORY_UNPARSED_WARNING := 0

.PHONY: help
help:  ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

.PHONY: setup
setup: writable $(SETUP)  ## Install the tools into .venv; PYTHON=... names the Python to use

.PHONY: writable
writable:
	@[[ -w . && ( ! -e .build || -w .build ) ]] || { \
	  echo "$(CURDIR) belongs to $$(stat -c %U .), and you cannot write to it: clone it for yourself." >&2; exit 1; }

$(SETUP): | writable $(COLLECTION)
	@tests/tools/make_venv.sh $(VENV)
	@rm -f .build/setup-*
	@touch $@

$(COLLECTION):
	@mkdir -p $(@D)
	@ln -sfn ../../../.. $@

.PHONY: sandbox
sandbox: setup  ## Start a Kubernetes control plane with simulated GPU nodes in .sandbox
	@tests/tools/with_progress.sh .sandbox/logs/build.log $(BIN)/ansible-playbook -i localhost, playbooks/sandbox.yml

.PHONY: sandbox-down
sandbox-down: setup  ## Stop it
	@$(BIN)/ansible-playbook -i localhost, playbooks/sandbox.yml -e sandbox_state=stopped

.PHONY: demo
demo: sandbox  ## Harden the sandbox twice and show what changed
	@tests/tools/demo.sh

.PHONY: demo-secrets
demo-secrets: sandbox  ## Bring a Secret from a real Vault into the sandbox, and rotate it
	@tests/tools/demo_secrets.sh

# Two at a time, one of which is `integration`, so that neither waits for the other: each core has something to do.
.PHONY: test
test: setup  ## Run everything that CI runs; the output of each part comes at its end
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target SIDE_BY_SIDE=1 lint integration galaxy sanity unit matrix-quick molecule hosts

.PHONY: lint
lint: setup  ## ansible-lint, yamllint, ruff, mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/yamllint --strict .
	$(BIN)/ansible-lint --offline

.PHONY: galaxy
galaxy: setup  ## The tarball as Galaxy's importer, antsibull-docs and antsibull-changelog judge it
	@tests/tools/galaxy.sh

.PHONY: docs
docs: setup  ## The site of the docs in .build/docs/html
	@tests/tools/docs.sh

.PHONY: changelog
changelog: setup  ## Make the changelog of the version in galaxy.yml anew from changelogs/fragments
	rm -f changelogs/changelog.yaml
	$(BIN)/antsibull-changelog release

.PHONY: sanity
sanity: setup  ## ansible-test sanity, in a copy under .build
	@tests/tools/sanity.sh

.PHONY: unit
unit: setup  ## Tests that need no server: of the engine, and of what other programs read
	$(BIN)/pytest -q -n 2 --dist loadfile tests/unit tests/contracts

.PHONY: servers
servers: setup  ## Build the servers that the tests run, once on a machine
	@$(SERVERS)

.PHONY: integration
integration: setup  ## Tests against a real API server
	@$(SERVERS)
	$(BIN)/pytest -q -n 2 --dist loadfile tests/integration

.PHONY: build-test
build-test: setup  ## Build, install elsewhere and run by full name (integration runs this, too)
	$(BIN)/pytest -q tests/integration/test_install.py

.PHONY: test-matrix
test-matrix: setup  ## The whole job with ansible-core 2.17 to 2.21 on each Python that is here
	@$(MATRIX) --write

.PHONY: matrix-quick
matrix-quick: setup  ## The same with the oldest ansible-core
	@$(MATRIX) --quick

.PHONY: molecule
molecule: setup  ## The whole job and each role on one sandbox: check, converge, idempotence, verify, absent
	$(BIN)/molecule test --all

.PHONY: hosts
hosts: setup  ## Tests on machines that boot here, with a real kubelet; they need root, and say so without it
	$(BIN)/pytest -q tests/hosts

.PHONY: bench
bench: setup  ## Measure against kubectl and others; BENCH=whole_job MOST=1000 measures a part
	$(BIN)/python tests/bench $(BENCH) $(if $(MOST),--most $(MOST))

.PHONY: build
build: setup  ## The collection as a tarball in .build/dist
	@tests/tools/build.sh .build/dist

.PHONY: clean
clean: setup  ## Stop all sandboxes and remove everything that was made here
	@for state in .sandbox/state.json .build/*/state.json; do \
	  [[ ! -e $$state ]] || $(BIN)/ansible-playbook -i localhost, playbooks/sandbox.yml -e sandbox_state=absent \
	    -e "{sandbox_directory: '$(CURDIR)/$${state%/*}'}"; \
	done
	rm -rf .build .sandbox $(VENV)
