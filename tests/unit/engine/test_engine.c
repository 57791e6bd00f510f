/* SPDX-License-Identifier: Apache-2.0
 *
 * Containers through the whole engine: real storage and network drivers, real shims.
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/time.h"
#include "oci/exec_config.h"
#include "rig.h"

enum { PARALLEL = 20 };

static int setup(void **state)
{
    struct rig *rig = malloc(sizeof(*rig));
    rig_init(rig);
    rig_open(rig);
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    struct rig *rig = *state;
    rig_close(rig);
    rig_done(rig);
    free(rig);
    return 0;
}

static void assert_text(char *text, const char *wanted)
{
    assert_non_null(text);
    assert_string_equal(text, wanted);
    free(text);
}

static void test_run(void **state)
{
    struct rig *rig = *state;
    char *id = rig_run(rig, "one", "echo out; echo err >&2; exit 3", "{}");
    assert_int_equal(rig_wait(rig, id, NULL), 3);
    assert_text(rig_status(rig, "one"), "exited");
    assert_text(rig_logs(rig, id, -1), "out\nerr\n");
    assert_text(rig_logs(rig, id, 1), "err\n");
    rig_remove(rig, "one");
    assert_int_equal(berth_container_start(rig->containers, id, NULL), BERTH_E_NOT_FOUND);
    free(id);
}

static void test_missing_command(void **state)
{
    struct rig *rig = *state;
    berth_error error = BERTH_ERROR_INIT;
    struct berth_container_inspect inspect;
    char *id = rig_create(rig, NULL, "no-such-program", "{}");
    assert_int_equal(berth_container_start(rig->containers, id, &error), BERTH_E_INVALID);
    assert_non_null(strstr(error.msg, "exec: \"no-such-program\": executable file not found in "
                                      "$PATH: unknown"));
    berth_json_init(&berth_container_inspect_table, &inspect);
    assert_int_equal(berth_container_inspect(rig->containers, id, false, &inspect, &error), 0);
    assert_string_equal(inspect.state.status, "created");
    assert_int_equal(inspect.state.exit_code, 127);
    berth_json_done(&berth_container_inspect_table, &inspect);
    rig_remove(rig, id);
    free(id);
}

static void test_states(void **state)
{
    struct rig *rig = *state;
    berth_error error = BERTH_ERROR_INIT;
    struct berth_container_stop now = {.timeout = 0};
    char *id = rig_run(rig, "states", "sleep 1000", "{}");
    assert_int_equal(berth_container_start(rig->containers, id, &error), BERTH_E_NOT_MODIFIED);
    assert_int_equal(berth_container_pause(rig->containers, id, &error), 0);
    assert_text(rig_status(rig, id), "paused");
    assert_int_equal(berth_container_pause(rig->containers, id, &error), BERTH_E_CONFLICT);
    assert_int_equal(berth_container_unpause(rig->containers, id, &error), 0);
    assert_int_equal(berth_container_rename(rig->containers, id, "other", &error), 0);
    assert_text(rig_status(rig, "other"), "running");
    assert_int_equal(
        berth_container_remove(rig->containers, id, &(struct berth_container_remove){0}, &error),
        BERTH_E_CONFLICT);
    assert_int_equal(berth_container_restart(rig->containers, id, &now, &error), 0);
    assert_int_equal(berth_container_stop(rig->containers, id, &now, &error), 0);
    assert_int_equal(berth_container_stop(rig->containers, id, &now, &error), BERTH_E_NOT_MODIFIED);
    assert_int_equal(rig_wait(rig, id, "not-running"), 137);
    assert_int_equal(berth_container_kill(rig->containers, id, NULL, &error), BERTH_E_CONFLICT);
    rig_remove(rig, id);
    free(id);
}

static void test_name_conflict(void **state)
{
    struct rig *rig = *state;
    char *id = rig_create(rig, "taken", "true", "{}");
    char *other = rig_create(rig, NULL, "true", "{}");
    berth_error error = BERTH_ERROR_INIT;
    assert_int_equal(berth_container_rename(rig->containers, other, "taken", &error),
                     BERTH_E_CONFLICT);
    char *wanted = berth_format("Conflict. The container name \"/taken\" is already in use by "
                                "container \"%s\". You have to remove (or rename) that container "
                                "to be able to reuse that name.",
                                id);
    assert_string_equal(error.msg, wanted);
    free(wanted);
    rig_remove(rig, id);
    rig_remove(rig, other);
    free(id);
    free(other);
}

/* Starts an exec of `sh -c script` with a stream; what it wrote, raw. */
static char *exec_output(struct rig *rig, const char *ref, const char *script, int *ret_code)
{
    struct berth_exec_config config;
    struct berth_exec_inspect inspect;
    berth_error error = BERTH_ERROR_INIT;
    struct berth_buffer buffer = BERTH_BUFFER_INIT;
    char *exec_id = NULL, chunk[512];
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    berth_json_init(&berth_exec_config_table, &config);
    config.attach_stdout = true;
    assert_true(berth_strv_add(&config.cmd, "sh"));
    assert_true(berth_strv_add(&config.cmd, "-c"));
    assert_true(berth_strv_add(&config.cmd, script));
    assert_int_equal(berth_container_exec_create(rig->containers, ref, &config, &exec_id, &error),
                     0);
    berth_json_done(&berth_exec_config_table, &config);
    struct berth_container_exec_start start = {0};
    struct berth_container_stream stream = {.fd = pair[1]};
    if (berth_container_exec_start(rig->containers, exec_id, &start, &stream, &error) != 0) {
        fail_msg("%s", error.msg);
    }
    close(pair[1]);
    ssize_t length = 0;
    while ((length = read(pair[0], chunk, sizeof(chunk))) > 0) {
        berth_buffer_append(&buffer, chunk, (size_t)length);
    }
    close(pair[0]);
    for (int i = 0; i < 2000; i++) {
        berth_json_init(&berth_exec_inspect_table, &inspect);
        assert_int_equal(berth_container_exec_inspect(rig->containers, exec_id, &inspect, &error),
                         0);
        bool ended = inspect.has_exit_code;
        *ret_code = inspect.exit_code;
        berth_json_done(&berth_exec_inspect_table, &inspect);
        if (ended) {
            break;
        }
        usleep(1000);
    }
    free(exec_id);
    return berth_buffer_take(&buffer);
}

