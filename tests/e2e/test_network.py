#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The default bridge, published ports, and who must not get in. The host is the sandbox's network
namespace; another host is a second one, joined to it by a veth pair."""
import os
import re
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import tap                            # noqa: E402
from engine import wait_for           # noqa: E402

HOST, OTHER = '10.99.7.1', '10.99.7.2'
NEIGHBOUR = []


def setup(e):
    tap.load_busybox(e)
    process = subprocess.Popen(['unshare', '--net', 'sleep', '100000'])
    NEIGHBOUR.append(process)
    wait_for(lambda: os.readlink(f'/proc/{process.pid}/ns/net') != os.readlink('/proc/self/ns/net'),
             what='the other host')
    sh('ip link add wire type veth peer name wire0 netns %d' % process.pid)
    sh(f'ip addr add {HOST}/24 dev wire; ip link set wire up')
    other('ip', 'link', 'set', 'lo', 'up')
    other('ip', 'addr', 'add', f'{OTHER}/24', 'dev', 'wire0')
    other('ip', 'link', 'set', 'wire0', 'up')


def teardown(_e):
    for process in NEIGHBOUR:
        process.kill()
        process.wait()
    subprocess.run(['ip', 'link', 'del', 'wire'], check=False, capture_output=True)


def sh(script):
    subprocess.run(['sh', '-ec', script], check=True)


def other(*argv, timeout=10):
    """Runs a command on the other host."""
    return subprocess.run(['nsenter', '-t', str(NEIGHBOUR[0].pid), '-n', *argv], timeout=timeout,
                          capture_output=True, text=True, check=False)


def address(e, name):
    settings = e.inspect(name)['NetworkSettings']
    return settings['Networks']['bridge']['IPAddress']


def web(e, name, *options, port=80, text=None):
    """A container that serves a page with its own name."""
    e.ok('run', '-d', '--name', name, *options, 'busybox', 'sh', '-c',
         f'echo {text or name} > /tmp/index.html; exec httpd -f -p {port} -h /tmp')
    return name


def get(target, port, timeout=2.0):
    """The page, fetched from the host; None when nobody answers."""
    try:
        with socket.create_connection((target, port), timeout) as sock:
            sock.settimeout(timeout)
            sock.sendall(b'GET / HTTP/1.0\r\n\r\n')
            data = b''
            while chunk := sock.recv(4096):
                data += chunk
            return data.split(b'\r\n\r\n', 1)[1].decode().strip()
    except (OSError, IndexError):
        return None


def get_from_other(target, port, timeout=2):
    done = other(sys.executable, '-c', 'import sys, urllib.request as u; '
                 'print(u.urlopen(sys.argv[1], timeout=float(sys.argv[2])).read().decode())',
                 f'http://{target}:{port}/', str(timeout), timeout=timeout + 8)
    return done.stdout.strip() if done.returncode == 0 else None


def get_from(e, container, target, port):
    """From inside a container; by nc, for a static wget crashes in glibc's resolver."""
    result = e.cli('exec', container, 'sh', '-c', f'printf "GET / HTTP/1.0\\r\\n\\r\\n" | '
                   f'nc -w 2 {target} {port} | tail -n 1')
    return result.out.strip() or None


def test_two_containers_and_the_host_reach_each_other(e):
    web(e, 'aa')
    web(e, 'bb')
    assert wait_for(lambda: get(address(e, 'aa'), 80), what='aa') == 'aa'
    assert wait_for(lambda: get_from(e, 'bb', address(e, 'aa'), 80), what='a from b') == 'aa'
    gateway = e.inspect('aa')['NetworkSettings']['Networks']['bridge']['Gateway']
    e.ok('exec', 'aa', 'ping', '-c', '1', '-W', '2', gateway)
    out = e.ok('exec', 'aa', 'ip', '-o', 'addr')
    assert 'lo' in out and re.search(r'eth0\s+inet ' + re.escape(address(e, 'aa')), out), out


def test_masquerade_to_the_outside(e):
    # The other host has no route back to the bridge: only masqueraded packets are answered.
    e.ok('exec', 'aa', 'ping', '-c', '1', '-W', '2', OTHER)


def test_containers_are_not_reached_directly_from_outside(e):
    other('ip', 'route', 'add', '172.17.0.0/16', 'via', HOST)
    if e.kind != 'docker':      # since Docker 28
        assert get_from_other(address(e, 'aa'), 80, 1) is None
    other('ip', 'route', 'del', '172.17.0.0/16')


