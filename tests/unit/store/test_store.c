/* SPDX-License-Identifier: Apache-2.0
 *
 * Documents: put, find, list, transactions, bad files, two processes, and what a put costs.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/string.h"
#include "base/time.h"
#include "store/store.h"

static char folder[64], path[96];

static int setup(void **state)
{
    strcpy(folder, "/tmp/berth-store-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof(path), "%s/berth.db", folder);
    return 0;
}

static int teardown(void **state)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

static struct berth_store *open_store(void)
{
    berth_error err = BERTH_ERROR_INIT;
    struct berth_store *store = NULL;
    if (berth_store_open(path, &store, &err) != 0) {
        fail_msg("%s", err.msg);
    }
    return store;
}

static void test_documents(void **state)
{
    struct berth_store *store = open_store();
    berth_error err = BERTH_ERROR_INIT;
    AUTO_FREE char *text = NULL;
    AUTO_FREE char *id = NULL;
    assert_int_equal(berth_store_put(store, "container", "a1", "web", "{\"n\":1}", &err), 0);
    assert_int_equal(berth_store_put(store, "container", "a2", NULL, "{}", &err), 0);
    assert_int_equal(berth_store_put(store, "container", "a3", "", "{}", &err), 0);
    assert_int_equal(berth_store_put(store, "network", "n1", "web", "{}", &err), 0);
    assert_int_equal(berth_store_put(store, "container", "a4", "web", "{}", &err),
                     BERTH_E_CONFLICT);
    assert_string_equal(err.msg, "the container name web is in use");
    assert_int_equal(berth_store_put(store, "container", "a1", "web2", "{\"n\":2}", &err), 0);
    assert_int_equal(berth_store_get(store, "container", "a1", &text, &err), 0);
    assert_string_equal(text, "{\"n\":2}");
    assert_int_equal(berth_store_find(store, "container", "web2", &id, &err), 0);
    assert_string_equal(id, "a1");
    assert_int_equal(berth_store_find(store, "container", "web", &id, &err), BERTH_E_NOT_FOUND);
    assert_int_equal(berth_store_find(store, "container", "", &id, &err), BERTH_E_NOT_FOUND);
    assert_int_equal(berth_store_delete(store, "container", "a1", &err), 0);
    assert_int_equal(berth_store_delete(store, "container", "a1", &err), 0);
    assert_int_equal(berth_store_get(store, "container", "a1", &text, &err), BERTH_E_NOT_FOUND);
    assert_int_equal(berth_store_meta_set(store, "engine-id", "x", &err), 0);
    assert_int_equal(berth_store_check(store, &err), 0);
    assert_int_equal(berth_store_sync(store, &err), 0);
    berth_store_close(store);

    store = open_store();
    AUTO_FREE char *value = NULL;
    assert_int_equal(berth_store_meta_get(store, "engine-id", &value, &err), 0);
    assert_string_equal(value, "x");
    assert_int_equal(berth_store_meta_set(store, "engine-id", NULL, &err), 0);
    assert_int_equal(berth_store_meta_get(store, "engine-id", &value, &err), BERTH_E_NOT_FOUND);
    berth_store_close(store);
}

static int32_t count_rows(void *arg, const struct berth_store_row *row, berth_error *err)
{
    int *count = arg;
    assert_int_equal(strlen(row->document), row->length);
    return ++*count == 3 ? BERTH_E_CANCELLED : 0;
}

static void test_list_and_transactions(void **state)
{
    struct berth_store *store = open_store();
    berth_error err = BERTH_ERROR_INIT;
    char id[8];
    int count = 0;
    assert_int_equal(berth_store_begin(store, &err), 0);
    for (int i = 0; i < 5; i++) {
        snprintf(id, sizeof(id), "i%d", i);
        assert_int_equal(berth_store_put(store, "image", id, NULL, "{}", &err), 0);
    }
    assert_int_equal(berth_store_begin(store, &err), 0);
    assert_int_equal(berth_store_delete(store, "image", "i0", &err), 0);
    berth_store_rollback(store);
    assert_int_equal(berth_store_commit(store, &err), 0);
    assert_int_equal(berth_store_list(store, "image", count_rows, &count, &err), BERTH_E_CANCELLED);
    count = -10;
    assert_int_equal(berth_store_list(store, "image", count_rows, &count, &err), 0);
    assert_int_equal(count, -5);
    assert_int_equal(berth_store_begin(store, &err), 0);
    assert_int_equal(berth_store_delete(store, "image", "i1", &err), 0);
    berth_store_rollback(store);
    count = -10;
    assert_int_equal(berth_store_list(store, "image", count_rows, &count, &err), 0);
    assert_int_equal(count, -5);
    berth_store_close(store);
}

/* What a killed process wrote is there; what it had begun is not. */
static void test_kill(void **state)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        struct berth_store *store = open_store();
        berth_store_put(store, "volume", "kept", NULL, "{}", NULL);
        berth_store_begin(store, NULL);
        berth_store_put(store, "volume", "lost", NULL, "{}", NULL);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    struct berth_store *store = open_store();
    berth_error err = BERTH_ERROR_INIT;
    AUTO_FREE char *text = NULL;
    assert_int_equal(berth_store_get(store, "volume", "kept", &text, &err), 0);
    assert_int_equal(berth_store_get(store, "volume", "lost", &text, &err), BERTH_E_NOT_FOUND);

    struct berth_store *second = NULL;
    assert_int_equal(berth_store_open(path, &second, &err), BERTH_E_CONFLICT);
    assert_non_null(strstr(err.msg, "in use by another process"));
    berth_store_close(store);
}

