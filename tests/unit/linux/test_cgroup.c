/* SPDX-License-Identifier: Apache-2.0
 *
 * core/linux: cgroup plans and conversions on made-up hosts, and one real group where there is one.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "linux/cgroup.h"

enum { TEXT = 4096 };

static struct berth_linux_cgroups host(int version, const char *const *hierarchies, size_t count)
{
    struct berth_linux_cgroups g = {.version = version};

    for (size_t i = 0; i < count; i++) {
        g.hierarchies[i].mount = berth_format("/cg%zu", i);
        g.hierarchies[i].controllers = version == 1 ? strdup(hierarchies[i]) : NULL;
        assert_true(berth_strv_split(&g.controllers, hierarchies[i], ','));
    }
    g.count = version == 1 ? count : 1;
    return g;
}

static struct berth_linux_cgroups host_v1(void)
{
    static const char *const names[] = {"cpu,cpuacct", "memory", "cpuset",
                                        "pids",        "blkio",  "devices"};
    return host(1, names, 6);
}

static struct berth_linux_cgroups host_v2(void)
{
    static const char *const names[] = {"cpu,memory,cpuset,pids,io"};
    return host(2, names, 1);
}

/* "dir/file=value" of each write, one a line. */
static const char *writes_of(const struct berth_linux_cgroup_plan *plan)
{
    static char text[TEXT];
    size_t used = 0;

    text[0] = 0;
    for (size_t i = 0; i < plan->write_count; i++) {
        const struct berth_linux_cgroup_write *w = &plan->writes[i];
        used += (size_t)snprintf(text + used, TEXT - used, "%s%s=%s\n", w->optional ? "?" : "",
                                 w->file, w->value);
    }
    return text;
}

static void expect_writes(struct berth_linux_cgroups (*make)(void),
                          const struct berth_linux_limits *limits, const char *writes)
{
    struct berth_linux_cgroups g = make();
    struct berth_linux_cgroup_plan plan;
    berth_error err = {0};

    assert_int_equal(berth_linux_cgroup_plan(&g, NULL, "c", &plan, NULL), 0);
    assert_int_equal(berth_linux_cgroup_plan_limits(&g, limits, &plan, &err), 0);
    assert_string_equal(writes_of(&plan), writes);
    berth_linux_cgroup_plan_done(&plan);
    berth_linux_cgroups_done(&g);
}

static void limits_become_writes(void **state)
{
    struct berth_linux_limits l = {.memory = 64 << 20,
                                   .memory_swappiness = -1,
                                   .nano_cpus = 1500000000,
                                   .cpu_shares = 512,
                                   .pids = 100,
                                   .cpuset_cpus = "0-1",
                                   .blkio_weight = 500,
                                   .memory_reservation = 32 << 20};

    expect_writes(host_v1, &l,
                  "cpuset.cpus=0-1\ncpu.shares=512\ncpu.cfs_period_us=100000\n"
                  "cpu.cfs_quota_us=150000\nmemory.limit_in_bytes=67108864\n"
                  "?memory.memsw.limit_in_bytes=134217728\nmemory.soft_limit_in_bytes=33554432\n"
                  "?blkio.weight=500\n?blkio.bfq.weight=500\npids.max=100\n");
    expect_writes(host_v2, &l,
                  "cpuset.cpus=0-1\ncpu.weight=20\ncpu.max=150000 100000\nmemory.max=67108864\n"
                  "?memory.swap.max=67108864\nmemory.low=33554432\n?io.bfq.weight=500\n"
                  "?io.weight=4950\npids.max=100\n");
}

static void swap_is_relative_on_v2(void **state)
{
    struct berth_linux_limits l = {.memory = 100, .memory_swap = 150, .memory_swappiness = -1};

    expect_writes(host_v2, &l, "memory.max=100\n?memory.swap.max=50\n");
    l.memory_swap = -1;
    expect_writes(host_v2, &l, "memory.max=100\n?memory.swap.max=max\n");
    expect_writes(host_v1, &l, "memory.limit_in_bytes=100\n?memory.memsw.limit_in_bytes=-1\n");
}

