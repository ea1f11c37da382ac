{{/* Labels of every object. */}}
{{- define "imdb.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Values.images.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "imdb.podLabels" . }}
{{- end }}

{{/* Labels of every pod; none that changes with the version, since that would replace the pod. */}}
{{- define "imdb.podLabels" -}}
app.kubernetes.io/name: imdb
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: imdb
{{- end }}

{{/* Reference of an image: (list $ "steps"). */}}
{{- define "imdb.image" -}}
{{- $root := index . 0 -}}
{{- $images := $root.Values.images -}}
{{- $name := get $images (index . 1) -}}
{{- $tag := $images.tag | default $root.Chart.AppVersion -}}
{{- if $images.registry -}}
{{- printf "%s/%s:%s" (trimSuffix "/" $images.registry) $name $tag -}}
{{- else -}}
{{- printf "%s:%s" $name $tag -}}
{{- end -}}
{{- end }}

{{/* URL of the seven files' folder. */}}
{{- define "imdb.sourceUrl" -}}
{{- if .Values.workflow.sourceUrl -}}
{{- .Values.workflow.sourceUrl -}}
{{- else if .Values.source.synthetic.enabled -}}
http://imdb-source:8080
{{- else -}}
https://datasets.imdbws.com
{{- end -}}
{{- end }}

{{/* Port of a URL, by its scheme where it names none. */}}
{{- define "imdb.port" -}}
{{- $url := urlParse . -}}
{{- if regexMatch ":[0-9]+$" $url.host -}}
{{- regexFind "[0-9]+$" $url.host -}}
{{- else if eq $url.scheme "http" -}}
80
{{- else -}}
443
{{- end -}}
{{- end }}
