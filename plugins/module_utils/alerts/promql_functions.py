# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Functions, aggregations and operators of PromQL, and what they take. Pure.

Source: promql/parser/functions.go of prometheus/prometheus v3.13, experimental ones included, and holt_winters of v2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.alerts.promql_lexer import PromqlError

SCALAR, VECTOR, RANGE, TEXT = "a number", "an instant vector", "a range vector", "a string"
COMPARISONS = ("==", "!=", "<=", ">=", "<", ">", "</", ">/")
SETS = ("or", "and", "unless")
AGGREGATIONS = {
    **dict.fromkeys(("sum", "avg", "count", "min", "max", "group", "stddev", "stdvar"), ""),
    **dict.fromkeys(("topk", "bottomk", "quantile", "limitk", "limit_ratio"), SCALAR),
    "count_values": TEXT,
}
"""Their names, and what they take before the vector; empty for nothing."""


@dataclass(frozen=True)
class Function:
    """What a function takes and gives.

    Attributes:
        takes: the kinds of all arguments that it may have, or if ``more``, of those before the last one goes on.
        least: how many it must have.
        more: whether there may be any number of the last kind.
    """

    takes: tuple[str, ...]
    least: int
    more: bool = False
    gives: str = VECTOR


def _all(
    names: str, *takes: str, least: int | None = None, more: bool = False, gives: str = VECTOR
) -> dict[str, Function]:
    function = Function(takes, len(takes) if least is None else least, more, gives)
    return dict.fromkeys(names.split(), function)


FUNCTIONS: dict[str, Function] = {
    **_all(
        "abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor histogram_avg histogram_count "
        "histogram_stddev histogram_stdvar histogram_sum ln log10 log2 rad sgn sin sinh sort sort_desc sqrt tan tanh "
        "timestamp",
        VECTOR,
    ),
    **_all(
        "absent_over_time avg_over_time changes count_over_time delta deriv first_over_time idelta increase irate "
        "last_over_time mad_over_time max_over_time min_over_time present_over_time rate resets stddev_over_time "
        "stdvar_over_time sum_over_time ts_of_first_over_time ts_of_last_over_time ts_of_max_over_time "
        "ts_of_min_over_time",
        RANGE,
    ),
    **_all("days_in_month day_of_month day_of_week day_of_year hour minute month year", VECTOR, least=0),
    **_all("pi time start end step range", gives=SCALAR),
    **_all("max_of min_of", SCALAR, SCALAR, gives=SCALAR),
    **_all("scalar", VECTOR, gives=SCALAR),
    **_all("vector", SCALAR),
    **_all("clamp", VECTOR, SCALAR, SCALAR),
    **_all("clamp_max clamp_min", VECTOR, SCALAR),
    **_all("round", VECTOR, SCALAR, least=1),
    **_all("predict_linear", RANGE, SCALAR),
    **_all("double_exponential_smoothing holt_winters", RANGE, SCALAR, SCALAR),
    **_all("quantile_over_time", SCALAR, RANGE),
    **_all("histogram_quantile", SCALAR, VECTOR),
    **_all("histogram_fraction", SCALAR, SCALAR, VECTOR),
    **_all("histogram_quantiles", VECTOR, TEXT, SCALAR, more=True),
    **_all("info", VECTOR, VECTOR, least=1),
    **_all("label_replace", VECTOR, TEXT, TEXT, TEXT, TEXT),
    **_all("label_join", VECTOR, TEXT, TEXT, TEXT, least=3, more=True),
    **_all("sort_by_label sort_by_label_desc", VECTOR, TEXT, more=True),
}


def binary_kind(left: str, operator: str, right: str, to_bool: bool) -> str:
    """The kind that an operator gives; raises :class:`PromqlError` if it does not take these."""
    for kind in (left, right):
        if kind not in (SCALAR, VECTOR):
            raise PromqlError(f"{operator} does not take {kind}")
    if operator in SETS and SCALAR in (left, right):
        raise PromqlError(f"{operator} does not take a number")
    if left == right == SCALAR:
        if operator in COMPARISONS and not to_bool:
            raise PromqlError(f"{operator} between two numbers must have bool behind it")
        return SCALAR
    return VECTOR


def check_arguments(name: str, kinds: Sequence[str], wanted: Sequence[str], least: int) -> None:
    """Raises :class:`PromqlError` if a function does not take arguments of these kinds."""
    if not least <= len(kinds) <= len(wanted):
        allowed = str(least) if least == len(wanted) else f"{least} to {len(wanted)}"
        raise PromqlError(f"{name} takes {allowed} arguments, not {len(kinds)}")
    for number, (kind, other) in enumerate(zip(kinds, wanted, strict=False), start=1):
        if kind != other:
            raise PromqlError(f"argument {number} of {name} must be {other}, not {kind}")
