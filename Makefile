# `make help` lists the targets. Two do it all: `make demo` and `make test`.

.DEFAULT_GOAL := help
ifndef SIDE_BY_SIDE
.NOTPARALLEL:
endif
MAKEFLAGS += --no-print-directory

BIN := $(CURDIR)/.venv/bin
PYTHON_IN_VENV := $(BIN)/python

# Where the local AWS listens; inventories/local reads the same variable.
AWS_ENDPOINT_URL := $(or $(AWS_ENDPOINT_URL),http://127.0.0.1:4566)
# Options for ansible-playbook (make converge ARGS="--limit network --check --diff") and pytest (make unit ARGS="-k wire").
ARGS ?=

# Compiled files are written whatever the shell says: without them everything takes three times as long.
unexport PYTHONDONTWRITEBYTECODE
export PATH := $(BIN):$(PATH)
# Ansible ignores an ansible.cfg in a folder that everybody can write to, unless it's named.
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
# Ansible needs a UTF-8 locale; a bare machine may have none set.
ifeq ($(LC_ALL)$(LANG),)
export LC_ALL := C.UTF-8
endif

up down demo converge status: export AWS_ENDPOINT_URL := $(AWS_ENDPOINT_URL)
# Clusters get a real control plane where its programs are to be had; the first time they are built, in minutes.
up demo: export LOCAL_CLOUD_KUBERNETES := $(or $(LOCAL_CLOUD_KUBERNETES),auto)

# What takes longest first, so that the many short ones fill what is left of the time.
TEST_FOLDERS = $(wildcard tests/integration tests/molecule tests/layout tests/unit)
# In three processes, as they wait a lot, see tests/conftest.py. Another number, or none, with ARGS="-n 0".
PYTEST := pytest -n 3 --dist loadgroup --no-loadscope-reorder

# Where the local AWS listens elsewhere, each command has to say so.
THERE := $(if $(filter-out http://127.0.0.1:4566,$(AWS_ENDPOINT_URL)),AWS_ENDPOINT_URL=$(AWS_ENDPOINT_URL) )

define NEXT_STEPS

The platform stands in the local AWS at $(AWS_ENDPOINT_URL), which goes on running.
  look     $(THERE)make status
  again    $(THERE)make converge                (changes nothing)
  one part $(THERE)make converge ARGS="--limit network --check --diff"
  end      $(THERE)make down
Any AWS client gets in with AWS_ENDPOINT_URL=$(AWS_ENDPOINT_URL) AWS_ACCESS_KEY_ID=123456789012
AWS_SECRET_ACCESS_KEY=local AWS_REGION=us-west-2
endef
export NEXT_STEPS

IN_LOCAL_AWS = $(PYTHON_IN_VENV) -m tests.support.local_cloud status >/dev/null || { \
	echo "make $@: no local AWS at $(AWS_ENDPOINT_URL). Start one: $(THERE)make up" >&2; exit 1; }; \
	ansible-playbook $(PLAYBOOK) -i inventories/local $(ARGS)

##@ The platform in the local AWS

.PHONY: demo
demo: setup up ## set up, start the local AWS, build the platform in it, print the summary
	@ansible-playbook site.yml -i inventories/local $(ARGS) || { \
		echo "make demo: the run failed; the first error above says why. The local AWS is left running:" >&2; \
		echo "  $(THERE)make converge goes on from where it stopped, $(THERE)make down ends it" \
		"(its log: build/local_cloud/)." >&2; exit 1; }
	@echo "$$NEXT_STEPS"
	@$(PYTHON_IN_VENV) -m tests.support.local_cloud status | sed -n 's/^local AWS: .* API: /  pods     /p'

.PHONY: converge
converge: PLAYBOOK := site.yml
converge: setup ## run the platform's playbook against the running local AWS (ARGS="--limit eks --check")
	@$(IN_LOCAL_AWS)

.PHONY: status
status: PLAYBOOK := playbooks/status.yml
status: setup ## show what exists of the platform in the running local AWS
	@$(IN_LOCAL_AWS)

.PHONY: up
up: setup ## start the local AWS, with empty state, at AWS_ENDPOINT_URL (LOCAL_CLOUD_KUBERNETES=0: no Kubernetes)
	@$(PYTHON_IN_VENV) -m tests.support.local_cloud up

.PHONY: down
down: ## end the local AWS
	@if [ -x $(PYTHON_IN_VENV) ]; then $(PYTHON_IN_VENV) -m tests.support.local_cloud down; \
	else echo "local AWS: nothing to end, there is no .venv"; fi

##@ The bastion

ENV ?= dev
PORT ?= 8080

.PHONY: tunnel
tunnel: setup ## forward a port of this machine to code-server on the bastion (ENV=prod PORT=9090)
	@ansible-playbook playbooks/tunnel.yml -i inventories/$(ENV) \
		-e tunnel_port=$(PORT) -e tunnel_owner=$$$$ -e tunnel_folder=$(CURDIR)/build/tunnel-$(ENV) && \
	echo "code-server on the bastion is at http://127.0.0.1:$(PORT), until Ctrl+C" && exec sleep infinity

##@ Tests

# make test, lint, unit or integration COMPONENT=network: what concerns this component.
COMPONENT ?=
COMPONENTS := $(patsubst roles/%/meta/component.yml,%,$(wildcard roles/*/meta/component.yml))
ifneq ($(filter-out $(COMPONENTS),$(COMPONENT)),)
$(error there is no component $(COMPONENT), there are $(COMPONENTS))
endif
OF_COMPONENT = $(addprefix --component=,$(COMPONENT))

.PHONY: test
test: setup ## everything that CI runs: set-up, lint, sanity, all tests; with COMPONENT=network what concerns it, in minutes
	@$(MAKE) --jobs=2 SIDE_BY_SIDE=yes ARGS= lint sanity
	@LOCAL_CLOUD_KUBERNETES=auto $(PYTHON_IN_VENV) -m tests.support.local_cloud programs
	@$(PYTEST) $(TEST_FOLDERS) $(OF_COMPONENT) $(ARGS)

.PHONY: lint
lint: setup ## ruff, yamllint, ansible-lint (production profile); with COMPONENT= of what has changed
	@scripts/lint.sh $(if $(COMPONENT),changed)

.PHONY: sanity
sanity: setup ## ansible-test sanity on the built collection; with COMPONENT= what has changed (ARGS="--test pylint")
	@$(PYTHON_IN_VENV) -m tests.support.sanity $(if $(COMPONENT),--changed) $(ARGS)

.PHONY: unit
unit: setup ## the unit tests (ARGS="-k eks -x")
	@$(PYTEST) $(wildcard tests/unit tests/layout) $(OF_COMPONENT) $(ARGS)

.PHONY: integration
integration: setup ## the integration tests, against local emulators of their own (CONNECTION=ansible.builtin.local)
	@LOCAL_CLOUD_KUBERNETES=auto $(PYTHON_IN_VENV) -m tests.support.local_cloud programs
	@$(if $(CONNECTION),TEST_CONNECTION=$(CONNECTION) )$(PYTEST) tests/integration $(if $(CONNECTION),-m "") $(OF_COMPONENT) $(ARGS)

.PHONY: molecule
molecule: setup ## the role bastion on a real host, in a container that it makes (needs root, or podman, or Docker)
	@pytest tests/molecule $(ARGS)

.PHONY: benchmark
benchmark: setup ## times of whole runs and of single calls, measured here (ARGS="--runs 1")
	@PYTHONPATH=collections $(PYTHON_IN_VENV) -m benchmarks $(ARGS)

##@ Set-up

.PHONY: setup
setup: ## make .venv with the pinned versions (finds a Python 3.12 or newer; PYTHON=... to choose)
	@./scripts/setup.sh

.PHONY: help
help: ## this list
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
