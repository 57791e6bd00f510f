#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Image archives made from nothing: what tests load, in every form that others write.

usage: images.py busybox OUTPUT                the small image that most tests use
       images.py layered OUTPUT LAYERS MIB     many layers of mixed files (for measuring)
"""
import gzip
import hashlib
import io
import json
import os
import random
import subprocess
import sys
import tarfile

CREATED = '2026-01-02T03:04:05Z'
MTIME = 1767323045
BUSYBOX = '/bin/busybox'
# Commands of the test image; a list and not `busybox --list`, so the archive is always the same.
APPLETS = '''[ arping ash awk base64 basename cat chgrp chmod chown chroot clear cmp cp cut date dd df
diff dirname dmesg dnsdomainname du echo egrep env expand expr false find fold free ftpget fuser
getopt grep gunzip gzip head hexdump hostid hostname httpd id ifconfig ip ipcalc kill killall less
link ln logger login ls md5sum microcom mkdir mkfifo mknod mktemp more mount mv nc netstat nice
nohup nproc nslookup od pgrep ping ping6 pkill printenv printf ps pwd readlink realpath renice reset
resize rev rm rmdir route sed seq setsid sh sha256sum sleep sort stat strings stty sync sysctl tac
tail tar tee telnet test tftp timeout top touch tr traceroute true truncate tty ttysize udhcpc umount
uname unexpand uniq unlink unshare uptime usleep vi watch wc wget which whoami xargs xxd yes zcat'''


def digest(data):
    return 'sha256:' + hashlib.sha256(data).hexdigest()


class Layer:
    """A tar under construction; every writer of hostile archives starts here too."""

    def __init__(self, fmt=tarfile.PAX_FORMAT):
        self.out = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.out, mode='w', format=fmt)

    def add(self, name, data=b'', kind=tarfile.REGTYPE, mode=0o644, link='', uid=0, gid=0,
            **fields):
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.linkname, info.mtime = kind, mode, link, MTIME
        info.uid, info.gid = uid, gid
        for key, value in fields.items():
            setattr(info, key, value)
        data = data.encode() if isinstance(data, str) else data
        if kind == tarfile.REGTYPE:
            info.size = len(data)
        self.tar.addfile(info, io.BytesIO(data) if kind == tarfile.REGTYPE else None)
        return self

    def folder(self, name, mode=0o755, **fields):
        return self.add(name, kind=tarfile.DIRTYPE, mode=mode, **fields)

    def symlink(self, name, target):
        return self.add(name, kind=tarfile.SYMTYPE, mode=0o777, link=target)

    def hardlink(self, name, target, **fields):
        return self.add(name, kind=tarfile.LNKTYPE, link=target, **fields)

    def bytes(self):
        self.tar.close()
        return self.out.getvalue()


def compress(data, how):
    if how == 'gzip':
        return gzip.compress(data, 6, mtime=0)
    if how == 'zstd':
        return subprocess.run(['zstd', '-q', '-c'], input=data, stdout=subprocess.PIPE,
                              check=True).stdout
    return data


def config(layers, **settings):
    """The image configuration for uncompressed layers."""
    base = {'Env': ['PATH=/bin:/usr/bin:/sbin:/usr/sbin'], 'Cmd': ['sh'], 'WorkingDir': ''}
    base.update(settings)
    return json.dumps({
        'architecture': 'amd64', 'os': 'linux', 'created': CREATED, 'config': base,
        'rootfs': {'type': 'layers', 'diff_ids': [digest(x) for x in layers]},
        'history': [{'created': CREATED, 'created_by': f'layer {i}'}
                    for i in range(len(layers))]}).encode()


def docker_archive(path, tag, layers, how=None, conf=None, **settings):
    """What `docker save` writes: manifest.json, a configuration, a tar for each layer."""
    conf = conf if conf is not None else config(layers, **settings)
    name = hashlib.sha256(conf).hexdigest() + '.json'
    with tarfile.open(path, 'w', format=tarfile.PAX_FORMAT) as out:
        paths = []
        for layer in layers:
            paths.append(hashlib.sha256(layer).hexdigest() + '/layer.tar')
            put(out, paths[-1], compress(layer, how))
        put(out, name, conf)
        put(out, 'manifest.json', json.dumps([{
            'Config': name, 'RepoTags': [tag] if tag else None, 'Layers': paths}]).encode())
    return digest(conf)


def oci_archive(path, tag, layers, how='gzip', wrong_digest=False, **settings):
    """An OCI layout in a tar, as skopeo's oci-archive: and newer docker save write it."""
    kind = {'gzip': '+gzip', 'zstd': '+zstd', None: ''}[how]
    conf = config(layers, **settings)
    blobs = {digest(conf): conf}
    entries = []
    for layer in layers:
        blob = compress(layer, how)
        blobs[digest(blob)] = blob
        entries.append({'mediaType': 'application/vnd.oci.image.layer.v1.tar' + kind,
                        'digest': digest(blob), 'size': len(blob)})
    manifest = json.dumps({
        'schemaVersion': 2, 'mediaType': 'application/vnd.oci.image.manifest.v1+json',
        'config': {'mediaType': 'application/vnd.oci.image.config.v1+json',
                   'digest': digest(conf), 'size': len(conf)}, 'layers': entries}).encode()
    blobs[digest(manifest)] = manifest
    index = {'schemaVersion': 2, 'manifests': [{
        'mediaType': 'application/vnd.oci.image.manifest.v1+json', 'digest': digest(manifest),
        'size': len(manifest), 'annotations': {
            'io.containerd.image.name': 'docker.io/library/' + tag,
            'org.opencontainers.image.ref.name': tag.split(':')[1]}}]}
    if wrong_digest:      # the content of one layer is not what its name says
        victim = entries[0]['digest']
        blobs[victim] = blobs[victim][:-1] + bytes([blobs[victim][-1] ^ 1])
    with tarfile.open(path, 'w', format=tarfile.PAX_FORMAT) as out:
        put(out, 'oci-layout', b'{"imageLayoutVersion":"1.0.0"}')
        put(out, 'index.json', json.dumps(index).encode())
        for name, blob in blobs.items():
            put(out, 'blobs/sha256/' + name.split(':')[1], blob)
    return digest(conf)


