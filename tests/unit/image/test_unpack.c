/* SPDX-License-Identifier: Apache-2.0
 *
 * core/image: unpacking layers, friendly and hostile, through a real manager and storage driver.
 */
#include "test.h"

#include <errno.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "manager_make.h"

/* Loads items as one layer. */
static int load_items(const struct tar_item *items, size_t count, berth_error *err)
{
    AUTO_BUFFER struct berth_buffer tar = BERTH_BUFFER_INIT;
    for (size_t i = 0; i < count; i++) {
        tar_add(&tar, &items[i]);
    }
    tar_end(&tar);
    return load_one(&tar, err);
}

static void read_text(int dir, const char *path, char *text, size_t size)
{
    AUTO_CLOSE int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        fail_msg("%s: %s", path, strerror(errno));
    }
    ssize_t count = read(fd, text, size - 1);
    text[count > 0 ? count : 0] = '\0';
}

static void check_text(int dir, const char *path, const char *wanted)
{
    char text[256];
    read_text(dir, path, text, sizeof(text));
    assert_string_equal(text, wanted);
}

/* The layer's tar is given back byte for byte. */
static void check_rebuilt(const char *ref)
{
    AUTO_IMAGE struct berth_image *image = NULL;
    OK(berth_image_lookup(manager, ref, &image, err));
    AUTO_CLOSE int fd = memfd_create("tar", MFD_CLOEXEC);
    for (size_t i = 0; i < image->chain_ids->count; i++) {
        OK(berth_image_layer_write(manager, image->chain_ids->items[i], fd, err));
    }
}

