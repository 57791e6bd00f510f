/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's settings as a whole: defaults, checks, warnings, reload.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/config_internal.h"

static const struct berth_daemon_config defaults = {
    .icc = true,
    .ip_forward = true,
    .ip_masq = true,
    .iptables = true,
    .shutdown_timeout = 15,
    .max_concurrent_downloads = 3,
    .max_concurrent_uploads = 5,
    .max_download_attempts = 5,
};

int32_t berth_daemon_config_init(struct berth_daemon_config *config, berth_error *err)
{
    *config = defaults;
    config->config_file = strdup(BERTH_DAEMON_CONFIG_FILE);
    config->log_level = strdup("info");
    config->data_root = strdup("/var/lib/berth");
    config->exec_root = strdup("/run/berth");
    config->initial_image = strdup(BERTH_INITIAL_IMAGE);
    config->from_flag = calloc(berth_daemon_option_count, 1);
    config->from_file = calloc(berth_daemon_option_count, 1);
    if (config->config_file == NULL || config->log_level == NULL || config->data_root == NULL ||
        config->exec_root == NULL || config->initial_image == NULL || config->from_flag == NULL ||
        config->from_file == NULL) {
        berth_daemon_config_done(config);
        return berth_error_no_memory(err);
    }
    return 0;
}

void berth_daemon_option_clear(const struct berth_daemon_option *option, void *slot)
{
    switch (option->type) {
    case BERTH_OPTION_STRING:
        berth_replace(slot, NULL);
        break;
    case BERTH_OPTION_LIST:
    case BERTH_OPTION_POOLS:
    case BERTH_OPTION_ULIMITS:
        berth_strv_done(slot);
        break;
    case BERTH_OPTION_MAP:
        berth_strmap_done(slot);
        break;
    case BERTH_OPTION_DOCUMENT:
        json_object_put(*(struct json_object **)slot);
        *(struct json_object **)slot = NULL;
        break;
    case BERTH_OPTION_BOOL:
    case BERTH_OPTION_INT:
    case BERTH_OPTION_SIZE:
        break;
    }
}

void berth_daemon_config_done(struct berth_daemon_config *config)
{
    for (size_t i = 0; i < berth_daemon_option_count; i++) {
        const struct berth_daemon_option *option = &berth_daemon_options[i];
        void *slot = berth_daemon_option_slot(option, config);
        if (slot != NULL) {
            berth_daemon_option_clear(option, slot);
        }
    }
    free(config->from_flag);
    free(config->from_file);
    memset(config, 0, sizeof(*config));
}

static int32_t check_refused(const struct berth_daemon_config *config, berth_error *err)
{
    for (size_t i = 0; i < berth_daemon_option_count; i++) {
        const struct berth_daemon_option *option = &berth_daemon_options[i];
        if ((option->flags & BERTH_OPTION_REFUSED) != 0 &&
            (config->from_flag[i] || config->from_file[i])) {
            return berth_error_set(err, BERTH_E_UNSUPPORTED, 0,
                                   "%s is not supported by Berth yet, and running without it could "
                                   "be unsafe: remove it from the configuration",
                                   option->key);
        }
    }
    return 0;
}

int32_t berth_daemon_config_check(const struct berth_daemon_config *config, berth_error *err)
{
    enum berth_log_level level;
    int32_t rc = check_refused(config, err);
    if (rc < 0) {
        return rc;
    }
    if (!berth_log_level_parse(config->log_level, &level)) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid logging level: %s (wanted: debug, info, warn, error, "
                               "fatal)",
                               config->log_level);
    }
    for (size_t i = 0; i < config->hosts.count; i++) {
        if (strstr(config->hosts.items[i], "://") == NULL) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "invalid host %s: wanted SCHEME://ADDRESS, for example "
                                   "unix:///run/berth/berth.sock",
                                   config->hosts.items[i]);
        }
    }
    for (size_t i = 0; i < config->labels.count; i++) {
        if (strchr(config->labels.items[i], '=') == NULL) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "bad attribute format: %s",
                                   config->labels.items[i]);
        }
    }
    if (config->data_root[0] != '/' || config->exec_root[0] != '/') {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "data-root and exec-root must be absolute paths, not %s and %s",
                               config->data_root, config->exec_root);
    }
    return 0;
}

void berth_daemon_config_warnings(const struct berth_daemon_config *config,
                                  struct berth_strv *warnings)
{
    for (size_t i = 0; i < berth_daemon_option_count; i++) {
        const struct berth_daemon_option *option = &berth_daemon_options[i];
        const char *name = option->key != NULL ? option->key : option->flag;
        bool given = config->from_flag[i] || config->from_file[i];
        if (given && (option->flags & BERTH_OPTION_IGNORED) != 0) {
            berth_strv_addf(warnings, "%s is known but has no effect in Berth yet", name);
        } else if (config->from_flag[i] && config->from_file[i]) {
            berth_strv_addf(warnings, "the flag --%s wins over %s in %s", option->flag, name,
                            config->config_file);
        }
    }
}

static size_t member_size(enum berth_option_type type)
{
    switch (type) {
    case BERTH_OPTION_STRING:
        return sizeof(char *);
    case BERTH_OPTION_BOOL:
        return sizeof(bool);
    case BERTH_OPTION_INT:
    case BERTH_OPTION_SIZE:
        return sizeof(int64_t);
    case BERTH_OPTION_LIST:
    case BERTH_OPTION_POOLS:
    case BERTH_OPTION_ULIMITS:
        return sizeof(struct berth_strv);
    case BERTH_OPTION_MAP:
        return sizeof(struct berth_strmap);
    case BERTH_OPTION_DOCUMENT:
        return sizeof(struct json_object *);
    }
    return 0;
}

/* Swaps two values of an option, so that each config still frees what it holds. */
static void swap_members(void *a, void *b, size_t size)
{
    char scrap[sizeof(struct berth_strmap)];
    memcpy(scrap, a, size);
    memcpy(a, b, size);
    memcpy(b, scrap, size);
}

void berth_daemon_config_reload(struct berth_daemon_config *config,
                                struct berth_daemon_config *fresh)
{
    for (size_t i = 0; i < berth_daemon_option_count; i++) {
        const struct berth_daemon_option *option = &berth_daemon_options[i];
        if ((option->flags & BERTH_OPTION_RELOAD) != 0) {
            swap_members(berth_daemon_option_slot(option, config),
                         berth_daemon_option_slot(option, fresh), member_size(option->type));
        }
    }
}