static void write_file(const char *text, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, text, length), length);
    close(fd);
}

static void test_bad_files(void **state)
{
    berth_error err = BERTH_ERROR_INIT;
    struct berth_store *store = NULL;
    char garbage[8192];
    memset(garbage, 'x', sizeof(garbage));
    write_file(garbage, sizeof(garbage));
    assert_int_equal(berth_store_open(path, &store, &err), BERTH_E_DATA);
    assert_non_null(strstr(err.msg, "not a database"));
    unlink(path);

    store = open_store();
    berth_store_meta_set(store, "k", "v", NULL);
    berth_store_close(store);
    AUTO_FREE char *command =
        berth_format("printf '\\0\\0\\0\\143' | dd of=%s bs=1 seek=60 conv=notrunc 2>/dev/null",
                     path); /* user_version = 99 */
    assert_int_equal(system(command), 0);
    assert_int_equal(berth_store_open(path, &store, &err), BERTH_E_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "newer Berth"));
    char missing[] = "/tmp/berth-no-such-folder/x.db";
    assert_true(berth_store_open(missing, &store, &err) < 0);
}

/* A full disk: a small tmpfs. The write fails with a sentence; what was there stays. */
static void test_full_disk(void **state)
{
    berth_error err = BERTH_ERROR_INIT;
    AUTO_FREE char *big = malloc(65537);
    int32_t result = 0;
    int written = 0;
    if (geteuid() != 0 || mount("none", folder, "tmpfs", 0, "size=1m") != 0) {
        skip();
    }
    memset(big, 'a', 65536);
    big[65536] = '\0';
    struct berth_store *store = open_store();
    for (; result == 0 && written < 100; written++) {
        char id[16];
        snprintf(id, sizeof(id), "b%d", written);
        result = berth_store_put(store, "blob", id, NULL, big, &err);
    }
    assert_int_equal(result, BERTH_E_UNAVAILABLE);
    assert_non_null(strstr(err.msg, "disk is full"));
    AUTO_FREE char *text = NULL;
    assert_int_equal(berth_store_get(store, "blob", "b0", &text, &err), 0);
    berth_store_close(store);
    umount2(folder, MNT_DETACH);
}

static void *hammer(void *arg)
{
    struct berth_store *store = arg;
    char id[32];
    for (int i = 0; i < 200; i++) {
        snprintf(id, sizeof(id), "%lx-%d", (unsigned long)pthread_self(), i);
        if (berth_store_put(store, "thread", id, id, "{\"some\":\"document\"}", NULL) != 0) {
            return arg;
        }
    }
    return berth_store_sync(store, NULL) == 0 ? NULL : arg;
}

static void test_threads(void **state)
{
    struct berth_store *store = open_store();
    pthread_t threads[4];
    void *failed;
    int count = -100000;
    for (int i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, hammer, store);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(berth_store_list(store, "thread", count_rows, &count, NULL), 0);
    assert_int_equal(count, -100000 + 800);
    berth_store_close(store);
}

/* Prints the cost; fails only when it is far out (a sync on the caller's path). */
static void test_cost(void **state)
{
    struct berth_store *store = open_store();
    AUTO_FREE char *document = malloc(6001);
    int64_t longest = 0, start = berth_time_monotonic();
    const int count = 2000;
    memset(document, 'd', 6000);
    document[6000] = '\0';
    for (int i = 0; i < count; i++) {
        char id[72];
        int64_t begin = berth_time_monotonic();
        snprintf(id, sizeof(id), "%064d", i % 100);
        assert_int_equal(berth_store_put(store, "container", id, id, document, NULL), 0);
        int64_t spent = berth_time_monotonic() - begin;
        longest = spent > longest ? spent : longest;
    }
    int64_t mean = (berth_time_monotonic() - start) / count;
    print_message("put of 6 KB: mean %ld us, longest %ld us\n", (long)mean / 1000,
                  (long)longest / 1000);
    assert_true(mean < 1000000);
    berth_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_documents, setup, teardown),
        cmocka_unit_test_setup_teardown(test_list_and_transactions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_kill, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cost, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