static void test_kinds(void **state)
{
    const struct tar_item items[] = {
        {.name = "./", .type = '5', .mode = 0750, .uid = 7, .gid = 8, .mtime = 1000000},
        {.name = "dir/", .type = '5', .mode = 01777, .mtime = 1000001},
        {.name = "dir/file", .content = "hello", .mode = 04755, .uid = 1000, .mtime = 1000002},
        {.name = "dir/empty", .mode = 0600},
        {.name = "dir/symlink", .type = '2', .link = "../../etc/passwd", .uid = 5},
        {.name = "dir/hard", .type = '1', .link = "dir/file"},
        {.name = "dir/fifo", .type = '6', .mode = 0622},
        {.name = "dir/null", .type = '3', .major = 1, .minor = 3, .mode = 0666},
        {.name = "/absolute", .content = "inside"},
        {.name = "a/../clean", .content = "clean"},
    };
    berth_error err = BERTH_ERROR_INIT;
    if (load_items(items, ARRAY_SIZE(items), &err) < 0) {
        fail_msg("%s", err.msg);
    }
    AUTO_CLOSE int top = top_layer("test:1");
    struct stat status;
    assert_int_equal(fstat(top, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0750);
    assert_int_equal(status.st_uid, 7);
    assert_int_equal(fstatat(top, "dir", &status, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(status.st_mode & 07777, 01777);
    assert_int_equal(status.st_mtime, 1000001);
    assert_int_equal(fstatat(top, "dir/file", &status, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(status.st_mode & 07777, 04755);
    assert_int_equal(status.st_uid, 1000);
    assert_int_equal(status.st_mtime, 1000002);
    assert_int_equal(status.st_nlink, 2);
    assert_int_equal(fstatat(top, "dir/symlink", &status, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_int_equal(status.st_uid, 5);
    assert_int_equal(fstatat(top, "dir/fifo", &status, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(status.st_mode, S_IFIFO | 0622);
    assert_int_equal(fstatat(top, "dir/null", &status, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(status.st_rdev, makedev(1, 3));
    check_text(top, "dir/hard", "hello");
    check_text(top, "absolute", "inside");
    check_text(top, "clean", "clean");
    check_rebuilt("test:1");
    remove_image("test:1");
    check_empty();
}

static void check_refused(const struct tar_item *items, size_t count, const char *sentence)
{
    berth_error err = BERTH_ERROR_INIT;
    int code = load_items(items, count, &err);
    if (code >= 0 || strstr(err.msg, sentence) == NULL) {
        fail_msg("%s: %d \"%s\"", sentence, code, err.msg);
    }
    check_empty();
}

static void test_leading_out(void **state)
{
    const struct tar_item dots[] = {{.name = "../escape", .content = "x"}};
    check_refused(dots, 1, "leads out of the layer");
    const struct tar_item later[] = {{.name = "a/../../escape", .content = "x"}};
    check_refused(later, 1, "leads out of the layer");
    const struct tar_item hard[] = {{.name = "h", .type = '1', .link = "../../../etc/passwd"}};
    check_refused(hard, 1, "leads out of the layer");
    const struct tar_item missing[] = {{.name = "h", .type = '1', .link = "/etc/passwd"}};
    check_refused(missing, 1, "hard link");
    const struct tar_item whiteout[] = {{.name = "a/.wh..", .content = ""}};
    check_refused(whiteout, 1, "whiteout");
    const struct tar_item root[] = {{.name = ".", .content = "x"}};
    check_refused(root, 1, "root of the layer");
    const struct tar_item directory[] = {{.name = "d/", .type = '5'},
                                         {.name = "h", .type = '1', .link = "d"}};
    check_refused(directory, 2, "to a directory");
    const struct tar_item through[] = {{.name = "f", .content = "x"}, {.name = "f/g"}};
    check_refused(through, 2, "");
    const struct tar_item type[] = {{.name = "odd", .type = '9'}};
    check_refused(type, 1, "unknown type");
}

/* Links in the tar are followed inside the layer only; the host's files stay as they are. */
static void test_symlinked_parents(void **state)
{
    char outside[96], link[128];
    snprintf(outside, sizeof(outside), "%s/outside", data_root);
    snprintf(link, sizeof(link), "%s", outside);
    mkdir(outside, 0755);
    const struct tar_item items[] = {
        {.name = "abs", .type = '2', .link = link},
        {.name = "abs/file", .content = "x"},
        {.name = "up", .type = '2', .link = "../../../../../../../../../../etc"},
        {.name = "up/berth-test-file", .content = "y"},
        {.name = "loop", .type = '2', .link = "loop"},
    };
    berth_error err = BERTH_ERROR_INIT;
    int code = load_items(items, ARRAY_SIZE(items), &err);
    assert_int_not_equal(access("/etc/berth-test-file", F_OK), 0);
    char victim[160];
    snprintf(victim, sizeof(victim), "%s/file", outside);
    assert_int_not_equal(access(victim, F_OK), 0);
    if (code == 0) {
        check_rebuilt("test:1");
        remove_image("test:1");
    }
    check_empty();
    const struct tar_item loop[] = {
        {.name = "loop", .type = '2', .link = "loop"},
        {.name = "loop/file", .content = "x"},
    };
    check_refused(loop, 2, "");
}

/* The last of several entries of a name counts, and the tar can still be rebuilt. */
static void test_duplicates(void **state)
{
    const struct tar_item items[] = {
        {.name = "f", .content = "one"},
        {.name = "f", .content = "two"},
        {.name = "h", .type = '1', .link = "f"},
        {.name = "f", .content = "three"},
        {.name = "d/x/y", .content = "deep"},
        {.name = "d", .content = "now a file"},
        {.name = "d", .type = '2', .link = "f"},
        {.name = "d/", .type = '5'},
        {.name = "gone", .content = "bye"},
        {.name = ".wh.gone"},
        {.name = "e"},
        {.name = "e", .content = "full"},
        {.name = "e"},
        {.name = "self", .content = "self"},
        {.name = "self", .type = '1', .link = "self"},
    };
    berth_error err = BERTH_ERROR_INIT;
    if (load_items(items, ARRAY_SIZE(items), &err) < 0) {
        fail_msg("%s", err.msg);
    }
    AUTO_CLOSE int top = top_layer("test:1");
    check_text(top, "f", "three");
    check_text(top, "h", "two");
    check_text(top, "e", "");
    check_text(top, "self", "self");
    struct stat status;
    assert_int_equal(fstatat(top, "d", &status, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISDIR(status.st_mode));
    check_rebuilt("test:1");
    remove_image("test:1");
    check_empty();
}

static void test_extended_headers(void **state)
{
    AUTO_BUFFER struct berth_buffer tar = BERTH_BUFFER_INIT;
    char name[300];
    memset(name, 'n', sizeof(name));
    memcpy(name + 100, "/", 1);
    memcpy(name + 200, "/", 1);
    name[299] = '\0';
    tar_pax(&tar, "path", name);
    tar_add(&tar, &(struct tar_item){.name = "short", .content = "long name"});
    tar_pax(&tar, "SCHILY.xattr.user.colour", "blue");
    tar_add(&tar, &(struct tar_item){.name = "with", .content = "attribute"});
    tar_pax(&tar, "SCHILY.xattr.trusted.overlay.redirect", "/etc");
    tar_add(&tar, &(struct tar_item){.name = "evil/", .type = '5'});
    tar_pax(&tar, "mtime", "1700000000.25");
    tar_add(&tar, &(struct tar_item){.name = "timed", .content = "t"});
    tar_bytes(&tar, &(struct tar_item){.name = "././@LongLink", .type = 'L'}, "gnu/long", 9);
    tar_add(&tar, &(struct tar_item){.name = "cut", .content = "gnu"});
    tar_pax(&tar, "GNU.sparse.map", "0,2,100,3");
    tar_pax(&tar, "GNU.sparse.size", "200");
    tar_add(&tar, &(struct tar_item){.name = "not-sparse", .content = "kept"});
    tar_end(&tar);
    berth_error err = BERTH_ERROR_INIT;
    if (load_one(&tar, &err) < 0) {
        /* two PAX headers in a row: their members add up, and this map does not fit its content */
        assert_non_null(strstr(err.msg, "extended header"));
    } else {
        fail_msg("a wrong sparse map was accepted");
    }
    check_empty();
}

static void test_xattrs_and_times(void **state)
{
    AUTO_BUFFER struct berth_buffer tar = BERTH_BUFFER_INIT;
    tar_pax(&tar, "SCHILY.xattr.user.colour", "blue");
    tar_add(&tar, &(struct tar_item){.name = "with", .content = "attribute", .uid = 3});
    tar_pax(&tar, "SCHILY.xattr.trusted.overlay.redirect", "/etc");
    tar_add(&tar, &(struct tar_item){.name = "evil/", .type = '5'});
    tar_pax(&tar, "mtime", "1700000000.25");
    tar_add(&tar, &(struct tar_item){.name = "timed", .content = "t"});
    tar_bytes(&tar, &(struct tar_item){.name = "././@LongLink", .type = 'L'}, "gnu/long", 9);
    tar_add(&tar, &(struct tar_item){.name = "cut", .content = "gnu"});
    tar_end(&tar);
    berth_error err = BERTH_ERROR_INIT;
    if (load_one(&tar, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    AUTO_CLOSE int top = top_layer("test:1");
    char path[64], value[16] = "";
    snprintf(path, sizeof(path), "/proc/self/fd/%d/with", top);
    assert_int_equal(getxattr(path, "user.colour", value, sizeof(value)), 4);
    snprintf(path, sizeof(path), "/proc/self/fd/%d/evil", top);
    assert_int_equal(getxattr(path, "trusted.overlay.redirect", value, sizeof(value)), -1);
    struct stat status;
    assert_int_equal(fstatat(top, "timed", &status, 0), 0);
    assert_int_equal(status.st_mtim.tv_sec, 1700000000);
    assert_int_equal(status.st_mtim.tv_nsec, 250000000);
    check_text(top, "gnu/long", "gnu");
    check_rebuilt("test:1");
    remove_image("test:1");
    check_empty();
}

static void test_sparse(void **state)
{
    AUTO_BUFFER struct berth_buffer tar = BERTH_BUFFER_INIT;
    static const char records[] = "29 GNU.sparse.map=0,2,1000,3\n"
                                  "25 GNU.sparse.size=20000\n"
                                  "29 GNU.sparse.name=real/name\n";
    tar_bytes(&tar, &(struct tar_item){.name = "pax", .type = 'x'}, records, sizeof(records) - 1);
    tar_add(&tar, &(struct tar_item){.name = "GNUSparse/x", .content = "abcde"});
    tar_end(&tar);
    berth_error err = BERTH_ERROR_INIT;
    int code = load_one(&tar, &err);
    if (code < 0) {
        fail_msg("%s", err.msg);
    }
    AUTO_CLOSE int top = top_layer("test:1");
    AUTO_CLOSE int fd = openat(top, "real/name", O_RDONLY | O_CLOEXEC);
    char text[8] = "";
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_size, 20000);
    assert_int_equal(pread(fd, text, 3, 1000), 3);
    assert_string_equal(text, "cde");
    check_rebuilt("test:1");
    remove_image("test:1");
    check_empty();
}

/* What a second layer deletes, hides and only implies. */
static void test_two_layers(void **state)
{
    struct berth_buffer tars[2] = {BERTH_BUFFER_INIT, BERTH_BUFFER_INIT};
    const struct tar_item lower[] = {
        {.name = "kept/", .type = '5', .mode = 0700, .uid = 42, .mtime = 1000000},
        {.name = "kept/old", .content = "old"},
        {.name = "gone", .content = "gone"},
        {.name = "opaque/", .type = '5'},
        {.name = "opaque/hidden", .content = "hidden"},
    };
    const struct tar_item upper[] = {
        {.name = "kept/new", .content = "new"}, /* the directory is only implied */
        {.name = ".wh.gone"},
        {.name = "opaque/.wh..wh..opq"},
        {.name = "opaque/shown", .content = "shown"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(lower); i++) {
        tar_add(&tars[0], &lower[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(upper); i++) {
        tar_add(&tars[1], &upper[i]);
    }
    tar_end(&tars[0]);
    tar_end(&tars[1]);
    load_layers("two:1", tars, 2, NULL);

    AUTO_IMAGE struct berth_image *image = NULL;
    OK(berth_image_lookup(manager, "two:1", &image, err));
    OK(berth_storage_container_create(driver, NULL, "c", image->top_layer, NULL, err));
    int root = -1;
    OK(berth_storage_mount(driver, NULL, "c", NULL, &root, err));
    struct stat status;
    assert_int_equal(fstatat(root, "kept", &status, 0), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    assert_int_equal(status.st_uid, 42);
    check_text(root, "kept/old", "old");
    check_text(root, "kept/new", "new");
    assert_int_equal(fstatat(root, "gone", &status, 0), -1);
    assert_int_equal(fstatat(root, "opaque/hidden", &status, 0), -1);
    check_text(root, "opaque/shown", "shown");
    close(root);

    /* a container keeps the layers of a removed image; the next collection takes them */
    check_rebuilt("two:1");
    remove_image("two:1");
    assert_int_equal(stored_layers(), 2);
    OK(berth_storage_container_remove(driver, NULL, "c", err));
    berth_image_manager_collect(manager);
    check_empty();
    berth_buffer_done(&tars[0]);
    berth_buffer_done(&tars[1]);
}

/* Cut anywhere, a layer is refused and nothing stays. */
static void test_truncated(void **state)
{
    AUTO_BUFFER struct berth_buffer tar = BERTH_BUFFER_INIT;
    char content[3000];
    memset(content, 'c', sizeof(content));
    content[2999] = '\0';
    tar_add(&tar, &(struct tar_item){.name = "a", .content = content});
    tar_pax(&tar, "path", "b/long");
    tar_add(&tar, &(struct tar_item){.name = "b", .content = content});
    for (size_t length = 1; length < tar.length; length += 123) {
        struct berth_buffer cut = {.data = tar.data, .length = length};
        berth_error err = BERTH_ERROR_INIT;
        int code = load_one(&cut, &err);
        /* between two entries an end without the end mark is an end */
        if (code >= 0) {
            fail_msg("%zu bytes were accepted", length);
        }
        assert_string_not_equal(err.msg, "");
    }
    check_empty();
}

static void test_many_entries(void **state)
{
    AUTO_BUFFER struct berth_buffer tar = BERTH_BUFFER_INIT;
    /* entries that are skipped: the limit is tested, not the disk */
    const struct tar_item item = {.name = ".wh..wh.plnk/same"};
    AUTO_BUFFER struct berth_buffer one = BERTH_BUFFER_INIT;
    tar_add(&one, &item);
    for (size_t i = 0; i <= 1 << 20; i++) {
        berth_buffer_append(&tar, one.data, one.length);
    }
    tar_end(&tar);
    berth_error err = BERTH_ERROR_INIT;
    assert_int_equal(load_one(&tar, &err), BERTH_E_INVALID);
    assert_non_null(strstr(err.msg, "entries"));
    check_empty();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_leading_out),
        cmocka_unit_test(test_symlinked_parents),
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_extended_headers),
        cmocka_unit_test(test_xattrs_and_times),
        cmocka_unit_test(test_sparse),
        cmocka_unit_test(test_two_layers),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_many_entries),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
