#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a container may see and do, compared with what Debian's Docker gives on the same machine."""
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import engine                         # noqa: E402
import tap                            # noqa: E402
from engine import wait_for           # noqa: E402

REFERENCE = []
# What runc says for --privileged when its own bounding set is not full (no CAP_SYS_RESOURCE).
LACKS = 'unable to apply caps'


def setup(e):
    tap.load_busybox(e)
    if e.kind == 'docker' or engine.usable('docker', 'docker'):
        return
    docker = engine.Engine.second(e, 'docker', 'docker', 'd')
    docker.start()
    tap.load_busybox(docker)
    REFERENCE.append(docker)


def teardown(_e):
    for docker in REFERENCE:
        docker.clean()


def same(e, script, *options, clean=lambda text: text):
    """Runs a script in a container of both engines; the outputs must be equal."""
    args = ['run', '--rm', '--network', 'none', '--hostname', 'h', *options, 'busybox', 'sh', '-c',
            script]
    result = e.cli(*args)
    if e.kind == 'docker' and LACKS in result.err:
        tap.skip('runc insists on capabilities that this machine does not have')
    assert result.code == 0, result
    mine = clean(result.out.rstrip('\n'))
    if REFERENCE:
        result = REFERENCE[0].cli(*args)
        if LACKS in result.err:     # nothing to compare with; ours must have started all the same
            return mine
        other = clean(result.out.rstrip('\n'))
        assert mine == other, f'{script}\nberth:\n{mine}\ndocker:\n{other}'
    return mine


def test_capabilities(e):
    out = same(e, 'grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/self/status')
    assert 'CapEff:\t00000000a80425fb' in out and 'Seccomp:\t2' in out, out
    for options in (['--cap-drop', 'ALL'], ['--cap-add', 'NET_ADMIN', '--cap-drop', 'CHOWN'],
                    ['--cap-add', 'ALL'], ['--cap-drop', 'ALL', '--cap-add', 'net_raw'],
                    ['--user', 'app'], ['--user', 'app', '--cap-add', 'SYS_TIME'],
                    ['--security-opt', 'no-new-privileges']):
        same(e, 'grep -E "^(Cap|NoNewPrivs)" /proc/self/status', *options)


def test_an_unknown_capability_is_refused(e):
    result = e.cli('run', '--rm', '--cap-add', 'NO_SUCH_CAP', 'busybox', 'true')
    assert result.code == 125 and 'NO_SUCH_CAP' in result.err, result


def test_identity(e):
    same(e, 'id; umask; ulimit -n; ulimit -c; ulimit -u | wc -w; cat /proc/self/oom_score_adj; '
            'cat /proc/self/attr/current 2>/dev/null; grep -E "^(Uid|Gid|Groups)" /proc/self/status')


def mounts_without_paths(text):
    lines = []
    for line in text.splitlines():
        device, point, kind, options = line.split()[:4]
        options = re.sub(r'(lowerdir|upperdir|workdir|fsync)=[^,]*,?', '', options)
        if point in ('/proc/interrupts', '/sys/devices/virtual/powercap', '/sys/firmware'):
            continue      # newer Docker masks these too
        if point == '/sys/fs/cgroup' and kind == 'tmpfs':
            options = ''      # runc leaves it writable, where Docker's documents say read-only
        if point.startswith('/proc/') and kind in ('tmpfs', 'devtmpfs'):
            device, kind, options = '-', 'masked', ''
        options = re.sub(r',?(index|xino|metacopy|nfs_export|redirect_dir|uuid|volatile|'
                         r'userxattr|inode64|size|nr_inodes)(=[^,]*)?', '', options).strip(',')
        if point == '/sys/fs/cgroup' and kind == 'tmpfs':
            options = re.sub(r'\br[ow]\b', '', options)   # Debian's runc leaves it writable
        if kind == 'overlay' or point == '/etc/resolv.conf':
            device = '-'
        lines.append(f'{device} {point} {kind} {",".join(sorted(options.split(",")))}')
    return '\n'.join(sorted(lines))


