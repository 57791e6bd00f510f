/* SPDX-License-Identifier: Apache-2.0
 *
 * Control groups of a container: directories, limits, and devices with the rules that allow them.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "container/spec.h"

enum { DEVICE_DEPTH_MAX = 8, DEVICES_MAX = 4096 };

void spec_limits(const struct berth_host_config *host, struct berth_linux_limits *ret_limits)
{
    *ret_limits = (struct berth_linux_limits){
        .memory = host->memory,
        .memory_reservation = host->memory_reservation,
        .memory_swap = host->memory_swap,
        .memory_swappiness =
            host->memory_swappiness == BERTH_JSON_UNSET ? -1 : host->memory_swappiness,
        .kernel_memory_tcp = host->kernel_memory_tcp,
        .nano_cpus = host->nano_cpus,
        .cpu_shares = host->cpu_shares,
        .cpu_quota = host->cpu_quota,
        .cpu_period = host->cpu_period,
        .cpu_realtime_period = host->cpu_realtime_period,
        .cpu_realtime_runtime = host->cpu_realtime_runtime,
        .cpuset_cpus = host->cpuset_cpus,
        .cpuset_mems = host->cpuset_mems,
        .pids = host->pids_limit == BERTH_JSON_UNSET ? 0 : host->pids_limit,
        .blkio_weight = (uint32_t)host->blkio_weight,
        .oom_kill_disable = host->oom_kill_disable == 1,
    };
}

/* Path, rate to device numbers. */
static int throttle_devices(const struct berth_json_list *list, struct spec_builder *builder,
                            const struct berth_linux_device_rate **ret_rates, size_t *ret_count,
                            berth_error *err)
{
    struct berth_linux_device_rate *rates = spec_alloc(builder, (list->count + 1) * sizeof(*rates));
    if (rates == NULL) {
        return berth_error_no_memory(err);
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct berth_throttle_device *item = list->items[i];
        struct stat status;
        if (item->path == NULL || stat(item->path, &status) < 0) {
            return berth_error_errno(err, errno, "cannot look at device %s",
                                     item->path != NULL ? item->path : "");
        }
        rates[i] = (struct berth_linux_device_rate){
            .major = major(status.st_rdev), .minor = minor(status.st_rdev), .rate = item->rate};
    }
    *ret_rates = rates;
    *ret_count = list->count;
    return 0;
}

static int block_limits(const struct berth_host_config *host, struct spec_builder *builder,
                        struct berth_linux_limits *limits, berth_error *err)
{
    int result = throttle_devices(&host->blkio_device_read_bps, builder, &limits->read_bps,
                                  &limits->read_bps_count, err);
    result = result != 0 ? result
                         : throttle_devices(&host->blkio_device_write_bps, builder,
                                            &limits->write_bps, &limits->write_bps_count, err);
    result = result != 0 ? result
                         : throttle_devices(&host->blkio_device_read_iops, builder,
                                            &limits->read_iops, &limits->read_iops_count, err);
    return result != 0 ? result
                       : throttle_devices(&host->blkio_device_write_iops, builder,
                                          &limits->write_iops, &limits->write_iops_count, err);
}

/* The plan's arrays as the shim takes them; strings stay the plan's, which the builder owns. */
static void convert_plan(struct spec_builder *builder)
{
    struct berth_shim_spec *spec = &builder->spec;
    const struct berth_linux_cgroup_plan *plan = &builder->plan;
    spec->cgroup_dirs = spec_alloc(builder, (plan->dir_count + 1) * sizeof(*spec->cgroup_dirs));
    spec->cgroup_writes =
        spec_alloc(builder, (plan->write_count + 1) * sizeof(*spec->cgroup_writes));
    if (spec->cgroup_dirs == NULL || spec->cgroup_writes == NULL) {
        return;
    }
    spec->cgroup_dir_count = (uint32_t)plan->dir_count;
    spec->cgroup_write_count = (uint32_t)plan->write_count;
    for (size_t i = 0; i < plan->dir_count; i++) {
        spec->cgroup_dirs[i] = (struct berth_shim_cgroup_dir){
            .path = plan->dirs[i].path,
            .controllers = plan->dirs[i].controllers,
            .flags = plan->dirs[i].cpuset ? BERTH_SHIM_CGROUP_INHERIT_CPUSET : 0};
    }
    for (size_t i = 0; i < plan->write_count; i++) {
        spec->cgroup_writes[i] = (struct berth_shim_cgroup_write){
            .dir = (uint32_t)plan->writes[i].dir,
            .flags = plan->writes[i].optional ? BERTH_SHIM_WRITE_OPTIONAL : 0,
            .file = plan->writes[i].file,
            .value = plan->writes[i].value};
    }
}

