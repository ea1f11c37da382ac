{{/*
Puts the values' names in the place of the shipped ones, in every secret that the manifest refers
to: (dict "root" $ "node" part of the manifest). Changes the node; prints nothing.
*/}}
{{- define "imdb.renameSecrets" -}}
{{- $root := .root -}}
{{- $names := dict
  "imdb-db-owner" $root.Values.secrets.owner
  "imdb-db-loader" $root.Values.secrets.loader
  "imdb-db-dbt" $root.Values.secrets.dbt
  "imdb-db-reader" $root.Values.secrets.reader
  "imdb-store" $root.Values.secrets.store
-}}
{{- range $key, $value := .node -}}
{{- if kindIs "map" $value -}}
{{- if has $key (list "secretKeyRef" "secretRef" "accessKeySecret" "secretKeySecret") -}}
{{- $_ := set $value "name" (get $names $value.name | default $value.name) -}}
{{- else if and (eq (toString $key) "secret") (eq (get $value "secretName" | default "") "imdb-db-ca") -}}
{{- range $field, $ours := include "imdb.caSecret" $root | fromYaml -}}
{{- $_ := set $value $field $ours -}}
{{- end -}}
{{- else if and (eq (toString $key) "secret") (hasKey $names (get $value "secretName" | default "")) -}}
{{- $_ := set $value "secretName" (get $names $value.secretName) -}}
{{- end -}}
{{- include "imdb.renameSecrets" (dict "root" $root "node" $value) -}}
{{- else if kindIs "slice" $value -}}
{{- include "imdb.renameSecrets" (dict "root" $root "node" $value) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Puts our labels and namespace into a shipped manifest: (dict "root" $ "manifest"). Prints nothing. */}}
{{- define "imdb.adopt" -}}
{{- $labels := include "imdb.labels" .root | fromYaml -}}
{{- $_ := set $labels "app.kubernetes.io/component" "workflows" -}}
{{- $_ = set .manifest.metadata "labels" (merge $labels (.manifest.metadata.labels | default dict)) -}}
{{- $_ = set .manifest.metadata "namespace" .root.Release.Namespace -}}
{{- end }}
