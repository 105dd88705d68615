# slot.sh - to be sourced: a build directory of one's own.
#
# take_slot NAME sets $slot to the first of $root/build/NAME, NAME-2, ... that is ours to write and
# that no other run holds, and holds it (an flock, descriptor 9) until this shell ends: two runs at once never meet, and the next
# run finds what the last one built.
# shellcheck shell=bash
: "${root:?the top of the tree}"

take_slot() {
    local number held=0
    for number in '' -2 -3 -4 -5 -6 -7 -8; do
        slot=$root/build/$1$number
        # Made by another user, it may be there and not be ours.
        if ! mkdir -p "$slot" 2>/dev/null || [ ! -w "$slot" ] || ! { : >>"$slot/.lock"; } 2>/dev/null; then
            continue
        fi
        exec 9>>"$slot/.lock"
        if flock -n 9; then
            return 0
        fi
        held=$((held + 1))
    done
    echo "${0##*/}: no place to build: of $root/build/$1 and $1-2 to $1-8, $held are held by other runs, and the others you may not write" >&2
    exit 75
}
