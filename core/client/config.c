/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading and writing config.json.
 */
#include "client/config.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/string.h"
#include "client/files.h"

#define CONFIG_MAX (4 * 1024 * 1024)

static char *default_directory(void)
{
    const char *home = getenv("DOCKER_CONFIG");
    if (home != NULL && *home != '\0') {
        return strdup(home);
    }
    home = getenv("HOME");
    if (home == NULL || *home == '\0') {
        const struct passwd *user = getpwuid(getuid());
        home = user != NULL ? user->pw_dir : "/";
    }
    return berth_format("%s/.docker", home);
}

static int32_t read_json(struct berth_config *config, berth_error *err)
{
    AUTO_BUFFER struct berth_buffer text = BERTH_BUFFER_INIT;
    berth_error reason = BERTH_ERROR_INIT;
    /* most often there is no file: asking first spares making an error sentence of that */
    int32_t code = access(config->path, F_OK) != 0
                       ? BERTH_E_NOT_FOUND
                       : berth_client_file_read(config->path, CONFIG_MAX, &text, &reason);
    if (code == 0) {
        code = berth_json_parse(text.data, text.length, config->path, &config->json, &reason);
        if (code == 0 && !json_object_is_type(config->json, json_type_object)) {
            json_object_put(config->json);
            config->json = NULL;
            code = berth_error_set(&reason, BERTH_E_DATA, 0, "%s: not a JSON object", config->path);
        }
    }
    if (code != 0 && code != BERTH_E_NOT_FOUND) {
        config->warning = strdup(reason.msg);
    }
    if (config->json == NULL) {
        config->json = json_object_new_object();
    }
    return config->json != NULL ? 0 : berth_error_no_memory(err);
}

int32_t berth_config_load(const char *directory, struct berth_config **ret_config, berth_error *err)
{
    struct berth_config *config = calloc(1, sizeof(*config));
    if (config == NULL) {
        return berth_error_no_memory(err);
    }
    config->directory = berth_str_empty(directory) ? default_directory() : strdup(directory);
    if (config->directory != NULL) {
        config->path = berth_format("%s/config.json", config->directory);
    }
    int32_t code = config->path == NULL ? berth_error_no_memory(err) : read_json(config, err);
    if (code != 0) {
        berth_config_free(config);
        return code;
    }
    *ret_config = config;
    return 0;
}

void berth_config_free(struct berth_config *config)
{
    if (config == NULL) {
        return;
    }
    free(config->directory);
    free(config->path);
    free(config->warning);
    json_object_put(config->json);
    free(config);
}

struct json_object *berth_config_get(const struct berth_config *config, const char *key)
{
    struct json_object *value = NULL;
    return json_object_object_get_ex(config->json, key, &value) ? value : NULL;
}

const char *berth_config_string(const struct berth_config *config, const char *key)
{
    struct json_object *value = berth_config_get(config, key);
    if (!json_object_is_type(value, json_type_string) || json_object_get_string_len(value) == 0) {
        return NULL;
    }
    return json_object_get_string(value);
}

int32_t berth_config_save(const struct berth_config *config, berth_error *err)
{
    const char *text = json_object_to_json_string_ext(
        config->json, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_PRETTY_TAB |
                          JSON_C_TO_STRING_NOSLASHESCAPE | JSON_C_TO_STRING_SPACED);
    AUTO_FREE char *target = realpath(config->path, NULL);
    if (mkdir(config->directory, 0700) != 0 && errno != EEXIST) {
        return berth_error_errno(err, errno, "creating the directory %s", config->directory);
    }
    return berth_client_file_write(target != NULL ? target : config->path, text, strlen(text), 0600,
                                   err);
}
