/* SPDX-License-Identifier: Apache-2.0
 *
 * What every storage driver must bear: deep stacks and deep trees, kills, power losses, many
 * threads, repetition without leaks; and what it costs.
 */
#include "storage_fixture.h"

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
    for (int i = 0; i < 6000 && count_entries("trash") > 0; i++) {
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
    for (int i = 0; i < 6000 && count_entries("trash") > 0; i++) {
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
        TEST(test_deep),    TEST(test_crash), TEST(test_power_loss), TEST(test_delete_deep),
        TEST(test_threads), TEST(test_leaks), TEST(test_cost),
    };
    driver_name = getenv("BERTH_TEST_STORAGE");
    if (driver_name == NULL) {
        fprintf(stderr, "BERTH_TEST_STORAGE is not set\n");
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
