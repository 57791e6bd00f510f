/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks of a create request that need nothing but the request, with Docker's sentences.
 */
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "container/create.h"
#include "container/spec.h"
#include "linux/capabilities.h"

#define MEMORY_MIN (INT64_C(6) << 20) /* below it no container starts; Docker's bound too */

static int invalid(berth_error *err, const char *sentence)
{
    return berth_error_set(err, BERTH_E_INVALID, 0, "%s", sentence);
}

char *container_path_clean(const char *path)
{
    AUTO_STRV struct berth_strv parts = {0}, kept = {0};
    if (!berth_strv_split(&parts, path, '/')) {
        return NULL;
    }
    for (size_t i = 0; i < parts.count; i++) {
        const char *part = parts.items[i];
        if (part[0] == '\0' || strcmp(part, ".") == 0) {
            continue;
        }
        if (strcmp(part, "..") == 0) {
            if (kept.count > 0) {
                berth_strv_remove(&kept, kept.count - 1);
            }
        } else if (!berth_strv_add(&kept, part)) {
            return NULL;
        }
    }
    AUTO_FREE char *joined = berth_strv_join(&kept, "/");
    return joined == NULL && kept.count > 0 ? NULL
                                            : berth_format("/%s", joined != NULL ? joined : "");
}

static int check_health(const struct berth_health_config *health, berth_error *err)
{
    const struct {
        const char *name;
        int64_t value;
    } times[] = {{"Interval", health->interval},
                 {"Timeout", health->timeout},
                 {"StartPeriod", health->start_period},
                 {"StartInterval", health->start_interval}};
    for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
        if (times[i].value != 0 && times[i].value < BERTH_NANOSECONDS / 1000) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "%s in Healthcheck cannot be less than 1ms", times[i].name);
        }
    }
    if (health->retries < 0) {
        return invalid(err, "Retries in Healthcheck cannot be negative");
    }
    return 0;
}

int container_config_check(const struct berth_container_config *config, berth_error *err)
{
    if (!berth_str_empty(config->working_dir) && config->working_dir[0] != '/') {
        return berth_error_set(
            err, BERTH_E_INVALID, 0,
            "the working directory '%s' is invalid, it needs to be an absolute path",
            config->working_dir);
    }
    if (!berth_str_empty(config->stop_signal) && container_signal_parse(config->stop_signal) < 0) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid signal: %s", config->stop_signal);
    }
    for (size_t i = 0; i < config->env.count; i++) {
        if (config->env.items[i][0] == '=' || config->env.items[i][0] == '\0') {
            return berth_error_set(err, BERTH_E_INVALID, 0, "invalid environment variable: %s",
                                   config->env.items[i]);
        }
    }
    return config->healthcheck != NULL ? check_health(config->healthcheck, err) : 0;
}

static int check_restart(const struct berth_host_config *host, berth_error *err)
{
    static const char *const words[] = {"no", "always", "unless-stopped", "on-failure"};
    const char *name = host->restart_policy.name;
    int64_t maximum = host->restart_policy.maximum_retry_count;
    if (berth_str_empty(name)) {
        return 0;
    }
    bool known = false;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        known = known || strcmp(words[i], name) == 0;
    }
    if (!known) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid restart policy: unknown policy '%s'; use one of 'no', "
                               "'always', 'on-failure', or 'unless-stopped'",
                               name);
    }
    if (strcmp(name, "on-failure") != 0 && maximum != 0) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid restart policy: maximum retry count can only be used with "
                               "'on-failure'%s",
                               maximum < 0 ? " and cannot be negative" : "");
    }
    if (maximum < 0) {
        return invalid(err, "invalid restart policy: maximum retry count cannot be negative");
    }
    if (host->auto_remove && strcmp(name, "no") != 0) {
        return invalid(err, "can't create 'AutoRemove' container with restart policy");
    }
    return 0;
}