static void test_exec(void **state)
{
    struct rig *rig = *state;
    int code = -1;
    char *id = rig_run(rig, NULL, "sleep 1000", "{}");
    assert_text(exec_output(rig, id, "echo in; exit 5", &code), "in\n");
    assert_int_equal(code, 5);
    rig_remove(rig, id);
    free(id);
}

static void test_restart_policy(void **state)
{
    struct rig *rig = *state;
    struct berth_container_inspect inspect;
    berth_error error = BERTH_ERROR_INIT;
    char *id = rig_run(rig, NULL, "echo run; exit 9",
                       "{\"RestartPolicy\":{\"Name\":\"on-failure\",\"MaximumRetryCount\":2}}");
    int count = 0;
    char *status = NULL;
    for (int i = 0; i < 10000 && (count < 2 || strcmp(status, "exited") != 0); i++) {
        free(status);
        berth_json_init(&berth_container_inspect_table, &inspect);
        assert_int_equal(berth_container_inspect(rig->containers, id, false, &inspect, &error), 0);
        count = inspect.restart_count;
        status = berth_strdup(inspect.state.status);
        berth_json_done(&berth_container_inspect_table, &inspect);
        usleep(1000);
    }
    assert_text(status, "exited");
    assert_int_equal(count, 2);
    assert_text(rig_logs(rig, id, -1), "run\nrun\nrun\n");
    rig_remove(rig, id);
    free(id);
}

