/* SPDX-License-Identifier: Apache-2.0
 *
 * cgroups: Docker's resource settings as writes. Conversions to v2: the OCI runtimes' (runc's
 * docs/cgroup-v2.md), so that a container weighs the same under any of them.
 */
#include "linux/cgroup_internal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Docker's defaults: all devices may be made by mknod, a few may be opened. The daemon adds the
 * container's own devices. */
const char *const berth_linux_device_rules_default[] = {
    "c *:* m",   "b *:* m",   "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm",   "c 1:8 rwm",
    "c 1:9 rwm", "c 5:0 rwm", "c 5:1 rwm", "c 5:2 rwm", "c 136:* rwm", NULL,
};

/* ---- collecting writes ---------------------------------------------------------------------- */

struct planner {
    const struct berth_linux_cgroups *cgroups;
    struct berth_linux_cgroup_plan *plan;
    bool failed; /* out of memory */
};

static void add_text(struct planner *p, const char *controller, const char *file, const char *value,
                     bool optional)
{
    struct berth_linux_cgroup_plan *plan = p->plan;
    int dir = cgroup_index(plan, controller);

    /* A controller that is not there: the container manager has warned, as Docker does. */
    if (dir < 0 || !berth_linux_cgroups_has(p->cgroups, controller) || p->failed) {
        return;
    }
    struct berth_linux_cgroup_write *grown =
        realloc(plan->writes, (plan->write_count + 1) * sizeof(*grown));
    if (grown == NULL) {
        p->failed = true;
        return;
    }
    plan->writes = grown;
    struct berth_linux_cgroup_write *w = &grown[plan->write_count];
    w->dir = (size_t)dir;
    w->optional = optional;
    w->file = strdup(file);
    w->value = strdup(value);
    plan->write_count++;
    p->failed = w->file == NULL || w->value == NULL;
}

static void add_number(struct planner *p, const char *controller, const char *file, int64_t value)
{
    char text[32];
    snprintf(text, sizeof(text), "%lld", (long long)value);
    add_text(p, controller, file, text, false);
}

/* ---- limits --------------------------------------------------------------------------------- */

static void plan_cpuset(struct planner *p, const struct berth_linux_limits *l)
{
    if (!berth_str_empty(l->cpuset_cpus)) {
        add_text(p, "cpuset", "cpuset.cpus", l->cpuset_cpus, false);
    }
    if (!berth_str_empty(l->cpuset_mems)) {
        add_text(p, "cpuset", "cpuset.mems", l->cpuset_mems, false);
    }
}

static void cpu_quota(const struct berth_linux_limits *l, int64_t *quota, int64_t *period)
{
    *quota = l->cpu_quota;
    *period = l->cpu_period;
    if (l->nano_cpus > 0) {
        *period = 100000;
        *quota = l->nano_cpus / 10000; /* nano * period / 1e9 */
    }
}

static void plan_cpu_v1(struct planner *p, const struct berth_linux_limits *l)
{
    int64_t quota, period;

    cpu_quota(l, &quota, &period);
    if (l->cpu_shares > 0) {
        add_number(p, "cpu", "cpu.shares", l->cpu_shares);
    }
    if (period > 0) {
        add_number(p, "cpu", "cpu.cfs_period_us", period);
    }
    if (quota != 0) {
        add_number(p, "cpu", "cpu.cfs_quota_us", quota);
    }
    if (l->cpu_realtime_period > 0) {
        add_number(p, "cpu", "cpu.rt_period_us", l->cpu_realtime_period);
    }
    if (l->cpu_realtime_runtime > 0) {
        add_number(p, "cpu", "cpu.rt_runtime_us", l->cpu_realtime_runtime);
    }
}

static void plan_cpu_v2(struct planner *p, const struct berth_linux_limits *l)
{
    int64_t quota, period;
    char text[64];

    cpu_quota(l, &quota, &period);
    if (l->cpu_shares > 0) {
        /* [2..262144] to [1..10000] */
        int64_t shares = l->cpu_shares < 2 ? 2 : l->cpu_shares > 262144 ? 262144 : l->cpu_shares;
        add_number(p, "cpu", "cpu.weight", 1 + (shares - 2) * 9999 / 262142);
    }
    if (quota != 0 || period > 0) {
        period = period > 0 ? period : 100000;
        if (quota > 0) {
            snprintf(text, sizeof(text), "%lld %lld", (long long)quota, (long long)period);
        } else {
            snprintf(text, sizeof(text), "max %lld", (long long)period);
        }
        add_text(p, "cpu", "cpu.max", text, false);
    }
}

