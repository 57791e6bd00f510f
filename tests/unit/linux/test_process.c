/* SPDX-License-Identifier: Apache-2.0
 *
 * core/linux: spawning, pidfds, and the threads that enter namespaces.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "linux/mounts.h"
#include "linux/namespace.h"
#include "linux/process.h"
#include "linux/spawn.h"

static char *text(const char *constant)
{
    return (char *)(uintptr_t)constant;
}

static int capture(const char *script, struct berth_linux_capture *c, berth_error *err)
{
    char *argv[] = {text("sh"), text("-c"), text(script), NULL};
    struct berth_linux_spawn request = {.path = "sh", .argv = argv};
    return berth_linux_spawn_capture(&request, c, err);
}

static void output_is_captured(void **state)
{
    struct berth_linux_capture c = {
        .input = "in", .input_length = 2, .output_max = 1000, .timeout_ms = 10000};

    assert_int_equal(capture("cat; echo err >&2; exit 3", &c, NULL), 0);
    assert_string_equal(c.output, "in");
    assert_string_equal(c.errors, "err\n");
    assert_int_equal(WEXITSTATUS(c.status), 3);
    free(c.output);
    free(c.errors);
}

static void much_output_is_bounded(void **state)
{
    struct berth_linux_capture c = {.output_max = 100, .timeout_ms = 10000};

    assert_int_equal(capture("head -c 1000000 /dev/zero | tr '\\0' x; exit 0", &c, NULL), 0);
    assert_int_equal(c.output_length, 100);
    assert_int_equal(WEXITSTATUS(c.status), 0);
    free(c.output);
    free(c.errors);
}

static void slow_programs_are_killed(void **state)
{
    struct berth_linux_capture c = {.output_max = 100, .timeout_ms = 50};
    berth_error err;

    assert_int_equal(capture("exec sleep 100", &c, &err), BERTH_E_TIMEOUT);
    struct berth_linux_spawn missing = {.path = "/no/such", .argv = (char *[]){text("x"), NULL}};
    assert_int_equal(berth_linux_spawn_capture(&missing, &c, &err), BERTH_E_NOT_FOUND);
}

static void processes_are_held_by_fd(void **state)
{
    char *argv[] = {text("sleep"), text("100"), NULL};
    int fds[] = {-1, -1, -1};
    struct berth_linux_spawn request = {
        .path = "sleep", .argv = argv, .fds = fds, .fd_count = 3, .new_session = 1};
    int pidfd, other, status;
    pid_t pid;
    berth_error err;

    assert_int_equal(berth_linux_spawn(&request, &pidfd, &pid, NULL), 0);
    assert_int_equal(berth_linux_pidfd_open(pid, 0, &other, NULL), 0);
    close(other);
    assert_int_equal(berth_linux_pidfd_open(pid, 1, &other, &err), BERTH_E_NOT_FOUND);
    assert_int_equal(berth_linux_pidfd_wait(pidfd, 10, &err), BERTH_E_TIMEOUT);
    assert_int_equal(berth_linux_pidfd_signal(pidfd, SIGTERM, NULL), 0);
    assert_int_equal(berth_linux_pidfd_wait(pidfd, 10000, NULL), 0);
    assert_int_equal(berth_linux_pidfd_reap(pidfd, &status, NULL), 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    assert_int_equal(berth_linux_pidfd_signal(pidfd, SIGTERM, &err), BERTH_E_NOT_FOUND);
    close(pidfd);
}

static int32_t mount_here(void *arg, berth_error *err)
{
    const char *dir = arg;
    int fd;
    struct berth_linux_mount_new request = {.type = "tmpfs",
                                            .options = (const char *[]){"size=1m", NULL}};
    int result = berth_linux_mount_new(&request, &fd, err);
    if (result == 0) {
        result = berth_linux_mount_attach(fd, AT_FDCWD, dir, err);
        close(fd);
    }
    return result;
}

static void the_mounter_s_mounts_are_its_own(void **state)
{
    struct berth_linux_mounter *mounter;
    char dir[] = "/tmp/berth-mounter-XXXXXX";
    struct stat before, after;

    if (geteuid() != 0) {
        skip();
    }
    assert_non_null(mkdtemp(dir));
    assert_int_equal(stat(dir, &before), 0);
    assert_int_equal(berth_linux_mounter_new(&mounter, NULL), 0);
    assert_int_equal(berth_linux_mounter_run(mounter, mount_here, dir, NULL), 0);
    assert_int_equal(stat(dir, &after), 0);
    assert_true(before.st_dev == after.st_dev);
    berth_error err;
    assert_int_equal(berth_linux_mounter_run(mounter, mount_here, text("/no/such"), &err),
                     BERTH_E_NOT_FOUND);
    berth_linux_mounter_free(mounter);
    assert_int_equal(rmdir(dir), 0);
}

static int32_t count_interfaces(void *arg, berth_error *err)
{
    struct if_nameindex *list = if_nameindex();
    int *count = arg;
    struct ifreq request = {.ifr_name = "lo"};
    AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    for (*count = 0; list != NULL && list[*count].if_index != 0;) {
        (*count)++;
    }
    if_freenameindex(list);
    if (ioctl(fd, SIOCGIFFLAGS, &request) < 0 || (request.ifr_flags & IFF_UP) == 0) {
        *count = -1;
    }
    return 0;
}

struct racer {
    struct berth_linux_netns_pool *pool;
    int fd;
};

static void *race(void *arg)
{
    const struct racer *r = arg;
    for (int i = 0; i < 50; i++) {
        int count = 0;
        if (berth_linux_netns_run(r->pool, r->fd, count_interfaces, &count, NULL) != 0 ||
            count != 1) {
            return arg;
        }
    }
    return NULL;
}

static void network_namespaces_are_entered_in_parallel(void **state)
{
    struct berth_linux_netns_pool *pool;
    struct racer r;
    pthread_t threads[6];
    void *failed;

    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(berth_linux_netns_pool_new(3, &pool, NULL), 0);
    assert_int_equal(berth_linux_netns_new(pool, &r.fd, NULL), 0);
    r.pool = pool;
    for (int i = 0; i < 6; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, race, &r), 0);
    }
    for (int i = 0; i < 6; i++) {
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    close(r.fd);
    berth_linux_netns_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_is_captured),
        cmocka_unit_test(much_output_is_bounded),
        cmocka_unit_test(slow_programs_are_killed),
        cmocka_unit_test(processes_are_held_by_fd),
        cmocka_unit_test(the_mounter_s_mounts_are_its_own),
        cmocka_unit_test(network_namespaces_are_entered_in_parallel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
