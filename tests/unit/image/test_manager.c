/* SPDX-License-Identifier: Apache-2.0
 *
 * core/image: loading in all forms, names, listing, removal, saving, creating; what a wrong archive
 * leaves (nothing).
 */
#include "test.h"

#include <json-c/json.h>
#include <pthread.h>
#include <sys/socket.h>
#include <zstd.h>

#include "manager_make.h"
#include "oci/manifest.h"

static void simple_layer(struct berth_buffer *tar, const char *name, const char *content)
{
    tar_add(tar, &(struct tar_item){.name = name, .content = content});
    tar_end(tar);
}

static void load_simple(const char *tag, const char *content, const char *settings)
{
    AUTO_BUFFER struct berth_buffer tar = BERTH_BUFFER_INIT;
    simple_layer(&tar, "file", content);
    load_layers(tag, &tar, 1, settings);
}

static void check_not_found(const char *ref, const char *sentence)
{
    struct berth_image *image = NULL;
    berth_error err = BERTH_ERROR_INIT;
    assert_int_equal(berth_image_lookup(manager, ref, &image, &err), BERTH_E_NOT_FOUND);
    assert_string_equal(err.msg, sentence);
}

static void test_lookup(void **state)
{
    load_simple("debian:12", "x", "\"Cmd\":[\"sh\"]");
    AUTO_IMAGE struct berth_image *image = NULL;
    OK(berth_image_lookup(manager, "docker.io/library/debian:12", &image, err));
    assert_string_equal(image->repo_tags.items[0], "debian:12");
    assert_string_equal(image->config->config.cmd.items[0], "sh");
    assert_int_equal(image->size, 1);
    assert_int_equal(image->created, 1704164645);
    assert_non_null(image->top_layer);
    const char *forms[] = {image->id, image->id + 7, NULL, NULL};
    char prefix[13], with_algorithm[24];
    snprintf(prefix, sizeof(prefix), "%.12s", image->id + 7);
    snprintf(with_algorithm, sizeof(with_algorithm), "%.20s", image->id);
    forms[2] = prefix;
    forms[3] = with_algorithm;
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        AUTO_IMAGE struct berth_image *other = NULL;
        OK(berth_image_lookup(manager, forms[i], &other, err));
        assert_string_equal(other->id, image->id);
    }
    check_not_found("nosuch", "No such image: nosuch:latest");
    check_not_found("debian", "No such image: debian:latest");
    struct berth_image *none = NULL;
    assert_int_equal(berth_image_lookup(manager, "No Good", &none, NULL), BERTH_E_INVALID);
    assert_int_equal(berth_image_lookup(manager, "", &none, NULL), BERTH_E_INVALID);
    remove_image("debian:12");
    /* the snapshot lives on */
    assert_string_equal(image->repo_tags.items[0], "debian:12");
    check_empty();
}

static void test_names_move(void **state)
{
    load_simple("a:1", "one", NULL);
    AUTO_IMAGE struct berth_image *first = NULL;
    OK(berth_image_lookup(manager, "a:1", &first, err));
    load_simple("a:1", "two", NULL);
    AUTO_IMAGE struct berth_image *old = NULL;
    OK(berth_image_lookup(manager, first->id, &old, err));
    assert_int_equal(old->repo_tags.count, 0);
    OK(berth_image_tag(manager, first->id, "localhost:5000/x/y", err));
    AUTO_IMAGE struct berth_image *tagged = NULL;
    OK(berth_image_lookup(manager, "localhost:5000/x/y:latest", &tagged, err));
    assert_string_equal(tagged->id, first->id);
    assert_non_null(tagged->last_tagged);
    assert_int_equal(berth_image_tag(manager, "a:1", "Upper", NULL), BERTH_E_INVALID);
    assert_int_equal(berth_image_tag(manager, "nosuch", "b", NULL), BERTH_E_NOT_FOUND);

    /* all of it is there after a restart */
    close_manager();
    open_manager();
    assert_int_equal(berth_image_manager_count(manager), 2);
    AUTO_IMAGE struct berth_image *again = NULL;
    OK(berth_image_lookup(manager, "localhost:5000/x/y", &again, err));
    assert_string_equal(again->id, first->id);
    assert_string_equal(again->last_tagged, tagged->last_tagged);
    remove_image("a:1");
    remove_image("localhost:5000/x/y");
    check_empty();
}

static size_t list_count(const char *filter)
{
    struct berth_strv filters = {NULL, 0};
    if (filter != NULL) {
        berth_strv_add(&filters, filter);
    }
    struct berth_image **images = NULL;
    size_t count = 0;
    const struct berth_image_list_options options = {.filters = &filters, .shared_size = true};
    OK(berth_image_list(manager, &options, &images, &count, err));
    for (size_t i = 0; i < count; i++) {
        assert_true(images[i]->shared_size >= 0);
    }
    berth_image_list_free(images, count);
    berth_strv_done(&filters);
    return count;
}