static int convert_rules(const struct berth_strv *rules, struct spec_builder *builder,
                         berth_error *err)
{
    struct berth_shim_spec *spec = &builder->spec;
    spec->device_rules = spec_alloc(builder, (rules->count + 1) * sizeof(*spec->device_rules));
    if (spec->device_rules == NULL) {
        return berth_error_no_memory(err);
    }
    for (size_t i = 0; i < rules->count; i++) {
        struct berth_linux_device_rule rule;
        int result = berth_linux_device_rule_parse(rules->items[i], &rule, err);
        if (result != 0) {
            return result;
        }
        spec->device_rules[i] = (struct berth_shim_device_rule){.allow = 1,
                                                                .type = (uint32_t)rule.type,
                                                                .major = rule.major,
                                                                .minor = rule.minor,
                                                                .access = rule.access};
    }
    spec->device_rule_count = (uint32_t)rules->count;
    return 0;
}

int spec_build_cgroup(const struct spec_input *input, struct spec_builder *builder,
                      berth_error *err)
{
    AUTO_STRV struct berth_strv rules = {0};
    struct berth_linux_limits limits;
    const struct berth_host_config *host = &input->record->host_config;
    const char *parent =
        !berth_str_empty(host->cgroup_parent) ? host->cgroup_parent : input->cgroup_parent;
    spec_limits(host, &limits);
    int result = block_limits(host, builder, &limits, err);
    result = result != 0 ? result : spec_build_devices(input, builder, &rules, err);
    if (result != 0 || input->cgroups->version == 0) {
        return result;
    }
    result = berth_linux_cgroup_plan(input->cgroups, parent, input->id, &builder->plan, err);
    result = result != 0
                 ? result
                 : berth_linux_cgroup_plan_limits(input->cgroups, &limits, &builder->plan, err);
    result = result != 0
                 ? result
                 : berth_linux_cgroup_plan_devices(input->cgroups, &rules, &builder->plan, err);
    if (result != 0) {
        return result;
    }
    builder->spec.cgroup_version =
        input->cgroups->version == 2 ? BERTH_SHIM_CGROUP_V2 : BERTH_SHIM_CGROUP_V1;
    convert_plan(builder);
    return input->cgroups->version == 2 ? convert_rules(&rules, builder, err) : 0;
}

/* ---- devices ---- */

static const struct {
    const char *path;
    uint32_t major, minor;
} default_devices[] = {
    {"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
    {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},
};

struct device_list {
    struct spec_builder *builder;
    struct berth_strv *rules;
    uint32_t capacity;
};

static bool add_device(struct device_list *list, const struct berth_shim_device *device)
{
    struct berth_shim_spec *spec = &list->builder->spec;
    for (uint32_t i = 0; i < spec->device_count; i++) {
        if (strcmp(spec->devices[i].path, device->path) == 0) {
            spec->devices[i] = *device;
            return true;
        }
    }
    if (spec->device_count == list->capacity) {
        uint32_t capacity = list->capacity == 0 ? 32 : list->capacity * 2;
        struct berth_shim_device *grown = spec_alloc(list->builder, capacity * sizeof(*grown));
        if (grown == NULL || capacity > DEVICES_MAX) {
            return false;
        }
        if (spec->device_count > 0) {
            memcpy(grown, spec->devices, spec->device_count * sizeof(*grown));
        }
        spec->devices = grown;
        list->capacity = capacity;
    }
    spec->devices[spec->device_count++] = *device;
    return true;
}

/* One host device node as `target` in the container. */
static int add_node(struct device_list *list, const char *source, const char *target,
                    const char *access, berth_error *err)
{
    struct stat status;
    if (stat(source, &status) < 0) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "error gathering device information while adding custom device "
                               "\"%s\": no such file or directory",
                               source);
    }
    if (!S_ISCHR(status.st_mode) && !S_ISBLK(status.st_mode)) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "error gathering device information while adding custom device "
                               "\"%s\": not a device node",
                               source);
    }
    struct berth_shim_device device = {.path = spec_copy(list->builder, target),
                                       .host_path = spec_copy(list->builder, source),
                                       .mode = status.st_mode,
                                       .major = major(status.st_rdev),
                                       .minor = minor(status.st_rdev),
                                       .uid = status.st_uid,
                                       .gid = status.st_gid};
    bool complete = device.path != NULL && add_device(list, &device);
    if (complete && access != NULL) {
        complete = berth_strv_addf(list->rules, "%c %u:%u %s", S_ISBLK(status.st_mode) ? 'b' : 'c',
                                   device.major, device.minor, access);
    }
    return complete ? 0 : berth_error_no_memory(err);
}

