#!/usr/bin/env bash
# The whole life of a run with `sluice` alone: publish, start, look, event, result; cancel; run again; rewind;
# terminate; export.
#
# Start `npm start` first, which prints the addresses that are not the defaults: TEMPORAL_ADDRESS, SLUICE_BRIDGE_URL,
# SLUICE_API_URL. `sluice` is the one of this clone unless SLUICE names another.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

sluice=${SLUICE:-node cli/bin.mjs}
suffix=${RUN_SUFFIX:-$(date +%s)-$$}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

step() { printf '\n── %s\n' "$*"; }
# shellcheck disable=SC2086 # the command may have arguments
sluice() { $sluice "$@"; }
field() { node -e 'let t="";process.stdin.on("data",(d)=>t+=d).on("end",()=>{for(const l of t.trim().split("\n")){const v=process.argv[1].split(".").reduce((o,k)=>o?.[k],JSON.parse(l));if(v!==undefined){console.log(v);break}}})' "$1"; }

# Waits until the run that is followed into the file $1 reports that it waits for an event.
waits() {
  for _ in $(seq 1 300); do
    if grep -q WAIT_OPENED "$1"; then return 0; fi
    sleep 0.1
  done
  printf 'Timed out waiting for the wait. What came:\n%s\n' "$(cat "$1")" >&2
  return 1
}

# Waits until the run $1 has the status $2.
await() {
  local status
  for _ in $(seq 1 60); do
    status=$(sluice runs show "$1" --json | field status)
    if [ "$status" = "$2" ]; then return 0; fi
    sleep 0.5
  done
  printf 'Run %s is %s, not %s\n' "$1" "$status" "$2" >&2
  return 1
}

# The path of the step $1 in the lines on standard input.
step_path() { node -e 'let t="";process.stdin.on("data",(d)=>t+=d).on("end",()=>{for(const l of t.trim().split("\n")){const v=JSON.parse(l);for(const s of v.items??[v])if(s.stepId===process.argv[1]||s.id===process.argv[1]){console.log(s.path??s.stepPath);return}}})' "$1"; }

order() { # $1: the order's id
  printf '{"orderId":"%s","card":"tok_visa","customer":{"email":"ada@shop.example","address":{"name":"Ada","street":"12 St James Square","city":"London","country":"GB"}},"lineItems":[{"sku":"MUG-BLUE","quantity":2,"unitPriceCents":1290}]}' "$1"
}
# Starts a run for the order $1, and follows it in the background into a file; sets $run to its id and $log to the file.
start() {
  log="$scratch/$1.jsonl"
  sluice run order-fulfilment --input "$(order "$1")" --workflow-id "order/sluice-$1" --json >"$log" &
  follower=$!
  waits "$log"
  run=$(field runId <"$log")
}
settle() { # $1: the order's id
  sluice events publish PAYMENT_SETTLED --key "$1" --id "settled-$1-${2:-1}" --payload "{\"orderId\":\"$1\",\"settledCents\":2580}"
}

step 'Check a definition, and publish it'
sluice validate examples/order-fulfilment.yaml
sluice publish examples/order-fulfilment.yaml

step 'Start a run, and look at it while it waits'
start "$suffix-1"
first=$run
sluice runs show "$first"
sluice runs steps "$first"
sluice runs waits "$first"

step 'Publish the event that it waits for; following it ends with its result'
settle "$suffix-1"
wait "$follower"
tail -n 1 "$log"
sluice runs events "$first"
sluice runs list --status SUCCEEDED --definition order-fulfilment --limit 5

step 'Cancel a second one while it waits: it compensates its steps'
start "$suffix-2"
second=$run
sluice runs cancel "$second" --reason 'the customer changed their mind'
if wait "$follower"; then
  echo 'It was not cancelled' >&2
  exit 1
fi
tail -n 1 "$log"

step 'Re-run it, from its original payload'
again=$(sluice runs rerun "$second" --json | field runId)
# The event may come before the wait opens: Sluice keeps it.
settle "$suffix-2"
await "$again" SUCCEEDED

step 'Rewind it to its shipment, which runs again, under another key'
sluice runs rewind "$again" "$(sluice runs steps "$again" --json | step_path ship)" --reason 'the parcel came back'
await "$again" SUCCEEDED
sluice runs events "$again" --superseded

step 'Terminate a third one: it ends at once'
start "$suffix-3"
sluice runs terminate "$run" --reason 'an example'
wait "$follower" || true

step 'The command line refuses what only an older engine could do, and says what to do instead'
if sluice runs resume "$first"; then
  echo 'It was not refused' >&2
  exit 1
fi

step 'Export a run with everything that belongs to it'
sluice runs export "$first" >"$scratch/bundle.json"
node -e 'const b=JSON.parse(require("fs").readFileSync(process.argv[1]));console.log(b.digest)' "$scratch/bundle.json"

step 'Done'
