/* SPDX-License-Identifier: Apache-2.0
 *
 * GET stats: one reading of a container's control group and interfaces.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "container/start.h"

#define F BERTH_JSON_FIELD
#define N BERTH_JSON_NESTED

enum { OMIT = BERTH_JSON_OMIT_EMPTY, NIL = BERTH_JSON_NULL_EMPTY };

#define T struct berth_stats_cpu_usage
static const struct berth_json_field usage_fields[] = {
    F(T, total_usage, "total_usage", UINT64, 0),
    F(T, percpu_usage, "percpu_usage", RAW, OMIT),
    F(T, usage_in_kernelmode, "usage_in_kernelmode", UINT64, 0),
    F(T, usage_in_usermode, "usage_in_usermode", UINT64, 0),
};
#undef T
static const struct berth_json_table usage_table =
    BERTH_JSON_TABLE("cpu_usage", struct berth_stats_cpu_usage, usage_fields);

#define T struct berth_stats_throttling
static const struct berth_json_field throttling_fields[] = {
    F(T, periods, "periods", UINT64, 0),
    F(T, throttled_periods, "throttled_periods", UINT64, 0),
    F(T, throttled_time, "throttled_time", UINT64, 0),
};
#undef T
static const struct berth_json_table throttling_table =
    BERTH_JSON_TABLE("throttling_data", struct berth_stats_throttling, throttling_fields);

#define T struct berth_stats_cpu
static const struct berth_json_field cpu_fields[] = {
    N(T, cpu_usage, "cpu_usage", OBJECT, 0, usage_table),
    F(T, system_cpu_usage, "system_cpu_usage", UINT64, OMIT),
    F(T, online_cpus, "online_cpus", INT32, OMIT),
    N(T, throttling_data, "throttling_data", OBJECT, 0, throttling_table),
};
#undef T
static const struct berth_json_table cpu_table =
    BERTH_JSON_TABLE("cpu_stats", struct berth_stats_cpu, cpu_fields);

#define T struct berth_stats_pids
static const struct berth_json_field pids_fields[] = {
    F(T, current, "current", UINT64, OMIT),
    F(T, limit, "limit", UINT64, OMIT),
};
#undef T
static const struct berth_json_table pids_table =
    BERTH_JSON_TABLE("pids_stats", struct berth_stats_pids, pids_fields);

#define T struct berth_stats_memory
static const struct berth_json_field memory_fields[] = {
    F(T, usage, "usage", UINT64, OMIT), F(T, max_usage, "max_usage", UINT64, OMIT),
    F(T, stats, "stats", RAW, OMIT),    F(T, failcnt, "failcnt", UINT64, OMIT),
    F(T, limit, "limit", UINT64, OMIT),
};
#undef T
static const struct berth_json_table memory_table =
    BERTH_JSON_TABLE("memory_stats", struct berth_stats_memory, memory_fields);

#define T struct berth_stats_blkio_entry
static const struct berth_json_field entry_fields[] = {
    F(T, major, "major", UINT64, 0),
    F(T, minor, "minor", UINT64, 0),
    F(T, op, "op", STRING, 0),
    F(T, value, "value", UINT64, 0),
};
#undef T
static const struct berth_json_table entry_table =
    BERTH_JSON_TABLE("blkio_stats", struct berth_stats_blkio_entry, entry_fields);

#define T struct berth_stats_blkio
static const struct berth_json_field blkio_fields[] = {
    N(T, service_bytes, "io_service_bytes_recursive", LIST, NIL, entry_table),
    N(T, serviced, "io_serviced_recursive", LIST, NIL, entry_table),
};
#undef T
static const struct berth_json_table blkio_table =
    BERTH_JSON_TABLE("blkio_stats", struct berth_stats_blkio, blkio_fields);

#define T struct berth_stats_network
static const struct berth_json_field network_fields[] = {
    F(T, rx_bytes, "rx_bytes", UINT64, 0),   F(T, rx_packets, "rx_packets", UINT64, 0),
    F(T, rx_errors, "rx_errors", UINT64, 0), F(T, rx_dropped, "rx_dropped", UINT64, 0),
    F(T, tx_bytes, "tx_bytes", UINT64, 0),   F(T, tx_packets, "tx_packets", UINT64, 0),
    F(T, tx_errors, "tx_errors", UINT64, 0), F(T, tx_dropped, "tx_dropped", UINT64, 0),
};
#undef T
static const struct berth_json_table network_table =
    BERTH_JSON_TABLE("networks", struct berth_stats_network, network_fields);

#define T struct berth_container_stats
static const struct berth_json_field stats_fields[] = {
    F(T, name, "name", STRING, 0),
    F(T, id, "id", STRING, 0),
    F(T, read, "read", STRING, 0),
    F(T, preread, "preread", STRING, 0),
    N(T, pids_stats, "pids_stats", OBJECT, 0, pids_table),
    N(T, blkio_stats, "blkio_stats", OBJECT, 0, blkio_table),
    N(T, cpu_stats, "cpu_stats", OBJECT, 0, cpu_table),
    N(T, precpu_stats, "precpu_stats", OBJECT, 0, cpu_table),
    N(T, memory_stats, "memory_stats", OBJECT, 0, memory_table),
    N(T, networks, "networks", MAP, OMIT, network_table),
};
#undef T
const struct berth_json_table berth_container_stats_table =
    BERTH_JSON_TABLE("ContainerStatsResponse", struct berth_container_stats, stats_fields);

/* Nanoseconds that all CPUs have spent since boot: the first line of /proc/stat, in ticks. */
static uint64_t system_cpu(void)
{
    unsigned long long value[8] = {0}, sum = 0;
    AUTO_FILE FILE *file = fopen("/proc/stat", "re");
    if (file == NULL ||
        fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &value[0], &value[1], &value[2],
               &value[3], &value[4], &value[5], &value[6], &value[7]) != 8) {
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(value); i++) {
        sum += value[i];
    }
    return sum * (uint64_t)(BERTH_NANOSECONDS / sysconf(_SC_CLK_TCK));
}