/* All device nodes below a directory (--device /dev/snd, --privileged's /dev). access NULL: no
 * rules. What vanishes meanwhile or is no device is passed over. */
static int add_tree(struct device_list *list, const char *source, const char *target,
                    const char *access, int depth)
{
    static const char *const skipped[] = {"pts",  "shm", "fd", "mqueue",   "console",
                                          "ptmx", ".",   "..", "hugepages"};
    AUTO_DIR DIR *dir = opendir(source);
    struct dirent *entry = NULL;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        bool skip = false;
        for (size_t i = 0; i < ARRAY_SIZE(skipped) && !skip; i++) {
            skip = strcmp(entry->d_name, skipped[i]) == 0;
        }
        AUTO_FREE char *from = berth_format("%s/%s", source, entry->d_name);
        AUTO_FREE char *to = berth_format("%s/%s", target, entry->d_name);
        struct stat status;
        if (skip || from == NULL || to == NULL || lstat(from, &status) < 0) {
            continue;
        }
        int result = 0;
        if (S_ISDIR(status.st_mode) && depth < DEVICE_DEPTH_MAX) {
            result = add_tree(list, from, to, access, depth + 1);
        } else if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) {
            result = add_node(list, from, to, access, NULL);
        }
        if (result == BERTH_E_NO_MEMORY) {
            return result;
        }
    }
    return 0;
}

static int add_mapping(struct device_list *list, const struct berth_device_mapping *mapping,
                       berth_error *err)
{
    struct stat status;
    const char *source = mapping->path_on_host != NULL ? mapping->path_on_host : "";
    const char *target =
        !berth_str_empty(mapping->path_in_container) ? mapping->path_in_container : source;
    const char *access =
        !berth_str_empty(mapping->cgroup_permissions) ? mapping->cgroup_permissions : "rwm";
    if (stat(source, &status) == 0 && S_ISDIR(status.st_mode)) {
        int result = add_tree(list, source, target, access, 0);
        return result != 0 ? berth_error_no_memory(err) : 0;
    }
    return add_node(list, source, target, access, err);
}

int spec_build_devices(const struct spec_input *input, struct spec_builder *builder,
                       struct berth_strv *rules, berth_error *err)
{
    struct device_list list = {.builder = builder, .rules = rules};
    const struct berth_host_config *host = &input->record->host_config;
    builder->spec.default_links = 1;
    for (size_t i = 0; i < ARRAY_SIZE(default_devices); i++) {
        struct berth_shim_device device = {.path = spec_copy(builder, default_devices[i].path),
                                           .mode = S_IFCHR | 0666,
                                           .major = default_devices[i].major,
                                           .minor = default_devices[i].minor};
        if (device.path == NULL || !add_device(&list, &device)) {
            return berth_error_no_memory(err);
        }
    }
    if (host->privileged) {
        if (add_tree(&list, "/dev", "/dev", NULL, 0) != 0 || !berth_strv_add(rules, "a *:* rwm")) {
            return berth_error_no_memory(err);
        }
    }
    for (size_t i = 0; !host->privileged && berth_linux_device_rules_default[i] != NULL; i++) {
        if (!berth_strv_add(rules, berth_linux_device_rules_default[i])) {
            return berth_error_no_memory(err);
        }
    }
    for (size_t i = 0; i < host->devices.count; i++) {
        int result = add_mapping(&list, host->devices.items[i], err);
        if (result != 0) {
            return result;
        }
    }
    if (!berth_strv_extend(rules, &host->device_cgroup_rules)) {
        return berth_error_no_memory(err);
    }
    return 0;
}
