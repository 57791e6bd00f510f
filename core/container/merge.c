/* SPDX-License-Identifier: Apache-2.0
 *
 * What a create request leaves open is taken from the image, by Docker's rules.
 */
#include <string.h>

#include "container/create.h"

/* Copies the image's string where the user gave none. */
static bool take_string(char **slot, const char *image)
{
    if (!berth_str_empty(*slot) || berth_str_empty(image)) {
        return true;
    }
    berth_replace(slot, berth_strdup(image));
    return *slot != NULL;
}

static bool take_missing(struct berth_strv *items, const struct berth_strv *image)
{
    for (size_t i = 0; i < image->count; i++) {
        if (!berth_strv_contains(items, image->items[i]) &&
            !berth_strv_add(items, image->items[i])) {
            return false;
        }
    }
    return true;
}

/* The image's variables that the user does not set come after the user's. */
static bool merge_env(struct berth_strv *env, const struct berth_strv *image)
{
    size_t own = env->count;
    for (size_t i = 0; i < image->count; i++) {
        const char *item = image->items[i];
        size_t length = strcspn(item, "=");
        bool found = false;
        for (size_t k = 0; k < own && !found; k++) {
            found =
                strcspn(env->items[k], "=") == length && strncmp(env->items[k], item, length) == 0;
        }
        if (!found && !berth_strv_add(env, item)) {
            return false;
        }
    }
    return true;
}

static bool merge_labels(struct berth_strmap *labels, const struct berth_strmap *image)
{
    for (size_t i = 0; i < image->count; i++) {
        if (berth_strmap_get(labels, image->keys[i]) == NULL &&
            !berth_strmap_set(labels, image->keys[i], image->values[i])) {
            return false;
        }
    }
    return true;
}

static bool merge_command(struct berth_container_config *config,
                          const struct berth_container_config *image)
{
    if (config->entrypoint.count > 0) {
        return true;
    }
    if (config->cmd.count == 0) {
        if (!berth_strv_extend(&config->cmd, &image->cmd)) {
            return false;
        }
        config->args_escaped = image->args_escaped;
    }
    /* [] (not null) is a request for no entrypoint */
    return config->entrypoint.items != NULL ||
           berth_strv_extend(&config->entrypoint, &image->entrypoint);
}

static int merge_health(struct berth_container_config *config,
                        const struct berth_container_config *image, berth_error *err)
{
    if (image->healthcheck == NULL) {
        return 0;
    }
    if (config->healthcheck == NULL) {
        config->healthcheck = berth_json_new(&berth_health_config_table);
        return config->healthcheck == NULL
                   ? berth_error_no_memory(err)
                   : berth_json_copy(&berth_health_config_table, image->healthcheck,
                                     config->healthcheck, err);
    }
    struct berth_health_config *own = config->healthcheck;
    const struct berth_health_config *other = image->healthcheck;
    if (own->test.count == 0 && !berth_strv_extend(&own->test, &other->test)) {
        return berth_error_no_memory(err);
    }
    own->interval = own->interval != 0 ? own->interval : other->interval;
    own->timeout = own->timeout != 0 ? own->timeout : other->timeout;
    own->start_period = own->start_period != 0 ? own->start_period : other->start_period;
    own->start_interval = own->start_interval != 0 ? own->start_interval : other->start_interval;
    own->retries = own->retries != 0 ? own->retries : other->retries;
    return 0;
}

int container_config_merge(struct berth_container_config *config,
                           const struct berth_container_config *image, berth_error *err)
{
    if (image != NULL) {
        bool complete =
            take_string(&config->user, image->user) &&
            take_missing(&config->exposed_ports, &image->exposed_ports) &&
            merge_env(&config->env, &image->env) && merge_labels(&config->labels, &image->labels) &&
            merge_command(config, image) && take_string(&config->working_dir, image->working_dir) &&
            take_missing(&config->volumes, &image->volumes) &&
            take_string(&config->stop_signal, image->stop_signal);
        if (complete && config->shell.count == 0) {
            complete = berth_strv_extend(&config->shell, &image->shell);
        }
        if (!complete) {
            return berth_error_no_memory(err);
        }
        int result = merge_health(config, image, err);
        if (result != 0) {
            return result;
        }
    }
    if (config->entrypoint.count == 1 && config->entrypoint.items[0][0] == '\0') {
        berth_strv_done(&config->entrypoint);
    }
    return 0;
}

int container_command(const struct berth_container_config *config, char **ret_path,
                      struct berth_strv *ret_args, berth_error *err)
{
    AUTO_STRV struct berth_strv all = {0};
    if (config->entrypoint.count + config->cmd.count == 0) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "no command specified");
    }
    if (!berth_strv_extend(&all, &config->entrypoint) || !berth_strv_extend(&all, &config->cmd)) {
        return berth_error_no_memory(err);
    }
    char *path = berth_strdup(all.items[0]);
    if (path == NULL) {
        return berth_error_no_memory(err);
    }
    berth_strv_remove(&all, 0);
    *ret_path = path;
    *ret_args = all;
    all = (struct berth_strv){0};
    return 0;
}