static void fill_cpu(const struct berth_linux_cgroup_stats *from, struct berth_stats_cpu *cpu)
{
    cpu->cpu_usage.total_usage = from->cpu_total;
    cpu->cpu_usage.usage_in_usermode = from->cpu_user;
    cpu->cpu_usage.usage_in_kernelmode = from->cpu_kernel;
    if (from->cpu_each_count > 0) {
        cpu->cpu_usage.percpu_usage = json_object_new_array();
        for (size_t i = 0; i < from->cpu_each_count; i++) {
            json_object_array_add(cpu->cpu_usage.percpu_usage,
                                  json_object_new_uint64(from->cpu_each[i]));
        }
    }
    cpu->system_cpu_usage = system_cpu();
    cpu->online_cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
    cpu->throttling_data =
        (struct berth_stats_throttling){.periods = from->throttle_periods,
                                        .throttled_periods = from->throttled_periods,
                                        .throttled_time = from->throttled_time};
}

static void fill_memory(const struct berth_linux_cgroup_stats *from,
                        struct berth_stats_memory *memory)
{
    struct sysinfo info;
    uint64_t total = sysinfo(&info) == 0 ? (uint64_t)info.totalram * info.mem_unit : UINT64_MAX;
    memory->usage = from->memory_usage;
    memory->max_usage = from->memory_max_usage;
    memory->failcnt = from->memory_failcnt;
    memory->limit = from->memory_limit < total ? from->memory_limit : total;
    memory->stats = json_object_new_object();
    for (size_t i = 0; i < from->memory_stat.count; i++) {
        json_object_object_add(
            memory->stats, from->memory_stat.keys[i],
            json_object_new_uint64(strtoull(from->memory_stat.values[i], NULL, 10)));
    }
}

static bool add_io(struct berth_json_list *list, const struct berth_linux_device_io *io,
                   const char *operation, uint64_t value)
{
    struct berth_stats_blkio_entry *entry = berth_json_list_add(list, &entry_table);
    if (entry == NULL) {
        return false;
    }
    entry->major = io->major;
    entry->minor = io->minor;
    entry->op = berth_strdup(operation);
    entry->value = value;
    return true;
}

