/* SPDX-License-Identifier: Apache-2.0
 *
 * Contexts on disk and the choice among them.
 */
#include "client/context.h"

#include <dirent.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/string.h"
#include "client/files.h"

#define META_MAX (1024 * 1024)

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && *value != '\0' ? value : NULL;
}

void berth_context_free(struct berth_context *context)
{
    if (context == NULL) {
        return;
    }
    free(context->name);
    free(context->description);
    free(context->host);
    free(context->tls_directory);
    free(context->meta_directory);
    json_object_put(context->meta);
    free(context);
}

/* A member whatever its case, as Go reads JSON. */
static struct json_object *member(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;
    if (!json_object_is_type(object, json_type_object) ||
        json_object_object_get_ex(object, name, &value)) {
        return value;
    }
    json_object_object_foreach(object, key, other)
    {
        if (strcasecmp(key, name) == 0) {
            return other;
        }
    }
    return NULL;
}

static const char *text_member(struct json_object *object, const char *name)
{
    struct json_object *value = member(object, name);
    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

/* Reads meta.json of one directory of the store. */
static int32_t read_meta(const struct berth_config *config, const char *directory,
                         struct json_object **ret_meta, berth_error *err)
{
    AUTO_BUFFER struct berth_buffer text = BERTH_BUFFER_INIT;
    AUTO_FREE char *path =
        berth_format("%s/contexts/meta/%s/meta.json", config->directory, directory);
    if (path == NULL) {
        return berth_error_no_memory(err);
    }
    int32_t code = berth_client_file_read(path, META_MAX, &text, err);
    if (code != 0) {
        return code;
    }
    return berth_json_parse(text.data, text.length, path, ret_meta, err);
}

static DIR *open_store(const struct berth_config *config)
{
    AUTO_FREE char *path = berth_format("%s/contexts/meta", config->directory);
    return path != NULL ? opendir(path) : NULL;
}

static struct berth_context *from_meta(const struct berth_config *config, const char *directory,
                                       struct json_object *meta)
{
    struct berth_context *context = calloc(1, sizeof(*context));
    if (context == NULL) {
        return NULL;
    }
    struct json_object *endpoint = member(member(meta, "Endpoints"), "docker");
    context->meta = json_object_get(meta);
    context->name = strdup(text_member(meta, "Name"));
    context->description = strdup(text_member(member(meta, "Metadata"), "Description"));
    context->host = strdup(text_member(endpoint, "Host"));
    context->skip_tls_verify = json_object_get_boolean(member(endpoint, "SkipTLSVerify"));
    context->meta_directory = berth_format("%s/contexts/meta/%s", config->directory, directory);
    context->tls_directory = berth_format("%s/contexts/tls/%s", config->directory, directory);
    return context;
}

/* The context that flags and environment make up when no stored one is chosen. */
static struct berth_context *default_context(void)
{
    struct berth_context *context = calloc(1, sizeof(*context));
    const char *host = environment("BERTH_HOST");
    host = host != NULL ? host : environment("DOCKER_HOST");
    if (context != NULL) {
        context->name = strdup(BERTH_CONTEXT_DEFAULT);
        context->description = strdup("");
        context->host = strdup(host != NULL ? host : BERTH_CLIENT_DEFAULT_HOST);
    }
    return context;
}

int32_t berth_context_load(const struct berth_config *config, const char *name,
                           struct berth_context **ret_context, berth_error *err)
{
    struct berth_context *context = NULL;
    if (strcmp(name, BERTH_CONTEXT_DEFAULT) == 0) {
        *ret_context = default_context();
        return *ret_context != NULL ? 0 : berth_error_no_memory(err);
    }
    /* directories are named by the SHA-256 of the name; reading the few there are spares us
     * carrying a hash function for this alone */
    AUTO_DIR DIR *store = open_store(config);
    const struct dirent *entry = NULL;
    while (context == NULL && store != NULL && (entry = readdir(store)) != NULL) {
        struct json_object *meta = NULL;
        if (entry->d_name[0] == '.' || read_meta(config, entry->d_name, &meta, NULL) != 0) {
            continue;
        }
        if (strcmp(text_member(meta, "Name"), name) == 0) {
            context = from_meta(config, entry->d_name, meta);
        }
        json_object_put(meta);
    }
    if (context == NULL) {
        return berth_error_set(err, BERTH_E_NOT_FOUND, 0,
                               "context \"%s\": context not found: open "
                               "%s/contexts/meta: no meta.json has this name",
                               name, config->directory);
    }
    *ret_context = context;
    return 0;
}

int32_t berth_context_list(const struct berth_config *config, struct berth_strv *names,
                           berth_error *err)
{
    AUTO_DIR DIR *store = open_store(config);
    AUTO_STRV struct berth_strv found = {0};
    const struct dirent *entry = NULL;
    while (store != NULL && (entry = readdir(store)) != NULL) {
        struct json_object *meta = NULL;
        if (entry->d_name[0] != '.' && read_meta(config, entry->d_name, &meta, NULL) == 0) {
            berth_strv_add(&found, text_member(meta, "Name"));
            json_object_put(meta);
        }
    }
    berth_strv_sort(&found);
    if (!berth_strv_add(names, BERTH_CONTEXT_DEFAULT) || !berth_strv_extend(names, &found)) {
        return berth_error_no_memory(err);
    }
    return 0;
}

int32_t berth_context_current(const struct berth_config *config,
                              const struct berth_endpoint_options *options, char **ret_name,
                              berth_error *err)
{
    const char *name = options->context;
    if (berth_str_empty(name)) {
        if (options->hosts->count > 0 || environment("BERTH_HOST") != NULL) {
            name = BERTH_CONTEXT_DEFAULT;
        } else if (environment("BERTH_CONTEXT") != NULL) {
            name = environment("BERTH_CONTEXT");
        } else if (environment("DOCKER_HOST") != NULL) {
            name = BERTH_CONTEXT_DEFAULT;
        } else if (environment("DOCKER_CONTEXT") != NULL) {
            name = environment("DOCKER_CONTEXT");
        } else {
            name = berth_config_string(config, "currentContext");
        }
    }
    char *copy = strdup(name != NULL ? name : BERTH_CONTEXT_DEFAULT);
    if (copy == NULL) {
        return berth_error_no_memory(err);
    }
    *ret_name = copy;
    return 0;
}
