#!/bin/sh
# Make the random secrets that docker-compose.yml hands to its services. What is there already is kept.
# Usage: dashboards/container/make-secrets.sh [FOLDER]      default: $SECRETS, or dashboards/container/secrets
set -eu
folder=${1:-${SECRETS:-$(dirname "$0")/secrets}}
mkdir -p "$folder"
# Nobody else on this machine gets into the folder. The files in it are readable, because each container, which sees
# its own files only, reads them as a user of its own.
chmod 0700 "$folder"
umask 022

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

keep() {  # NAME CONTENT: write the file unless it is there
    [ -s "$folder/$1" ] && return
    printf '%s\n' "$2" > "$folder/.$1"
    chmod 0444 "$folder/.$1"
    mv "$folder/.$1" "$folder/$1"
    echo "made $folder/$1"
}

keep monitor_token "$(random)"
keep grafana_admin_password "$(random)"
keep turn_username monitor
keep turn_password "$(random)"
# Not a secret of its own: it says what the two before say, so it is written anew when they change.
turn="lt-cred-mech
realm=softphone-monitor
user=$(cat "$folder/turn_username"):$(cat "$folder/turn_password")
fingerprint
no-cli
no-tls
no-dtls
no-multicast-peers
min-port=43000
max-port=43099
pidfile=/tmp/turnserver.pid
userdb=/tmp/turndb
log-file=stdout"
[ "$(cat "$folder/turnserver.conf" 2> /dev/null)" = "$turn" ] || { rm -f "$folder/turnserver.conf"; keep turnserver.conf "$turn"; }
