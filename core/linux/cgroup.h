/* SPDX-License-Identifier: Apache-2.0
 *
 * Control groups, versions 1, hybrid and 2. A struct berth_linux_cgroups describes the host (found
 * once, immutable then, any thread); a plan is what berth-shim needs to make one container's
 * group; the rest works on a container that runs. Reads and writes of /sys/fs/cgroup only.
 */
#ifndef BERTH_LINUX_CGROUP_H
#define BERTH_LINUX_CGROUP_H

#include "base/error.h"
#include "base/string.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BERTH_LINUX_CGROUP_PARENT      "/berth" /* default --cgroup-parent */
#define BERTH_LINUX_CGROUP_HIERARCHIES 24

struct berth_linux_hierarchy {
    char *mount;       /* "/sys/fs/cgroup/memory" */
    char *controllers; /* "memory", "cpu,cpuacct", "systemd" for name=systemd; v2: NULL */
};

struct berth_linux_cgroups {
    int version; /* 1 (also hybrid) or 2; 0 = none mounted */
    bool hybrid; /* version 1 with a cgroup2 hierarchy that holds no controllers */
    struct berth_linux_hierarchy hierarchies[BERTH_LINUX_CGROUP_HIERARCHIES]; /* v2: one */
    size_t count;
    struct berth_strv controllers; /* usable ones: "cpu", "memory", "pids", "io" or "blkio"... */
    char *own; /* v2: the daemon's own cgroup, "/system.slice/berth.service" or "/" */
};

/* Finds out from /proc/self/mountinfo, /proc/self/cgroup and cgroup.controllers. None mounted is
 * not an error (version 0). *ret: berth_linux_cgroups_done(). */
int berth_linux_cgroups_detect(struct berth_linux_cgroups *ret, berth_error *err);
/* Frees it; NULL is fine. */
void berth_linux_cgroups_done(struct berth_linux_cgroups *cgroups);
/* Whether a controller can be used: "memory", "blkio" (v1), "io" (v2). */
bool berth_linux_cgroups_has(const struct berth_linux_cgroups *cgroups, const char *controller);

struct berth_linux_device_rate {
    uint32_t major, minor;
    uint64_t rate;
};

/* Docker's resource settings as plain numbers; 0 = not set unless noted. */
struct berth_linux_limits {
    int64_t memory;             /* bytes */
    int64_t memory_reservation; /* bytes */
    int64_t memory_swap;        /* memory + swap in bytes, -1 = unlimited; 0: twice memory */
    int64_t memory_swappiness;  /* 0..100, -1 = not set */
    int64_t kernel_memory_tcp;  /* v1 */
    int64_t nano_cpus;          /* 1e9 = one CPU; wins over quota and period */
    int64_t cpu_shares, cpu_quota, cpu_period;
    int64_t cpu_realtime_period, cpu_realtime_runtime; /* v1 */
    const char *cpuset_cpus, *cpuset_mems;             /* NULL or "": not set */
    int64_t pids;                                      /* 0 and -1: unlimited */
    uint32_t blkio_weight;                             /* 10..1000 */
    bool oom_kill_disable;                             /* v1 */
    const struct berth_linux_device_rate *read_bps, *write_bps, *read_iops, *write_iops,
        *weight_device;
    size_t read_bps_count, write_bps_count, read_iops_count, write_iops_count, weight_device_count;
};

struct berth_linux_cgroup_dir {
    char *path;        /* absolute host path of the container's directory */
    char *controllers; /* as in the hierarchy; v2: NULL */
    bool cpuset;       /* cpuset.cpus and mems must be filled from the parent */
};

struct berth_linux_cgroup_write {
    size_t dir; /* index into dirs */
    char *file, *value;
    bool optional; /* a kernel without it is no error */
};

/* One container's group: directories, and writes in the order they must happen. */
struct berth_linux_cgroup_plan {
    struct berth_linux_cgroup_dir *dirs;
    size_t dir_count;
    struct berth_linux_cgroup_write *writes;
    size_t write_count;
};

/* The directories of group `name` below `parent` (NULL or "": BERTH_LINUX_CGROUP_PARENT; on v2
 * below the delegated cgroup), no writes. A parent "x.slice" is resolved as systemd does. *ret:
 * plan_done(). */
int berth_linux_cgroup_plan(const struct berth_linux_cgroups *cgroups, const char *parent,
                            const char *name, struct berth_linux_cgroup_plan *ret,
                            berth_error *err);