def test_published_tcp(e):
    web(e, 'pub', '-p', '18080:80')
    assert e.ok('port', 'pub') .split('\n')[0] == '80/tcp -> 0.0.0.0:18080'
    assert wait_for(lambda: get(HOST, 18080), what='from the host by its address') == 'pub'
    assert get('127.0.0.1', 18080) == 'pub'
    assert get_from_other(HOST, 18080) == 'pub'
    assert get_from(e, 'aa', HOST, 18080) == 'pub'
    gateway = e.inspect('aa')['NetworkSettings']['Networks']['bridge']['Gateway']
    assert get_from(e, 'aa', gateway, 18080) == 'pub'
    # hairpin: to itself through the published address
    assert get_from(e, 'pub', HOST, 18080) == 'pub'


def test_published_ports_end_with_the_container(e):
    e.ok('stop', '-t', '0', 'pub')
    assert get(HOST, 18080, 0.5) is None and get_from_other(HOST, 18080, 1) is None
    e.ok('start', 'pub')
    assert wait_for(lambda: get(HOST, 18080), what='after the start') == 'pub'
    e.ok('rm', '-f', 'pub')
    assert get('127.0.0.1', 18080, 0.5) is None


def test_published_on_loopback_only(e):
    web(e, 'loop', '-p', '127.0.0.1:18081:80')
    assert wait_for(lambda: get('127.0.0.1', 18081), what='loopback') == 'loop'
    assert get(HOST, 18081, 0.5) is None
    assert get_from_other(HOST, 18081, 1) is None
    # a neighbour that routes 127/8 over the wire must not get in either
    other('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet; '
          f'ip addr del 127.0.0.1/8 dev lo; ip route add 127.0.0.1/32 via {HOST} dev wire0')
    assert e.kind == 'docker' or get_from_other('127.0.0.1', 18081, 1) is None
    other('sh', '-c', 'ip route del 127.0.0.1/32; ip addr add 127.0.0.1/8 dev lo')
    e.ok('rm', '-f', 'loop')


def test_the_host_s_own_loopback_stays_private(e):
    server = socket.create_server(('127.0.0.1', 18999))
    try:
        web(e, 'guard', '-p', '127.0.0.1:18082:80')
        wait_for(lambda: get('127.0.0.1', 18082), what='loopback')
        gateway = e.inspect('aa')['NetworkSettings']['Networks']['bridge']['Gateway']
        result = e.cli('exec', 'aa', 'sh', '-c', f'echo x | nc -w 1 {gateway} 18999')
        assert result.code != 0, result
        server.settimeout(0.3)
        try:
            server.accept()
            raise AssertionError('a container reached a service on the host\'s loopback')
        except TimeoutError:
            pass
    finally:
        server.close()
    e.ok('rm', '-f', 'guard')


def test_published_on_one_address(e):
    web(e, 'one', '-p', f'{HOST}:18083:80')
    assert wait_for(lambda: get(HOST, 18083), what='the address') == 'one'
    assert get_from_other(HOST, 18083) == 'one'
    assert get('127.0.0.1', 18083, 0.5) is None
    e.ok('rm', '-f', 'one')


def test_an_ephemeral_port_and_publish_all(e):
    web(e, 'free', '-p', '80', '--expose', '81', '-P')
    lines = e.ok('port', 'free', '80').split('\n')
    port = int(lines[0].rsplit(':', 1)[1])
    assert port >= 32768, lines
    assert wait_for(lambda: get(HOST, port), what='the ephemeral port') == 'free'
    assert re.search(r'81/tcp -> ', e.ok('port', 'free'))
    e.ok('rm', '-f', 'free')


def test_a_range_of_ports(e):
    web(e, 'range', '-p', '18100-18104:80-84', port=83)
    assert wait_for(lambda: get(HOST, 18103), what='one of the range') == 'range'
    e.ok('rm', '-f', 'range')


def test_a_port_in_use_is_said_and_leaves_nothing(e):
    web(e, 'first', '-p', '18084:80')
    result = e.cli('run', '-d', '--name', 'second', '-p', '18084:80', 'busybox', 'sleep', '1000')
    assert result.code == 125 and 'port is already allocated' in result.err, result
    e.ok('rm', '-f', 'first')
    e.ok('start', 'second')
    e.ok('rm', '-f', 'second')
    server = socket.create_server(('0.0.0.0', 18085))
    result = e.cli('run', '--rm', '-p', '18085:80', 'busybox', 'true')
    server.close()
    assert result.code == 125 and '18085' in result.err and 'in use' in result.err, result


UDP_SERVER = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 5000))
while True:
    data, peer = s.recvfrom(100)
    s.sendto(b"got " + data, peer)
"""
UDP_CLIENT = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(1)
s.connect((sys.argv[1], int(sys.argv[2])))
s.send(b"datagram")
print(s.recv(100).decode())
"""


