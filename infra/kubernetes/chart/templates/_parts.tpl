{{- /* What more than one manifest has. A part is called with its name, or with a dict of what it needs. */ -}}

{{- define "labels" -}}
{ app.kubernetes.io/name: {{ . }}, app.kubernetes.io/part-of: fairgate }
{{- end }}

{{- /* Where some share the events, one more is there to take over from any of them. */ -}}
{{- define "seat-service.replicas" -}}
{{- $owners := int .Values.seatService.owners -}}
{{- if gt $owners 1 }}{{ max (int .Values.seatService.replicas) (add $owners 1) }}{{ else }}{{ .Values.seatService.replicas }}{{ end -}}
{{- end }}

{{- /* root, name: by digest, or by tag */ -}}
{{- define "image" -}}
{{- $image := .root.Values.image -}}
{{- $digest := get $image.digests .name -}}
{{ $image.repository }}/{{ .name }}{{ if $digest }}@{{ $digest }}{{ else }}:{{ $image.tag | default .root.Chart.AppVersion }}{{ end }}
{{- end }}

{{- /* root, name */ -}}
{{- define "metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels: {{ include "labels" .name }}
{{- end }}

{{- define "account" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "metadata" . | nindent 2 }}
automountServiceAccountToken: false
{{- end }}

{{- /* root, name, values: what a template of that name says, and over it what the values say */ -}}
{{- define "settings" -}}
{{- mergeOverwrite (include (printf "%s.settings" .name) .root | fromYaml) .values.settings | toYaml -}}
{{- end }}

{{- define "settings-map" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "metadata" . | nindent 2 }}
data:
  {{- include "settings" . | nindent 2 }}
{{- end }}

{{- /* root, name, http, private: each process by itself, ready or not: the edge checks them */ -}}
{{- define "service-of-each" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "metadata" . | nindent 2 }}
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  selector: { app.kubernetes.io/name: {{ .name }} }
  ports:
    - { name: http, port: {{ .http }}, targetPort: http }
    - { name: private, port: {{ .private }}, targetPort: private }
{{- end }}

{{- define "budget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  selector: { matchLabels: { app.kubernetes.io/name: {{ .name }} } }
{{- end }}

{{- /* root, name, values, and a figure of the pods by which it is scaled besides: metric, average */ -}}
{{- define "scaler" -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  {{- include "metadata" . | nindent 2 }}
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: {{ .name }} }
  minReplicas: {{ .values.autoscaling.min }}
  maxReplicas: {{ .values.autoscaling.max }}
  metrics:
    - type: Resource
      resource: { name: cpu, target: { type: Utilization, averageUtilization: {{ .values.autoscaling.cpu }} } }
    {{- if .metric }}
    - type: Pods
      pods:
        metric: { name: {{ .metric }} }
        target: { type: AverageValue, averageValue: {{ .average | quote }} }
    {{- end }}
  # An opening comes at once, and a pod that goes takes its connections along.
  behavior:
    scaleUp: { stabilizationWindowSeconds: 0 }
    scaleDown: { stabilizationWindowSeconds: 900 }
{{- end }}

{{- /* the name of a service account: who a pod is, and that it is nobody of power */ -}}
{{- define "identity" -}}
serviceAccountName: {{ . }}
automountServiceAccountToken: false
# Kubernetes would otherwise put FAIRGATE_REDIS_PORT and the like into the environment, where they are settings.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "spread" -}}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector: { matchLabels: { app.kubernetes.io/name: {{ $ }} } }
  {{- end }}
{{- end }}

{{- define "closed" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}

{{- /* root, secret: Kubernetes mounts secrets for the group of the pod; services, and libpq, take only what nobody else can
read, so a container copies them into memory first */ -}}
{{- define "secrets-copied" -}}
initContainers:
  - name: secrets
    image: {{ include "image" (dict "root" .root "name" "ctl") }}
    args: [secrets, /run/given, /run/secrets]
    {{- include "closed" . | nindent 4 }}
    resources:
      requests: { cpu: 10m, memory: 16Mi }
      limits: { cpu: 100m, memory: 32Mi }
    volumeMounts:
      - { name: given, mountPath: /run/given, readOnly: true }
      - { name: secrets, mountPath: /run/secrets }
volumes:
  - name: given
    secret: { secretName: {{ .secret }}, defaultMode: 288 } # 0440, which not every reader of YAML takes for octal
  - name: secrets
    emptyDir: { medium: Memory, sizeLimit: 1Mi }
{{- end }}

{{- /* root, name, values, http, private, ready, secret, instance (a setting for its own name): the pod of a service. What changes
in its settings changes the sum, so that it is started again. */ -}}
{{- define "service-pod" -}}
metadata:
  labels: {{ include "labels" .name }}
  annotations: { checksum/settings: {{ printf "%s%s" (include "settings" .) (include "operators.settings" .root) | sha256sum }} }
spec:
  terminationGracePeriodSeconds: 40
  {{- include "identity" .name | nindent 2 }}
  {{- include "spread" .name | nindent 2 }}
  {{- include "secrets-copied" . | nindent 2 }}
  containers:
    - name: {{ .name }}
      image: {{ include "image" . }}
      envFrom: [{ configMapRef: { name: {{ .name }} } }, { configMapRef: { name: operators, optional: true } }]
      {{- if get . "instance" }}
      env:
        # The name of this process in the owner's row.
        - name: {{ .instance }}
          valueFrom: { fieldRef: { fieldPath: metadata.name } }
      {{- end }}
      ports:
        - { name: http, containerPort: {{ .http }} }
        - { name: private, containerPort: {{ .private }} }
      # To end is to drain: SIGTERM turns /readyz to 503, connections are taken for DRAIN_DELAY more, then those that
      # are open get DRAIN_TIMEOUT. The program does that itself, so there is no preStop; the grace above is longer.
      startupProbe:
        httpGet: { path: /healthz, port: private }
        periodSeconds: 1
        failureThreshold: 120
      livenessProbe:
        httpGet: { path: /healthz, port: private }
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: { path: {{ .ready }}, port: private }
        periodSeconds: 2
        timeoutSeconds: 2
        failureThreshold: 2
      {{- include "closed" . | nindent 6 }}
      resources: {{ .values.resources | toJson }}
      volumeMounts:
        - { name: secrets, mountPath: /run/secrets, readOnly: true }
{{- end }}

{{- /* root, name, secret: brings the database of a service up. After the first install, when the database may be on its way
yet, and before each upgrade: then the old programs still run, by the schema of one version later. */ -}}
{{- define "migration" -}}
{{- $job := printf "%s-migrate" .name -}}
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "metadata" (dict "root" .root "name" $job) | nindent 2 }}
  annotations: { helm.sh/hook: "post-install,pre-upgrade", helm.sh/hook-delete-policy: before-hook-creation }
spec:
  backoffLimit: 10
  ttlSecondsAfterFinished: 86400
  template:
    metadata:
      labels: {{ include "labels" $job }}
    spec:
      restartPolicy: OnFailure
      {{- include "identity" .name | nindent 6 }}
      {{- include "secrets-copied" . | nindent 6 }}
      containers:
        - name: migrate
          image: {{ include "image" . }}
          args: [--migrate]
          envFrom: [{ configMapRef: { name: {{ .name }} } }]
          {{- include "closed" . | nindent 10 }}
          resources:
            requests: { cpu: 50m, memory: 32Mi }
            limits: { cpu: 500m, memory: 128Mi }
          volumeMounts:
            - { name: secrets, mountPath: /run/secrets, readOnly: true }
{{- end }}
