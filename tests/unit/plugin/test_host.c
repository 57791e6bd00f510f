/* SPDX-License-Identifier: Apache-2.0
 *
 * What the host lends to drivers: programs, the mounter, network namespaces, sinks, cancelling.
 */
#include "test.h"

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
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/time.h"
#include "plugin/plugin_internal.h"

static struct berth_plugins *plugins;
static struct berth_hctx context;
static berth_host host;

static int setup(void **state)
{
    if (berth_plugins_new(NULL, &plugins, NULL) != 0) {
        return -1;
    }
    context = (struct berth_hctx){.plugins = plugins, .name = "test"};
    host_fill(&host, &context);
    return 0;
}

static int teardown(void **state)
{
    berth_plugins_free(plugins);
    return 0;
}

static int32_t to_buffer(void *arg, const void *data, size_t size, berth_error *err)
{
    berth_buffer_append(arg, data, size);
    return 0;
}

static int32_t run(const char *script, uint32_t timeout, berth_op *op, struct berth_buffer *out,
                   berth_run_resp *resp, berth_error *err)
{
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    struct berth_sink sink = {.bytes = to_buffer, .arg = out};
    berth_run_req req = {.struct_size = sizeof(req),
                         .timeout_ms = timeout,
                         .argv = argv,
                         .stdin_fd = -1,
                         .out = out != NULL ? &sink : NULL};
    return host.run(host.ctx, op, &req, resp, err);
}

