/* SPDX-License-Identifier: Apache-2.0
 *
 * core/image: loading in all forms and saving; what a wrong archive leaves (nothing).
 */
#include "test.h"

#include <pthread.h>
#include <sys/socket.h>
#include <zstd.h>

#include "manager_make.h"
#include "oci/manifest.h"

static void make_simple_archive(struct berth_buffer *archive, const struct berth_buffer *stored,
                                const struct berth_buffer *plain)
{
    char diff_ids[1][80];
    digest_of(plain->data, plain->length, diff_ids[0]);
    const struct image_make image = {
        .tag = "z:1", .layers = stored, .diff_ids = diff_ids, .layer_count = 1};
    make_archive(&image, archive);
}

static void compress_zstd(const struct berth_buffer *plain, struct berth_buffer *out)
{
    size_t room = ZSTD_compressBound(plain->length);
    char *to = berth_buffer_reserve(out, room);
    out->length += ZSTD_compress(to, room, plain->data, plain->length, 3);
}

/* gzip as RFC 1952 has it, with stored blocks: no library needed. */
static void compress_gzip(const struct berth_buffer *plain, struct berth_buffer *out)
{
    static const unsigned char header[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};
    uint32_t crc = 0xffffffff, size = (uint32_t)plain->length;
    berth_buffer_append(out, header, sizeof(header));
    for (size_t at = 0; at < plain->length;) {
        size_t part = plain->length - at > 65535 ? 65535 : plain->length - at;
        unsigned char head[5] = {at + part == plain->length, (unsigned char)part,
                                 (unsigned char)(part >> 8), (unsigned char)~part,
                                 (unsigned char)(~part >> 8)};
        berth_buffer_append(out, head, sizeof(head));
        berth_buffer_append(out, plain->data + at, part);
        at += part;
    }
    for (size_t i = 0; i < plain->length; i++) {
        crc ^= (unsigned char)plain->data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
        }
    }
    crc = ~crc;
    berth_buffer_append(out, &crc, 4);
    berth_buffer_append(out, &size, 4);
}

/* Layers and outer archives, plain, gzip and zstd; from a file, and from a socket. */
static void test_compressions(void **state)
{
    AUTO_BUFFER struct berth_buffer plain = BERTH_BUFFER_INIT;
    simple_layer(&plain, "file", "compressed");
    static void (*const ways[])(const struct berth_buffer *,
                                struct berth_buffer *) = {NULL, compress_gzip, compress_zstd};
    for (size_t inner = 0; inner < 3; inner++) {
        for (size_t outer = 0; outer < 3; outer++) {
            AUTO_BUFFER struct berth_buffer layer = BERTH_BUFFER_INIT;
            AUTO_BUFFER struct berth_buffer archive = BERTH_BUFFER_INIT;
            AUTO_BUFFER struct berth_buffer whole = BERTH_BUFFER_INIT;
            AUTO_STRV struct berth_strv loaded = {NULL, 0};
            if (ways[inner] != NULL) {
                ways[inner](&plain, &layer);
            }
            make_simple_archive(&archive, ways[inner] != NULL ? &layer : &plain, &plain);
            if (ways[outer] != NULL) {
                ways[outer](&archive, &whole);
            }
            const struct berth_buffer *sent = ways[outer] != NULL ? &whole : &archive;
            OK(load_bytes(sent->data, sent->length, &loaded, err));
            remove_image("z:1");
        }
    }
    check_empty();
}

struct feeder {
    int fd;
    const struct berth_buffer *bytes;
};

static void *feed(void *data)
{
    struct feeder *feeder = data;
    for (size_t at = 0; at < feeder->bytes->length;) {
        size_t part = feeder->bytes->length - at > 700 ? 700 : feeder->bytes->length - at;
        ssize_t count = send(feeder->fd, feeder->bytes->data + at, part, MSG_NOSIGNAL);
        if (count <= 0) {
            break;
        }
        at += (size_t)count;
    }
    close(feeder->fd);
    return NULL;
}

static void test_from_a_socket(void **state)
{
    AUTO_BUFFER struct berth_buffer plain = BERTH_BUFFER_INIT;
    AUTO_BUFFER struct berth_buffer archive = BERTH_BUFFER_INIT;
    AUTO_STRV struct berth_strv loaded = {NULL, 0};
    int pair[2];
    pthread_t thread;
    simple_layer(&plain, "file", "streamed");
    make_simple_archive(&archive, &plain, &plain);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    struct feeder feeder = {pair[0], &archive};
    assert_int_equal(pthread_create(&thread, NULL, feed, &feeder), 0);
    OK(berth_image_load(manager, pair[1], NULL, NULL, &loaded, err));
    pthread_join(thread, NULL);
    close(pair[1]);
    remove_image("z:1");
    check_empty();
}

