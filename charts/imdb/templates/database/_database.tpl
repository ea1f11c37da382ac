{{/*
The secret of the database's certificate authority, as a volume. Optional: the operator makes it
after the first pods, and a database without one is connected to all the same.
*/}}
{{- define "imdb.caSecret" -}}
{{- $external := .Values.database.external -}}
secretName: {{ ternary ($external.caSecret | default "imdb-db-ca") "imdb-db-ca" $external.enabled }}
optional: true
items:
  - key: {{ ternary $external.caKey "ca.crt" $external.enabled }}
    path: ca.crt
{{- end }}

{{/* Bytes of a volume's size. */}}
{{- define "imdb.bytes" -}}
{{- $units := dict "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- mul (regexFind "^[0-9]+" . | int64) (get $units (regexFind "[MGT]i$" .) | int64) -}}
{{- end }}

{{/* Bytes that the database may take, empty if unknown. Postgres counts its log among them. */}}
{{- define "imdb.databaseCapacity" -}}
{{- $database := .Values.database -}}
{{- if .Values.settings.databaseCapacity -}}
{{- .Values.settings.databaseCapacity -}}
{{- else if not $database.external.enabled -}}
{{- $capacity := include "imdb.bytes" $database.storage.size | int64 -}}
{{- if $database.walStorage.size -}}
{{- $capacity = add $capacity (include "imdb.bytes" $database.walStorage.size | int64) -}}
{{- end -}}
{{- $capacity -}}
{{- end -}}
{{- end }}

{{/* URL of the S3 store of the backups, empty for Amazon's own. */}}
{{- define "imdb.backupEndpoint" -}}
{{- .Values.database.backup.endpoint | default .Values.store.endpoint -}}
{{- end }}

{{/* Values that contradict each other. */}}
{{- define "imdb.checkDatabase" -}}
{{- $database := .Values.database -}}
{{- $external := $database.external -}}
{{- if $external.enabled -}}
{{- if and $external.createService (not $external.host) -}}
{{- fail "database.external.enabled needs database.external.host: the DNS name of that Postgres" -}}
{{- end -}}
{{- if regexMatch "^[0-9.]+$|:" $external.host -}}
{{- fail (printf "database.external.host is %q, an address; a Service can lead to a DNS name only: name it, or make a Service `postgres` of your own and set database.external.createService=false" $external.host) -}}
{{- end -}}
{{- if and (hasPrefix "verify-" $external.sslmode) (not $external.caSecret) -}}
{{- fail (printf "database.external.sslmode=%s needs database.external.caSecret: the secret with the certificate authority to verify against" $external.sslmode) -}}
{{- end -}}
{{- if or $database.backup.enabled $database.restore.enabled -}}
{{- fail "database.backup and database.restore are CloudNativePG's: with database.external.enabled back that Postgres up where it runs" -}}
{{- end -}}
{{- end -}}
{{- if and $database.backup.enabled $database.restore.enabled (eq $database.backup.serverName $database.restore.serverName) -}}
{{- fail (printf "database.backup.serverName and database.restore.serverName are both %q: a restored database must back up under another name, or its log would mix with the one restored from" $database.backup.serverName) -}}
{{- end -}}
{{- end }}
