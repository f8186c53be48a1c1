#!/usr/bin/env bash
# The whole life of a run with `curl` alone, over the HTTP API: publish, start, list, show, follow live, send an event;
# cancel another one, re-run it, rewind it, export it; and which requests the API refuses, and how.
#
# Start `npm start` first, which prints the API's address: set SLUICE_API_URL if it is not http://127.0.0.1:8235, and
# SLUICE_API_TOKEN if the API asks for a token (role admin).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

api=${SLUICE_API_URL:-http://127.0.0.1:8235}
suffix=${RUN_SUFFIX:-$(date +%s)-$$}
auth=()
if [ -n "${SLUICE_API_TOKEN:-}" ]; then auth=(-H "Authorization: Bearer $SLUICE_API_TOKEN"); fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

step() { printf '\n── %s\n' "$*"; }
# An error response ends the script and prints what the API answered.
call() { curl --silent --show-error --fail-with-body ${auth[@]+"${auth[@]}"} "$@"; }
get() { call "$api$1"; }
post() { call -H 'content-type: application/json' --data "${2-}" "$api$1"; }
# The value of the first text field $1.
first() { grep -o "\"$1\":\"[^\"]*\"" | head -1 | cut -d'"' -f4; }

# Waits until the answer of $2 matches $1; prints it.
await() {
  local answer=''
  for _ in $(seq 1 150); do
    if answer=$(get "$2" 2>&1) && grep -Eq "$1" <<<"$answer"; then
      printf '%s\n' "$answer"
      return 0
    fi
    sleep 0.2
  done
  printf 'Timed out waiting for %s. Last answer:\n%s\n' "$1" "$answer" >&2
  return 1
}

order() { # $1: the order's id
  printf '{"definition":"order-fulfilment","workflowId":"order/curl-%s","payload":{"orderId":"%s","card":"tok_visa","customer":{"email":"ada@shop.example","address":{"name":"Ada","street":"12 St James Square","city":"London","country":"GB"}},"lineItems":[{"sku":"MUG-BLUE","quantity":2,"unitPriceCents":1290}]}}' "$1" "$1"
}
settled() { # $1: the order's id
  printf '{"eventName":"PAYMENT_SETTLED","source":"bank","eventId":"settled-%s","correlationKey":"%s","payload":{"orderId":"%s","settledCents":2580}}' "$1" "$1" "$1"
}

step 'The API is ready'
get /readyz

step 'Check a definition, and publish it'
call -H 'content-type: application/yaml' --data-binary @examples/order-fulfilment.yaml "$api/v1/validations" | first hash
call -H 'content-type: application/yaml' --data-binary @examples/order-fulfilment.yaml "$api/v1/definitions"
printf '\n'

step 'Show it; with its ETag the API sends nothing twice'
etag=$(call --dump-header - --output /dev/null "$api/v1/definitions/order-fulfilment" | tr -d '\r' | sed -n 's/^etag: //Ip')
call --output /dev/null --write-out 'with If-None-Match: %{http_code}\n' -H "If-None-Match: $etag" "$api/v1/definitions/order-fulfilment"

step 'Start a run; the same idempotency key does not start a second one'
one="o-curl-$suffix-1"
started=$(call -H 'content-type: application/json' -H "Idempotency-Key: $one" --data "$(order "$one")" "$api/v1/runs")
again=$(call -H 'content-type: application/json' -H "Idempotency-Key: $one" --data "$(order "$one")" "$api/v1/runs")
run=$(first runId <<<"$started")
printf '%s\n%s\n' "$started" "$again"
test "$started" = "$again"

step 'Wait until it waits for the payment, with its timeline followed live'
await '"status":"WAITING"' "/v1/runs/$run" >/dev/null
call --no-buffer --max-time 60 "$api/v1/runs/$run/timeline" >"$scratch/timeline" &
follower=$!
get "/v1/runs/$run/waits" | first correlationKey

step 'List the runs that wait'
get "/v1/runs?definition=order-fulfilment&status=WAITING&limit=5" | grep -o '"runId":"[^"]*"' | head -5

step 'Send the event that it waits for, and see it end: the timeline closes by itself'
post "/v1/runs/$run/signal" "$(settled "$one")"
printf '\n'
wait "$follower"
grep -c '^id: ' "$scratch/timeline" | sed 's/$/ lines of the log, each once/'
tail -3 "$scratch/timeline"
grep -q '"status":"SUCCEEDED"' "$scratch/timeline"

step 'The timeline again, from its third line on'
third=$(sed -n 's/^id: //p' "$scratch/timeline" | sed -n 3p)
call --no-buffer --max-time 60 -H "Last-Event-ID: $third" "$api/v1/runs/$run/timeline" | sed -n 's/^id: //p' | head -1

step 'Its steps and its result'
get "/v1/runs/$run/steps?limit=500" | grep -o '"stepId":"[^"]*"' | cut -d'"' -f4 | paste -sd' ' -
get "/v1/runs/$run" | grep -o '"result":{[^}]*}'

step 'Start another one and cancel it: it compensates its steps'
two="o-curl-$suffix-2"
second=$(post /v1/runs "$(order "$two")" | first runId)
await '"status":"WAITING"' "/v1/runs/$second" >/dev/null
post "/v1/runs/$second/cancel" '{"reason":"the customer called"}'
printf '\n'
await '"status":"CANCELED"' "/v1/runs/$second" | grep -o '"cancelReason":"[^"]*"'

step 'Re-run it, from its original payload'
third_run=$(post "/v1/runs/$second/rerun" '{}' | first runId)
await '"status":"WAITING"' "/v1/runs/$third_run" | grep -o '"rerunOf":{[^}]*}'

step 'Rewind the first one to its wait: it waits again, and is paid again'
path=$(get "/v1/runs/$run/waits" | first stepPath)
post "/v1/runs/$run/rewind" "{\"stepPath\":\"$path\",\"reason\":\"the payment was booked twice\"}" | first executionId
await '"status":"(RUNNING|WAITING|SUCCEEDED)"' "/v1/runs/$run" >/dev/null

step 'Show which runs a bulk termination would end: only those of this script'
post /v1/runs/bulk "{\"action\":\"terminate\",\"filter\":{\"rerunOf\":\"$second\"},\"dryRun\":true}"
post /v1/runs/bulk "{\"action\":\"terminate\",\"filter\":{\"rerunOf\":\"$second\"},\"reason\":\"the script ends\"}"

step 'Export the first one, with a digest'
get "/v1/runs/$run/export" >"$scratch/bundle.json"
wc -c <"$scratch/bundle.json" | tr -d ' ' | sed 's/$/ bytes/'
grep -o '"digest":"[0-9a-f]*"' "$scratch/bundle.json" | tail -1

step 'The API refuses what only an older engine could do, and says what to do instead'
curl --silent ${auth[@]+"${auth[@]}"} --write-out '\nHTTP %{http_code}\n' --request POST "$api/v1/runs/$run/resume"

step 'Done'
