#!/bin/sh
# One scheduled audit, for cron, a systemd timer, Airflow and whatever else calls a command: runs the plan, judges the audit.
#
#     sh audit.sh PLAN        says nothing and ends with 0 where all is kept; else says why, and the exit code is
#                             1 failed or worse than the baseline   2 the plan, the policy or a setting is wrong, or
#                             the audit of an earlier start still runs   3 undecided   4 not what was written
#                             5 crashed, or the model is down   6 an endpoint's budget is used up
#                             130 interrupted: the next start goes on
#
# The same plan and model a second time: the finished audit is only read. Settings, all of them optional:
#
#     DOKIMASIA_INTO          folder that keeps the audits (audits)
#     DOKIMASIA_POLICY        policy file; without it the plan's own limits
#     DOKIMASIA_BASELINE      the audit than which nothing may be worse; without it the policy's, or none
#     DOKIMASIA_RUN_OPTIONS   options of 'dokimasia run' (--confined); "--confined --fresh" asks everything anew
set -eu
plan=${1:?the plan file is missing}
into=${DOKIMASIA_INTO:-audits}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

leave() {
    [ "$1" = 0 ] || cat "$work/said"
    exit "$1"
}

code=0
# shellcheck disable=SC2086  # several words
dokimasia run ${DOKIMASIA_RUN_OPTIONS---confined} "$plan" --into "$into" --json > "$work/record" 2> "$work/said" || code=$?
# 0, 1, 3 and 5 are verdicts, which the policy may see otherwise; without a record nothing was audited.
case $code in 0 | 1 | 3 | 5) [ -s "$work/record" ] || leave "$code" ;; *) leave "$code" ;; esac
# Not the id: where another model answers now, its audit is a new one of the same plan.
audit=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["folder"])' < "$work/record")
set -- "$audit" --into "$into" --plan "$plan"
[ -z "${DOKIMASIA_POLICY:-}" ] || set -- "$@" --policy "$DOKIMASIA_POLICY"
[ -z "${DOKIMASIA_BASELINE:-}" ] || set -- "$@" --baseline "$DOKIMASIA_BASELINE"
code=0
dokimasia judge "$@" >> "$work/said" 2>&1 || code=$?
leave "$code"
