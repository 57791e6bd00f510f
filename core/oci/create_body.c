/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading and writing the create body.
 */
#include "oci/create_body.h"

#include <json-c/json.h>

void berth_oci_create_body_init(struct berth_create_body *body)
{
    berth_json_init(&berth_container_config_table, &body->config);
    berth_json_init(&berth_host_config_table, &body->host);
    berth_json_init(&berth_networking_config_table, &body->networking);
}

void berth_oci_create_body_done(struct berth_create_body *body)
{
    berth_json_done(&berth_container_config_table, &body->config);
    berth_json_done(&berth_host_config_table, &body->host);
    berth_json_done(&berth_networking_config_table, &body->networking);
}

/* The two objects that stand beside the inlined ContainerConfig. */
struct beside {
    struct json_object *host;
    struct json_object *networking;
};

static const struct berth_json_field beside_fields[] = {
    BERTH_JSON_FIELD(struct beside, host, "HostConfig", RAW, 0),
    BERTH_JSON_FIELD(struct beside, networking, "NetworkingConfig", RAW, 0),
};
static const struct berth_json_table beside_table =
    BERTH_JSON_TABLE("body", struct beside, beside_fields);

int32_t berth_oci_create_body_read(struct json_object *json, struct berth_create_body *body,
                                   berth_error *err)
{
    struct beside beside = {NULL, NULL};
    int32_t code = berth_json_read(&beside_table, json, &beside, err);
    if (code == 0) {
        code = berth_json_read(&berth_container_config_table, json, &body->config, err);
    }
    if (code == 0) {
        code = berth_json_read(&berth_host_config_table, beside.host, &body->host, err);
    }
    if (code == 0) {
        code = berth_json_read(&berth_networking_config_table, beside.networking, &body->networking,
                               err);
    }
    berth_json_done(&beside_table, &beside);
    return code;
}

struct json_object *berth_oci_create_body_write(const struct berth_create_body *body, int version)
{
    struct json_object *json =
        berth_json_write(&berth_container_config_table, &body->config, version);
    struct json_object *host = berth_json_write(&berth_host_config_table, &body->host, version);
    struct json_object *networking =
        berth_json_write(&berth_networking_config_table, &body->networking, version);
    if (json == NULL || host == NULL || networking == NULL ||
        json_object_object_add(json, "HostConfig", host) != 0 ||
        json_object_object_add(json, "NetworkingConfig", networking) != 0) {
        json_object_put(json);
        return NULL;
    }
    return json;
}
