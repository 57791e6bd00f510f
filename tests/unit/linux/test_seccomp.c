/* SPDX-License-Identifier: Apache-2.0
 *
 * core/linux: seccomp profiles compile to programs that do what they say, tried in a child.
 */
#include "test.h"

#include <errno.h>
#include <linux/filter.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "linux/capabilities.h"
#include "linux/seccomp_filter.h"

enum { FILTER_MODE = 1 /* SECCOMP_SET_MODE_FILTER */, AF_VSOCK_NUMBER = 40, AF_ALG_NUMBER = 38 };

static int try_keyctl(void)
{
    return (int)syscall(SYS_keyctl, 0, 0, 0, 0, 0);
}
static int try_add_key(void)
{
    return (int)syscall(SYS_add_key, "user", "x", "y", 1, -1);
}
static int try_mount(void)
{
    return mount("none", "/nonexistent", "tmpfs", 0, NULL);
}
static int try_unshare(void)
{
    return unshare(CLONE_NEWUTS);
}
static int try_clone_new(void)
{
    return (int)syscall(SYS_clone, CLONE_NEWUTS | SIGCHLD, 0, 0, 0, 0);
}
static int try_clone3(void)
{
    return (int)syscall(SYS_clone3, NULL, 0);
}
static int try_vsock(void)
{
    return socket(AF_VSOCK_NUMBER, SOCK_STREAM, 0);
}
static int try_alg(void)
{
    return socket(AF_ALG_NUMBER, SOCK_SEQPACKET, 0);
}
static int try_inet(void)
{
    return socket(AF_INET, SOCK_STREAM, 0);
}
static int try_future(void)
{
    return (int)syscall(990);
}
static int try_getpid(void)
{
    return (int)syscall(SYS_getpid) > 0 ? 0 : -1;
}
static int try_chroot(void)
{
    return chroot("/nonexistent");
}

/* The errno that one call gives under a program; 0 = it worked. */
static int errno_under(void *program, size_t length, int (*call)(void))
{
    struct sock_fprog filter = {(unsigned short)(length / 8), program};
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            syscall(SYS_seccomp, FILTER_MODE, 0, &filter) < 0) {
            _exit(255);
        }
        int result = call();
        _exit(result < 0 ? errno : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void the_default_blocks_what_docker_s_does(void **state)
{
    static const struct {
        int (*call)(void);
        int number;
    } cases[] = {
        {try_keyctl, EPERM}, {try_add_key, EPERM},   {try_mount, EPERM},   {try_unshare, EPERM},
        {try_vsock, EPERM},  {try_clone_new, EPERM}, {try_alg, EPERM},     {try_inet, 0},
        {try_getpid, 0},     {try_clone3, ENOSYS},   {try_future, ENOSYS}, {try_chroot, ENOENT},
    };
    void *program;
    size_t length;
    berth_error err = {0};

    if (!berth_linux_seccomp_supported()) {
        skip();
    }
    assert_int_equal(
        berth_linux_seccomp_compile(NULL, berth_linux_capability_default, &program, &length, &err),
        0);
    assert_true(length % 8 == 0 && length / 8 < 4096);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(errno_under(program, length, cases[i].call), cases[i].number);
    }
    free(program);
}

static void capabilities_open_it(void **state)
{
    void *program;
    size_t length;

    assert_int_equal(berth_linux_seccomp_compile(NULL, 1ull << 21, &program, &length, NULL), 0);
    assert_int_equal(errno_under(program, length, try_mount), geteuid() == 0 ? ENOENT : EPERM);
    assert_int_equal(errno_under(program, length, try_chroot), EPERM); /* CAP_SYS_CHROOT is not */
    free(program);
}

static void custom_profiles_are_obeyed(void **state)
{
    static const char profile[] =
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"archMap\":[{\"architecture\":\"SCMP_ARCH_X86_64\","
        "\"subArchitectures\":[\"SCMP_ARCH_X86\"]}],\"syscalls\":[{\"names\":[\"getpid\","
        "\"no_such_call\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":7},{\"name\":\"chroot\","
        "\"action\":\"SCMP_ACT_ERRNO\",\"excludes\":{\"caps\":[\"CAP_SYS_CHROOT\"]}},{\"names\":["
        "\"socket\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":0,\"value\":2,\"op\":"
        "\"SCMP_CMP_EQ\"}]}]}";
    void *program;
    size_t length;
    berth_error err = {0};

    assert_int_equal(berth_linux_seccomp_compile(profile, 0, &program, &length, &err), 0);
    assert_int_equal(errno_under(program, length, try_getpid), 7);
    assert_int_equal(errno_under(program, length, try_chroot), EPERM);
    assert_int_equal(errno_under(program, length, try_inet), EPERM);
    assert_int_equal(errno_under(program, length, try_future), ENOSYS); /* the kernel's own */
    free(program);
    assert_int_equal(berth_linux_seccomp_compile(profile, 1 << 18, &program, &length, &err), 0);
    assert_int_equal(errno_under(program, length, try_chroot), ENOENT);
    free(program);
}

static void bad_profiles_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "{}",
        "{\"defaultAction\":\"SCMP_ACT_NONSENSE\"}",
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_VAX\"]}",
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"]}]}",
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"name\":\"a\",\"names\":[\"b\"],"
        "\"action\":\"SCMP_ACT_ERRNO\"}]}",
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],\"action\":"
        "\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":9,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]}]}",
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],\"action\":"
        "\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":1,\"value\":1,\"op\":\"==\"}]}]}",
    };
    void *program;
    size_t length;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        berth_error err = {0};
        assert_int_equal(berth_linux_seccomp_compile(bad[i], 0, &program, &length, &err),
                         BERTH_E_INVALID);
        assert_int_not_equal(err.msg[0], 0);
    }
}

static void keys_name_results(void **state)
{
    char a[65], b[65];

    berth_linux_seccomp_key(NULL, 1, a);
    berth_linux_seccomp_key(NULL, 1, b);
    assert_string_equal(a, b);
    assert_int_equal(strlen(a), 64);
    berth_linux_seccomp_key(NULL, 2, b);
    assert_string_not_equal(a, b);
    berth_linux_seccomp_key("{}", 1, b);
    assert_string_not_equal(a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_blocks_what_docker_s_does),
        cmocka_unit_test(capabilities_open_it),
        cmocka_unit_test(custom_profiles_are_obeyed),
        cmocka_unit_test(bad_profiles_are_refused),
        cmocka_unit_test(keys_name_results),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
