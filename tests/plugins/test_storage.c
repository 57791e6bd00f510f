/* SPDX-License-Identifier: Apache-2.0
 *
 * What every storage driver must do: the life of layers and containers, whiteouts, mounts, unknown
 * ids, attributes, lists.
 */
#include "storage_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/time.h"

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
    assert_true(bytes >= 3); /* the length of its file */
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

/* The fd of a new user namespace whose ids 0-999 are the host's from 100000 on. */
static int new_userns(void)
{
    int pipes[2], fd = -1;
    char path[64], byte;
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        byte = unshare(CLONE_NEWUSER) == 0 ? 'y' : 'n';
        if (write(pipes[1], &byte, 1) == 1) {
            pause();
        }
        _exit(1);
    }
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    for (int i = 0; byte == 'y' && i < 2; i++) {
        snprintf(path, sizeof(path), "/proc/%d/%s", pid, i == 0 ? "uid_map" : "gid_map");
        AUTO_CLOSE int map = open(path, O_WRONLY | O_CLOEXEC);
        assert_int_equal(write(map, "0 100000 1000", 13), 13);
    }
    if (byte == 'y') {
        snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(pipes[0]);
    close(pipes[1]);
    return fd;
}

/* Ids are shifted in the mount, not on the disk. */
static void test_userns(void **state)
{
    struct stat status;
    int fd = -1;
    AUTO_CLOSE int userns = new_userns();
    assert_true(userns >= 0);
    berth_storage_mount_req req = {.struct_size = sizeof(req), .userns_fd = userns};
    add_layer("u", NULL, "f", "1");
    OK(berth_storage_container_create(driver, NULL, "cu", "u", NULL, err));
    if ((berth_driver_caps(driver) & BERTH_STORAGE_USERNS) == 0) {
        FAILS(BERTH_E_UNSUPPORTED, berth_storage_mount(driver, NULL, "cu", &req, &fd, err));
        return;
    }
    OK(berth_storage_mount(driver, NULL, "cu", &req, &fd, err));
    assert_int_equal(fstatat(fd, "f", &status, 0), 0);
    assert_int_equal(status.st_uid, 100000);
    close(fd);
    fd = mount_container("cu", 0);
    assert_int_equal(fstatat(fd, "f", &status, 0), 0);
    assert_int_equal(status.st_uid, 0);
    close(fd);
}

/* Runs body with a small file system at the driver's root. */
static void on_filesystem(const char *type, const char *options, void (*body)(void))
{
    char parent[96];
    berth_plugins_free(plugins);
    plugins = NULL;
    snprintf(parent, sizeof(parent), "%s/data", folder);
    assert_int_equal(mount("none", parent, type, 0, options), 0);
    body();
    berth_plugins_free(plugins);
    plugins = NULL;
    assert_int_equal(umount2(parent, MNT_DETACH), 0);
}

static void fill_disk(void)
{
    static char block[65536];
    int fd = -1;
    ssize_t count;
    open_driver();
    add_layer("small", NULL, "f", "1");
    OK(berth_storage_layer_create(driver, NULL, "big", NULL, &fd, err));
    AUTO_CLOSE int file = openat(fd, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    do {
        count = write(file, block, sizeof(block));
    } while (count > 0);
    assert_int_equal(errno, ENOSPC);
    close(fd);
    FAILS(BERTH_E_UNAVAILABLE,
          berth_storage_container_create(driver, NULL, "no", "small", NULL, err));
    FAILS(BERTH_E_NOT_FOUND, berth_storage_mount(driver, NULL, "no", NULL, &fd, err));
    OK(berth_storage_layer_abort(driver, NULL, "big", err));
    OK(berth_storage_layer_open(driver, NULL, "small", &fd, err));
    close(fd);
}

/* What does not fit fails whole; what was there stays. */
static void test_full_disk(void **state)
{
    on_filesystem("tmpfs", "size=1m", fill_disk);
}

/* A file system without extended attributes: overlay says so and names the way out. */
static void open_on_ramfs(void)
{
    AUTO_STRMAP struct berth_strmap params = {0};
    berth_error error = BERTH_ERROR_INIT;
    berth_strmap_set(&params, "root", root);
    OK(berth_plugins_new(NULL, &plugins, err));
    int32_t result =
        berth_plugin_open(plugins, BERTH_KIND_STORAGE, driver_name, NULL, &params, &driver, &error);
    if (delta) {
        assert_int_equal(result, BERTH_E_UNSUPPORTED);
        assert_non_null(strstr(error.msg, "the storage driver vfs"));
    } else {
        assert_int_equal(result, 0);
    }
}

static void test_poor_filesystem(void **state)
{
    on_filesystem("ramfs", NULL, open_on_ramfs);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_life),
        TEST(test_unknown),
        TEST(test_parents),
        TEST(test_whiteouts),
        TEST(test_diff),
        TEST(test_metadata),
        TEST(test_list_and_reopen),
        TEST(test_userns),
        TEST(test_full_disk),
        TEST(test_poor_filesystem),
    };
    driver_name = getenv("BERTH_TEST_STORAGE");
    if (driver_name == NULL) {
        fprintf(stderr, "BERTH_TEST_STORAGE is not set\n");
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
