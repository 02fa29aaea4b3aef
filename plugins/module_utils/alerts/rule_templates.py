# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a text is a template that Prometheus takes in labels and annotations of an alert. Pure.

Sources: text/template of Go, and template/template.go of prometheus/prometheus v3.13.
"""

from __future__ import annotations

import re

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import did_you_mean

_NAMES = (
    "and or not len index slice print printf println html js urlquery call eq ne lt le gt ge "
    "query first label value strvalue args reReplaceAll safeHtml match title toUpper toLower graphLink tableLink "
    "sortByLabel stripPort stripDomain humanize humanize1024 humanizeDuration humanizePercentage humanizeTimestamp "
    "toTime toDuration now pathPrefix externalURL parseDuration urlQueryEscape tmpl"
)
FUNCTIONS = frozenset(_NAMES.split())
VARIABLES = frozenset({"$", "$labels", "$externalLabels", "$externalURL", "$value"})
_OPENING = ("if", "with", "range", "define", "block")
_CONSTANTS = ("true", "false", "nil")
_ACTION = re.compile(r"""(?:"(?:\\.|[^"\\\n])*"|`[^`]*`|'(?:\\.|[^'\\\n])+'|(?!\}\}).)*?\}\}""", re.DOTALL | re.VERBOSE)
_TOKENS = re.compile(
    r"""(?P<space>\s+)
    |(?P<text>"(?:\\.|[^"\\\n])*"|`[^`]*`|'(?:\\.|[^'\\\n])+')
    |(?P<number>[-+]?(?:0[xX][0-9A-Fa-f_]+|[0-9][0-9_]*(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|\.[0-9]+)i?)
    |(?P<variable>\$\w*)
    |(?P<field>\.\w+)
    |(?P<word>[^\W\d]\w*)
    |(?P<sign>:=|[=|(),.])""",
    re.VERBOSE,
)


class TemplateError(Exception):
    """What is wrong, for a message."""


def template_problem(text: str) -> str | None:
    """What is wrong with a template, or None."""
    try:
        _read(text)
    except TemplateError as problem:
        return str(problem)
    return None


def _read(text: str) -> None:
    blocks: list[tuple[str, set[str]]] = []
    known = set(VARIABLES)
    position = 0
    while (start := text.find("{{", position)) >= 0:
        match = _ACTION.match(text, start + 2)
        if match is None:
            raise TemplateError(f"{text[start : start + 20]!r} does not end with }}}}")
        position = match.end()
        action = match[0][:-2].removeprefix("-").removesuffix("-").strip()
        if action.startswith("/*") and action.endswith("*/"):
            continue
        first, _space, rest = action.partition(" ")
        if first == "end" and not rest:
            if not blocks:
                raise TemplateError("{{ end }} without a beginning")
            known = blocks.pop()[1]
        elif first == "else":
            if not blocks or blocks[-1][0] not in ("if", "with", "range"):
                raise TemplateError("{{ else }} without a beginning")
            if rest.strip():
                _pipeline(re.sub(r"^\s*(if|with)\b", "", rest), known)
        elif first in _OPENING:
            blocks.append((first, set(known)))
            known = {"$"} if first == "define" else known
            _pipeline(rest, known)
        elif action not in ("break", "continue"):
            _pipeline(re.sub(r"^template\b", "", action), known)
    if blocks:
        raise TemplateError(f"{{{{ {blocks[-1][0]} }}}} has no {{{{ end }}}}")


def _pipeline(text: str, known: set[str]) -> None:
    """Check the words of an action, and note the variables that it makes."""
    tokens = _tokens(text)
    if not tokens:
        raise TemplateError("an action is empty")
    declared = next((index for index, (kind, token) in enumerate(tokens) if token == ":=" and kind == "sign"), 0)
    made = {token for kind, token in tokens[:declared] if kind == "variable"}
    depth = 0
    for kind, token in tokens[declared:]:
        depth += {"(": 1, ")": -1}.get(token, 0) if kind == "sign" else 0
        if depth < 0:
            raise TemplateError(f"a parenthesis too many in {{{{ {text.strip()} }}}}")
        if kind == "variable" and token not in known:
            named = known - {"$"}
            raise TemplateError(f"there is no variable {token}{did_you_mean(token, named)}")
        if kind == "word" and token not in FUNCTIONS and token not in _CONSTANTS:
            raise TemplateError(f"there is no function {token}{did_you_mean(token, FUNCTIONS)}")
    if depth:
        raise TemplateError(f"a parenthesis is not closed in {{{{ {text.strip()} }}}}")
    if tokens[-1] == ("sign", ":="):
        raise TemplateError(f"something is missing at the end of {{{{ {text.strip()} }}}}")
    known |= made


def _tokens(text: str) -> list[tuple[str, str]]:
    found = []
    position = 0
    while position < len(text):
        match = _TOKENS.match(text, position)
        if match is None:
            raise TemplateError(f"{text[position : position + 20]!r} is not understood in a template")
        position = match.end()
        if match.lastgroup != "space":
            found.append((str(match.lastgroup), match[0]))
    return found