static void test_auto_remove(void **state)
{
    struct rig *rig = *state;
    char *id = rig_create(rig, "gone", "exit 4", "{\"AutoRemove\":true}");
    struct berth_container_waiter *waiter = NULL;
    struct berth_container_waited waited = {0};
    berth_error error = BERTH_ERROR_INIT;
    char path[256];
    assert_int_equal(berth_container_wait_open(rig->containers, id, "removed", &waiter, &error), 0);
    assert_int_equal(berth_container_start(rig->containers, id, &error), 0);
    for (int i = 0; i < 20000 && !berth_container_wait_result(waiter, &waited); i++) {
        usleep(1000);
    }
    assert_int_equal(waited.exit_code, 4);
    berth_container_wait_close(waiter);
    snprintf(path, sizeof(path), "%s/containers/%s", rig->data, id);
    assert_int_not_equal(access(path, F_OK), 0);
    snprintf(path, sizeof(path), "%s/containers/%s", rig->run, id);
    assert_int_not_equal(access(path, F_OK), 0);
    free(id);
}

/* While a stop waits in vain, everybody else gets answers. */
static void *slow_stop(void *arg)
{
    struct rig *rig = arg;
    struct berth_container_stop patient = {.timeout = 2};
    berth_container_stop(rig->containers, "stubborn", &patient, NULL);
    return NULL;
}

static void test_never_blocked(void **state)
{
    struct rig *rig = *state;
    pthread_t thread;
    struct berth_container_list all = {.all = true};
    struct berth_json_list list = {0};
    berth_error error = BERTH_ERROR_INIT;
    char *id = rig_run(rig, "stubborn", "trap : TERM; while :; do sleep 0.1; done", "{}");
    usleep(200000);
    assert_int_equal(pthread_create(&thread, NULL, slow_stop, rig), 0);
    usleep(200000);
    int64_t before = berth_time_monotonic();
    assert_int_equal(berth_container_list(rig->containers, &all, &list, &error), 0);
    assert_text(rig_status(rig, "stubborn"), "running");
    assert_true(berth_time_monotonic() - before < BERTH_NANOSECONDS / 4);
    berth_json_list_done(&list, &berth_container_summary_table);
    pthread_join(thread, NULL);
    assert_text(rig_status(rig, "stubborn"), "exited");
    rig_remove(rig, id);
    free(id);
}

static int count_entries(const char *path)
{
    int count = 0;
    DIR *dir = opendir(path);
    while (dir != NULL && readdir(dir) != NULL) {
        count++;
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return count;
}

struct counts {
    int fds, mounts, groups, states;
};

static struct counts take_counts(const struct rig *rig)
{
    char path[128], line[1024];
    struct counts counts = {0};
    FILE *file = fopen("/proc/self/mountinfo", "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        counts.mounts++;
    }
    fclose(file);
    counts.fds = count_entries("/proc/self/fd");
    counts.groups = count_entries("/sys/fs/cgroup/memory/berth");
    snprintf(path, sizeof(path), "%s/containers", rig->run);
    counts.states = count_entries(path);
    return counts;
}

static void *parallel_run(void *arg)
{
    struct rig *rig = arg;
    char *id = rig_run(rig, NULL, "seq 100; exit 6", "{}");
    int *code = malloc(sizeof(*code));
    *code = rig_wait(rig, id, NULL);
    char *log = rig_logs(rig, id, 1);
    assert_text(log, "100\n");
    rig_remove(rig, id);
    free(id);
    return code;
}

static void test_parallel(void **state)
{
    struct rig *rig = *state;
    pthread_t threads[PARALLEL];
    struct counts before = take_counts(rig);
    for (int i = 0; i < PARALLEL; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, parallel_run, rig), 0);
    }
    for (int i = 0; i < PARALLEL; i++) {
        int *code = NULL;
        pthread_join(threads[i], (void **)&code);
        assert_int_equal(*code, 6);
        free(code);
    }
    struct counts after = {0};
    for (int i = 0; i < 5000; i++) {
        after = take_counts(rig);
        if (after.fds <= before.fds + 2 && after.groups <= before.groups) {
            break; /* spare namespaces and pooled threads may hold one or two more */
        }
        usleep(1000);
    }
    assert_true(after.fds <= before.fds + 2);
    assert_int_equal(after.mounts, before.mounts);
    assert_int_equal(after.groups, before.groups);
    assert_int_equal(after.states, before.states);
}

