/* SPDX-License-Identifier: Apache-2.0
 *
 * cgroups: readings of one container. File formats: Documentation/admin-guide/cgroup-v1/ and
 * cgroup-v2.rst of the kernel.
 */
#include "linux/cgroup_internal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_SIZE = 65536 };

/* The value of "key value" on a line of its own. */
static uint64_t keyed(const char *text, const char *key)
{
    size_t n = strlen(key);

    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, n) == 0 && line[n] == ' ') {
            return strtoull(line + n + 1, NULL, 10);
        }
    }
    return 0;
}

static const char *path_of(const struct berth_linux_cgroup_plan *plan, const char *controller)
{
    const struct berth_linux_cgroup_dir *dir = cgroup_find(plan, controller);
    return dir == NULL ? "/nonexistent" : dir->path;
}

static int read_memory_stat(const char *dir, char *text, struct berth_linux_cgroup_stats *stats)
{
    char *rest = NULL;

    if (cgroup_read(dir, "memory.stat", text, TEXT_SIZE) < 0) {
        return 0;
    }
    stats->memory_cache = strstr(text, "total_inactive_file ") != NULL
                              ? keyed(text, "total_inactive_file")
                              : keyed(text, "inactive_file");
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char *space = strchr(line, ' ');
        if (space != NULL) {
            *space = 0;
            if (!berth_strmap_set(&stats->memory_stat, line, space + 1)) {
                return -1;
            }
        }
    }
    return 0;
}

static struct berth_linux_device_io *device_of(struct berth_linux_cgroup_stats *stats,
                                               uint32_t major, uint32_t minor)
{
    for (size_t i = 0; i < stats->io_count; i++) {
        if (stats->io[i].major == major && stats->io[i].minor == minor) {
            return &stats->io[i];
        }
    }
    struct berth_linux_device_io *grown =
        realloc(stats->io, (stats->io_count + 1) * sizeof(*grown));
    if (grown == NULL) {
        return NULL;
    }
    stats->io = grown;
    struct berth_linux_device_io *device = &grown[stats->io_count++];
    memset(device, 0, sizeof(*device));
    device->major = major;
    device->minor = minor;
    return device;
}

/* ---- version 1 ------------------------------------------------------------------------------ */

/* "8:16 " at the start of a line; returns what follows or NULL. */
static char *take_device(char *line, uint32_t *ret_major, uint32_t *ret_minor)
{
    char *end;

    *ret_major = (uint32_t)strtoul(line, &end, 10);
    if (end == line || *end != ':') {
        return NULL;
    }
    line = end + 1;
    *ret_minor = (uint32_t)strtoul(line, &end, 10);
    return end == line || *end != ' ' ? NULL : end + 1;
}

/* Lines "8:0 Read 4096"; bytes and operations have a file each. */
static int read_blkio_file(const char *dir, const char *file, int operations, char *text,
                           struct berth_linux_cgroup_stats *stats)
{
    uint32_t major, minor;
    char *rest = NULL;

    if (cgroup_read(dir, file, text, TEXT_SIZE) < 0) {
        return 0;
    }
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char *at = take_device(line, &major, &minor);
        int reading = at != NULL && strncmp(at, "Read ", 5) == 0;
        if (at == NULL || (!reading && strncmp(at, "Write ", 6) != 0)) {
            continue;
        }
        struct berth_linux_device_io *d = device_of(stats, major, minor);
        if (d == NULL) {
            return -1;
        }
        uint64_t *slot = reading ? (operations ? &d->read_ops : &d->read_bytes)
                                 : (operations ? &d->write_ops : &d->write_bytes);
        *slot = strtoull(at + (reading ? 5 : 6), NULL, 10);
    }
    return 0;
}

static int read_cpu_each(const char *dir, char *text, struct berth_linux_cgroup_stats *stats)
{
    if (cgroup_read(dir, "cpuacct.usage_percpu", text, TEXT_SIZE) < 0) {
        return 0;
    }
    size_t count = 1;
    for (const char *p = text; *p != 0; p++) {
        count += *p == ' ';
    }
    stats->cpu_each = calloc(count, sizeof(uint64_t));
    if (stats->cpu_each == NULL) {
        return -1;
    }
    char *rest = NULL;
    for (char *t = strtok_r(text, " \n", &rest); t != NULL && stats->cpu_each_count < count;
         t = strtok_r(NULL, " \n", &rest)) {
        stats->cpu_each[stats->cpu_each_count++] = strtoull(t, NULL, 10);
    }
    return 0;
}

