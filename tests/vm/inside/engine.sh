# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The engine as systemd runs it: limits on cgroup v2, restarts, device rules, AppArmor's kernel.

install_units()
{
    cp "$PREFIX"/lib/systemd/system/berth.service "$PREFIX"/lib/systemd/system/berth.socket \
        /run/systemd/system/
    systemctl daemon-reload
}

start_service()
{
    systemctl start berth.service || { journalctl -u berth -n 40 --no-pager; return 1; }
    systemctl is-active berth.service berth.socket
}

# eventually COMMAND...: true within some seconds; an emulated machine is slow.
eventually()
{
    local _
    for _ in $(seq 60); do
        if "$@" > /dev/null 2>&1; then return 0; fi
        sleep 0.5
    done
    "$@"
}

# group NAME: the cgroup directory of a container.
group()
{
    local pid
    pid=$(berth inspect -f '{{.State.Pid}}' "$1")
    echo "/sys/fs/cgroup$(cut -d: -f3 "/proc/$pid/cgroup")"
}

equal() { [ "$1" = "$2" ] || { echo "found '$1', wanted '$2'"; return 1; }; }

hello() { berth run --rm hello | grep -q Hello; }

limits()
{
    berth run -d --name limited --memory 64m --memory-swap 96m --cpus 0.5 --pids-limit 17 \
        --cpu-shares 512 --cpuset-cpus 0 busybox sleep 1000 || return 1
    local dir
    dir=$(group limited)
    equal "$(cat "$dir/memory.max")" 67108864 && equal "$(cat "$dir/memory.swap.max")" 33554432 \
        && equal "$(cat "$dir/cpu.max")" "50000 100000" && equal "$(cat "$dir/pids.max")" 17 \
        && equal "$(cat "$dir/cpuset.cpus")" 0 && equal "$(cat "$dir/cpu.weight")" 20
}

daemon_in_its_own_leaf()
{
    local pid
    pid=$(systemctl show -p MainPID --value berth.service)
    equal "$(cut -d: -f3 "/proc/$pid/cgroup")" /berth.slice/berth.service || return 1
    case $(group limited) in
        /sys/fs/cgroup/berth.slice/containers/*) ;;
        *) echo "the container is in $(group limited)"; return 1 ;;
    esac
}

# The default on v2: the container sees its own cgroup as the root.
cgroup_namespace()
{
    equal "$(berth run --rm busybox cat /proc/self/cgroup)" "0::/"
}

cgroup_is_read_only()
{
    berth run --rm busybox sh -c 'mount | grep " /sys/fs/cgroup type cgroup2 (ro"' \
        && ! berth run --rm busybox mkdir /sys/fs/cgroup/x
}

memory_limit_kills()
{
    berth run --name greedy --memory 16m --memory-swap 16m busybox tail /dev/zero
    equal "$(berth inspect -f '{{.State.ExitCode}} {{.State.OOMKilled}}' greedy)" "137 true"
    local result=$?
    berth rm greedy
    return $result
}

device_rules()
{
    # 254:0 is the disk that this system runs from
    local number
    number=$(stat -c '%Hr %Lr' /dev/vda)
    berth run --rm busybox sh -c "mknod /tmp/d b $number && ! head -c1 /tmp/d 2>/dev/null \
        && head -c1 /dev/zero >/dev/null && echo x > /dev/null" || return 1
    berth run --rm --device /dev/vda busybox head -c1 /dev/vda > /dev/null || return 1
    berth run --rm --privileged busybox head -c1 /dev/vda > /dev/null
}

restart_keeps_containers()
{
    local before after
    before=$(berth inspect -f '{{.State.Pid}}' limited)
    systemctl restart berth.service || return 1
    after=$(berth inspect -f '{{.State.Pid}}' limited)
    equal "$after" "$before" || return 1
    berth exec limited echo works | grep -q works
}

kill_keeps_containers()
{
    local before
    before=$(berth inspect -f '{{.State.Pid}}' limited)
    systemctl kill -s KILL --kill-who=main berth.service
    eventually systemctl is-active --quiet berth.service || return 1
    eventually berth ps || return 1
    equal "$(berth inspect -f '{{.State.Pid}}' limited)" "$before" \
        && equal "$(cat "$(group limited)/memory.max")" 67108864
}

stop_and_socket_start()
{
    systemctl stop berth.service || return 1
    test -d "/proc/$(cat /tests/limited.pid)" || return 1
    berth ps | grep -q limited      # the socket starts the service again
}

published_port()
{
    berth run -d --name web -p 8080:80 busybox sh -c 'echo page > /tmp/index.html; exec httpd -f -p 80 -h /tmp' || return 1
    eventually sh -c 'printf "GET / HTTP/1.0\r\n\r\n" | busybox nc -w 3 127.0.0.1 8080 | grep page'
    local result=$?
    berth rm -f web
    return $result
}

stats() { berth stats --no-stream --format '{{.PIDs}}' limited | grep -q '^[1-9]'; }

pause_freezes()
{
    berth pause limited && grep -q 1 "$(group limited)/cgroup.freeze" && berth unpause limited
}

privileged_has_everything()
{
    equal "$(berth run --rm --privileged busybox sh -c 'grep CapEff /proc/self/status | cut -f2')" \
        "$(grep CapBnd /proc/1/status | cut -f2)"
}

nothing_left()
{
    berth rm -f limited
    eventually sh -c '! find /sys/fs/cgroup/berth.slice/containers -mindepth 1 -type d | grep .' \
        && eventually sh -c '! pgrep berth-shim' || return 1
    # ready network namespaces are kept as long as the daemon runs
    systemctl stop berth.socket berth.service
    eventually sh -c '! ip link | grep veth'
}

no_complaints()
{
    ! journalctl -u berth.service --no-pager -p err | grep -v -e '^-- ' | grep .
}

export BERTH_HOST=unix:///run/berth/berth.sock
check "the units are installed" install_units
check "systemd starts the service" start_service
check "the embedded image runs" hello
check "an archive is loaded" berth load -q -i /tests/inside/busybox.tar
check "limits reach cgroup v2" limits
berth inspect -f '{{.State.Pid}}' limited > /tests/limited.pid 2> /dev/null
check "daemon and containers are in cgroups beside each other" daemon_in_its_own_leaf
check "a container has a cgroup namespace of its own" cgroup_namespace
check "a container cannot write to its cgroup" cgroup_is_read_only
check "the memory limit kills, and it is said so" memory_limit_kills
check "device rules hold (BPF)" device_rules
check "--privileged has every capability" privileged_has_everything
check "a port is published" published_port
check "statistics come from cgroup v2" stats
check "pause freezes by cgroup v2" pause_freezes
check "systemctl restart keeps the containers" restart_keeps_containers
check "kill -9 of the daemon keeps the containers, systemd starts it again" kill_keeps_containers
check "systemctl stop keeps the containers, the socket starts the service" stop_and_socket_start
check "nothing is left behind" nothing_left
check "the daemon's journal holds no error" no_complaints
