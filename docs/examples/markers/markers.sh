#!/usr/bin/env bash
# Publish-job markers with bash and curl alone. Source it in your script for the function `marker`, or run it:
#
#   markers.sh start weekly RUN_ID strategy=batch pause=2s agents=150
#   markers.sh batch weekly RUN_ID batch_size=50
#   markers.sh end   weekly RUN_ID outcome=ok
#
# RUN_ID is one word that names this run, the same for all of its markers. Address and token are taken from MONITOR_URL
# (http://127.0.0.1:9464 unless set) and MONITOR_TOKEN. What is not a field of POST /markers becomes an attribute.
# A marker that does not arrive costs a line on stderr and a few seconds, and never the script.

json_text() { # any text as a JSON string; the monitor takes no control characters, so they become spaces
    local text=$1 out='' char i
    for ((i = 0; i < ${#text}; i++)); do
        char=${text:i:1}
        case $char in
        '"' | \\) out+="\\$char" ;;
        [[:cntrl:]]) out+=' ' ;;
        *) out+=$char ;;
        esac
    done
    printf '"%s"' "$out"
}

marker() { # marker start|batch|end JOB RUN_ID [NAME=VALUE ...]
    local phase=$1 job=$2 run_id=$3 body attributes='' pair name value now
    shift 3
    now=${EPOCHREALTIME:-$(date +%s)} # with its own time, a marker that is sent twice is stored once
    body="{\"job\": $(json_text "$job"), \"run_id\": $(json_text "$run_id"), \"phase\": $(json_text "$phase")"
    body+=", \"time\": ${now/,/.}"
    for pair in "$@"; do
        name=${pair%%=*} value=${pair#*=}
        case $name in
        batch_size | agents) body+=", \"$name\": $value" ;;
        strategy | outcome | found_by) body+=", \"$name\": $(json_text "$value")" ;;
        *) attributes+="${attributes:+, }$(json_text "$name"): $(json_text "$value")" ;;
        esac
    done
    body+=", \"attributes\": {$attributes}}"
    # the token goes by stdin: what stands on a command line can be read by every user of this machine
    printf '%s\n' "${MONITOR_TOKEN:+header = \"Authorization: Bearer $MONITOR_TOKEN\"}" |
        curl --config - --noproxy localhost,127.0.0.1,::1 --silent --show-error --fail --output /dev/null \
            --max-time 3 --retry 1 \
            --header 'Content-Type: application/json' --data-binary "$body" \
            "${MONITOR_URL:-http://127.0.0.1:9464}/markers" ||
        echo "markers.sh: the $phase marker of $job (run $run_id) has not arrived" >&2
    return 0
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    if (($# < 3)); then
        echo 'usage: markers.sh start|batch|end JOB RUN_ID [NAME=VALUE ...]' >&2
        exit 2
    fi
    marker "$@"
fi
