#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Archives made by others, and what comes back: load, import, save, tag, history, rmi."""
import hashlib
import json
import os
import subprocess
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import images                         # noqa: E402
import tap                            # noqa: E402


def setup(e):
    tap.load_busybox(e)


def load(e, write, tag, *args, **kwargs):
    path = e.sandbox.path('archive.tar')
    identity = write(path, tag, *args, **kwargs)
    out = e.ok('load', '-i', path)
    assert tag in out, out
    assert e.inspect(tag, '{{.Id}}') == identity
    return identity


def look(e, image):
    out = e.ok('run', '--rm', image, 'sh', '-c', 'cat /data/kept; echo; ls /data/opaque; ls /data')
    assert out == 'above\nabove\nkept\nopaque', out


def test_docker_archive_plain(e):
    load(e, images.docker_archive, 'plain:1', images.busybox_layers())
    look(e, 'plain:1')


def test_docker_archive_with_gzip_layers(e):
    load(e, images.docker_archive, 'zipped:1', images.busybox_layers(), how='gzip')
    look(e, 'zipped:1')


def test_an_archive_compressed_as_a_whole_on_stdin(e):
    path = e.sandbox.path('whole.tar')
    images.docker_archive(path, 'whole:1', images.busybox_layers())
    subprocess.run(['gzip', '-f', path], check=True)
    with open(path + '.gz', 'rb') as file:
        out = e.ok('load', input=file.read())
    assert 'whole:1' in out, out
    look(e, 'whole:1')


def oci(e, tag, how):
    if e.kind == 'docker':
        tap.skip('this Docker does not load OCI layouts')
    load(e, images.oci_archive, tag, images.busybox_layers(), how=how)
    look(e, tag)


def test_oci_layout_plain(e):
    oci(e, 'oci-plain:1', None)


def test_oci_layout_gzip(e):
    oci(e, 'oci-gzip:1', 'gzip')


def test_oci_layout_zstd(e):
    oci(e, 'oci-zstd:1', 'zstd')


def test_what_skopeo_writes(e):
    folder = e.sandbox.path('skopeo')
    os.makedirs(folder, exist_ok=True)
    images.docker_archive(f'{folder}/in.tar', 'skopeo:1', images.busybox_layers())
    copy(f'docker-archive:{folder}/in.tar', f'docker-archive:{folder}/docker.tar:skopeo:docker')
    assert 'skopeo:docker' in e.ok('load', '-i', f'{folder}/docker.tar')
    look(e, 'skopeo:docker')
    if e.kind == 'docker':
        return
    copy(f'docker-archive:{folder}/in.tar', f'oci-archive:{folder}/oci.tar:skopeo:oci')
    e.ok('load', '-i', f'{folder}/oci.tar')
    look(e, 'skopeo:oci')