static int read_v1(const struct berth_linux_cgroup_plan *plan, char *text,
                   struct berth_linux_cgroup_stats *s)
{
    const char *memory = path_of(plan, "memory"), *cpuacct = path_of(plan, "cpuacct");
    const char *blkio = path_of(plan, "blkio"), *pids = path_of(plan, "pids");
    uint64_t tick = 1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK);

    cgroup_number(memory, "memory.usage_in_bytes", &s->memory_usage);
    cgroup_number(memory, "memory.limit_in_bytes", &s->memory_limit);
    cgroup_number(memory, "memory.max_usage_in_bytes", &s->memory_max_usage);
    cgroup_number(memory, "memory.failcnt", &s->memory_failcnt);
    if (s->memory_limit >= INT64_MAX - 4095) {
        s->memory_limit = UINT64_MAX; /* PAGE_COUNTER_MAX: none */
    }
    if (cgroup_read(memory, "memory.oom_control", text, TEXT_SIZE) > 0) {
        s->oom_kills = keyed(text, "oom_kill");
    }
    cgroup_number(cpuacct, "cpuacct.usage", &s->cpu_total);
    if (cgroup_read(cpuacct, "cpuacct.stat", text, TEXT_SIZE) > 0) {
        s->cpu_user = keyed(text, "user") * tick;
        s->cpu_kernel = keyed(text, "system") * tick;
    }
    if (cgroup_read(path_of(plan, "cpu"), "cpu.stat", text, TEXT_SIZE) > 0) {
        s->throttle_periods = keyed(text, "nr_periods");
        s->throttled_periods = keyed(text, "nr_throttled");
        s->throttled_time = keyed(text, "throttled_time");
    }
    cgroup_number(pids, "pids.current", &s->pids_current);
    if (read_cpu_each(cpuacct, text, s) < 0 || read_memory_stat(memory, text, s) < 0 ||
        read_blkio_file(blkio, "blkio.throttle.io_service_bytes_recursive", 0, text, s) < 0 ||
        read_blkio_file(blkio, "blkio.throttle.io_serviced_recursive", 1, text, s) < 0) {
        return -1;
    }
    return 0;
}

/* ---- version 2 ------------------------------------------------------------------------------ */

/* The number after "name=" in a line, 0 when it is not there. */
static uint64_t named(const char *line, const char *name)
{
    size_t n = strlen(name);

    for (const char *at = line; (at = strstr(at, name)) != NULL; at += n) {
        if (at[n] == '=' && (at == line || at[-1] == ' ')) {
            return strtoull(at + n + 1, NULL, 10);
        }
    }
    return 0;
}

/* Lines "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0" */
static int read_io_v2(const char *dir, char *text, struct berth_linux_cgroup_stats *stats)
{
    uint32_t major, minor;
    char *rest = NULL;

    if (cgroup_read(dir, "io.stat", text, TEXT_SIZE) < 0) {
        return 0;
    }
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        const char *at = take_device(line, &major, &minor);
        if (at == NULL) {
            continue;
        }
        struct berth_linux_device_io *d = device_of(stats, major, minor);
        if (d == NULL) {
            return -1;
        }
        d->read_bytes = named(at, "rbytes");
        d->write_bytes = named(at, "wbytes");
        d->read_ops = named(at, "rios");
        d->write_ops = named(at, "wios");
    }
    return 0;
}

static int read_v2(const struct berth_linux_cgroup_plan *plan, char *text,
                   struct berth_linux_cgroup_stats *s)
{
    const char *dir = plan->dirs[0].path;

    cgroup_number(dir, "memory.current", &s->memory_usage);
    cgroup_number(dir, "memory.max", &s->memory_limit);
    cgroup_number(dir, "memory.peak", &s->memory_max_usage);
    if (cgroup_read(dir, "memory.events", text, TEXT_SIZE) > 0) {
        s->memory_failcnt = keyed(text, "max");
        s->oom_kills = keyed(text, "oom_kill");
    }
    if (cgroup_read(dir, "cpu.stat", text, TEXT_SIZE) > 0) {
        s->cpu_total = keyed(text, "usage_usec") * 1000;
        s->cpu_user = keyed(text, "user_usec") * 1000;
        s->cpu_kernel = keyed(text, "system_usec") * 1000;
        s->throttle_periods = keyed(text, "nr_periods");
        s->throttled_periods = keyed(text, "nr_throttled");
        s->throttled_time = keyed(text, "throttled_usec") * 1000;
    }
    cgroup_number(dir, "pids.current", &s->pids_current);
    return read_memory_stat(dir, text, s) < 0 || read_io_v2(dir, text, s) < 0 ? -1 : 0;
}

int berth_linux_cgroup_stats(const struct berth_linux_cgroups *cgroups,
                             const struct berth_linux_cgroup_plan *plan,
                             struct berth_linux_cgroup_stats *ret, berth_error *err)
{
    struct berth_linux_cgroup_stats stats = {.memory_limit = UINT64_MAX};
    AUTO_FREE char *text = malloc(TEXT_SIZE);

    if (text == NULL) {
        return berth_error_no_memory(err);
    }
    if (plan->dir_count == 0 || access(plan->dirs[0].path, F_OK) != 0) {
        return berth_error_set(err, BERTH_E_NOT_FOUND, ENOENT, "the container has no cgroup");
    }
    int result = cgroups->version == 2 ? read_v2(plan, text, &stats) : read_v1(plan, text, &stats);
    if (cgroup_number(path_of(plan, "pids"), "pids.max", &stats.pids_limit) &&
        stats.pids_limit == UINT64_MAX) {
        stats.pids_limit = 0;
    }
    if (result != 0) {
        berth_linux_cgroup_stats_done(&stats);
        return berth_error_no_memory(err);
    }
    *ret = stats;
    return 0;
}

void berth_linux_cgroup_stats_done(struct berth_linux_cgroup_stats *stats)
{
    if (stats == NULL) {
        return;
    }
    berth_strmap_done(&stats->memory_stat);
    free(stats->cpu_each);
    free(stats->io);
    memset(stats, 0, sizeof(*stats));
}