static int check_memory(const struct berth_host_config *host, berth_error *err)
{
    if (host->memory != 0 && host->memory < MEMORY_MIN) {
        return invalid(err, "Minimum memory limit allowed is 6MB");
    }
    if (host->memory > 0 && host->memory_swap > 0 && host->memory_swap < host->memory) {
        return invalid(err,
                       "Minimum memoryswap limit should be larger than memory limit, see usage");
    }
    if (host->memory == 0 && host->memory_swap > 0) {
        return invalid(
            err, "You should always set the Memory limit when using Memoryswap limit, see usage");
    }
    if (host->memory_swappiness != BERTH_JSON_UNSET &&
        (host->memory_swappiness < -1 || host->memory_swappiness > 100)) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "Invalid value: %lld, valid memory swappiness range is 0-100",
                               (long long)host->memory_swappiness);
    }
    if (host->memory_reservation != 0 && host->memory_reservation < MEMORY_MIN) {
        return invalid(err, "Minimum memory reservation allowed is 6MB");
    }
    if (host->memory > 0 && host->memory_reservation > host->memory) {
        return invalid(
            err, "Minimum memory limit can not be less than memory reservation limit, see usage");
    }
    return 0;
}

static int check_cpu(const struct berth_host_config *host, berth_error *err)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    if (host->nano_cpus > 0 && host->cpu_period > 0) {
        return invalid(err, "Conflicting options: Nano CPUs and CPU Period cannot both be set.");
    }
    if (host->nano_cpus > 0 && host->cpu_quota > 0) {
        return invalid(err, "Conflicting options: Nano CPUs and CPU Quota cannot both be set.");
    }
    if (host->nano_cpus < 0 || host->nano_cpus > cpus * INT64_C(1000000000)) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "range of CPUs is from 0.01 to %ld.00, as there are only %ld CPUs "
                               "available",
                               cpus, cpus);
    }
    if (host->cpu_period != 0 && (host->cpu_period < 1000 || host->cpu_period > 1000000)) {
        return invalid(err, "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than "
                            "1s (i.e. 1000000)");
    }
    if (host->cpu_quota > 0 && host->cpu_quota < 1000) {
        return invalid(err, "CPU cfs quota can not be less than 1ms (i.e. 1000)");
    }
    if (host->cpu_shares < 0) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid CPU shares (%lld): value must be "
                               "a positive integer",
                               (long long)host->cpu_shares);
    }
    if (host->blkio_weight != 0 && (host->blkio_weight < 10 || host->blkio_weight > 1000)) {
        return invalid(err, "Range of blkio weight is from 10 to 1000");
    }
    return 0;
}

/* A mode word: one of the listed, or "container:NAME" where allowed. */
struct mode_rule {
    const char *what;
    const char *words[6];
    bool container;
};

static int check_mode(const struct mode_rule *rule, const char *mode, berth_error *err)
{
    if (berth_str_empty(mode)) {
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(rule->words) && rule->words[i] != NULL; i++) {
        if (strcmp(rule->words[i], mode) == 0) {
            return 0;
        }
    }
    if (rule->container && berth_str_starts(mode, "container:") && mode[10] != '\0') {
        return 0;
    }
    return berth_error_set(err, BERTH_E_INVALID, 0, "invalid %s: %s", rule->what, mode);
}

static int check_modes(const struct berth_host_config *host, berth_error *err)
{
    static const struct mode_rule pid = {"PID mode", {"host", "private"}, true};
    static const struct mode_rule ipc = {
        "IPC mode", {"host", "private", "shareable", "none"}, true};
    static const struct mode_rule uts = {"UTS mode", {"host", "private"}, false};
    static const struct mode_rule user = {"user namespace mode", {"host", "private"}, false};
    static const struct mode_rule cgroup = {"cgroup namespace mode", {"host", "private"}, false};
    static const struct mode_rule isolation = {"isolation", {"default"}, false};
    int result = check_mode(&pid, host->pid_mode, err);
    result = result != 0 ? result : check_mode(&ipc, host->ipc_mode, err);
    result = result != 0 ? result : check_mode(&uts, host->uts_mode, err);
    result = result != 0 ? result : check_mode(&user, host->userns_mode, err);
    result = result != 0 ? result : check_mode(&cgroup, host->cgroupns_mode, err);
    return result != 0 ? result : check_mode(&isolation, host->isolation, err);
}

int container_security_opt_check(const char *option, berth_error *err)
{
    static const char *const keys[] = {"label",       "apparmor",          "seccomp",
                                       "systempaths", "no-new-privileges", "writable-cgroups"};
    size_t length = strcspn(option, "=:");
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (strlen(keys[i]) == length && strncmp(keys[i], option, length) == 0) {
            bool bare = option[length] == '\0';
            if (bare && strcmp(keys[i], "no-new-privileges") != 0) {
                break;
            }
            return 0;
        }
    }
    return berth_error_set(err, BERTH_E_INVALID, 0, "invalid --security-opt 2: \"%s\"", option);
}

