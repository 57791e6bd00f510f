#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Packs the hello program as an image archive, in the form of `docker save`; the same bytes each time.

usage: pack.py PROGRAM ARCHITECTURE OUTPUT
"""
import hashlib
import io
import json
import sys
import tarfile

CREATED = '2026-11-23T00:00:00Z'
EPOCH = 1795392000     # the same moment


def tar(members):
    """A ustar archive of (name, mode, bytes), with nothing of this machine in it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w', format=tarfile.USTAR_FORMAT) as archive:
        for name, mode, data in members:
            info = tarfile.TarInfo(name)
            info.mode, info.size, info.mtime = mode, len(data), EPOCH
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def main():
    program, machine, output = sys.argv[1:]
    architecture = {'x86_64': 'amd64', 'aarch64': 'arm64'}.get(machine, machine)
    with open(program, 'rb') as file:
        layer = tar([('hello', 0o755, file.read())])
    config = json.dumps({
        'architecture': architecture, 'os': 'linux', 'created': CREATED,
        'config': {'Cmd': ['/hello'], 'Env': ['PATH=/'], 'WorkingDir': '/'},
        'rootfs': {'type': 'layers', 'diff_ids': ['sha256:' + hashlib.sha256(layer).hexdigest()]},
        'history': [{'created': CREATED, 'created_by': 'COPY hello /hello'},
                    {'created': CREATED, 'created_by': 'CMD ["/hello"]', 'empty_layer': True}],
    }, separators=(',', ':')).encode()
    config_name = hashlib.sha256(config).hexdigest() + '.json'
    layer_name = hashlib.sha256(layer).hexdigest() + '/layer.tar'
    manifest = json.dumps([{'Config': config_name, 'RepoTags': ['hello:latest'],
                            'Layers': [layer_name]}], separators=(',', ':')).encode()
    with open(output, 'wb') as file:
        file.write(tar([(config_name, 0o644, config), (layer_name, 0o644, layer),
                        ('manifest.json', 0o644, manifest)]))


main()