static void test_list(void **state)
{
    load_simple("one:1", "same", "\"Labels\":{\"k\":\"v\"}");
    load_simple("two/three:latest", "same", NULL);
    assert_int_equal(list_count(NULL), 2);
    assert_int_equal(list_count("label=k"), 1);
    assert_int_equal(list_count("label=k=v"), 1);
    assert_int_equal(list_count("label=k=w"), 0);
    assert_int_equal(list_count("reference=one"), 1);
    assert_int_equal(list_count("reference=*/*"), 1);
    assert_int_equal(list_count("reference=*"), 1);
    assert_int_equal(list_count("dangling=true"), 0);
    assert_int_equal(list_count("before=one:1"), 0);
    assert_int_equal(list_count("until=2020-01-01"), 0);
    assert_int_equal(stored_layers(), 1);
    struct berth_strv filters = {NULL, 0};
    berth_strv_add(&filters, "colour=red");
    const struct berth_image_list_options options = {.filters = &filters};
    struct berth_image **images = NULL;
    size_t count = 0;
    berth_error err = BERTH_ERROR_INIT;
    assert_int_equal(berth_image_list(manager, &options, &images, &count, &err), BERTH_E_INVALID);
    assert_string_equal(err.msg, "invalid filter 'colour'");
    berth_strv_done(&filters);
    remove_image("one:1");
    remove_image("two/three");
    check_empty();
}

static bool users_running, users_stopped;

static bool fake_users(void *data, const char *image_id, bool running, char ret_container_id[65])
{
    snprintf(ret_container_id, 65, "%s", "0123456789abcdef");
    return running ? users_running : users_stopped;
}

static void check_conflict(const char *ref, bool force, const char *sentence)
{
    const struct berth_image_remove options = {.force = force};
    struct berth_json_list items = {NULL, 0};
    berth_error err = BERTH_ERROR_INIT;
    assert_int_equal(berth_image_remove(manager, ref, &options, &items, &err), BERTH_E_CONFLICT);
    if (strstr(err.msg, sentence) == NULL) {
        fail_msg("\"%s\" lacks \"%s\"", err.msg, sentence);
    }
}

static void test_removal_rules(void **state)
{
    load_simple("x:1", "x", NULL);
    OK(berth_image_tag(manager, "x:1", "y:1", err));
    AUTO_IMAGE struct berth_image *image = NULL;
    OK(berth_image_lookup(manager, "x:1", &image, err));
    check_conflict(image->id, false,
                   "(must be forced) - image is referenced in multiple "
                   "repositories");
    remove_image("y:1"); /* only the name goes */
    assert_int_equal(berth_image_manager_count(manager), 1);

    berth_image_manager_set_users(manager, fake_users, NULL);
    users_stopped = true;
    check_conflict(
        "x:1", false,
        "conflict: unable to remove repository reference \"x:1\" (must force) - container "
        "0123456789ab is using its referenced image ");
    check_conflict(image->id, false,
                   "(must be forced) - image is being used by stopped container 0123456789ab");
    users_running = true;
    check_conflict(image->id, true,
                   "(cannot be forced) - image is being used by running container 0123456789ab");
    users_running = false;

    struct berth_json_list items = {NULL, 0};
    const struct berth_image_remove options = {.force = true};
    OK(berth_image_remove(manager, "x:1", &options, &items, err));
    assert_int_equal(items.count, 3);
    assert_string_equal(((struct berth_image_delete_item *)items.items[0])->untagged, "x:1");
    assert_string_equal(((struct berth_image_delete_item *)items.items[1])->deleted, image->id);
    AUTO_FREE char *text = berth_json_write_text(&berth_image_delete_item_table, items.items[0], 0);
    assert_string_equal(text, "{\"Untagged\":\"x:1\"}");
    berth_json_list_done(&items, &berth_image_delete_item_table);
    users_stopped = false;
    berth_image_manager_set_users(manager, NULL, NULL);
    check_empty();
}

static void prune(const char *filter, size_t wanted)
{
    struct berth_strv filters = {NULL, 0};
    struct berth_json_list items = {NULL, 0};
    int64_t reclaimed = -1;
    if (filter != NULL) {
        berth_strv_add(&filters, filter);
    }
    OK(berth_image_prune(manager, &filters, &items, &reclaimed, err));
    assert_int_equal(items.count, wanted);
    assert_true(reclaimed >= 0 && (wanted > 0) == (reclaimed > 0));
    berth_json_list_done(&items, &berth_image_delete_item_table);
    berth_strv_done(&filters);
}

