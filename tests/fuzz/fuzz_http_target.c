/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: request targets, their queries and the matching of routes.
 */
#include "base/cleanup.h"
#include "http/target.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const patterns[] = {"/containers/{id}/json", "/images/{name...}/json", "/"};
    AUTO_FREE char *text = calloc(1, size + 1);
    struct berth_http_target target;
    struct berth_http_params params;
    berth_error err;
    if (text == NULL || size == 0) {
        return 0;
    }
    memcpy(text, data, size);
    if (berth_http_target_parse(text, &target, &err) < 0) {
        return 0;
    }
    berth_http_target_query(&target, "filters");
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        if (berth_http_route_match(patterns[i], target.path, &params, &err) == 1) {
            berth_http_params_done(&params);
        }
    }
    berth_http_target_done(&target);
    return 0;
}
