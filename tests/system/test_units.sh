#!/bin/bash
# test_units.sh - the units are valid and closed enough. Exit 77: could not be tested here.
set -euo pipefail
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
most=2.5 # of 10: what systemd-analyze calls the exposure

if ! command -v systemd-analyze >/dev/null; then
    echo 'SKIPPED: systemd-analyze is not installed (package systemd)' >&2
    exit 77
fi

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0

complain() {
    printf 'FAILED: %s\n' "$*" >&2
    failed=1
}

# A unit is judged without its programs being installed: something that exists stands in for them.
for unit in yardmaster.service yard-agent@.service; do
    sed 's|^ExecStart=[^ ]*|ExecStart=/bin/true|' "$source_dir/systemd/$unit" >"$dir/$unit"
done
cp "$dir/yard-agent@.service" "$dir/yard-agent@git.service"

for unit in yardmaster.service yard-agent@git.service; do
    said=$(systemd-analyze verify --man=no --recursive-errors=no "$dir/$unit" 2>&1) ||
        complain "$unit is not valid: $said"
    said=$(grep -F "$dir" <<<"$said" || true)
    [ -z "$said" ] || complain "$unit: $said"

    score=$(systemd-analyze security --offline=yes --no-pager "$dir/$unit" 2>&1 |
        sed -n 's/.*Overall exposure level for .*: \([0-9.]*\) .*/\1/p')
    if [ -z "$score" ]; then
        complain "$unit has no score"
    elif awk -v score="$score" -v most="$most" 'BEGIN { exit !(score > most) }'; then
        complain "$unit is exposed $score of 10, more than $most"
    else
        printf '%s: exposed %s of 10\n' "$unit" "$score"
    fi
done

grep -q '^KillMode=mixed$' "$dir/yardmaster.service" ||
    complain 'without KillMode=mixed the actors would be stopped in no order'
grep -Eq '^RestrictAddressFamilies=.*AF_NETLINK' "$dir/yardmaster.service" ||
    complain 'without AF_NETLINK ZeroMQ aborts'

grep -q '^RestartPreventExitStatus=64 78$' "$dir/yard-agent@git.service" ||
    complain 'an agent with wrong options would be started for ever'

for file in sysusers tmpfiles; do
    command -v "systemd-$file" >/dev/null || continue
    root=$dir/root-$file
    mkdir -p "$root/etc"
    case $file in
    sysusers) systemd-sysusers --root="$root" "$source_dir/systemd/yardmaster.sysusers" ;;
    tmpfiles) systemd-tmpfiles --root="$root" --create --boot "$source_dir/systemd/yardmaster.tmpfiles" ;;
    esac >"$dir/said" 2>&1 || grep -q 'Unknown user\|Unknown group\|Failed to resolve' "$dir/said" ||
        complain "yardmaster.$file: $(cat "$dir/said")"
done
exit "$failed"
