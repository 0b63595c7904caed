#!/usr/bin/env bash
# A gate for any CI: loads a backend, keeps its files, and ends with 0 where the build may go on.
#
#   examples/ci_gate/gate.sh                                  the bundled reference backend
#   HOST=http://staging-api.agentmitra.com examples/ci_gate/gate.sh --read-only
#
# HOST                   the backend to load; its accounts are those of credentials.csv or --credentials
# SCENARIO               default monday_morning of examples/own_scenario
# ALLOW_INCONCLUSIVE=1   let a run pass that could judge nothing, such as on a runner that was too busy
# What is typed after the name goes to the suite.
set -uo pipefail
cd "$(dirname "$0")/../.."

if [[ -n ${HOST:-} ]]; then target=(--host "$HOST"); else target=(--demo); fi

python run_performance_tests.py "${target[@]}" \
  --scenarios examples/own_scenario/scenarios.toml --scenario "${SCENARIO:-monday_morning}" \
  --targets examples/operation_targets/targets.toml --quiet --no-color "$@"
code=$?

case $code in
  0) echo "gate: open" ;;
  1) echo "gate: closed, the backend misses its targets or answers wrongly: open report.html" ;;
  5) echo "gate: closed, the backend became worse than the baseline: open report.html" ;;
  4)
    if [[ ${ALLOW_INCONCLUSIVE:-} == 1 ]]; then
      echo "gate: open, though the run says nothing about the backend (ALLOW_INCONCLUSIVE=1)"
      code=0
    else
      echo "gate: closed, the run says nothing about the backend: more users, more time, or a quieter runner"
    fi
    ;;
  130) echo "gate: closed, the run was interrupted" ;;
  *) echo "gate: closed, nothing was measured: the message above names the fix" ;;
esac
exit "$code"