static int check_lists(const struct berth_host_config *host, berth_error *err)
{
    struct berth_linux_capability_request request = {
        .add = &host->cap_add, .drop = &host->cap_drop, .base = berth_linux_capability_default};
    uint64_t set = 0;
    int result = berth_linux_capability_set(&request, &set, err);
    for (size_t i = 0; result == 0 && i < host->security_opt.count; i++) {
        result = container_security_opt_check(host->security_opt.items[i], err);
    }
    for (size_t i = 0; result == 0 && i < host->extra_hosts.count; i++) {
        const char *item = host->extra_hosts.items[i];
        const char *colon = strpbrk(item, ":=");
        if (colon == NULL || colon == item || colon[1] == '\0') {
            result =
                berth_error_set(err, BERTH_E_INVALID, 0, "bad format for add-host: \"%s\"", item);
        }
    }
    return result;
}

static int check_tmpfs(const struct berth_host_config *host, berth_error *err)
{
    for (size_t i = 0; i < host->tmpfs.count; i++) {
        const char *path = host->tmpfs.keys[i];
        AUTO_STRV struct berth_strv options = {0};
        uint64_t attributes = 0;
        if (path[0] != '/') {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "invalid mount path: '%s' mount path must be absolute", path);
        }
        AUTO_FREE char *clean = container_path_clean(path);
        if (clean == NULL) {
            return berth_error_no_memory(err);
        }
        if (strcmp(clean, "/") == 0) {
            return invalid(err, "invalid specification: destination can't be '/'");
        }
        int result = spec_tmpfs_options(host->tmpfs.values[i], &options, &attributes, err);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

static int check_log(const struct berth_host_config *host, berth_error *err)
{
    static const char *const drivers[] = {"json-file", "none"};
    const char *type = host->log_config.type;
    if (berth_str_empty(type)) {
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
        if (strcmp(drivers[i], type) == 0) {
            return 0;
        }
    }
    return berth_error_set(err, BERTH_E_INVALID, 0,
                           "error looking up logging plugin %s: plugin \"%s\" not found", type,
                           type);
}

int container_host_config_check(const struct berth_host_config *host, berth_error *err)
{
    int result = check_restart(host, err);
    result = result != 0 ? result : check_memory(host, err);
    result = result != 0 ? result : check_cpu(host, err);
    result = result != 0 ? result : check_modes(host, err);
    result = result != 0 ? result : check_lists(host, err);
    result = result != 0 ? result : check_tmpfs(host, err);
    result = result != 0 ? result : check_log(host, err);
    if (result != 0) {
        return result;
    }
    if (host->device_requests.count > 0) {
        const struct berth_device_request *request = host->device_requests.items[0];
        return berth_error_set(err, BERTH_E_INVALID, 0, "could not select device driver \"%s\"",
                               request->driver != NULL ? request->driver : "");
    }
    if (host->shm_size < 0) {
        return invalid(err, "SHM size can not be less than 0");
    }
    if (host->oom_score_adj < -1000 || host->oom_score_adj > 1000) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "Invalid value %lld, range for oom score adj is [-1000, 1000]",
                               (long long)host->oom_score_adj);
    }
    if (!berth_str_empty(host->runtime) && strcmp(host->runtime, "berth") != 0 &&
        strcmp(host->runtime, "runc") != 0) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "unknown or invalid runtime name: %s",
                               host->runtime);
    }
    return 0;
}

int container_host_config_warnings(const struct berth_host_config *host,
                                   struct berth_strv *ret_warnings, berth_error *err)
{
    bool complete = true;
    if (host->oom_kill_disable == 1 && host->memory == 0) {
        complete = berth_strv_add(ret_warnings, "OOM killer is disabled for the container, but no "
                                                "memory limit is set, this can result in the "
                                                "system running out of resources.");
    }
    if (complete && host->kernel_memory > 0) {
        complete = berth_strv_add(ret_warnings,
                                  "Specifying a kernel memory limit is deprecated and is ignored.");
    }
    return complete ? 0 : berth_error_no_memory(err);
}