static void check_bad(const struct berth_buffer *archive, const char *sentence)
{
    AUTO_STRV struct berth_strv loaded = {NULL, 0};
    berth_error err = BERTH_ERROR_INIT;
    int code = load_bytes(archive->data, archive->length, &loaded, &err);
    if (code >= 0 || strstr(err.msg, sentence) == NULL) {
        fail_msg("%d \"%s\" lacks \"%s\"", code, err.msg, sentence);
    }
    check_empty();
}

static void test_wrong_archives(void **state)
{
    AUTO_BUFFER struct berth_buffer plain = BERTH_BUFFER_INIT;
    simple_layer(&plain, "file", "x");
    static const char wrong[1][80] = {
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"};
    struct image_make image = {.tag = "z:1", .layers = &plain, .diff_ids = wrong, .layer_count = 1};
    AUTO_BUFFER struct berth_buffer archive = BERTH_BUFFER_INIT;
    make_archive(&image, &archive);
    check_bad(&archive, "wrong layer: its digest is sha256:");

    char diff_ids[2][80];
    digest_of(plain.data, plain.length, diff_ids[0]);
    digest_of(plain.data, plain.length, diff_ids[1]);
    image.diff_ids = diff_ids;
    image.tag = "Bad Tag";
    berth_buffer_clear(&archive);
    make_archive(&image, &archive);
    check_bad(&archive, "invalid reference format");

    image.tag = "z:1";
    image.extra = ",\"os\":\"windows\"";
    berth_buffer_clear(&archive);
    make_archive(&image, &archive);
    check_bad(&archive, "cannot load windows image on linux");

    berth_buffer_clear(&archive);
    check_bad(&archive, "invalid archive: neither manifest.json nor index.json");
    check_bad(&plain, "invalid archive: neither manifest.json nor index.json");
    berth_buffer_add(&archive,
                     "hello, this is no tar at all; but it is longer than one block is. ");
    for (int i = 0; i < 5; i++) {
        berth_buffer_append(&archive, archive.data, archive.length);
    }
    check_bad(&archive, "not a tar archive");
}

static void test_truncated_archives(void **state)
{
    AUTO_BUFFER struct berth_buffer plain = BERTH_BUFFER_INIT;
    AUTO_BUFFER struct berth_buffer archive = BERTH_BUFFER_INIT;
    AUTO_BUFFER struct berth_buffer zipped = BERTH_BUFFER_INIT;
    simple_layer(&plain, "file", "x");
    make_simple_archive(&archive, &plain, &plain);
    compress_gzip(&archive, &zipped);
    for (size_t length = 0; length + 2048 < archive.length; length += 301) {
        struct berth_buffer cut = {.data = archive.data, .length = length};
        check_bad(&cut, "");
    }
    for (size_t length = 3; length < zipped.length; length += 301) {
        struct berth_buffer cut = {.data = zipped.data, .length = length};
        check_bad(&cut, "");
    }
}

/* A few KB that become a gigabyte of zeros. */
static void test_bomb(void **state)
{
    static const char zeros[1 << 20];
    AUTO_BUFFER struct berth_buffer bomb = BERTH_BUFFER_INIT;
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    for (int i = 0; i <= 1024; i++) {
        ZSTD_inBuffer in = {zeros, sizeof(zeros), 0};
        char room[4096];
        size_t left = 1;
        while (in.pos < in.size || (i == 1024 && left != 0)) {
            ZSTD_outBuffer out = {room, sizeof(room), 0};
            left = ZSTD_compressStream2(zstd, &out, &in, i == 1024 ? ZSTD_e_end : ZSTD_e_continue);
            berth_buffer_append(&bomb, room, out.pos);
        }
    }
    ZSTD_freeCCtx(zstd);
    check_bad(&bomb, "grew more than");
    static const char diff[1][80] = {
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"};
    const struct image_make image = {
        .tag = "z:1", .layers = &bomb, .diff_ids = diff, .layer_count = 1};
    AUTO_BUFFER struct berth_buffer archive = BERTH_BUFFER_INIT;
    make_archive(&image, &archive);
    check_bad(&archive, "grew more than");
}

struct loader {
    const struct berth_buffer *archive;
    int code;
};

static void *load_thread(void *data)
{
    struct loader *loader = data;
    AUTO_STRV struct berth_strv loaded = {NULL, 0};
    loader->code = load_bytes(loader->archive->data, loader->archive->length, &loaded, NULL);
    return NULL;
}

/* The same image from many threads at once, with removals in between. */
static void test_parallel_loads(void **state)
{
    struct berth_buffer tars[4] = {BERTH_BUFFER_INIT, BERTH_BUFFER_INIT, BERTH_BUFFER_INIT,
                                   BERTH_BUFFER_INIT};
    char diff_ids[4][80];
    for (int i = 0; i < 4; i++) {
        char name[16];
        snprintf(name, sizeof(name), "file%d", i);
        simple_layer(&tars[i], name, "content");
        digest_of(tars[i].data, tars[i].length, diff_ids[i]);
    }
    const struct image_make image = {
        .tag = "par:1", .layers = tars, .diff_ids = diff_ids, .layer_count = 4};
    AUTO_BUFFER struct berth_buffer archive = BERTH_BUFFER_INIT;
    make_archive(&image, &archive);
    for (int round = 0; round < 5; round++) {
        struct loader loaders[6];
        pthread_t threads[6];
        for (size_t i = 0; i < 6; i++) {
            loaders[i] = (struct loader){&archive, 1};
            assert_int_equal(pthread_create(&threads[i], NULL, load_thread, &loaders[i]), 0);
        }
        struct berth_json_list items = {NULL, 0};
        const struct berth_image_remove options = {.force = true};
        if (berth_image_remove(manager, "par:1", &options, &items, NULL) == 0) {
            berth_json_list_done(&items, &berth_image_delete_item_table);
        }
        for (size_t i = 0; i < 6; i++) {
            pthread_join(threads[i], NULL);
            assert_int_equal(loaders[i].code, 0);
        }
    }
    if (berth_image_manager_count(manager) > 0) {
        remove_image("par:1");
    }
    check_empty();
    for (int i = 0; i < 4; i++) {
        berth_buffer_done(&tars[i]);
    }
}

/* What is saved loads again as the same images, and saves to the same bytes. */
static void test_save(void **state)
{
    struct berth_buffer tars[2] = {BERTH_BUFFER_INIT, BERTH_BUFFER_INIT};
    simple_layer(&tars[0], "base", "base");
    simple_layer(&tars[1], "top", "top");
    load_layers("app:1", tars, 2, NULL);
    load_layers("app:2", tars, 1, NULL);
    OK(berth_image_tag(manager, "app:1", "localhost:5000/app:x", err));
    AUTO_STRV struct berth_strv refs = {NULL, 0};
    berth_strv_add(&refs, "app");
    berth_strv_add(&refs, "localhost:5000/app:x");
    OK(berth_image_save_check(manager, &refs, err));
    AUTO_CLOSE int first = memory_file("", 0);
    OK(berth_image_save(manager, &refs, NULL, first, NULL, err));
    AUTO_IMAGE struct berth_image *before = NULL;
    OK(berth_image_lookup(manager, "app:1", &before, err));
    remove_image("app:1");
    remove_image("app:2");
    remove_image("localhost:5000/app:x");
    check_empty();

    AUTO_STRV struct berth_strv loaded = {NULL, 0};
    lseek(first, 0, SEEK_SET);
    OK(berth_image_load(manager, first, NULL, NULL, &loaded, err));
    assert_int_equal(loaded.count, 3);
    AUTO_IMAGE struct berth_image *after = NULL;
    OK(berth_image_lookup(manager, "app:1", &after, err));
    assert_string_equal(after->id, before->id);
    AUTO_CLOSE int second = memory_file("", 0);
    OK(berth_image_save(manager, &refs, NULL, second, NULL, err));
    struct stat sizes[2];
    assert_int_equal(fstat(first, &sizes[0]), 0);
    assert_int_equal(fstat(second, &sizes[1]), 0);
    assert_int_equal(sizes[0].st_size, sizes[1].st_size);
    char *bytes = mmap(NULL, (size_t)sizes[0].st_size, PROT_READ, MAP_SHARED, first, 0);
    char *again = mmap(NULL, (size_t)sizes[0].st_size, PROT_READ, MAP_SHARED, second, 0);
    assert_memory_equal(bytes, again, (size_t)sizes[0].st_size);
    munmap(bytes, (size_t)sizes[0].st_size);
    munmap(again, (size_t)sizes[0].st_size);

    berth_strv_add(&refs, "nosuch");
    assert_int_equal(berth_image_save_check(manager, &refs, NULL), BERTH_E_NOT_FOUND);
    remove_image("app:1");
    remove_image("app:2");
    remove_image("localhost:5000/app:x");
    check_empty();
    berth_buffer_done(&tars[0]);
    berth_buffer_done(&tars[1]);
}

/* A file of a layer that was changed on disk is noticed. */
static void test_damaged_layer(void **state)
{
    load_simple("dam:1", "content", NULL);
    AUTO_CLOSE int top = top_layer("dam:1");
    AUTO_CLOSE int fd = openat(top, "file", O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "X", 1, 0), 1);
    AUTO_STRV struct berth_strv refs = {NULL, 0};
    berth_strv_add(&refs, "dam:1");
    AUTO_CLOSE int out = memory_file("", 0);
    berth_error err = BERTH_ERROR_INIT;
    assert_int_equal(berth_image_save(manager, &refs, NULL, out, NULL, &err), BERTH_E_DATA);
    assert_non_null(strstr(err.msg, "damaged"));
    remove_image("dam:1");
    check_empty();
}

static void add_blob(struct berth_buffer *archive, const char *text, size_t length,
                     char ret_digest[80])
{
    char name[96];
    digest_of(text, length, ret_digest);
    snprintf(name, sizeof(name), "blobs/sha256/%s", ret_digest + 7);
    tar_bytes(archive, &(struct tar_item){.name = name}, text, length);
}

/* An OCI layout with an index in the index, attestations, and another architecture. */
static void test_oci_layout(void **state)
{
    AUTO_BUFFER struct berth_buffer layer = BERTH_BUFFER_INIT;
    AUTO_BUFFER struct berth_buffer zipped = BERTH_BUFFER_INIT;
    AUTO_BUFFER struct berth_buffer archive = BERTH_BUFFER_INIT;
    AUTO_BUFFER struct berth_buffer config = BERTH_BUFFER_INIT;
    char diff[1][80], blob[80], config_digest[80], manifest[80], index[80], text[2000];
    simple_layer(&layer, "file", "oci");
    digest_of(layer.data, layer.length, diff[0]);
    compress_gzip(&layer, &zipped);
    make_config(&(struct image_make){.diff_ids = diff, .layer_count = 1}, &config);
    add_blob(&archive, zipped.data, zipped.length, blob);
    add_blob(&archive, config.data, config.length, config_digest);
    snprintf(text, sizeof(text),
             "{\"schemaVersion\":2,\"config\":{\"digest\":\"%s\",\"size\":%zu},\"layers\":[{"
             "\"digest\":\"%s\",\"size\":%zu}]}",
             config_digest, config.length, blob, zipped.length);
    add_blob(&archive, text, strlen(text), manifest);
    int size = (int)strlen(text);
    snprintf(text, sizeof(text),
             "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"%s\",\"size\":9,\"platform\":{"
             "\"os\":\"linux\",\"architecture\":\"s390x\"}},{\"digest\":\"%s\",\"size\":9,"
             "\"platform\":{\"os\":\"unknown\",\"architecture\":\"unknown\"}},{\"digest\":\"%s\","
             "\"size\":%d,\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}}]}",
             blob, blob, manifest, size);
    add_blob(&archive, text, strlen(text), index);
    snprintf(text, sizeof(text),
             "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"%s\",\"size\":%zu,\"annotations\":{"
             "\"org.opencontainers.image.ref.name\":\"docker.io/library/oci:7\"}}]}",
             index, strlen(text));
    tar_bytes(&archive, &(struct tar_item){.name = "index.json"}, text, strlen(text));
    tar_end(&archive);

    AUTO_CLOSE int fd = memory_file(archive.data, archive.length);
    AUTO_STRV struct berth_strv loaded = {NULL, 0};
    OK(berth_image_load(manager, fd, "linux/amd64", NULL, &loaded, err));
    assert_string_equal(loaded.items[0], "oci:7");
    remove_image("oci:7");
    berth_error err = BERTH_ERROR_INIT;
    lseek(fd, 0, SEEK_SET);
    struct berth_strv none = {NULL, 0};
    assert_int_equal(berth_image_load(manager, fd, "linux/riscv64", NULL, &none, &err),
                     BERTH_E_NOT_FOUND);
    assert_non_null(strstr(err.msg, "linux/riscv64"));
    check_empty();

    /* one changed byte in the stored layer */
    archive.data[512 + zipped.length - 20]++;
    check_bad(&archive, "");
}

static bool stop_now(void *data)
{
    return true;
}

static void test_cancel(void **state)
{
    AUTO_BUFFER struct berth_buffer plain = BERTH_BUFFER_INIT;
    AUTO_BUFFER struct berth_buffer archive = BERTH_BUFFER_INIT;
    simple_layer(&plain, "file", "x");
    make_simple_archive(&archive, &plain, &plain);
    AUTO_CLOSE int fd = memory_file(archive.data, archive.length);
    const struct berth_image_watch watch = {.cancelled = stop_now};
    struct berth_strv loaded = {NULL, 0};
    assert_int_equal(berth_image_load(manager, fd, NULL, &watch, &loaded, NULL), BERTH_E_CANCELLED);
    check_empty();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compressions),   cmocka_unit_test(test_from_a_socket),
        cmocka_unit_test(test_wrong_archives), cmocka_unit_test(test_truncated_archives),
        cmocka_unit_test(test_bomb),           cmocka_unit_test(test_parallel_loads),
        cmocka_unit_test(test_save),           cmocka_unit_test(test_damaged_layer),
        cmocka_unit_test(test_oci_layout),     cmocka_unit_test(test_cancel),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