/* What memory and swap may take together: Docker's default is twice the memory. */
static int64_t memory_and_swap(const struct berth_linux_limits *l)
{
    return l->memory > 0 && l->memory_swap == 0 ? l->memory * 2 : l->memory_swap;
}

static void plan_memory_v1(struct planner *p, const struct berth_linux_limits *l)
{
    int64_t both = memory_and_swap(l);
    char text[32];

    if (l->memory != 0) {
        add_number(p, "memory", "memory.limit_in_bytes", l->memory);
    }
    if (both != 0) {
        snprintf(text, sizeof(text), "%lld", (long long)both);
        /* absent on kernels without swap accounting */
        add_text(p, "memory", "memory.memsw.limit_in_bytes", text, true);
    }
    if (l->memory_reservation > 0) {
        add_number(p, "memory", "memory.soft_limit_in_bytes", l->memory_reservation);
    }
    if (l->kernel_memory_tcp > 0) {
        add_number(p, "memory", "memory.kmem.tcp.limit_in_bytes", l->kernel_memory_tcp);
    }
    if (l->memory_swappiness >= 0 && l->memory_swappiness <= 100) {
        add_number(p, "memory", "memory.swappiness", l->memory_swappiness);
    }
    if (l->oom_kill_disable) {
        add_text(p, "memory", "memory.oom_control", "1", false);
    }
}

static void plan_memory_v2(struct planner *p, const struct berth_linux_limits *l)
{
    int64_t both = memory_and_swap(l);
    char text[32];

    if (l->memory > 0) {
        add_number(p, "memory", "memory.max", l->memory);
    } else if (l->memory < 0) {
        add_text(p, "memory", "memory.max", "max", false);
    }
    if (both != 0) {
        if (both < 0) {
            snprintf(text, sizeof(text), "max");
        } else {
            snprintf(text, sizeof(text), "%lld", (long long)(both - l->memory));
        }
        add_text(p, "memory", "memory.swap.max", text, true);
    }
    if (l->memory_reservation > 0) {
        add_number(p, "memory", "memory.low", l->memory_reservation);
    }
}

static void plan_rates(struct planner *p, const struct berth_linux_device_rate *rates, size_t count,
                       const char *file, const char *format)
{
    char text[96], rate[48];

    for (size_t i = 0; i < count; i++) {
        snprintf(rate, sizeof(rate), "%s%llu", format, (unsigned long long)rates[i].rate);
        snprintf(text, sizeof(text), "%u:%u %s", rates[i].major, rates[i].minor, rate);
        add_text(p, p->cgroups->version == 2 ? "io" : "blkio", file, text, false);
    }
}

static void plan_io_v1(struct planner *p, const struct berth_linux_limits *l)
{
    char text[16];

    if (l->blkio_weight > 0) {
        snprintf(text, sizeof(text), "%u", l->blkio_weight);
        add_text(p, "blkio", "blkio.weight", text, true); /* CFQ is gone from kernel 5.0 on */
        add_text(p, "blkio", "blkio.bfq.weight", text, true);
    }
    plan_rates(p, l->read_bps, l->read_bps_count, "blkio.throttle.read_bps_device", "");
    plan_rates(p, l->write_bps, l->write_bps_count, "blkio.throttle.write_bps_device", "");
    plan_rates(p, l->read_iops, l->read_iops_count, "blkio.throttle.read_iops_device", "");
    plan_rates(p, l->write_iops, l->write_iops_count, "blkio.throttle.write_iops_device", "");
}

static void plan_io_v2(struct planner *p, const struct berth_linux_limits *l)
{
    char text[16];

    if (l->blkio_weight > 0) {
        snprintf(text, sizeof(text), "%u", l->blkio_weight);
        add_text(p, "io", "io.bfq.weight", text, true);
        /* [10..1000] to [1..10000] */
        snprintf(text, sizeof(text), "%u", 1 + (l->blkio_weight - 10) * 9999 / 990);
        add_text(p, "io", "io.weight", text, true);
    }
    plan_rates(p, l->read_bps, l->read_bps_count, "io.max", "rbps=");
    plan_rates(p, l->write_bps, l->write_bps_count, "io.max", "wbps=");
    plan_rates(p, l->read_iops, l->read_iops_count, "io.max", "riops=");
    plan_rates(p, l->write_iops, l->write_iops_count, "io.max", "wiops=");
}

