/* SPDX-License-Identifier: Apache-2.0
 *
 * The user's configuration directory and its config.json, which Docker's tools share: what we do
 * not know in it is kept as it is.
 */
#ifndef BERTH_CLIENT_CONFIG_H
#define BERTH_CLIENT_CONFIG_H

#include <json-c/json_types.h>

#include "base/error.h"

struct berth_config {
    char *directory;          /* ~/.docker */
    char *path;               /* directory/config.json */
    struct json_object *json; /* never NULL: {} when there is no file */
    char *warning;            /* why the file was not used; NULL: it was, or there is none */
};

/* Reads the configuration. `directory` is what --config says; "" or NULL: DOCKER_CONFIG, else
 * ~/.docker. A broken file is no failure: `warning` says so and json is {}. */
int32_t berth_config_load(const char *directory, struct berth_config **ret_config,
                          berth_error *err);
/* NULL is fine. */
void berth_config_free(struct berth_config *config);
/* A string member at the top; NULL: absent, empty or not a string. Borrowed. */
const char *berth_config_string(const struct berth_config *config, const char *key);
/* A member of any type; NULL: absent. Borrowed. */
struct json_object *berth_config_get(const struct berth_config *config, const char *key);
/* Writes json back: whole or not at all (temporary file and rename), mode 0600, and through a
 * symbolic link to the file it names. */
int32_t berth_config_save(const struct berth_config *config, berth_error *err);

#endif