/* Appends the writes for limits with Docker's conversions (v2: memory.max, swap = limit - memory,
 * shares to weight, ...). Also used for `update`: apply them with plan_apply(). A limit
 * whose controller this host lacks is left out: ask berth_linux_cgroups_has() first and warn.
 * INVALID: limits that contradict each other. */
int berth_linux_cgroup_plan_limits(const struct berth_linux_cgroups *cgroups,
                                   const struct berth_linux_limits *limits,
                                   struct berth_linux_cgroup_plan *plan, berth_error *err);
/* Appends v1's devices.deny/allow writes for a rule list ("c 1:3 rwm"); v2 needs none (rules go
 * into the shim's spec). */
int berth_linux_cgroup_plan_devices(const struct berth_linux_cgroups *cgroups,
                                    const struct berth_strv *rules,
                                    struct berth_linux_cgroup_plan *plan, berth_error *err);
/* Docker's default device rules, for both versions: "c *:* m", "b *:* m", "c 1:3 rwm", ... */
extern const char *const berth_linux_device_rules_default[];
struct berth_linux_device_rule {
    char type;            /* 'a', 'b' or 'c' */
    int64_t major, minor; /* -1 for "*" */
    uint32_t access;      /* bits 1 mknod 2 read 4 write */
};
/* "c 10:* rwm" to its parts. INVALID: "invalid device cgroup rule format: '...'". */
int berth_linux_device_rule_parse(const char *text, struct berth_linux_device_rule *ret,
                                  berth_error *err);
/* Frees what a plan owns; NULL is fine. */
void berth_linux_cgroup_plan_done(struct berth_linux_cgroup_plan *plan);

/* Makes the parents that berth-shim should find (v2: enables the controllers on the way; v1:
 * cpuset inheritance). Cheap when they exist. Call once at start and per --cgroup-parent. */
int berth_linux_cgroup_make_parents(const struct berth_linux_cgroups *cgroups, const char *parent,
                                    berth_error *err);
/* Does the writes of a plan on existing directories (docker update). */
int berth_linux_cgroup_plan_apply(const struct berth_linux_cgroup_plan *plan, berth_error *err);

/* The following take a plan of a running container (only its dirs are read). */

/* Freezes (1) or thaws (0) and waits until it is so. TIMEOUT after 10 s. */
int berth_linux_cgroup_freeze(const struct berth_linux_cgroup_plan *plan, bool frozen,
                              berth_error *err);
/* Pids (host numbering) in the group. *ret_pids malloc'd. */
int berth_linux_cgroup_pids(const struct berth_linux_cgroup_plan *plan, pid_t **ret_pids,
                            size_t *ret_count, berth_error *err);
/* Kills every process in it until it is empty (cgroup.kill, or list and kill). A group that is
 * gone is success. TIMEOUT after 10 s. */
int berth_linux_cgroup_kill(const struct berth_linux_cgroup_plan *plan, berth_error *err);
/* Removes the directories of a group that has no process. Missing ones are fine. */
int berth_linux_cgroup_remove(const struct berth_linux_cgroup_plan *plan, berth_error *err);

struct berth_linux_device_io {
    uint32_t major, minor;
    uint64_t read_bytes, write_bytes, read_ops, write_ops;
};

struct berth_linux_cgroup_stats {
    uint64_t memory_usage, memory_limit, memory_max_usage,
        memory_failcnt;    /* limit UINT64_MAX: none */
    uint64_t memory_cache; /* v1 total_inactive_file, v2 inactive_file: what the CLI subtracts */
    struct berth_strmap memory_stat; /* all of memory.stat, as the API's memory_stats.stats */
    uint64_t cpu_total, cpu_user, cpu_kernel; /* ns */
    uint64_t *cpu_each;                       /* v1: ns by CPU */
    size_t cpu_each_count;
    uint64_t throttle_periods, throttled_periods, throttled_time;
    uint64_t pids_current, pids_limit; /* limit 0: none */
    struct berth_linux_device_io *io;
    size_t io_count;
    uint64_t oom_kills;
};
/* Reads everything that the group's controllers tell; what is not there stays zero. NOT_FOUND: the
 * group is gone. *ret: stats_done(). */
int berth_linux_cgroup_stats(const struct berth_linux_cgroups *cgroups,
                             const struct berth_linux_cgroup_plan *plan,
                             struct berth_linux_cgroup_stats *ret, berth_error *err);
/* Frees what stats own; NULL is fine. */
void berth_linux_cgroup_stats_done(struct berth_linux_cgroup_stats *stats);

#endif