def test_mounts(e):
    out = same(e, 'cat /proc/mounts', clean=mounts_without_paths)
    assert 'proc /proc proc' in out and '/dev/pts devpts' in out, out


def test_mounts_of_a_privileged_container(e):
    same(e, 'cat /proc/mounts', '--privileged', clean=mounts_without_paths)


def test_masked_and_read_only_paths(e):
    same(e, 'for p in /proc/asound /proc/acpi /proc/kcore /proc/keys /proc/latency_stats '
            '/proc/timer_list /proc/timer_stats /proc/sched_debug /proc/scsi /sys/firmware; do '
            'if [ -d $p ]; then ls $p | wc -l; else wc -c < $p; fi; done 2>&1')
    out = e.ok('run', '--rm', 'busybox', 'sh', '-c',
               'echo 1 > /proc/sys/kernel/printk || echo refused; echo b > /proc/sysrq-trigger || '
               'echo refused; mkdir /sys/fs/x || echo refused; touch /sys/power/x || echo refused')
    assert out.count('refused') == 4, out


def test_dev(e):
    same(e, 'cd /dev; for f in $(ls | sort); do '
            'echo $f $(stat -c "%F %t %T %a %u %g" $f) $(readlink $f); done; ls /dev/shm /dev/mqueue')


def test_devices_cannot_be_made_to_work(e):
    out = e.ok('run', '--rm', 'busybox', 'sh', '-c',
               'mknod /tmp/disk b 254 0; head -c1 /tmp/disk || echo refused; '
               'mknod /tmp/mem c 1 1; head -c1 /tmp/mem || echo refused; head -c1 /dev/zero | wc -c')
    assert out.split() == ['refused', 'refused', '1'], out


def test_a_device_that_is_given_works(e):
    same(e, 'head -c1 /dev/given | wc -c; stat -c "%t %T" /dev/given', '--device',
         '/dev/zero:/dev/given:r')


def test_namespaces_are_all_new(e):
    name = e.ok('run', '-d', 'busybox', 'sleep', '1000')
    pid = e.inspect(name, '{{.State.Pid}}')
    for kind in ('mnt', 'pid', 'net', 'ipc', 'uts'):
        assert os.readlink(f'/proc/{pid}/ns/{kind}') != os.readlink(f'/proc/self/ns/{kind}'), kind
    assert os.readlink(f'/proc/{pid}/ns/user') == os.readlink('/proc/self/ns/user')
    out = e.ok('exec', name, 'sh', '-c', 'echo $(ls -d /proc/[0-9]* | wc -l); cat /proc/1/comm')
    assert out.split()[1] == 'sleep', out
    e.ok('rm', '-f', name)


def test_private_cgroup_namespace_on_request(e):
    out = e.ok('run', '--rm', '--cgroupns', 'private', 'busybox', 'cat', '/proc/self/cgroup')
    assert all(line.endswith(':/') for line in out.splitlines()), out


def test_other_namespaces_can_be_shared(e):
    first = e.ok('run', '-d', '--hostname', 'first', 'busybox', 'sleep', '1000')
    pid = e.inspect(first, '{{.State.Pid}}')
    same_net = e.ok('run', '--rm', '--network', f'container:{first}', 'busybox', 'readlink',
                    '/proc/self/ns/net')
    assert same_net == os.readlink(f'/proc/{pid}/ns/net')
    assert 'sleep 1000' in e.ok('run', '--rm', '--pid', f'container:{first}', 'busybox', 'ps')
    host = e.ok('run', '--rm', '--pid', 'host', '--uts', 'host', '--ipc', 'host', 'busybox', 'sh',
                '-c', 'for k in pid uts ipc; do readlink /proc/self/ns/$k; done')
    assert host.split() == [os.readlink(f'/proc/self/ns/{k}') for k in ('pid', 'uts', 'ipc')], host
    e.ok('rm', '-f', first)