static void test_run(void **state)
{
    berth_error err = BERTH_ERROR_INIT;
    berth_run_resp resp = {.struct_size = sizeof(resp)};
    AUTO_BUFFER struct berth_buffer out = BERTH_BUFFER_INIT;
    int extra = open("/dev/null", O_RDONLY); /* inheritable: must not reach the program */
    assert_int_equal(
        run("cat; echo $PATH; ls /proc/self/fd | wc -l; exit 3", 0, NULL, &out, &resp, &err), 0);
    assert_int_equal(resp.exit_code, 3);
    assert_int_equal(resp.term_signal, 0);
    assert_string_equal(out.data,
                        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n4\n");
    close(extra);
    assert_int_equal(run("kill -TERM $$", 0, NULL, NULL, &resp, &err), 0);
    assert_int_equal(resp.exit_code, 128 + SIGTERM);
    assert_int_equal(resp.term_signal, SIGTERM);
    berth_buffer_clear(&out);
    assert_int_equal(run("head -c 300000 /dev/zero", 0, NULL, &out, &resp, &err), 0);
    assert_int_equal(out.length, 300000);

    int64_t start = berth_time_monotonic();
    assert_int_equal(run("echo trouble >&2; sleep 60", 200, NULL, NULL, &resp, &err),
                     BERTH_E_TIMEOUT);
    assert_non_null(strstr(err.msg, "trouble"));
    struct berth_op op = {.deadline = berth_time_monotonic() + 100000000};
    assert_int_equal(run("sleep 60", 0, &op, NULL, &resp, &err), BERTH_E_CANCELLED);
    assert_true(berth_time_monotonic() - start < 10 * BERTH_NANOSECONDS);
    const char *missing[] = {"/no/such/program", NULL};
    berth_run_req req = {.struct_size = sizeof(req), .argv = missing, .stdin_fd = -1};
    assert_int_equal(host.run(host.ctx, NULL, &req, &resp, &err), BERTH_E_NOT_FOUND);
    assert_non_null(strstr(err.msg, "/no/such/program"));
}

static int32_t mount_something(void *arg, berth_error *err)
{
    char folder[] = "/tmp/berth-mounter-XXXXXX", text[4096];
    if (mkdtemp(folder) == NULL || chdir(folder) != 0 ||
        mount("none", folder, "tmpfs", 0, NULL) != 0) {
        return berth_error_errno(err, errno, "mount");
    }
    AUTO_FILE FILE *mounts = fopen("/proc/thread-self/mountinfo", "re");
    bool *seen = arg;
    while (fgets(text, sizeof(text), mounts) != NULL) {
        *seen = *seen || strstr(text, folder) != NULL;
    }
    umount2(folder, MNT_DETACH);
    rmdir(folder);
    return 0;
}

static int32_t fail_job(void *arg, berth_error *err)
{
    return berth_error_set(err, BERTH_E_CONFLICT, 17, "as asked");
}

static void test_mounter(void **state)
{
    berth_error err = BERTH_ERROR_INIT;
    char before[256], after[256];
    bool seen = false;
    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(host.mounter_run(host.ctx, mount_something, &seen, &err), 0);
    assert_true(seen);
    assert_non_null(getcwd(after, sizeof(after)));
    assert_string_equal(before, after);
    assert_int_equal(host.mounter_run(host.ctx, fail_job, NULL, &err), BERTH_E_CONFLICT);
    assert_string_equal(err.msg, "as asked: File exists");
    assert_int_equal(host.mounter_run(host.ctx, fail_job, NULL, NULL), BERTH_E_CONFLICT);
}

static ino_t netns_of(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return status.st_ino;
}

static int32_t look(void *arg, berth_error *err)
{
    *(ino_t *)arg = netns_of("/proc/thread-self/ns/net");
    return 0;
}

static void test_netns(void **state)
{
    berth_error err = BERTH_ERROR_INIT;
    ino_t home = netns_of("/proc/self/ns/net"), inside = 0;
    struct stat status;
    int fd = -1;
    assert_int_equal(host.netns_new(host.ctx, &fd, &err), 0);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_not_equal(status.st_ino, home);
    assert_int_equal(host.netns_run(host.ctx, fd, look, &inside, &err), 0);
    assert_int_equal(inside, status.st_ino);
    assert_int_equal(netns_of("/proc/thread-self/ns/net"), home);
    int wrong = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(host.netns_run(host.ctx, wrong, look, &inside, &err), BERTH_E_INTERNAL);
    assert_int_equal(host.netns_run(host.ctx, -1, look, &inside, &err), BERTH_E_INVALID);
    /* the workers are home again */
    int home_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    assert_int_equal(host.netns_run(host.ctx, home_fd, look, &inside, &err), 0);
    assert_int_equal(inside, home);
    close(home_fd);
    close(wrong);
    close(fd);
}

static void *many_namespaces(void *arg)
{
    for (int i = 0; i < 10; i++) {
        struct stat status;
        ino_t inside = 0;
        int fd = -1;
        if (host.netns_new(host.ctx, &fd, NULL) != 0 || fstat(fd, &status) != 0 ||
            host.netns_run(host.ctx, fd, look, &inside, NULL) != 0 || inside != status.st_ino) {
            return (void *)"failed";
        }
        close(fd);
    }
    return NULL;
}

static void test_netns_threads(void **state)
{
    pthread_t threads[8];
    void *failed;
    for (int i = 0; i < 8; i++) {
        pthread_create(&threads[i], NULL, many_namespaces, NULL);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
}

static void test_sinks(void **state)
{
    AUTO_STRMAP struct berth_strmap map = {0};
    AUTO_STRV struct berth_strv list = {0};
    struct berth_sink map_sink = berth_sink_map(&map), list_sink = berth_sink_list(&list);
    struct berth_op op = {0};
    assert_int_equal(host.emit(&map_sink, "a", "1", NULL), 0);
    assert_int_equal(host.emit(&map_sink, "a", "2", NULL), 0);
    assert_int_equal(host.emit(&list_sink, "a", "1", NULL), 0);
    assert_int_equal(host.emit(&list_sink, "a", NULL, NULL), 0);
    assert_int_equal(host.emit(NULL, "a", "1", NULL), BERTH_E_INVALID);
    assert_int_equal(host.emit_bytes(&map_sink, "x", 1, NULL), BERTH_E_INVALID);
    assert_string_equal(berth_strmap_get(&map, "a"), "2");
    assert_int_equal(list.count, 4);
    assert_int_equal(host.cancelled(NULL), 0);
    assert_int_equal(host.cancelled(&op), 0);
    atomic_store(&op.cancelled, true);
    assert_int_equal(host.cancelled(&op), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run),   cmocka_unit_test(test_mounter),
        cmocka_unit_test(test_netns), cmocka_unit_test(test_netns_threads),
        cmocka_unit_test(test_sinks),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
