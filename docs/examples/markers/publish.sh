#!/usr/bin/env bash
# A publish script with markers around it: the end is told however the script ends.
set -eu
. "$(dirname "$0")/markers.sh"

job=weekly
run=$(date -u +%Y%m%dT%H%M%SZ)-$$

tell_end() {
    local status=$?
    case $status in
    0) marker end "$job" "$run" outcome=ok ;;
    129 | 130 | 143) marker end "$job" "$run" outcome=aborted ;;
    *) marker end "$job" "$run" outcome=failed status=$status ;;
    esac
    exit "$status"
}
trap tell_end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

marker start "$job" "$run" strategy=batch batch_size=50 pause=2s
for batch in 1 2 3; do
    began=$SECONDS
    "${PUBLISH_BATCH:-true}" "$batch" # your own command
    marker batch "$job" "$run" batch_size=50 seconds=$((SECONDS - began))
done