static void shares_map_to_weights(void **state)
{
    static const struct {
        int64_t shares;
        const char *write;
    } cases[] = {{2, "cpu.weight=1\n"},
                 {1024, "cpu.weight=39\n"},
                 {262144, "cpu.weight=10000\n"},
                 {1, "cpu.weight=1\n"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct berth_linux_limits l = {.cpu_shares = cases[i].shares, .memory_swappiness = -1};
        expect_writes(host_v2, &l, cases[i].write);
    }
}

static void quotas_and_rates(void **state)
{
    struct berth_linux_device_rate rate = {8, 16, 1048576};
    struct berth_linux_limits l = {.cpu_quota = -1,
                                   .cpu_period = 50000,
                                   .memory_swappiness = 10,
                                   .oom_kill_disable = true,
                                   .read_bps = &rate,
                                   .read_bps_count = 1};

    expect_writes(host_v1, &l,
                  "cpu.cfs_period_us=50000\ncpu.cfs_quota_us=-1\nmemory.swappiness=10\n"
                  "memory.oom_control=1\nblkio.throttle.read_bps_device=8:16 1048576\n");
    expect_writes(host_v2, &l, "cpu.max=max 50000\nio.max=8:16 rbps=1048576\n");
}

static void contradictions_are_refused(void **state)
{
    struct berth_linux_cgroups g = host_v2();
    struct berth_linux_cgroup_plan plan;
    struct berth_linux_limits less = {.memory = 100, .memory_swap = 50};
    struct berth_linux_limits alone = {.memory_swap = 50};
    berth_error err;

    assert_int_equal(berth_linux_cgroup_plan(&g, NULL, "c", &plan, NULL), 0);
    assert_int_equal(berth_linux_cgroup_plan_limits(&g, &less, &plan, &err), BERTH_E_INVALID);
    assert_non_null(strstr(err.msg, "Minimum memoryswap limit"));
    assert_int_equal(berth_linux_cgroup_plan_limits(&g, &alone, &plan, &err), BERTH_E_INVALID);
    berth_linux_cgroup_plan_done(&plan);
    berth_linux_cgroups_done(&g);
}

static void parents_are_resolved(void **state)
{
    static const struct {
        const char *parent, *path;
    } cases[] = {
        {NULL, "/cg0/berth/c"},
        {"", "/cg0/berth/c"},
        {"/a/b/", "/cg0/a/b/c"},
        {"a", "/cg0/a/c"},
        {"x-y.slice", "/cg0/x.slice/x-y.slice/c"},
        {"-.slice", "/cg0/c"},
        {"../../etc", NULL},
        {"/a/../..", NULL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct berth_linux_cgroups g = host_v2();
        struct berth_linux_cgroup_plan plan;
        int result = berth_linux_cgroup_plan(&g, cases[i].parent, "c", &plan, NULL);
        if (cases[i].path == NULL) {
            assert_int_equal(result, BERTH_E_INVALID);
        } else {
            assert_int_equal(result, 0);
            assert_string_equal(plan.dirs[0].path, cases[i].path);
            berth_linux_cgroup_plan_done(&plan);
        }
        berth_linux_cgroups_done(&g);
    }
}

static void device_rules_are_parsed(void **state)
{
    struct berth_linux_device_rule rule;
    static const char *const bad[] = {"",        "c",       "c 1:3",   "x 1:3 rwm",
                                      "c 1:3 q", "c 1 rwm", "c a:b r", "c 99999999999:1 r"};

    assert_int_equal(berth_linux_device_rule_parse("c 136:* rw", &rule, NULL), 0);
    assert_int_equal(rule.type, 'c');
    assert_true(rule.major == 136 && rule.minor == -1 && rule.access == 6);
    assert_int_equal(berth_linux_device_rule_parse("a", &rule, NULL), 0);
    assert_int_equal(rule.access, 7);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(berth_linux_device_rule_parse(bad[i], &rule, NULL), BERTH_E_INVALID);
    }
    for (const char *const *r = berth_linux_device_rules_default; *r != NULL; r++) {
        assert_int_equal(berth_linux_device_rule_parse(*r, &rule, NULL), 0);
    }
}

static void devices_become_v1_writes(void **state)
{
    struct berth_linux_cgroups g = host_v1();
    struct berth_linux_cgroup_plan plan;
    AUTO_STRV struct berth_strv rules = {0};

    assert_true(berth_strv_add(&rules, "c 1:3 rwm") && berth_strv_add(&rules, "a *:* rwm"));
    assert_int_equal(berth_linux_cgroup_plan(&g, NULL, "c", &plan, NULL), 0);
    assert_int_equal(berth_linux_cgroup_plan_devices(&g, &rules, &plan, NULL), 0);
    assert_string_equal(writes_of(&plan),
                        "devices.deny=a\ndevices.allow=c 1:3 rwm\ndevices.allow=a\n");
    berth_linux_cgroup_plan_done(&plan);
    berth_linux_cgroups_done(&g);
}

/* A group of our own with one sleeping process: freeze, list, read, kill, remove. */
static void a_real_group_lives_and_dies(void **state)
{
    struct berth_linux_cgroups g;
    struct berth_linux_cgroup_plan plan, none = {0};
    struct berth_linux_cgroup_stats stats;
    AUTO_FREE char *parent = berth_format("/berth-unit-%d", (int)getpid());
    char command[1024];
    pid_t *pids;
    size_t count;

    assert_int_equal(berth_linux_cgroups_detect(&g, NULL), 0);
    if (g.version == 0 || geteuid() != 0) {
        berth_linux_cgroups_done(&g);
        skip();
    }
    assert_int_equal(berth_linux_cgroup_make_parents(&g, parent, NULL), 0);
    assert_int_equal(berth_linux_cgroup_plan(&g, parent, "c", &plan, NULL), 0);
    for (size_t i = 0; i < plan.dir_count; i++) {
        assert_int_equal(mkdir(plan.dirs[i].path, 0755), 0);
    }
    int length = snprintf(command, sizeof(command), "(");
    for (size_t i = 0; i < plan.dir_count; i++) {
        length += snprintf(command + length, sizeof(command) - (size_t)length,
                           "echo 0 >%s/cgroup.procs; ", plan.dirs[i].path);
    }
    snprintf(command + length, sizeof(command) - (size_t)length, "exec sleep 100) &");
    assert_int_equal(system(command), 0);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(berth_linux_cgroup_pids(&plan, &pids, &count, NULL), 0);
        free(pids);
        if (count == 1) {
            break;
        }
        usleep(1000);
    }
    assert_int_equal(count, 1);
    assert_int_equal(berth_linux_cgroup_freeze(&plan, true, NULL), 0);
    assert_int_equal(berth_linux_cgroup_freeze(&plan, false, NULL), 0);
    assert_int_equal(berth_linux_cgroup_stats(&g, &plan, &stats, NULL), 0);
    assert_int_equal(stats.pids_current, 1);
    berth_linux_cgroup_stats_done(&stats);
    assert_int_equal(berth_linux_cgroup_kill(&plan, NULL), 0);
    assert_int_equal(berth_linux_cgroup_remove(&plan, NULL), 0);
    assert_int_equal(berth_linux_cgroup_stats(&g, &plan, &stats, NULL), BERTH_E_NOT_FOUND);
    assert_int_equal(berth_linux_cgroup_kill(&plan, NULL), 0);
    for (size_t i = 0; i < plan.dir_count; i++) {
        *strrchr(plan.dirs[i].path, '/') = 0;
    }
    assert_int_equal(berth_linux_cgroup_remove(&plan, NULL), 0);
    berth_linux_cgroup_plan_done(&plan);
    berth_linux_cgroup_plan_done(&none);
    berth_linux_cgroups_done(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_become_writes),        cmocka_unit_test(swap_is_relative_on_v2),
        cmocka_unit_test(shares_map_to_weights),       cmocka_unit_test(quotas_and_rates),
        cmocka_unit_test(contradictions_are_refused),  cmocka_unit_test(parents_are_resolved),
        cmocka_unit_test(device_rules_are_parsed),     cmocka_unit_test(devices_become_v1_writes),
        cmocka_unit_test(a_real_group_lives_and_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
