/* SPDX-License-Identifier: Apache-2.0
 *
 * What a create request leaves open and the daemon decides: modes, paths, log driver, sizes.
 */
#include "container/defaults.h"

#include <string.h>
#include <unistd.h>

#include "base/size.h"
#include "container/create.h"

#define SHM_SIZE (INT64_C(64) << 20)

/* Docker's default lists (moby/profiles and the OCI runtime spec's linux.maskedPaths). */
static const char *const masked[] = {
    "/proc/asound",      "/proc/acpi",          "/proc/interrupts", "/proc/kcore",
    "/proc/keys",        "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
    "/proc/sched_debug", "/proc/scsi",          "/sys/firmware",    "/sys/devices/virtual/powercap",
};
static const char *const readonly[] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

static bool default_string(char **slot, const char *value)
{
    if (berth_str_empty(*slot)) {
        berth_replace(slot, berth_strdup(value));
    }
    return *slot != NULL;
}

static bool default_list(struct berth_strv *list, const char *const *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!berth_strv_add(list, items[i])) {
            return false;
        }
    }
    return true;
}

/* privileged and systempaths=unconfined show everything: [] instead of the lists */
static bool default_paths(struct berth_host_config *host)
{
    bool unconfined = host->privileged;
    for (size_t i = 0; i < host->security_opt.count; i++) {
        const char *option = host->security_opt.items[i];
        unconfined = unconfined || strcmp(option, "systempaths=unconfined") == 0;
    }
    if (unconfined) {
        return true;
    }
    return (host->masked_paths.items != NULL ||
            default_list(&host->masked_paths, masked, ARRAY_SIZE(masked))) &&
           (host->readonly_paths.items != NULL ||
            default_list(&host->readonly_paths, readonly, ARRAY_SIZE(readonly)));
}

static bool default_log(const struct container_defaults *defaults, struct berth_host_config *host)
{
    if (!berth_str_empty(host->log_config.type)) {
        return true;
    }
    berth_replace(
        &host->log_config.type,
        berth_strdup(berth_str_empty(defaults->log_driver) ? "json-file" : defaults->log_driver));
    if (host->log_config.type == NULL) {
        return false;
    }
    for (size_t i = 0; defaults->log_options != NULL && i < defaults->log_options->count; i++) {
        const char *key = defaults->log_options->keys[i];
        if (berth_strmap_get(&host->log_config.config, key) == NULL &&
            !berth_strmap_set(&host->log_config.config, key, defaults->log_options->values[i])) {
            return false;
        }
    }
    return true;
}

int container_host_config_default(const struct container_defaults *defaults,
                                  struct berth_host_config *host, berth_error *err)
{
    const char *cgroupns =
        host->privileged && !defaults->cgroup_v2
            ? "host"
            : (defaults->cgroupns_mode != NULL ? defaults->cgroupns_mode : "private");
    if (berth_str_equal(host->network_mode, "default")) {
        berth_replace(&host->network_mode, NULL);
    }
    bool complete = default_string(&host->network_mode, "bridge") &&
                    default_string(&host->ipc_mode,
                                   defaults->ipc_mode != NULL ? defaults->ipc_mode : "private") &&
                    default_string(&host->cgroupns_mode, cgroupns) &&
                    default_string(&host->restart_policy.name, "no") &&
                    default_string(&host->runtime, "berth") && default_paths(host) &&
                    default_log(defaults, host);
    if (!complete) {
        return berth_error_no_memory(err);
    }
    if (host->shm_size == 0) {
        host->shm_size = defaults->shm_size > 0 ? defaults->shm_size : SHM_SIZE;
    }
    /* what clients send for "not set", shown as null by Docker */
    if (host->memory_swappiness == -1) {
        host->memory_swappiness = BERTH_JSON_UNSET;
    }
    if (host->pids_limit <= 0) {
        host->pids_limit = BERTH_JSON_UNSET;
    }
    if (host->memory > 0 && host->memory_swap == 0) {
        host->memory_swap = host->memory * 2;
    }
    if (host->console_size == NULL) {
        return berth_oci_host_config_set_console_size(host, 0, 0, err);
    }
    return 0;
}

int container_hostname_default(struct berth_container_config *config,
                               const struct berth_host_config *host, const char *id,
                               berth_error *err)
{
    char name[256] = "";
    if (!berth_str_empty(config->hostname)) {
        return 0;
    }
    if (berth_str_equal(host->network_mode, "host") || berth_str_equal(host->uts_mode, "host")) {
        if (gethostname(name, sizeof(name) - 1) < 0) {
            name[0] = '\0';
        }
    } else {
        memcpy(name, id, BERTH_ID_SHORT_LENGTH);
    }
    berth_replace(&config->hostname, berth_strdup(name));
    return config->hostname == NULL ? berth_error_no_memory(err) : 0;
}

int container_log_options_check(const struct berth_log_config *log, berth_error *err)
{
    static const char *const keys[] = {"max-size", "max-file",       "labels", "labels-regex",
                                       "env",      "env-regex",      "tag",    "compress",
                                       "mode",     "max-buffer-size"};
    for (size_t i = 0; i < log->config.count; i++) {
        const char *key = log->config.keys[i], *value = log->config.values[i];
        int64_t number = 0;
        bool known = false;
        for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
            known = known || strcmp(keys[k], key) == 0;
        }
        if (!known) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "unknown log opt '%s' for %s log driver", key, log->type);
        }
        if (strcmp(key, "max-size") == 0 && strcmp(value, "-1") != 0 &&
            (!berth_size_parse(value, &number) || number <= 0)) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "invalid size: '%s'", value);
        }
        if (strcmp(key, "max-file") == 0 && (!berth_str_to_int64(value, &number) || number < 1)) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "max-file cannot be less than 1, value is '%s'", value);
        }
    }
    return 0;
}
