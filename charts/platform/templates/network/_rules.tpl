{{/* Egress to the API server. */}}
{{- define "platform.to-api-server" -}}
- ports:
    {{- range .Values.networkPolicy.apiServerPorts }}
    - port: {{ . }}
      protocol: TCP
    {{- end }}
  {{- with .Values.networkPolicy.apiServerCIDR }}
  to:
    - ipBlock:
        cidr: {{ . }}
  {{- end }}
{{- end }}

{{/* Ingress of Prometheus; the dict holds root (the chart's scope) and port. */}}
{{- define "platform.from-monitoring" -}}
{{- with .root.Values.networkPolicy.monitoringNamespace }}
- from:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ . }}
  ports:
    - port: {{ $.port }}
      protocol: TCP
{{- end }}
{{- end }}
