/* SPDX-License-Identifier: Apache-2.0
 *
 * The client that a command uses, from global flags, environment and configuration.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "client/client.h"
#include "client/config.h"
#include "http/url.h"

/* config.json's HttpHeaders. */
static void read_headers(const struct berth_config *config, struct berth_strmap *headers)
{
    struct json_object *json = berth_config_get(config, "HttpHeaders");
    if (!json_object_is_type(json, json_type_object)) {
        return;
    }
    json_object_object_foreach(json, key, value)
    {
        if (json_object_is_type(value, json_type_string)) {
            berth_strmap_set(headers, key, json_object_get_string(value));
        }
    }
}

struct berth_config *berth_cli_config(struct berth_cli *cli)
{
    berth_error err = BERTH_ERROR_INIT;
    if (cli->config != NULL) {
        return cli->config;
    }
    if (berth_config_load(berth_flags_string(&cli->global, "config"), &cli->config, &err) != 0) {
        berth_cli_fail(&err);
        return NULL;
    }
    if (cli->config->warning != NULL) {
        fprintf(stderr, "WARNING: Error loading config file: %s\n", cli->config->warning);
    }
    return cli->config;
}

void berth_cli_endpoint_options(struct berth_cli *cli, struct berth_endpoint_options *options)
{
    const struct berth_flags *global = &cli->global;
    *options = (struct berth_endpoint_options){
        .context = berth_flags_string(global, "context"),
        .hosts = berth_flags_list(global, "host"),
        .tls = berth_flags_bool(global, "tls"),
        .tls_verify = berth_flags_bool(global, "tlsverify"),
        .ca = berth_flags_string(global, "tlscacert"),
        .cert = berth_flags_string(global, "tlscert"),
        .key = berth_flags_string(global, "tlskey"),
    };
}

struct berth_client *berth_cli_client(struct berth_cli *cli)
{
    berth_error err = BERTH_ERROR_INIT;
    struct berth_endpoint_options options;
    struct berth_endpoint endpoint = {0};
    AUTO_STRMAP struct berth_strmap headers = {0};
    if (cli->client != NULL) {
        return cli->client;
    }
    const struct berth_config *config = berth_cli_config(cli);
    if (config == NULL) {
        return NULL;
    }
    berth_cli_endpoint_options(cli, &options);
    read_headers(config, &headers);
    if (!berth_strmap_set(&headers, "User-Agent", "Berth-Client/" BERTH_VERSION " (linux)") ||
        berth_endpoint_resolve(config, &options, &endpoint, &err) != 0 ||
        berth_client_new(&endpoint, cli->product, getenv("DOCKER_API_VERSION"), &headers,
                         &cli->client, &err) != 0) {
        berth_cli_fail(&err);
        return NULL;
    }
    return cli->client;
}

struct json_object *berth_cli_get(struct berth_cli *cli, const char *target)
{
    berth_error err = BERTH_ERROR_INIT;
    struct json_object *json = NULL;
    struct berth_client *client = berth_cli_client(cli);
    if (client == NULL) {
        return NULL;
    }
    if (berth_client_call(client, "GET", target, NULL, &json, &err) != 0) {
        berth_cli_fail(&err);
        return NULL;
    }
    return json;
}

int berth_cli_each(struct berth_cli *cli, const char *method, const char *before, const char *after,
                   bool print)
{
    struct berth_client *client = berth_cli_client(cli);
    int status = client == NULL;
    for (int i = 0; client != NULL && i < cli->arg_count; i++) {
        berth_error err = BERTH_ERROR_INIT;
        AUTO_BUFFER struct berth_buffer target = BERTH_BUFFER_INIT;
        berth_buffer_add(&target, before);
        berth_http_url_encode(&target, cli->args[i], true);
        berth_buffer_add(&target, after);
        if (berth_client_call(client, method, target.data, NULL, NULL, &err) != 0) {
            status = berth_cli_fail(&err);
        } else if (print) {
            puts(cli->args[i]);
            fflush(stdout); /* in order with errors of later arguments */
        }
    }
    return status;
}

int berth_cli_filters(const struct berth_strv *filters, struct berth_buffer *target)
{
    if (filters->count == 0) {
        return 0;
    }
    struct json_object *json = json_object_new_object();
    for (size_t i = 0; i < filters->count; i++) {
        AUTO_FREE char *name = strdup(filters->items[i]);
        char *equal = name != NULL ? strchr(name, '=') : NULL;
        if (equal == NULL) {
            json_object_put(json);
            return berth_cli_failf("out of memory");
        }
        *equal = '\0';
        for (char *at = name; *at != '\0'; at++) {
            *at = *at >= 'A' && *at <= 'Z' ? (char)(*at + 32) : *at;
        }
        struct json_object *values = NULL;
        if (!json_object_object_get_ex(json, name, &values)) {
            values = json_object_new_object();
            json_object_object_add(json, name, values);
        }
        json_object_object_add(values, berth_str_trim(equal + 1), json_object_new_boolean(true));
    }
    berth_http_query_add(target, "filters",
                         json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN |
                                                                  JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(json);
    return 0;
}

int32_t berth_cli_check_filter(const char *value, berth_error *err)
{
    if (*value != '\0' && strchr(value, '=') == NULL) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "bad format of filter (expected name=value)");
    }
    return 0;
}
