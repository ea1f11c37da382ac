{{/* What looking at runs takes, in the UI or by `argo get` and `argo logs`. */}}
{{- define "imdb.viewerRules" -}}
- apiGroups: [argoproj.io]
  resources: [workflows, workflowtemplates, cronworkflows, workflowtaskresults]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [pods, pods/log, events]
  verbs: [get, list, watch]
# With the visitor's own rights (authModes client) Argo's server reads the store's keys to show a
# report or an archived log.
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [{{ .Values.secrets.store }}]
  verbs: [get]
{{- end }}

{{/* Service account, role and binding of people: (dict "root" $ "name" "values" "rules"). */}}
{{- define "imdb.people" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "imdb.labels" .root | nindent 4 }}
    app.kubernetes.io/component: access
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "imdb.labels" .root | nindent 4 }}
    app.kubernetes.io/component: access
rules:
  {{- .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "imdb.labels" .root | nindent 4 }}
    app.kubernetes.io/component: access
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ .name }}
    namespace: {{ .root.Release.Namespace }}
  {{- with .values.subjects }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