/* What a daemon leaves that is killed with containers in all states. */
static void crash_child(struct rig *rig)
{
    rig_open(rig);
    free(rig_run(rig, "lives", "echo first; trap 'exit 7' TERM; while :; do sleep 0.05; done",
                 "{}"));
    free(rig_run(rig, "ends", "sleep 0.5; echo last words; exit 5", "{}"));
    free(rig_run(rig, "again", "sleep 0.5; exit 1", "{\"RestartPolicy\":{\"Name\":\"always\"}}"));
    free(rig_run(rig, "vanishes", "sleep 0.5", "{\"AutoRemove\":true}"));
    free(rig_create(rig, "waits", "true", "{}"));
    raise(SIGKILL);
}

static void wait_for(struct rig *rig, const char *ref, const char *wanted)
{
    for (int i = 0; i < 10000; i++) {
        char *status = rig_status(rig, ref);
        bool same = strcmp(status, wanted) == 0;
        free(status);
        if (same) {
            return;
        }
        usleep(1000);
    }
    fail_msg("%s never became %s", ref, wanted);
}

static void check_survivors(struct rig *rig)
{
    int code = -1;
    struct berth_container_stop stop = {.timeout = 10};
    berth_error error = BERTH_ERROR_INIT;
    assert_text(rig_status(rig, "lives"), "running");
    assert_text(exec_output(rig, "lives", "echo still", &code), "still\n");
    assert_int_equal(rig_wait(rig, "ends", NULL), 5);
    assert_text(rig_logs(rig, "ends", -1), "last words\n");
    wait_for(rig, "again", "running");
    assert_text(rig_status(rig, "waits"), "created");
    for (int i = 0; i < 10000; i++) {
        char *id = NULL;
        if (berth_container_resolve(rig->containers, "vanishes", &id, NULL) != 0) {
            break;
        }
        free(id);
        usleep(1000);
    }
    assert_int_equal(berth_container_resolve(rig->containers, "vanishes", NULL, NULL),
                     BERTH_E_NOT_FOUND);
    assert_int_equal(berth_container_stop(rig->containers, "lives", &stop, &error), 0);
    assert_int_equal(rig_wait(rig, "lives", NULL), 7);
}

static void test_crash(void **state)
{
    struct rig rig;
    int status = 0;
    static const char *const names[] = {"lives", "ends", "again", "waits"};
    rig_init(&rig);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        crash_child(&rig);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    usleep(1500000); /* some of them end while no daemon runs */
    rig_open(&rig);
    check_survivors(&rig);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        rig_remove(&rig, names[i]);
    }
    assert_int_equal(take_counts(&rig).states, 2);
    rig_close(&rig);
    rig_done(&rig);
}

int main(void)
{
    const struct CMUnitTest crash[] = {cmocka_unit_test(test_crash)};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run),         cmocka_unit_test(test_missing_command),
        cmocka_unit_test(test_states),      cmocka_unit_test(test_name_conflict),
        cmocka_unit_test(test_exec),        cmocka_unit_test(test_restart_policy),
        cmocka_unit_test(test_auto_remove), cmocka_unit_test(test_never_blocked),
        cmocka_unit_test(test_parallel)};
    rig_namespaces();
    /* first, while this process has no thread: it forks */
    int failed = cmocka_run_group_tests(crash, NULL, NULL);
    return failed + cmocka_run_group_tests(tests, setup, teardown);
}