static bool fill_io(const struct berth_linux_cgroup_stats *from, struct berth_stats_blkio *blkio)
{
    for (size_t i = 0; i < from->io_count; i++) {
        const struct berth_linux_device_io *io = &from->io[i];
        if (!add_io(&blkio->service_bytes, io, "read", io->read_bytes) ||
            !add_io(&blkio->service_bytes, io, "write", io->write_bytes) ||
            !add_io(&blkio->serviced, io, "read", io->read_ops) ||
            !add_io(&blkio->serviced, io, "write", io->write_ops)) {
            return false;
        }
    }
    return true;
}

/* /proc/PID/net/dev: the interfaces as the container sees them, but for its loopback. */
static void fill_networks(int32_t pid, struct berth_json_map *networks)
{
    char path[64], line[512], name[64];
    snprintf(path, sizeof(path), "/proc/%d/net/dev", (int)pid);
    AUTO_FILE FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        unsigned long long rx[4], tx[4];
        char *colon = strchr(line, ':');
        if (colon == NULL) {
            continue;
        }
        *colon = '\0';
        if (sscanf(line, " %63s", name) != 1 || strcmp(name, "lo") == 0 ||
            sscanf(colon + 1, " %llu %llu %llu %llu %*u %*u %*u %*u %llu %llu %llu %llu", &rx[0],
                   &rx[1], &rx[2], &rx[3], &tx[0], &tx[1], &tx[2], &tx[3]) != 8) {
            continue;
        }
        struct berth_stats_network *network = berth_json_map_add(networks, name, &network_table);
        if (network != NULL) {
            *network = (struct berth_stats_network){rx[0], rx[1], rx[2], rx[3],
                                                    tx[0], tx[1], tx[2], tx[3]};
        }
    }
}

static int read_group(struct container *container, struct berth_container_stats *stats,
                      berth_error *err)
{
    struct berth_linux_cgroup_plan plan = {0};
    struct berth_linux_cgroup_stats group = {0};
    int result = container_cgroup_plan(container, &plan, err);
    result = result != 0
                 ? result
                 : berth_linux_cgroup_stats(&container->manager->cgroups, &plan, &group, err);
    if (result == 0) {
        fill_cpu(&group, &stats->cpu_stats);
        fill_memory(&group, &stats->memory_stats);
        stats->pids_stats =
            (struct berth_stats_pids){.current = group.pids_current, .limit = group.pids_limit};
        result = fill_io(&group, &stats->blkio_stats) ? 0 : berth_error_no_memory(err);
    }
    berth_linux_cgroup_stats_done(&group);
    berth_linux_cgroup_plan_done(&plan);
    return result == BERTH_E_NOT_FOUND ? 0 : result; /* it has just ended */
}

static int copy_previous(const struct berth_container_stats *previous,
                         struct berth_container_stats *stats, berth_error *err)
{
    if (previous == NULL) {
        stats->preread = berth_strdup(BERTH_TIME_ZERO_TEXT);
        return 0;
    }
    stats->preread = berth_strdup(previous->read);
    return berth_json_copy(&cpu_table, &previous->cpu_stats, &stats->precpu_stats, err);
}

int berth_container_stats(struct berth_container_manager *manager, const char *ref,
                          const struct berth_container_stats *previous,
                          struct berth_container_stats *ret, berth_error *err)
{
    AUTO_CONTAINER struct container *container = NULL;
    struct berth_container_stats stats;
    char text[BERTH_TIME_TEXT];
    int result = container_find(manager, ref, &container, err);
    if (result != 0) {
        return result;
    }
    berth_json_init(&berth_container_stats_table, &stats);
    pthread_mutex_lock(&container->lock);
    int32_t pid = container->status.running ? container->status.pid : 0;
    stats.name = berth_format("/%s", container->name);
    pthread_mutex_unlock(&container->lock);
    stats.id = berth_strdup(container->id);
    stats.read =
        berth_strdup(pid != 0 ? berth_time_format(berth_time_now(), text) : BERTH_TIME_ZERO_TEXT);
    result = copy_previous(previous, &stats, err);
    if (result == 0 && pid != 0) {
        result = read_group(container, &stats, err);
        fill_networks(pid, &stats.networks);
    }
    if (result != 0) {
        berth_json_done(&berth_container_stats_table, &stats);
        return result;
    }
    *ret = stats;
    return 0;
}
