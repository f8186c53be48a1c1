#!/usr/bin/env bash
# The whole life of a run with the `temporal` command alone: start, look, signal, result; cancel; reset; terminate.
#
# A run of Sluice is a plain Temporal workflow, so nothing here knows of Sluice. Start `npm start` first; set
# TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and SLUICE_TASK_QUEUE if they are not the defaults.
set -euo pipefail

temporal=${TEMPORAL_CLI_PATH:-temporal}
export TEMPORAL_ADDRESS=${TEMPORAL_ADDRESS:-127.0.0.1:7233}
export TEMPORAL_NAMESPACE=${TEMPORAL_NAMESPACE:-default}
queue=${SLUICE_TASK_QUEUE:-sluice}
suffix=${RUN_SUFFIX:-$(date +%s)-$$}

step() { printf '\n── %s\n' "$*"; }
workflow() { "$temporal" workflow "$@"; }

# Waits until `$3 …` prints something that matches $2; $1 says what is awaited.
await() {
  local what=$1 pattern=$2 out
  shift 2
  for _ in $(seq 1 150); do
    if out=$("$@" 2>&1) && grep -Eq "$pattern" <<<"$out"; then return 0; fi
    sleep 0.2
  done
  printf 'Timed out waiting for %s. Last answer:\n%s\n' "$what" "$out" >&2
  return 1
}

order() { # $1: the order's id
  printf '{"orderId":"%s","card":"tok_visa","customer":{"email":"ada@shop.example","address":{"name":"Ada","street":"12 St James Square","city":"London","country":"GB"}},"lineItems":[{"sku":"MUG-BLUE","quantity":2,"unitPriceCents":1290}]}' "$1"
}
start() { # $1: the workflow id, $2: the order's id
  workflow start --type order-fulfilment --task-queue "$queue" --workflow-id "$1" --input "$(order "$2")" >/dev/null
}
settle() { # $1: the workflow id, $2: the order's id
  workflow signal --workflow-id "$1" --name event --input \
    "{\"eventId\":\"settled-$2\",\"source\":\"bank\",\"eventName\":\"PAYMENT_SETTLED\",\"correlationKey\":\"$2\",\"payload\":{\"orderId\":\"$2\",\"settledCents\":2580}}" >/dev/null
}
waits() { await "the wait of $1" 'PAYMENT_SETTLED' workflow query --workflow-id "$1" --type state; }
ended() { await "$1 to be $2" "$2" workflow describe --workflow-id "$1" --output json; }

first="order/temporal-$suffix-1"
step "Start $first"
start "$first" "o-$suffix-1"

step 'Look at it: the query `state` says what it waits for'
waits "$first"
workflow query --workflow-id "$first" --type state

step 'Send the event that it waits for, with the signal `event`'
settle "$first" "o-$suffix-1"

step 'Its result'
workflow result --workflow-id "$first" --output json

step 'Find it by a search attribute'
await 'the run in the list' "$first" \
  workflow list --query "SluiceDefinition='order-fulfilment' AND WorkflowId='$first'"

step 'Reset it to its first step. It goes on under the same run id, and charges no card twice'
workflow reset --workflow-id "$first" --type FirstWorkflowTask --reason 'look at it again' >/dev/null
# A reset keeps signals: the payment is still settled, and the run ends by itself.
ended "$first" WORKFLOW_EXECUTION_STATUS_COMPLETED
workflow result --workflow-id "$first" --output json

second="order/temporal-$suffix-2"
step "Cancel $second while it waits: it compensates its steps, and ends CANCELED"
start "$second" "o-$suffix-2"
waits "$second"
workflow cancel --workflow-id "$second" >/dev/null
ended "$second" WORKFLOW_EXECUTION_STATUS_CANCELED
workflow query --workflow-id "$second" --type progress

third="order/temporal-$suffix-3"
step "Terminate $third: it ends at once, and compensates nothing"
start "$third" "o-$suffix-3"
waits "$third"
workflow terminate --workflow-id "$third" --reason 'an example' >/dev/null
ended "$third" WORKFLOW_EXECUTION_STATUS_TERMINATED

step 'Done'
