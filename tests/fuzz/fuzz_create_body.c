/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: the body of POST /containers/create, the largest JSON that clients send.
 */
#include "oci/create_body.h"

#include <json-c/json.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_object *json = NULL;
    struct berth_create_body body;
    berth_error err;
    if (berth_json_parse((const char *)data, size, "body", &json, &err) < 0) {
        return 0;
    }
    berth_oci_create_body_init(&body);
    if (berth_oci_create_body_read(json, &body, &err) == 0) {
        json_object_put(berth_oci_create_body_write(&body, 0));
    }
    berth_oci_create_body_done(&body);
    json_object_put(json);
    return 0;
}