def test_seccomp_forbids_what_docker_s_profile_forbids(e):
    out = same(e, 'unshare -U true 2>&1; unshare -m true 2>&1; mount -t tmpfs x /tmp 2>&1; '
                  'umount /dev/shm 2>&1; swapoff /x 2>&1; echo $?')
    assert 'not permitted' in out, out
    assert e.ok('run', '--rm', '--security-opt', 'seccomp=unconfined', 'busybox', 'grep',
                'Seccomp:', '/proc/self/status').endswith('0')


def test_a_privileged_container_has_no_seccomp(e):
    assert same(e, 'grep Seccomp: /proc/self/status', '--privileged').endswith('0')


def test_a_seccomp_profile_of_one_s_own(e):
    path = e.sandbox.path('profile.json')
    with open(path, 'w', encoding='utf-8') as file:
        json.dump({'defaultAction': 'SCMP_ACT_ALLOW', 'syscalls': [
            {'names': ['mkdir', 'mkdirat'], 'action': 'SCMP_ACT_ERRNO'}]}, file)
    result = e.cli('run', '--rm', '--security-opt', f'seccomp={path}', 'busybox', 'mkdir', '/x')
    assert result.code == 1 and 'not permitted' in result.err, result


def test_privileged(e):
    out = same(e, 'grep CapEff /proc/self/status; mount -t tmpfs x /tmp && echo mounted',
               '--privileged')
    assert 'mounted' in out, out
    assert 'vda' in e.ok('run', '--rm', '--privileged', 'busybox', 'ls', '/dev') or \
        not os.path.exists('/dev/vda')


def test_read_only_and_tmpfs(e):
    out = same(e, 'touch /x 2>&1; touch /tmp/x && stat -c %a /tmp; touch /etc/x 2>&1; '
                  'grep " /tmp " /proc/mounts | cut -d" " -f3; touch /dev/shm/x && echo shm; '
                  'touch /etc/hosts 2>&1; true', '--read-only', '--tmpfs', '/tmp:size=1m')
    assert 'Read-only file system' in out and 'shm' in out, out
    assert e.ok('run', '--rm', '--shm-size', '1m', 'busybox', 'df', '-k', '/dev/shm').split()[-5] \
        == '1024'


def test_bind_mounts(e):
    folder = e.sandbox.path('bind')
    os.makedirs(folder, exist_ok=True)
    with open(f'{folder}/file', 'w', encoding='utf-8') as file:
        file.write('from outside')
    assert e.ok('run', '--rm', '-v', f'{folder}:/in', 'busybox', 'cat', '/in/file') == 'from outside'
    e.ok('run', '--rm', '-v', f'{folder}:/in', 'busybox', 'touch', '/in/made')
    assert os.path.exists(f'{folder}/made')
    result = e.cli('run', '--rm', '-v', f'{folder}:/in:ro', 'busybox', 'touch', '/in/no')
    assert result.code == 1 and 'Read-only' in result.err, result
    assert e.ok('run', '--rm', '-v', f'{folder}/file:/etc/one', 'busybox', 'cat', '/etc/one') == \
        'from outside'
    e.ok('run', '--rm', '-v', f'{folder}/new:/in', 'busybox', 'true')     # -v makes what is missing
    assert os.path.isdir(f'{folder}/new')
    result = e.cli('run', '--rm', '--mount', f'type=bind,src={folder}/nothing,dst=/in', 'busybox',
                   'true')
    assert result.code == 125 and 'does not exist' in result.err, result


def test_a_named_volume_keeps_and_is_filled(e):
    e.ok('run', '--rm', '-v', 'kept:/etc', 'busybox', 'touch', '/etc/written')
    out = e.ok('run', '--rm', '-v', 'kept:/look', 'busybox', 'ls', '/look')
    assert 'written' in out and 'passwd' in out, out      # filled from the image at first use
    e.ok('volume', 'rm', 'kept')


