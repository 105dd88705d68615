# slot.sh - to be sourced: a build directory of one's own.
#
# take_slot NAME sets $slot to the first of $root/build/NAME, NAME-2, ... that no other run holds, and
# holds it (an flock, descriptor 9) until this shell ends: two runs at once never meet, and the next
# run finds what the last one built.
# shellcheck shell=bash
: "${root:?the top of the tree}"

take_slot() {
    local number
    for number in '' -2 -3 -4 -5 -6 -7 -8; do
        slot=$root/build/$1$number
        mkdir -p "$slot"
        exec 9>"$slot/.lock"
        if flock -n 9; then
            return 0
        fi
    done
    echo "${0##*/}: eight runs are at work in $root/build already" >&2
    exit 75
}
