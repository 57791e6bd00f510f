/* SPDX-License-Identifier: Apache-2.0
 *
 * What every storage driver must do, run against the driver named in BERTH_TEST_STORAGE: layers,
 * whiteouts, mounts, unknown ids, removal, what a crash leaves, many threads.
 */
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "plugin/storage.h"

#define OK(call)                                                  \
    do {                                                          \
        berth_error err_ = BERTH_ERROR_INIT, *err = &err_;        \
        int32_t result_ = (call);                                 \
        if (result_ != 0) {                                       \
            fail_msg("%s: %d %s", #call, (int)result_, err_.msg); \
        }                                                         \
    } while (0)
#define FAILS(class, call)                                                               \
    do {                                                                                 \
        berth_error err_ = BERTH_ERROR_INIT, *err = &err_;                               \
        int32_t result_ = (call);                                                        \
        if (result_ != (class) || err_.code != (class) || err_.msg[0] == '\0') {         \
            fail_msg("%s: %d, wanted %d: '%s'", #call, (int)result_, (class), err_.msg); \
        }                                                                                \
    } while (0)

static const char *driver_name;
static char folder[64], root[96];
static struct berth_plugins *plugins;
static struct berth_driver *driver;
static bool delta;

static void open_driver(void)
{
    AUTO_STRMAP struct berth_strmap params = {0};
    berth_strmap_set(&params, "root", root);
    OK(berth_plugins_new(NULL, &plugins, err));
    OK(berth_plugin_open(plugins, BERTH_KIND_STORAGE, driver_name, NULL, &params, &driver, err));
    delta = (berth_driver_caps(driver) & BERTH_STORAGE_DELTA) != 0;
}

static int setup(void **state)
{
    /* not /tmp: that may be a tmpfs or an overlay itself */
    snprintf(folder, sizeof(folder), "/var/tmp/berth-storage-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(root, sizeof(root), "%s/data/%s", folder, driver_name);
    open_driver();
    return 0;
}

static int teardown(void **state)
{
    char command[128];
    berth_plugins_free(plugins);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

static void write_file(int dir, const char *name, const char *text)
{
    AUTO_CLOSE int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        fail_msg("%s: %s", name, strerror(errno));
    }
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void assert_file(int dir, const char *name, const char *text)
{
    char found[256] = "";
    AUTO_CLOSE int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    if (text == NULL) {
        assert_true(fd < 0 && errno == ENOENT);
        return;
    }
    if (fd < 0) {
        fail_msg("%s: %s", name, strerror(errno));
    }
    assert_int_equal(read(fd, found, sizeof(found) - 1), strlen(text));
    assert_string_equal(found, text);
}

/* Deletes a name in a layer as core's unpacker would. */
static void whiteout(int dir, const char *name)
{
    if (delta) {
        assert_int_equal(mknodat(dir, name, S_IFCHR | 0600, makedev(0, 0)), 0);
    } else if (unlinkat(dir, name, 0) != 0) {
        assert_int_equal(unlinkat(dir, name, AT_REMOVEDIR), 0);
    }
}

/* A layer with one file. */
static void add_layer(const char *id, const char *parent, const char *name, const char *text)
{
    int fd = -1;
    OK(berth_storage_layer_create(driver, NULL, id, parent, &fd, err));
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    write_file(fd, name, text);
    close(fd);
    OK(berth_storage_layer_commit(driver, NULL, id, err));
}

static int mount_container(const char *id, uint32_t flags)
{
    int fd = -1;
    berth_storage_mount_req req = {.struct_size = sizeof(req), .flags = flags, .userns_fd = -1};
    OK(berth_storage_mount(driver, NULL, id, &req, &fd, err));
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    return fd;
}

static void test_life(void **state)
{
    int fd = -1;
    uint64_t bytes = 0;
    struct stat status;
    OK(berth_storage_layer_create(driver, NULL, "base", NULL, &fd, err));
    FAILS(BERTH_E_NOT_FOUND, berth_storage_layer_open(driver, NULL, "base", &fd, err));
    write_file(fd, "file", "one");
    assert_int_equal(fchmod(fd, 0750), 0);
    assert_int_equal(fchown(fd, 5, 6), 0);
    close(fd);
    FAILS(BERTH_E_CONFLICT, berth_storage_layer_create(driver, NULL, "base", NULL, &fd, err));
    OK(berth_storage_layer_commit(driver, NULL, "base", err));
    FAILS(BERTH_E_CONFLICT, berth_storage_layer_create(driver, NULL, "base", NULL, &fd, err));
    OK(berth_storage_layer_open(driver, NULL, "base", &fd, err));
    assert_file(fd, "file", "one");
    close(fd);
    OK(berth_storage_container_create(driver, NULL, "c1", "base", NULL, err));
    FAILS(BERTH_E_CONFLICT, berth_storage_container_create(driver, NULL, "c1", "base", NULL, err));
    FAILS(BERTH_E_CONFLICT, berth_storage_layer_remove(driver, NULL, "base", err));
    fd = mount_container("c1", 0);
    assert_file(fd, "file", "one");
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0750);
    assert_int_equal(status.st_uid, 5);
    assert_int_equal(status.st_gid, 6);
    write_file(fd, "new", "two");
    close(fd);
    fd = mount_container("c1", BERTH_STORAGE_MOUNT_READONLY);
    assert_file(fd, "new", "two");
    assert_int_equal(openat(fd, "other", O_CREAT | O_WRONLY | O_CLOEXEC, 0600), -1);
    assert_int_equal(errno, EROFS);
    close(fd);
    OK(berth_storage_usage(driver, NULL, BERTH_STORAGE_LAYER, "base", &bytes, err));
    assert_true(bytes >= 512);
    OK(berth_storage_usage(driver, NULL, BERTH_STORAGE_CONTAINER, "c1", &bytes, err));
    OK(berth_storage_container_remove(driver, NULL, "c1", err));
    OK(berth_storage_container_remove(driver, NULL, "c1", err));
    OK(berth_storage_layer_remove(driver, NULL, "base", err));
    OK(berth_storage_layer_remove(driver, NULL, "base", err));
    FAILS(BERTH_E_NOT_FOUND, berth_storage_layer_open(driver, NULL, "base", &fd, err));
}

static void test_unknown(void **state)
{
    int fd = -77;
    uint64_t bytes = 77;
    FAILS(BERTH_E_NOT_FOUND, berth_storage_layer_commit(driver, NULL, "x", err));
    FAILS(BERTH_E_NOT_FOUND, berth_storage_layer_open(driver, NULL, "x", &fd, err));
    FAILS(BERTH_E_NOT_FOUND, berth_storage_mount(driver, NULL, "x", NULL, &fd, err));
    FAILS(BERTH_E_NOT_FOUND, berth_storage_container_create(driver, NULL, "c", "x", NULL, err));
    FAILS(BERTH_E_NOT_FOUND, berth_storage_usage(driver, NULL, 1, "x", &bytes, err));
    FAILS(BERTH_E_NOT_FOUND, berth_storage_usage(driver, NULL, 2, "x", &bytes, err));
    OK(berth_storage_layer_abort(driver, NULL, "x", err));
    OK(berth_storage_layer_remove(driver, NULL, "x", err));
    OK(berth_storage_container_remove(driver, NULL, "x", err));
    static const char *const bad[] = {"", "..", "a/b", "../x", ".hidden", "+c", "a b"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        FAILS(BERTH_E_INVALID, berth_storage_layer_create(driver, NULL, bad[i], NULL, &fd, err));
        FAILS(BERTH_E_INVALID,
              berth_storage_container_create(driver, NULL, bad[i], NULL, NULL, err));
    }
    assert_int_equal(fd, -77);
    assert_int_equal(bytes, 77);
}

static void test_parents(void **state)
{
    int fd = -1, early = -1;
    if ((berth_driver_caps(driver) & BERTH_STORAGE_PARENT_FIRST) != 0) {
        FAILS(BERTH_E_NOT_FOUND,
              berth_storage_layer_create(driver, NULL, "child", "parent", &early, err));
    } else { /* filled before the parent is committed, committed after it */
        OK(berth_storage_layer_create(driver, NULL, "child", "parent", &early, err));
        close(early);
        FAILS(BERTH_E_NOT_FOUND, berth_storage_layer_commit(driver, NULL, "child", err));
    }
    add_layer("parent", NULL, "f", "1");
    if ((berth_driver_caps(driver) & BERTH_STORAGE_PARENT_FIRST) != 0) {
        OK(berth_storage_layer_create(driver, NULL, "child", "parent", &fd, err));
        close(fd);
    }
    OK(berth_storage_layer_commit(driver, NULL, "child", err));
    FAILS(BERTH_E_CONFLICT, berth_storage_layer_remove(driver, NULL, "parent", err));
    OK(berth_storage_layer_create(driver, NULL, "aborted", "child", &fd, err));
    close(fd);
    OK(berth_storage_layer_abort(driver, NULL, "aborted", err));
    OK(berth_storage_layer_remove(driver, NULL, "child", err));
    OK(berth_storage_layer_remove(driver, NULL, "parent", err));
}

static void test_whiteouts(void **state)
{
    int fd = -1, sub;
    OK(berth_storage_layer_create(driver, NULL, "w1", NULL, &fd, err));
    write_file(fd, "gone", "x");
    write_file(fd, "kept", "k");
    mkdirat(fd, "dir", 0755);
    write_file(fd, "dir/old", "o");
    mkdirat(fd, "opaque", 0755);
    write_file(fd, "opaque/old", "o");
    close(fd);
    OK(berth_storage_layer_commit(driver, NULL, "w1", err));
    OK(berth_storage_layer_create(driver, NULL, "w2", "w1", &fd, err));
    whiteout(fd, "gone");
    if (delta) {
        mkdirat(fd, "dir", 0755);
        mkdirat(fd, "opaque", 0755);
        sub = openat(fd, "opaque", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(fsetxattr(sub, "trusted.overlay.opaque", "y", 1, 0), 0);
        close(sub);
    } else {
        unlinkat(fd, "opaque/old", 0);
    }
    sub = openat(fd, "dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    whiteout(sub, "old");
    close(sub);
    write_file(fd, "opaque/new", "n");
    close(fd);
    OK(berth_storage_layer_commit(driver, NULL, "w2", err));
    OK(berth_storage_container_create(driver, NULL, "cw", "w2", NULL, err));
    fd = mount_container("cw", BERTH_STORAGE_MOUNT_VOLATILE);
    assert_file(fd, "gone", NULL);
    assert_file(fd, "kept", "k");
    assert_file(fd, "dir/old", NULL);
    assert_file(fd, "opaque/old", NULL);
    assert_file(fd, "opaque/new", "n");
    close(fd);
    fd = mount_container("cw", BERTH_STORAGE_MOUNT_VOLATILE); /* again, same boot */
    close(fd);
    OK(berth_storage_container_remove(driver, NULL, "cw", err));
}

static bool has_change(const struct berth_strv *changes, const char *kind, const char *path)
{
    for (size_t i = 0; i + 1 < changes->count; i += 2) {
        if (strcmp(changes->items[i], kind) == 0 && strcmp(changes->items[i + 1], path) == 0) {
            return true;
        }
    }
    return false;
}

static void test_diff(void **state)
{
    int fd = -1;
    AUTO_STRV struct berth_strv changes = {0};
    struct berth_sink sink = berth_sink_list(&changes);
    OK(berth_storage_layer_create(driver, NULL, "d1", NULL, &fd, err));
    mkdirat(fd, "etc", 0755);
    write_file(fd, "etc/a", "a");
    write_file(fd, "etc/b", "b");
    mkdirat(fd, "tree", 0755);
    write_file(fd, "tree/x", "x");
    close(fd);
    OK(berth_storage_layer_commit(driver, NULL, "d1", err));
    add_layer("d2", "d1", "second", "2");
    OK(berth_storage_container_create(driver, NULL, "cd", "d2", NULL, err));
    fd = mount_container("cd", 0);
    write_file(fd, "etc/a", "changed");
    unlinkat(fd, "etc/b", 0);
    write_file(fd, "etc/c", "c");
    unlinkat(fd, "second", 0);
    unlinkat(fd, "tree/x", 0);
    unlinkat(fd, "tree", AT_REMOVEDIR);
    mkdirat(fd, "tree", 0700);
    write_file(fd, "tree/y", "y");
    close(fd);
    int32_t result = berth_storage_diff(driver, NULL, "cd", &sink, NULL);
    if (result == BERTH_E_UNSUPPORTED) {
        return; /* core compares */
    }
    assert_int_equal(result, 0);
    assert_true(has_change(&changes, "C", "/etc"));
    assert_true(has_change(&changes, "C", "/etc/a"));
    assert_true(has_change(&changes, "D", "/etc/b"));
    assert_true(has_change(&changes, "A", "/etc/c"));
    assert_true(has_change(&changes, "D", "/second"));
    assert_true(has_change(&changes, "C", "/tree"));
    assert_true(has_change(&changes, "D", "/tree/x"));
    assert_true(has_change(&changes, "A", "/tree/y"));
    assert_int_equal(changes.count, 16);
    OK(berth_storage_container_open(driver, NULL, "cd", &fd, err));
    assert_file(fd, "etc/c", "c");
    assert_file(fd, "tree/y", "y");
    close(fd);
}

/* 127 layers, each changing one file and adding one; the mount sees them all. */
static void test_deep(void **state)
{
    char id[16], parent[16] = "", text[16], name[16];
    for (int i = 0; i < 127; i++) {
        int fd = -1;
        snprintf(id, sizeof(id), "deep%d", i);
        snprintf(text, sizeof(text), "%d", i);
        snprintf(name, sizeof(name), "f%d", i);
        OK(berth_storage_layer_create(driver, NULL, id, i > 0 ? parent : NULL, &fd, err));
        write_file(fd, name, text);
        write_file(fd, "same", text);
        close(fd);
        OK(berth_storage_layer_commit(driver, NULL, id, err));
        strcpy(parent, id);
    }
    OK(berth_storage_container_create(driver, NULL, "cdeep", parent, NULL, err));
    int64_t start = berth_time_monotonic();
    int fd = mount_container("cdeep", 0);
    print_message("mount of 127 layers: %ld us\n", (long)(berth_time_monotonic() - start) / 1000);
    assert_file(fd, "f0", "0");
    assert_file(fd, "f126", "126");
    assert_file(fd, "same", "126");
    close(fd);
}

/* Everything a copy must keep, through a second layer and a container. */
static void test_metadata(void **state)
{
    int fd = -1;
    struct stat status, other;
    char value[32];
    const struct timespec times[2] = {{1000, 1}, {2000, 2}};
    OK(berth_storage_layer_create(driver, NULL, "m1", NULL, &fd, err));
    write_file(fd, "plain", "data");
    assert_int_equal(linkat(fd, "plain", fd, "hard", 0), 0);
    assert_int_equal(symlinkat("/plain", fd, "soft"), 0);
    assert_int_equal(mkfifoat(fd, "fifo", 0640), 0);
    assert_int_equal(mknodat(fd, "null", S_IFCHR | 0666, makedev(1, 3)), 0);
    assert_int_equal(mknodat(fd, "socket", S_IFSOCK | 0600, 0), 0);
    write_file(fd, "setuid", "#!");
    assert_int_equal(fchownat(fd, "setuid", 1000, 1001, 0), 0);
    assert_int_equal(fchmodat(fd, "setuid", 04755, 0), 0);
    int file = openat(fd, "sparse", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(fsetxattr(file, "user.note", "hello", 5, 0), 0);
    assert_int_equal(ftruncate(file, 64 << 20), 0);
    assert_int_equal(pwrite(file, "end", 3, (64 << 20) - 3), 3);
    close(file);
    assert_int_equal(utimensat(fd, "setuid", times, 0), 0);
    assert_int_equal(utimensat(fd, "soft", times, AT_SYMLINK_NOFOLLOW), 0);
    close(fd);
    OK(berth_storage_layer_commit(driver, NULL, "m1", err));
    add_layer("m2", "m1", "extra", "");
    OK(berth_storage_container_create(driver, NULL, "cm", "m2", NULL, err));
    fd = mount_container("cm", 0);
    assert_int_equal(fstatat(fd, "setuid", &status, 0), 0);
    assert_int_equal(status.st_mode & 07777, 04755);
    assert_int_equal(status.st_uid, 1000);
    assert_int_equal(status.st_gid, 1001);
    assert_int_equal(status.st_mtim.tv_sec, 2000);
    assert_int_equal(status.st_mtim.tv_nsec, 2);
    assert_int_equal(fstatat(fd, "plain", &status, 0), 0);
    assert_int_equal(fstatat(fd, "hard", &other, 0), 0);
    assert_int_equal(status.st_ino, other.st_ino);
    assert_int_equal(fstatat(fd, "soft", &status, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_int_equal(status.st_mtim.tv_sec, 2000);
    assert_int_equal(fstatat(fd, "null", &status, 0), 0);
    assert_int_equal(status.st_rdev, makedev(1, 3));
    int null = openat(fd, "null", O_WRONLY | O_CLOEXEC);
    assert_true(null >= 0);
    close(null);
    assert_int_equal(fstatat(fd, "fifo", &status, 0), 0);
    assert_true(S_ISFIFO(status.st_mode));
    assert_int_equal(fstatat(fd, "socket", &status, 0), 0);
    assert_true(S_ISSOCK(status.st_mode));
    file = openat(fd, "sparse", O_RDONLY | O_CLOEXEC);
    assert_int_equal(fgetxattr(file, "user.note", value, sizeof(value)), 5);
    assert_int_equal(fstat(file, &status), 0);
    assert_int_equal(status.st_size, 64 << 20);
    assert_true(status.st_blocks < 1024);
    close(file);
    close(fd);
}

static void test_list_and_reopen(void **state)
{
    AUTO_STRV struct berth_strv list = {0};
    struct berth_sink sink = berth_sink_list(&list);
    int fd = -1;
    add_layer("l1", NULL, "f", "1");
    add_layer("l2", "l1", "g", "2");
    OK(berth_storage_layer_create(driver, NULL, "half", "l2", &fd, err));
    close(fd);
    OK(berth_storage_container_create(driver, NULL, "k", "l2", NULL, err));
    fd = mount_container("k", 0);
    write_file(fd, "mine", "m");
    close(fd);
    OK(berth_storage_sync(driver, NULL, err));
    berth_plugins_free(plugins);
    open_driver();
    OK(berth_storage_list(driver, NULL, &sink, err));
    assert_int_equal(list.count, 12); /* two layers and a container, two pairs each */
    for (size_t i = 0; i < list.count; i += 4) {
        const char *id = list.items[i + 1], *below = list.items[i + 3];
        assert_string_equal(below, strcmp(id, "l1") == 0   ? ""
                                   : strcmp(id, "l2") == 0 ? "l1"
                                                           : "l2");
    }
    fd = mount_container("k", 0);
    assert_file(fd, "f", "1");
    assert_file(fd, "g", "2");
    assert_file(fd, "mine", "m");
    close(fd);
    FAILS(BERTH_E_CONFLICT, berth_storage_layer_remove(driver, NULL, "l1", err));
    OK(berth_storage_layer_create(driver, NULL, "half", "l2", &fd, err)); /* it is gone */
    close(fd);
}

static int count_entries(const char *name)
{
    char path[160];
    int count = 0;
    snprintf(path, sizeof(path), "%s/%s", root, name);
    AUTO_DIR DIR *stream = opendir(path);
    assert_non_null(stream);
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        count += entry->d_name[0] != '.';
    }
    return count;
}

/* A process killed in the middle of everything; the next one finds only whole things. */
static void test_crash(void **state)
{
    int fd = -1, status;
    add_layer("kept", NULL, "f", "1");
    berth_plugins_free(plugins);
    pid_t pid = fork();
    if (pid == 0) {
        open_driver();
        berth_storage_layer_create(driver, NULL, "torn", "kept", &fd, NULL);
        mkdirat(fd, "sub", 0755);
        berth_storage_container_create(driver, NULL, "whole", "kept", NULL, NULL);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    open_driver();
    FAILS(BERTH_E_NOT_FOUND, berth_storage_layer_commit(driver, NULL, "torn", err));
    fd = mount_container("whole", 0);
    assert_file(fd, "f", "1");
    close(fd);
    assert_int_equal(count_entries("staging"), 0);
    for (int i = 0; i < 500 && count_entries("trash") > 0; i++) {
        usleep(10000);
    }
    assert_int_equal(count_entries("trash"), 0);
}

/* A layer that still carries another boot's mark was not on the disk when the machine went down. */
static void test_power_loss(void **state)
{
    char path[200];
    int fd = -1;
    add_layer("safe", NULL, "f", "1");
    OK(berth_storage_sync(driver, NULL, err));
    add_layer("torn", "safe", "g", "2");
    OK(berth_storage_container_create(driver, NULL, "on-torn", "torn", NULL, err));
    berth_plugins_free(plugins);
    snprintf(path, sizeof(path), "%s/layers/torn/unsynced", root);
    fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "another boot", 12), 12);
    close(fd);
    open_driver();
    OK(berth_storage_layer_open(driver, NULL, "safe", &fd, err));
    close(fd);
    FAILS(BERTH_E_NOT_FOUND, berth_storage_layer_open(driver, NULL, "torn", &fd, err));
    if (delta) {
        FAILS(BERTH_E_NOT_FOUND, berth_storage_mount(driver, NULL, "on-torn", NULL, &fd, err));
    }
    struct berth_plugins *second = NULL;
    struct berth_driver *other;
    AUTO_STRMAP struct berth_strmap params = {0};
    berth_strmap_set(&params, "root", root);
    OK(berth_plugins_new(NULL, &second, err));
    FAILS(BERTH_E_CONFLICT,
          berth_plugin_open(second, BERTH_KIND_STORAGE, driver_name, NULL, &params, &other, err));
    berth_plugins_free(second);
}

/* Deeper than any path: deleting must not depend on path length, stack or fds. */
static void test_delete_deep(void **state)
{
    int fd = -1;
    OK(berth_storage_layer_create(driver, NULL, "abyss", NULL, &fd, err));
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(mkdirat(fd, "d", 0755), 0);
        int next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        close(fd);
        fd = next;
    }
    close(fd);
    OK(berth_storage_layer_abort(driver, NULL, "abyss", err));
    for (int i = 0; i < 500 && count_entries("trash") > 0; i++) {
        usleep(10000);
    }
    assert_int_equal(count_entries("trash"), 0);
}

static void *hammer(void *arg)
{
    char id[32], layer[32];
    int fd = -1, number = (int)(intptr_t)arg;
    for (int i = 0; i < 25; i++) {
        snprintf(id, sizeof(id), "t%d-%d", number, i);
        snprintf(layer, sizeof(layer), "tl%d-%d", number, i);
        if (berth_storage_layer_create(driver, NULL, layer, "shared", &fd, NULL) != 0) {
            return (void *)"layer_create";
        }
        close(fd);
        if (berth_storage_layer_commit(driver, NULL, layer, NULL) != 0 ||
            berth_storage_container_create(driver, NULL, id, layer, NULL, NULL) != 0 ||
            berth_storage_mount(driver, NULL, id, NULL, &fd, NULL) != 0) {
            return (void *)"mount";
        }
        if (faccessat(fd, "f", F_OK, 0) != 0) {
            return (void *)"content";
        }
        close(fd);
        /* everybody fights for one id, too */
        if (berth_storage_container_create(driver, NULL, "one", "shared", NULL, NULL) == 0) {
            berth_storage_container_remove(driver, NULL, "one", NULL);
        }
        if (berth_storage_container_remove(driver, NULL, id, NULL) != 0 ||
            berth_storage_layer_remove(driver, NULL, layer, NULL) != 0) {
            return (void *)"remove";
        }
    }
    return NULL;
}

static void test_threads(void **state)
{
    pthread_t threads[6];
    void *failed;
    add_layer("shared", NULL, "f", "1");
    for (int i = 0; i < 6; i++) {
        pthread_create(&threads[i], NULL, hammer, (void *)(intptr_t)i);
    }
    for (int i = 0; i < 6; i++) {
        pthread_join(threads[i], &failed);
        if (failed != NULL) {
            fail_msg("a thread failed at %s", (char *)failed);
        }
    }
    OK(berth_storage_layer_remove(driver, NULL, "shared", err));
}

/* No mount of ours in the host's table, no fd left. */
static void test_leaks(void **state)
{
    int before = 0, after = 0;
    char line[4096];
    add_layer("leak", NULL, "f", "1");
    OK(berth_storage_container_create(driver, NULL, "cl", "leak", NULL, err));
    close(mount_container("cl", 0));
    for (int pass = 0; pass < 2; pass++) {
        AUTO_DIR DIR *stream = opendir("/proc/self/fd");
        int *count = pass == 0 ? &before : &after;
        while (readdir(stream) != NULL) {
            ++*count;
        }
        for (int i = 0; pass == 0 && i < 10; i++) {
            int fd = mount_container("cl", 0);
            AUTO_FILE FILE *mounts = fopen("/proc/self/mountinfo", "re");
            while (fgets(line, sizeof(line), mounts) != NULL) {
                assert_null(strstr(line, folder));
            }
            close(fd);
        }
    }
    assert_int_equal(before, after);
}

static void test_cost(void **state)
{
    const int count = 50;
    int64_t spent[4] = {0}, start;
    add_layer("cost", NULL, "f", "1");
    for (int i = 0; i < count; i++) {
        char id[16];
        int fd = -1;
        snprintf(id, sizeof(id), "cost%d", i);
        berth_storage_mount_req req = {
            .struct_size = sizeof(req), .flags = BERTH_STORAGE_MOUNT_VOLATILE, .userns_fd = -1};
        start = berth_time_monotonic();
        OK(berth_storage_container_create(driver, NULL, id, "cost", NULL, err));
        spent[0] += berth_time_monotonic() - start;
        start = berth_time_monotonic();
        OK(berth_storage_mount(driver, NULL, id, &req, &fd, err));
        spent[1] += berth_time_monotonic() - start;
        start = berth_time_monotonic();
        close(fd);
        spent[2] += berth_time_monotonic() - start;
        start = berth_time_monotonic();
        OK(berth_storage_container_remove(driver, NULL, id, err));
        spent[3] += berth_time_monotonic() - start;
    }
    print_message("%s: create %ld us, mount %ld us, unmount %ld us, remove %ld us\n", driver_name,
                  (long)spent[0] / count / 1000, (long)spent[1] / count / 1000,
                  (long)spent[2] / count / 1000, (long)spent[3] / count / 1000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_life),  TEST(test_unknown),    TEST(test_parents),     TEST(test_whiteouts),
        TEST(test_diff),  TEST(test_deep),       TEST(test_metadata),    TEST(test_list_and_reopen),
        TEST(test_crash), TEST(test_power_loss), TEST(test_delete_deep), TEST(test_threads),
        TEST(test_leaks), TEST(test_cost),
    };
    driver_name = getenv("BERTH_TEST_STORAGE");
    if (driver_name == NULL) {
        fprintf(stderr, "BERTH_TEST_STORAGE is not set\n");
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
