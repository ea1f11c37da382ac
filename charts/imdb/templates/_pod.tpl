{{/* What every pod of ours is confined to; the user is the images' own. */}}
{{- define "imdb.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* What every container of ours is confined to. */}}
{{- define "imdb.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/*
The name of a role: (name of its secret). A key that is missing does not keep the pod from
starting: the command says which variable it misses.
*/}}
{{- define "imdb.roleName" -}}
- name: PGUSER
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: username
      optional: true
{{- end }}

{{/* What a role connects with: (name of its secret). */}}
{{- define "imdb.role" -}}
{{ include "imdb.roleName" . }}
- name: PGPASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: password
      optional: true
{{- end }}

{{/* The volumes of a command: a folder to write, and the database's certificate authority. */}}
{{- define "imdb.volumes" -}}
- name: tmp
  emptyDir: {}
- name: ca
  secret:
    {{- include "imdb.caSecret" . | nindent 4 }}
{{- end }}

{{- define "imdb.volumeMounts" -}}
- name: tmp
  mountPath: /tmp
- name: ca
  mountPath: /etc/imdb/ca
  readOnly: true
{{- end }}

{{/* A pod that runs one command of `imdb`: (dict "root" $ "component" "image" "args" "env" "envFrom" "resources"). */}}
{{- define "imdb.commandPod" -}}
{{- $root := .root -}}
serviceAccountName: imdb-workflow
automountServiceAccountToken: false
enableServiceLinks: false
restartPolicy: Never
{{- with $root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- include "imdb.podSecurity" $root | nindent 2 }}
{{- with $root.Values.workflow.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.workflow.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: main
    image: {{ include "imdb.image" (list $root .image) }}
    imagePullPolicy: {{ $root.Values.images.pullPolicy }}
    args: {{ toJson .args }}
    envFrom:
      - configMapRef:
          name: imdb-settings
      {{- with .envFrom }}
      - secretRef:
          name: {{ . }}
          optional: true
      {{- end }}
    env:
      {{- .env | nindent 6 }}
    securityContext:
      {{- include "imdb.containerSecurity" $root | nindent 6 }}
    resources:
      {{- toYaml .resources | nindent 6 }}
    volumeMounts:
      {{- include "imdb.volumeMounts" $root | nindent 6 }}
volumes:
  {{- include "imdb.volumes" $root | nindent 2 }}
{{- end }}
