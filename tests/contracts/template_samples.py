# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Templates that Prometheus takes in annotations, and some that it does not, with what is wrong with them."""

from __future__ import annotations

RIGHT = (
    "",
    "no action } here",
    'GPU {{ $labels.gpu }} at {{ printf "%.1f" $value }}',
    "{{- $value | humanizePercentage -}}",
    "{{ with $labels.pod }}Pod {{ $labels.namespace }}/{{ . }}{{ else }}No pod{{ end }}",
    '{{ if eq $labels.gpu "0" }}a{{ else if gt $value 5.0 }}b{{ else }}c{{ end }}',
    '{{ range $index, $one := query "up" }}{{ $index }}{{ $one.Labels.job }}{{ .Value }}{{ end }}',
    '{{ range query "up" | sortByLabel "job" }}{{ .Labels.job }}{{ else }}none{{ end }}',
    "{{ $x := $value }}{{ $x | humanize }}",
    "{{/* said to nobody */}}",
    '{{ define "x" }}{{ . }}{{ end }}{{ template "x" $value }}',
    '{{ (index (query "up") 0).Value }}',
    '{{ with query "up" }}{{ . | first | value | humanizeDuration }}{{ end }}',
    "{{ `}} in a string` }}",
    "{{ $externalLabels.cluster }} {{ externalURL }} {{ $externalURL }} {{ .Labels.gpu }}",
    '{{ and true (not false) | or nil }} {{ 1e3 }} {{ "\\"" }}',
)

WRONG = {
    'GPU {{ $labels.gpu }} at {{ printf "%.1f" $vlaue }}': "there is no variable $vlaue (did you mean $value?)",
    "{{ $label.gpu }}": "there is no variable $label (did you mean $labels?)",
    "{{ $value | humanise }}": "there is no function humanise (did you mean humanize?)",
    "{{ $labels.gpu }": "'{{ $labels.gpu }' does not end with }}",
    "{{ if $value }}much": "{{ if }} has no {{ end }}",
    "much{{ end }}": "{{ end }} without a beginning",
    "{{ else }}": "{{ else }} without a beginning",
    "{{ }}": "an action is empty",
    "{{ ($value }}": "a parenthesis is not closed in {{ ($value }}",
    "{{ $value) }}": "a parenthesis too many in {{ $value) }}",
    "{{ $x := }}": "something is missing at the end of {{ $x := }}",
    "{{ $labels.gpu-id }}": "'-id' is not understood in a template",
    '{{ printf "%d }}': "'\"%d' is not understood in a template",
    "{{ with $x := $value }}{{ end }}{{ $x }}": "there is no variable $x",
}