def put(out, name, data):
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = len(data), 0o644, MTIME
    out.addfile(info, io.BytesIO(data))


def busybox_layer():
    with open(BUSYBOX, 'rb') as file:
        program = file.read()
    layer = Layer()
    for name, mode in (('bin', 0o755), ('dev', 0o755), ('etc', 0o755), ('home', 0o755),
                       ('proc', 0o755), ('root', 0o700), ('sys', 0o755), ('tmp', 0o1777),
                       ('usr', 0o755), ('usr/bin', 0o755), ('var', 0o755), ('home/app', 0o755)):
        layer.folder(name, mode)
    layer.add('bin/busybox', program, mode=0o755)
    for applet in APPLETS.split():
        layer.symlink('bin/' + applet, 'busybox')
    layer.add('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n'
              'app:x:1000:1001:app:/home/app:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n')
    layer.add('etc/group', 'root:x:0:\napp:x:1001:\nextra:x:1002:app\nnogroup:x:65534:\n')
    layer.add('etc/not-executable', 'text\n')
    return layer.bytes()


def busybox_layers():
    """The base, then one that changes, deletes and hides: what a second layer can do."""
    first = Layer()
    first.folder('data').folder('data/gone').add('data/gone/file', 'x').folder('data/opaque')
    first.add('data/opaque/below', 'x').add('data/kept', 'below').add('data/removed', 'x')
    second = Layer()
    second.add('data/kept', 'above').add('data/.wh.removed').add('data/.wh.gone')
    second.folder('data/opaque').add('data/opaque/.wh..wh..opq').add('data/opaque/above', 'y')
    return [busybox_layer(), first.bytes(), second.bytes()]


def layered(path, count, mib):
    """`count` uncompressed layers, `mib` MiB in all: many small files, some large, half text."""
    rng = random.Random(20260101)
    words = [bytes(rng.choices(b'abcdefghijklmnopqrstuvwxyz_ ;(){}\n', k=rng.randint(3, 12)))
             for _ in range(4000)]
    noise = rng.randbytes(8 << 20)
    layers = [os.path.join(os.path.dirname(path) or '.', f'.layer{i}') for i in range(count)]
    diff_ids = []
    for number, name in enumerate(layers):
        with open(name, 'wb') as out, \
                tarfile.open(fileobj=out, mode='w', format=tarfile.PAX_FORMAT) as tar:
            fill(tar, rng, words, noise, number, (mib << 20) // count)
        diff_ids.append(hash_file(name))
    conf = json.dumps({
        'architecture': 'amd64', 'os': 'linux', 'created': CREATED,
        'config': {'Env': ['PATH=/bin'], 'Cmd': ['/bin/true']},
        'rootfs': {'type': 'layers', 'diff_ids': ['sha256:' + d for d in diff_ids]}}).encode()
    conf_name = hashlib.sha256(conf).hexdigest() + '.json'
    with tarfile.open(path, 'w', format=tarfile.PAX_FORMAT) as out:
        put(out, conf_name, conf)
        for name, value in zip(layers, diff_ids):
            out.add(name, f'{value}/layer.tar', filter=plain)
            os.unlink(name)
        put(out, 'manifest.json', json.dumps([{
            'Config': conf_name, 'RepoTags': ['big:latest'],
            'Layers': [f'{value}/layer.tar' for value in diff_ids]}]).encode())


def plain(info):
    info.uid = info.gid = info.mtime = 0
    info.uname = info.gname = ''
    info.mode = 0o644
    return info


def fill(tar, rng, words, noise, number, budget):
    """Files under /layerN until the budget is used: sizes as in a language runtime's image."""
    folder = f'layer{number}'
    made = 0
    index = 0
    while made < budget:
        size = rng.choice((300, 900, 2000, 4000, 9000, 20000, 60000, 300000, 2000000))
        size = min(size, budget - made) or 1
        if rng.random() < 0.5:
            data = b''.join(rng.choices(words, k=size // 7 + 1))[:size]
        else:
            start = rng.randrange(len(noise) - size) if size < len(noise) else 0
            data = noise[start:start + size]
        if index % 50 == 0:
            info = tarfile.TarInfo(f'{folder}/d{index // 50}')
            info.type, info.mode, info.mtime = tarfile.DIRTYPE, 0o755, MTIME
            tar.addfile(info)
        put(tar, f'{folder}/d{index // 50}/f{index}', data)
        made += len(data)
        index += 1


def hash_file(path):
    value = hashlib.sha256()
    with open(path, 'rb') as file:
        while chunk := file.read(1 << 20):
            value.update(chunk)
    return value.hexdigest()


def main(argv):
    if len(argv) >= 2 and argv[0] == 'busybox':
        docker_archive(argv[1], 'busybox:latest', busybox_layers())
    elif len(argv) == 4 and argv[0] == 'layered':
        layered(argv[1], int(argv[2]), int(argv[3]))
    else:
        sys.exit(__doc__)


if __name__ == '__main__':
    main(sys.argv[1:])
