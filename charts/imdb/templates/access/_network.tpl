{{/* Metadata of a NetworkPolicy: (list $ "name"). */}}
{{- define "imdb.networkMetadata" -}}
{{- $root := index . 0 -}}
name: {{ index . 1 }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- include "imdb.labels" $root | nindent 2 }}
  app.kubernetes.io/component: access
{{- end }}

{{/* Pods of these components, by the labels that the workflow and the Jobs give them: (list "load" …). */}}
{{- define "imdb.podsOf" -}}
matchLabels:
  app.kubernetes.io/part-of: imdb
matchExpressions:
  - key: app.kubernetes.io/component
    operator: In
    values: {{ toJson . }}
{{- end }}

{{/* Components of the workflow: Argo's containers in them write files to the store and call the API server. */}}
{{- define "imdb.workflowComponents" -}}
plan download load model test build prune report
{{- end }}

{{/* Components that connect to the database; `check` is `helm test`. */}}
{{- define "imdb.databaseComponents" -}}
plan load model test build prune report migrate check
{{- end }}

{{/* Components that read the source. */}}
{{- define "imdb.sourceComponents" -}}
plan download check
{{- end }}

{{/* Peers by address: (list of CIDRs). */}}
{{- define "imdb.addresses" -}}
{{- $peers := list -}}
{{- range . -}}
{{- $peers = append $peers (dict "ipBlock" (dict "cidr" .)) -}}
{{- end -}}
{{- toYaml $peers -}}
{{- end }}

{{/* TCP ports: (list of numbers). */}}
{{- define "imdb.ports" -}}
{{- $ports := list -}}
{{- range . -}}
{{- $ports = append $ports (dict "protocol" "TCP" "port" (int .)) -}}
{{- end -}}
{{- toYaml $ports -}}
{{- end }}

{{/* An egress rule to the store: (list $ (list of ports)). */}}
{{- define "imdb.toStore" -}}
{{- $store := (index . 0).Values.networkPolicy.store -}}
- to:
    {{- if $store.cidrs }}
    {{- include "imdb.addresses" $store.cidrs | nindent 4 }}
    {{- else }}
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ $store.namespace }}
      podSelector:
        matchLabels:
          {{- toYaml $store.podLabels | nindent 10 }}
    {{- end }}
  ports:
    {{- include "imdb.ports" ($store.ports | default (index . 1)) | nindent 4 }}
{{- end }}

{{/* An egress rule to the API server. */}}
{{- define "imdb.toApiServer" -}}
{{- $server := .Values.networkPolicy.apiServer -}}
- ports:
    {{- include "imdb.ports" $server.ports | nindent 4 }}
  {{- with $server.cidrs }}
  to:
    {{- include "imdb.addresses" . | nindent 4 }}
  {{- end }}
{{- end }}