def copy(source, target):
    done = subprocess.run(['skopeo', '--insecure-policy', 'copy', '-q', source, target],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_import_a_root_file_system(e):
    path = e.sandbox.path('root.tar')
    with open(path, 'wb') as file:
        file.write(images.busybox_layer())
    identity = e.ok('import', '-c', 'CMD ["echo","imported"]', '-c', 'ENV K=v', '-m', 'why', path,
                    'imported:1')
    assert identity.startswith('sha256:'), identity
    assert e.ok('run', '--rm', 'imported:1') == 'imported'
    assert e.inspect('imported:1', '{{.Config.Env}}').count('K=v') == 1
    with open(path, 'rb') as file:
        e.ok('import', '-', 'imported:2', input=file.read())
    assert e.ok('run', '--rm', 'imported:2', '/bin/echo', 'ok') == 'ok'


def test_save_gives_back_layers_whose_digests_match(e):
    load(e, images.docker_archive, 'saved:1', images.busybox_layers(), how='gzip')
    folder = e.sandbox.path('saved')
    e.ok('save', '-o', folder + '.tar', 'saved:1')
    with tarfile.open(folder + '.tar') as archive:
        manifest = json.load(archive.extractfile('manifest.json'))[0]
        assert manifest['RepoTags'] == ['saved:1'], manifest
        raw = archive.extractfile(manifest['Config']).read()
        found = [digest_of(archive.extractfile(layer)) for layer in manifest['Layers']]
    assert found == json.loads(raw)['rootfs']['diff_ids'], found
    assert 'sha256:' + hashlib.sha256(raw).hexdigest() == e.inspect('saved:1', '{{.Id}}')


def digest_of(file):
    data = file.read()
    if data[:2] == b'\x1f\x8b':
        data = images.gzip.decompress(data)
    return images.digest(data)


def test_save_and_load_again(e):
    path = e.sandbox.path('round.tar')
    before = e.inspect('saved:1', '{{.Id}}')
    e.ok('save', '-o', path, 'saved:1')
    e.ok('rmi', 'saved:1')
    e.ok('load', '-i', path)
    assert e.inspect('saved:1', '{{.Id}}') == before
    look(e, 'saved:1')


def test_save_two_to_stdout(e):
    e.ok('tag', 'busybox', 'other:2')
    done = subprocess.run(e.argv('save', 'busybox', 'other:2'), capture_output=True, check=True,
                          env=e.environment)
    path = e.sandbox.path('two.tar')
    with open(path, 'wb') as file:
        file.write(done.stdout)
    with tarfile.open(path) as archive:
        names = [t for m in json.load(archive.extractfile('manifest.json')) for t in m['RepoTags']]
    assert set(names) >= {'busybox:latest', 'other:2'}, names
    e.ok('rmi', 'other:2')


def test_images_lists_tags_and_filters(e):
    e.ok('tag', 'busybox', 'listed:a')
    e.ok('tag', 'busybox:latest', 'localhost:5000/team/listed:b')
    rows = [json.loads(x) for x in e.ok('images', '--format', '{{json .}}').split('\n')]
    names = {f'{r["Repository"]}:{r["Tag"]}' for r in rows}
    assert {'listed:a', 'localhost:5000/team/listed:b', 'busybox:latest'} <= names, names
    assert e.ok('images', '-q', 'listed') == e.ok('images', '-q', 'busybox')
    assert len(e.ok('images', '-q', '--no-trunc', 'listed')) == 71
    e.ok('rmi', 'listed:a', 'localhost:5000/team/listed:b')
    assert e.ok('images', '-q', 'listed') == ''


def test_history(e):
    out = e.ok('history', '--no-trunc', '--format', '{{.CreatedBy}}', 'saved:1')
    assert out.split('\n') == ['layer 2', 'layer 1', 'layer 0'], out


def test_rmi_of_an_image_in_use_says_so(e):
    identity = e.ok('create', 'busybox')
    result = e.cli('rmi', 'busybox')
    assert result.code == 1 and 'conflict' in result.err and identity[:12] in result.err, result
    e.ok('rm', identity)
    result = e.cli('rmi', 'no-such-image')
    assert result.code == 1 and 'No such image' in result.err, result


def test_rmi_deletes_the_layers(e):
    e.ok('rmi', 'zipped:1', 'plain:1', 'whole:1')
    load(e, images.docker_archive, 'gone:1', [images.busybox_layer(),
                                              images.Layer().add('only-here', 'x').bytes()])
    out = e.ok('rmi', 'gone:1')
    assert 'Untagged: gone:1' in out and 'Deleted: sha256:' in out, out


def test_odd_names_in_layers(e):
    names = ['space name', 'ünïcödé', 'new\nline', '-dash', 'q"uote', "s'ingle", 'back\\slash',
             'a' * 255, 'deep/' * 60 + 'file']
    layer = images.Layer()
    for name in names:
        layer.add('odd/' + name, name)
    load(e, images.docker_archive, 'odd:1', [images.busybox_layer(), layer.bytes()])
    out = e.ok('run', '--rm', 'odd:1', 'sh', '-c', 'find /odd -type f | wc -l; cat "/odd/ünïcödé"')
    # find prints the name with the newline on two lines
    assert out.split('\n') == [str(len(names) + 1), 'ünïcödé'], out


def test_owners_modes_links_and_times_survive(e):
    layer = images.Layer()
    layer.folder('keep').add('keep/setuid', 'x', mode=0o4755, uid=12, gid=34)
    layer.hardlink('keep/second', 'keep/setuid', mode=0o4755, uid=12, gid=34).symlink('keep/soft', 'setuid')
    layer.add('keep/fifo', kind=tarfile.FIFOTYPE, mode=0o600)
    load(e, images.docker_archive, 'kept:1', [images.busybox_layer(), layer.bytes()])
    out = e.ok('run', '--rm', 'kept:1', 'sh', '-c', 'cd /keep; stat -c "%a %u %g %h %Y" setuid; '
               'readlink soft; test second -ef setuid && echo same; test -p fifo && echo fifo')
    assert out.split('\n') == [f'4755 12 34 2 {images.MTIME}', 'setuid', 'same', 'fifo'], out


def test_extended_attributes_survive(e):
    layer = images.Layer()
    layer.add('capable', 'x', mode=0o755, pax_headers={
        'SCHILY.xattr.user.note': 'kept',
        # cap_net_bind_service+ep, version 2
        'SCHILY.xattr.security.capability':
            b'\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00'
            .decode('latin-1')})
    identity = load(e, images.docker_archive, 'xattr:1', [images.busybox_layer(), layer.bytes()])
    name = e.ok('run', '-d', 'xattr:1', 'sleep', '1000')
    root = f'/proc/{e.inspect(name, "{{.State.Pid}}")}/root/capable'
    assert os.getxattr(root, 'user.note') == b'kept', identity
    assert len(os.getxattr(root, 'security.capability')) == 20
    e.ok('rm', '-f', name)


def test_directories_that_the_tar_only_implies_keep_their_owner(e):
    first = images.Layer()
    first.folder('owned', mode=0o711, uid=77, gid=78)
    second = images.Layer()
    second.add('owned/file', 'x')
    load(e, images.docker_archive, 'implied:1',
         [images.busybox_layer(), first.bytes(), second.bytes()])
    out = e.ok('run', '--rm', 'implied:1', 'stat', '-c', '%a %u %g', '/owned')
    # Docker makes them anew, and so hides the owner that the layer below gave.
    assert out == ('755 0 0' if e.kind == 'docker' else '711 77 78'), out


def test_hundred_layers(e):
    layers = [images.busybox_layer()]
    for i in range(100):
        layers.append(images.Layer().add(f'l/{i}', str(i)).add('l/last', str(i)).bytes())
    load(e, images.docker_archive, 'deep:1', layers)
    out = e.ok('run', '--rm', 'deep:1', 'sh', '-c', 'ls /l | wc -l; cat /l/last')
    assert out == '101\n99', out


def test_no_layer_at_all_can_be_loaded(e):
    load(e, images.docker_archive, 'one-file:1', [images.Layer().add('f', 'x').bytes()])
    assert e.cli('run', '--rm', 'one-file:1', '/f').code == 126


if __name__ == '__main__':
    tap.main()
