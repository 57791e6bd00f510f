/* SPDX-License-Identifier: Apache-2.0
 *
 * The API object, and the way from a request to the managers.
 */
#include "api/api.h"

#include <stdlib.h>

#include "api/internal.h"

int32_t berth_api_new(const struct berth_api_config *config, struct berth_api **ret_api,
                      berth_error *err)
{
    struct berth_api *api = calloc(1, sizeof(*api));
    if (api == NULL) {
        return berth_error_no_memory(err);
    }
    api->engine = config->engine;
    *ret_api = api;
    return 0;
}

void berth_api_free(struct berth_api *api)
{
    free(api);
}

struct berth_engine *berth_api_engine(const struct berth_http_request *request)
{
    return ((struct berth_api *)berth_http_request_context(request))->engine;
}

struct berth_container_manager *berth_api_containers(const struct berth_http_request *request)
{
    return berth_engine_containers(berth_api_engine(request));
}

struct berth_image_manager *berth_api_images(const struct berth_http_request *request)
{
    return berth_engine_images(berth_api_engine(request));
}
