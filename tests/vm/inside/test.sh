# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The checks inside the virtual machine: real systemd, pure cgroup v2, Debian's kernel. TAP.
number=0
failed=0

# check NAME COMMAND...: one test; the command's output is shown when it fails.
check()
{
    local name=$1 output
    shift
    number=$((number + 1))
    if output=$("$@" 2>&1); then
        echo "ok $number - $name"
    else
        failed=$((failed + 1))
        echo "not ok $number - $name"
        printf '%s\n' "$output" | sed 's/^/# /'
    fi
}

skip()
{
    number=$((number + 1))
    echo "ok $number - $1 # SKIP $2"
}

unified() { [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; }
init_is_systemd() { [ "$(cat /proc/1/comm)" = systemd ]; }

check "the machine has cgroup v2 only" unified
check "systemd is process 1" init_is_systemd

if [ -x "$PREFIX/bin/berthd" ]; then
    # shellcheck source=tests/vm/inside/engine.sh
    . /tests/inside/engine.sh
else
    skip "the engine under systemd" "this tree has no berthd"
fi
echo "1..$number"
exit $((failed > 0))
