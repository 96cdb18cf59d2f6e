#!/usr/bin/env bash
# Measures a server from several hosts at once, and merges what they measured.
#
#   loadgen/deploy/ssh.sh TARGET 'LOADGEN OPTIONS' HOST...
#   loadgen/deploy/ssh.sh server.example '--rate 50k -d 60s' client-1 client-2
#
# Each host makes the load that the options say, so two hosts make twice of it, and so does a host that is named
# twice. `loadgen` is on the PATH of each host, and of this machine. All start LEAD seconds from now (10), until
# when all must be connected.
set -euo pipefail

if [ $# -lt 3 ]; then
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 1
fi
target=$1 options=$2
shift 2

# Clients that differ by half a second do not measure the same thing. The clock there was read at some time of
# the round trip, so the difference is known to within that; the quickest of three tells the most.
for host in "$@"; do
    doubt_min=
    for _ in 1 2 3; do
        before=$(date +%s%3N)
        there=$(ssh "$host" date +%s%3N)
        doubt=$(($(date +%s%3N) - before))
        if [ -z "$doubt_min" ] || [ "$doubt" -lt "$doubt_min" ]; then
            doubt_min=$doubt
            ahead_max=$((there - before))
        fi
    done
    ahead_min=$((ahead_max - doubt_min))
    if [ "$ahead_min" -gt 500 ] || [ "$ahead_max" -lt -500 ]; then
        echo "the clock of $host is $ahead_min to $ahead_max ms ahead of this one; set both (chrony, ntp)" >&2
        exit 4
    fi
    if [ "$ahead_min" -lt -500 ] || [ "$ahead_max" -gt 500 ]; then
        echo "the clock of $host is $ahead_min to $ahead_max ms ahead of this one, which is not known any better as" \
            "ssh takes $doubt_min ms; hold a connection open (ControlMaster and ControlPersist in ssh_config)" >&2
        exit 4
    fi
done

start=$(($(date +%s) + ${LEAD:-10}))
results=$(mktemp -d)
trap 'rm -r "$results"' EXIT
clients=()
declare -A agents
for host in "$@"; do
    # A host is an agent by its name, and once more by another.
    agents[$host]=$((${agents[$host]:-0} + 1))
    agent=$host
    [ "${agents[$host]}" -eq 1 ] || agent="$host#${agents[$host]}"
    # shellcheck disable=SC2029 # the options are words for the other side
    ssh "$host" "loadgen run '$target' $options --start-at $start --agent '$agent' --quiet --json" \
        >"$results/$agent.json" &
    clients+=($!)
done
failed=0
for client in "${clients[@]}"; do
    # A client that missed an objective ends with 3, and one that was the bottleneck with 4; `merge` says
    # the latter again. One that refused to start ends with 4 as well, without a result.
    status=0
    wait "$client" || status=$?
    case $status in 0 | 3 | 4) ;; *) failed=1 ;; esac
done
for result in "$results"/*.json; do
    if [ ! -s "$result" ]; then
        echo "$(basename "$result" .json) has no result" >&2
        failed=1
    fi
done
[ "$failed" -eq 0 ] || exit 2
loadgen merge "$results"/*.json