int berth_linux_cgroup_plan_limits(const struct berth_linux_cgroups *cgroups,
                                   const struct berth_linux_limits *limits,
                                   struct berth_linux_cgroup_plan *plan, berth_error *err)
{
    struct planner p = {cgroups, plan, false};

    if (limits->memory > 0 && limits->memory_swap > 0 && limits->memory_swap < limits->memory) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "Minimum memoryswap limit should be larger than memory limit, see "
                               "usage");
    }
    if (limits->memory <= 0 && limits->memory_swap > 0) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "You should always set the Memory limit when using Memoryswap "
                               "limit, see usage");
    }
    plan_cpuset(&p, limits);
    if (cgroups->version == 2) {
        plan_cpu_v2(&p, limits);
        plan_memory_v2(&p, limits);
        plan_io_v2(&p, limits);
    } else {
        plan_cpu_v1(&p, limits);
        plan_memory_v1(&p, limits);
        plan_io_v1(&p, limits);
    }
    /* Last, so that it cannot stop what comes before. */
    if (limits->pids > 0) {
        add_number(&p, "pids", "pids.max", limits->pids);
    }
    return p.failed ? berth_error_no_memory(err) : 0;
}

/* ---- devices -------------------------------------------------------------------------------- */

static const char *parse_number(const char *text, int64_t *ret)
{
    char *end;

    if (*text == '*') {
        *ret = -1;
        return text + 1;
    }
    if (*text < '0' || *text > '9') {
        return NULL;
    }
    *ret = (int64_t)strtoul(text, &end, 10);
    return *ret > 0xffffffffll ? NULL : end;
}

int berth_linux_device_rule_parse(const char *text, struct berth_linux_device_rule *ret,
                                  berth_error *err)
{
    struct berth_linux_device_rule rule = {.type = text[0], .major = -1, .minor = -1};
    const char *at = text;

    if (rule.type == 'a' && text[1] == 0) {
        rule.access = 7;
        *ret = rule;
        return 0;
    }
    at = (rule.type == 'a' || rule.type == 'b' || rule.type == 'c') && text[1] == ' ' ? text + 2
                                                                                      : NULL;
    at = at == NULL ? NULL : parse_number(at, &rule.major);
    at = at == NULL || *at != ':' ? NULL : parse_number(at + 1, &rule.minor);
    if (at != NULL && *at == ' ' && at[1] != 0) {
        for (at++; *at == 'r' || *at == 'w' || *at == 'm'; at++) {
            rule.access |= *at == 'm' ? 1u : *at == 'r' ? 2u : 4u;
        }
    }
    if (at == NULL || *at != 0 || rule.access == 0) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid device cgroup rule format: '%s'",
                               text);
    }
    *ret = rule;
    return 0;
}

int berth_linux_cgroup_plan_devices(const struct berth_linux_cgroups *cgroups,
                                    const struct berth_strv *rules,
                                    struct berth_linux_cgroup_plan *plan, berth_error *err)
{
    struct planner p = {cgroups, plan, false};

    for (size_t i = 0; i < rules->count; i++) {
        struct berth_linux_device_rule rule;
        int result = berth_linux_device_rule_parse(rules->items[i], &rule, err);
        if (result != 0) {
            return result;
        }
    }
    if (cgroups->version != 1) {
        return 0;
    }
    add_text(&p, "devices", "devices.deny", "a", false);
    for (size_t i = 0; i < rules->count; i++) {
        add_text(&p, "devices", "devices.allow", rules->items[i][0] == 'a' ? "a" : rules->items[i],
                 false);
    }
    return p.failed ? berth_error_no_memory(err) : 0;
}

/* ---- update --------------------------------------------------------------------------------- */

int berth_linux_cgroup_plan_apply(const struct berth_linux_cgroup_plan *plan, berth_error *err)
{
    size_t failed = SIZE_MAX;

    /* v1 refuses a memory limit above the memory+swap limit and the reverse: whether the one or
     * the other must be written first depends on what is set now. A second round settles it. */
    for (int round = 0; round < 2; round++) {
        failed = SIZE_MAX;
        for (size_t i = 0; i < plan->write_count; i++) {
            const struct berth_linux_cgroup_write *w = &plan->writes[i];
            if (cgroup_write(plan->dirs[w->dir].path, w->file, w->value) < 0 && !w->optional) {
                failed = i;
            }
        }
        if (failed == SIZE_MAX) {
            return 0;
        }
    }
    return berth_error_errno(err, errno, "cannot write \"%s\" to %s/%s", plan->writes[failed].value,
                             plan->dirs[plan->writes[failed].dir].path, plan->writes[failed].file);
}