def test_published_udp(e):
    e.ok('run', '-d', '--name', 'udp', '-p', '18090:5000/udp', 'busybox', 'sleep', '1000')
    assert '5000/udp -> 0.0.0.0:18090' in e.ok('port', 'udp')
    pid = e.inspect('udp', '{{.State.Pid}}')
    server = subprocess.Popen(['nsenter', '-t', pid, '-n', sys.executable, '-c', UDP_SERVER])
    ask = [sys.executable, '-c', UDP_CLIENT]

    def from_host(target):
        return subprocess.run(ask + [target, '18090'], capture_output=True, text=True,
                              check=False).stdout.strip()
    try:
        assert wait_for(lambda: from_host(HOST), what='an answer by UDP') == 'got datagram'
        assert from_host('127.0.0.1') == 'got datagram'
        assert other(*ask, HOST, '18090').stdout.strip() == 'got datagram'
    finally:
        server.kill()
        server.wait()
    e.ok('rm', '-f', 'udp')


def test_udp_finds_a_container_that_was_replaced(e):
    # A conntrack entry of the first container must not swallow what is for the second.
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(0.3)
    client.connect((HOST, 18091))
    for _ in range(2):
        name = e.ok('run', '-d', '-p', '18091:5000/udp', 'busybox', 'sleep', '1000')
        pid = e.inspect(name, '{{.State.Pid}}')
        server = subprocess.Popen(['nsenter', '-t', pid, '-n', sys.executable, '-c', UDP_SERVER])
        try:
            wait_for(lambda: answered(client), 5, what='an answer on the same socket')
        finally:
            server.kill()
            server.wait()
            e.ok('rm', '-f', name)
        answered(client)      # leaves an entry for an address that nobody has
    client.close()


def answered(client):
    try:
        client.send(b'x')
        return client.recv(100)
    except OSError:
        return None


def test_host_and_none(e):
    assert e.ok('run', '--rm', '--network', 'host', 'busybox', 'readlink', '/proc/self/ns/net') == \
        os.readlink('/proc/self/ns/net')
    out = e.ok('run', '--rm', '--network', 'none', 'busybox', 'ip', '-o', 'link')
    assert len(out.split('\n')) == 1 and 'lo:' in out and 'UP' in out, out


def test_a_fixed_mac_and_ipv6_off_by_default(e):
    if e.kind == 'docker' and e.client == 'docker':
        tap.skip('this docker command wants a newer API for it')
    out = e.ok('run', '--rm', '--mac-address', '02:42:0a:0b:0c:0d', 'busybox', 'ip', 'link', 'show',
               'eth0')
    assert '02:42:0a:0b:0c:0d' in out, out


def test_addresses_are_given_back(e):
    seen = [e.ok('run', '--rm', 'busybox', 'sh', '-c',
                 'ip -4 -o addr show eth0 | tr -s " " | cut -d" " -f4') for _ in range(5)]
    assert all(x.startswith('172.17.0.') for x in seen), seen


def test_network_ls_and_inspect(e):
    names = set(e.ok('network', 'ls', '--format', '{{.Name}} {{.Driver}}').split('\n'))
    assert {'bridge bridge', 'host host', 'none null'} <= names, names
    found = e.ok('network', 'inspect', 'bridge', '-f',
                 '{{range .Containers}}{{.Name}} {{end}}').split()
    assert {'aa', 'bb'} <= set(found), found


def test_ports_and_wires_survive_a_restart_of_the_daemon(e):
    if e.kind == 'docker':
        tap.skip('only Berth keeps containers without being asked')
    web(e, 'stay', '-p', '18086:80')
    wait_for(lambda: get(HOST, 18086), what='before')
    e.kill()
    assert get(HOST, 18086) == 'stay' and get_from_other(HOST, 18086) == 'stay'
    e.start()
    assert get('127.0.0.1', 18086) == 'stay'
    e.ok('rm', '-f', 'stay')
    assert get(HOST, 18086, 0.5) is None


def test_a_flushed_table_is_repaired(e):
    if e.kind == 'docker':
        tap.skip('a promise of Berth')
    web(e, 'table', '-p', '18087:80')
    wait_for(lambda: get(HOST, 18087), what='before')
    subprocess.run(['nft', 'flush', 'ruleset'], check=True)
    e.restart()
    assert wait_for(lambda: get_from_other(HOST, 18087), what='the port again') == 'table'
    e.ok('rm', '-f', 'table')


def test_no_process_for_a_port(e):
    if e.kind == 'docker':
        tap.skip('Docker has one for each port')
    before = len(e.sandbox.processes())
    e.ok('run', '-d', '--name', 'ports', '-p', '19000-19499:19000-19499', 'busybox', 'sleep', '1000')
    added = len(e.sandbox.processes()) - before
    e.ok('rm', '-f', 'ports')
    assert added <= 2, f'{added} processes for 500 ports'


if __name__ == '__main__':
    tap.main()