def test_files_that_the_engine_writes(e):
    out = e.ok('run', '--rm', '--hostname', 'named', '--add-host', 'other:10.1.2.3', '--dns',
               '10.9.8.7', '--dns-search', 'example.test', 'busybox', 'sh', '-c',
               'cat /etc/hosts /etc/hostname /etc/resolv.conf')
    assert re.search(r'10\.1\.2\.3\s+other', out), out
    assert re.search(r'^127\.0\.0\.1\s+localhost', out, re.M), out
    assert re.search(r'^[\d.]+\s+named', out, re.M) and 'nameserver 10.9.8.7' in out, out
    assert 'search example.test' in out, out


def test_sysctls_and_ulimits(e):
    assert e.ok('run', '--rm', '--sysctl', 'net.ipv4.ip_forward=0', 'busybox', 'cat',
                '/proc/sys/net/ipv4/ip_forward') == '0'
    assert e.ok('run', '--rm', '--ulimit', 'nofile=123:456', 'busybox', 'sh', '-c',
                'ulimit -Sn; ulimit -Hn') == '123\n456'
    assert e.cli('run', '--rm', '--sysctl', 'kernel.printk=1', 'busybox', 'true').code != 0


def controller(e, name, kind, file):
    pid = e.inspect(name, '{{.State.Pid}}')
    with open(f'/proc/{pid}/cgroup', encoding='utf-8') as lines:
        for line in lines:
            _number, names, path = line.strip().split(':', 2)
            if kind in names.split(','):
                with open(f'/sys/fs/cgroup/{kind}{path}/{file}', encoding='utf-8') as value:
                    return value.read().strip()
    return tap.skip('this machine has no cgroup v1; the virtual machine tests v2')


def test_resource_limits(e):
    name = e.ok('run', '-d', '--memory', '64m', '--cpus', '0.5', '--pids-limit', '17',
                '--cpu-shares', '512', '--cpuset-cpus', '0', 'busybox', 'sleep', '1000')
    assert controller(e, name, 'memory', 'memory.limit_in_bytes') == str(64 << 20)
    assert controller(e, name, 'pids', 'pids.max') == '17'
    quota = int(controller(e, name, 'cpu', 'cpu.cfs_quota_us'))
    assert quota * 2 == int(controller(e, name, 'cpu', 'cpu.cfs_period_us'))
    assert controller(e, name, 'cpu', 'cpu.shares') == '512'
    assert controller(e, name, 'cpuset', 'cpuset.cpus') == '0'
    e.ok('rm', '-f', name)


def test_memory_limit_kills(e):
    e.cli('run', '--name', 'greedy', '--memory', '16m', '--memory-swap', '16m', 'busybox', 'sh',
          '-c', 'tail /dev/zero')
    assert e.inspect('greedy', '{{.State.ExitCode}}') == '137'
    wait_for(lambda: e.inspect('greedy', '{{.State.OOMKilled}}') == 'true', 3, what='OOMKilled')
    e.ok('rm', 'greedy')


def test_pids_limit_holds(e):
    out = e.cli('run', '--rm', '--pids-limit', '5', 'busybox', 'sh', '-c',
                'for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait')
    assert 'fork' in out.err or "can't" in out.err, out


def test_nothing_of_the_host_leaks_in(e):
    out = e.ok('run', '--rm', 'busybox', 'sh', '-c', 'ls -l /proc/self/fd | wc -l; env | sort')
    # 0 1 2, the folder itself and the total line
    assert int(out.split('\n')[0]) <= 5, out
    assert not re.search(r'BERTH|DOCKER|NOTIFY|LISTEN', out), out


if __name__ == '__main__':
    tap.main()