static void test_prune(void **state)
{
    load_simple("p:1", "one", NULL);
    load_simple("p:1", "two", NULL); /* the first one dangles now */
    prune(NULL, 2);
    assert_int_equal(berth_image_manager_count(manager), 1);
    prune(NULL, 0);
    prune("dangling=false", 3);
    check_empty();
}

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

static void test_create(void **state)
{
    AUTO_BUFFER struct berth_buffer tar = BERTH_BUFFER_INIT;
    simple_layer(&tar, "bin/sh", "#!");
    AUTO_CLOSE int fd = memory_file(tar.data, tar.length);
    AUTO_STRV struct berth_strv changes = {NULL, 0};
    berth_strv_add(&changes, "CMD [\"/bin/sh\"]");
    berth_strv_add(&changes, "ENV A=b C=\"d e\"");
    berth_strv_add(&changes, "EXPOSE 80 90/udp");
    const struct berth_image_create import = {
        .layer_fd = fd, .reference = "imp", .changes = &changes, .comment = "Imported from -"};
    AUTO_FREE char *base = NULL;
    OK(berth_image_create(manager, &import, &base, err));
    AUTO_IMAGE struct berth_image *image = NULL;
    OK(berth_image_lookup(manager, "imp:latest", &image, err));
    assert_string_equal(image->id, base);
    assert_string_equal(image->config->config.env.items[1], "C=d e");
    assert_string_equal(image->config->config.exposed_ports.items[1], "90/udp");
    assert_string_equal(image->config->comment, "Imported from -");

    AUTO_BUFFER struct berth_buffer diff = BERTH_BUFFER_INIT;
    simple_layer(&diff, "new", "n");
    AUTO_CLOSE int diff_fd = memory_file(diff.data, diff.length);
    const struct berth_image_create commit = {.parent = "imp",
                                              .layer_fd = diff_fd,
                                              .reference = "com:1",
                                              .created_by = "sh",
                                              .author = "me"};
    AUTO_FREE char *id = NULL;
    OK(berth_image_create(manager, &commit, &id, err));
    AUTO_IMAGE struct berth_image *child = NULL;
    OK(berth_image_lookup(manager, id, &child, err));
    assert_string_equal(child->parent, base);
    assert_int_equal(child->chain_ids->count, 2);
    assert_string_equal(child->config->config.cmd.items[0], "/bin/sh");

    struct berth_json_list steps = {NULL, 0};
    OK(berth_image_history(manager, "com:1", &steps, err));
    assert_int_equal(steps.count, 2);
    const struct berth_image_history_item *newest = steps.items[0], *oldest = steps.items[1];
    assert_string_equal(newest->id, id);
    assert_string_equal(newest->created_by, "sh");
    assert_string_equal(oldest->id, base);
    assert_string_equal(oldest->tags.items[0], "imp:latest");
    assert_int_equal(oldest->size, 2);
    berth_json_list_done(&steps, &berth_image_history_item_table);

    check_conflict(base, true, "(cannot be forced) - image has dependent child images");
    berth_strv_add(&changes, "FROM scratch");
    berth_error err = BERTH_ERROR_INIT;
    char *none = NULL;
    assert_int_equal(berth_image_create(manager, &import, &none, &err), BERTH_E_INVALID);
    assert_non_null(strstr(err.msg, "FROM is not a valid change command"));
    remove_image("imp"); /* only the name: it has a child */
    remove_image("com:1");
    check_empty();
}

/* A manager that was killed between the driver's commit and the row: the layer goes at start. */
static void test_stray_layer(void **state)
{
    int fd = -1;
    OK(berth_storage_layer_create(driver, NULL, "stray", NULL, &fd, err));
    close(fd);
    OK(berth_storage_layer_commit(driver, NULL, "stray", err));
    OK(berth_storage_layer_create(driver, NULL, "child", "stray", &fd, err));
    close(fd);
    OK(berth_storage_layer_commit(driver, NULL, "child", err));
    char path[160];
    snprintf(path, sizeof(path), "%s/image/%s/records/.new-9", data_root, driver_name);
    mkdir(path, 0700);
    close_manager();
    open_manager();
    check_empty();
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
        cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_names_move),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_removal_rules),
        cmocka_unit_test(test_prune),
        cmocka_unit_test(test_compressions),
        cmocka_unit_test(test_from_a_socket),
        cmocka_unit_test(test_wrong_archives),
        cmocka_unit_test(test_truncated_archives),
        cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_parallel_loads),
        cmocka_unit_test(test_save),
        cmocka_unit_test(test_damaged_layer),
        cmocka_unit_test(test_oci_layout),
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_stray_layer),
        cmocka_unit_test(test_cancel),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
