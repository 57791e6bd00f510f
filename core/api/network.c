/* SPDX-License-Identifier: Apache-2.0
 *
 * Networks.
 */
#include "network/network.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "base/cleanup.h"
#include "base/time.h"
#include "container/container.h"
#include "oci/network_config.h"

#define ID(request) berth_http_request_param(request, "id")

static struct berth_network_manager *networks_of(const struct berth_http_request *request)
{
    return berth_engine_networks(berth_api_engine(request));
}

static bool is_builtin(const struct berth_network_object *network)
{
    static const char *const names[] = {"bridge", "host", "none"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(network->name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool label_matches(const struct berth_network_object *network, const char *value)
{
    const char *equal = strchr(value, '=');
    AUTO_FREE char *key = equal != NULL ? strndup(value, (size_t)(equal - value)) : strdup(value);
    const char *found = key != NULL ? berth_strmap_get(&network->labels, key) : NULL;
    return found != NULL && (equal == NULL || strcmp(found, equal + 1) == 0);
}

struct match {
    struct berth_network_manager *networks;
    const struct berth_network_object *network;
};

static bool match_name(const struct match *match, const char *value)
{
    return strstr(match->network->name, value) != NULL;
}

static bool match_id(const struct match *match, const char *value)
{
    return strstr(match->network->id, value) != NULL;
}

static bool match_driver(const struct match *match, const char *value)
{
    return berth_str_equal(match->network->driver, value);
}

static bool match_scope(const struct match *match, const char *value)
{
    return berth_str_equal(match->network->scope, value);
}

static bool match_type(const struct match *match, const char *value)
{
    return strcmp(value, "builtin") == 0 ? is_builtin(match->network) : !is_builtin(match->network);
}

static bool match_dangling(const struct match *match, const char *value)
{
    bool wanted = false;
    bool unused = !is_builtin(match->network) &&
                  berth_network_use_count(match->networks, match->network->id) == 0;
    return berth_str_to_bool(value, &wanted) && wanted == unused;
}

static bool match_label(const struct match *match, const char *value)
{
    return label_matches(match->network, value);
}

static bool match_no_label(const struct match *match, const char *value)
{
    return !label_matches(match->network, value);
}

static bool match_until(const struct match *match, const char *value)
{
    int64_t until = 0, created = 0;
    return berth_time_parse_relative(value, berth_time_now(), &until) &&
           berth_time_parse(match->network->created, &created) && created < until;
}

static const struct network_filter {
    const char *key;
    bool all; /* each value must be met, not one of them */
    bool list, prune;
    bool (*matches)(const struct match *match, const char *value);
} filters_known[] = {
    {"name", false, true, false, match_name},     {"id", false, true, false, match_id},
    {"driver", false, true, false, match_driver}, {"scope", false, true, false, match_scope},
    {"type", false, true, false, match_type},     {"dangling", true, true, false, match_dangling},
    {"label", true, true, true, match_label},     {"label!", true, false, true, match_no_label},
    {"until", true, false, true, match_until},
};

static const struct network_filter *find_filter(const char *item, size_t *ret_length)
{
    size_t length = strcspn(item, "=");
    *ret_length = length;
    for (size_t i = 0; i < ARRAY_SIZE(filters_known); i++) {
        if (strlen(filters_known[i].key) == length &&
            memcmp(filters_known[i].key, item, length) == 0) {
            return &filters_known[i];
        }
    }
    return NULL;
}

static int32_t check_filters(const struct berth_strv *filters, bool prune, berth_error *err)
{
    for (size_t i = 0; i < filters->count; i++) {
        size_t length = 0;
        const struct network_filter *filter = find_filter(filters->items[i], &length);
        if (filter == NULL || !(prune ? filter->prune : filter->list)) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "invalid filter '%.*s'", (int)length,
                                   filters->items[i]);
        }
        const char *value = filters->items[i] + length + 1;
        if (filter->matches == match_type && strcmp(value, "custom") != 0 &&
            strcmp(value, "builtin") != 0) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "invalid filter 'type=%s'", value);
        }
    }
    return 0;
}

static bool network_matches(const struct match *match, const struct berth_strv *filters)
{
    for (size_t i = 0; i < filters->count; i++) {
        size_t length = 0;
        const struct network_filter *filter = find_filter(filters->items[i], &length);
        bool met = false;
        for (size_t j = 0; !met && j < filters->count; j++) {
            bool same = strncmp(filters->items[j], filters->items[i], length + 1) == 0;
            met = same && (!filter->all || i == j) &&
                  filter->matches(match, filters->items[j] + length + 1);
        }
        if (!met) {
            return false;
        }
    }
    return true;
}

static int32_t answer_matching(struct berth_http_request *request,
                               const struct berth_json_list *list, const struct berth_strv *filters,
                               berth_error *err)
{
    struct berth_json_list matching = {.items = calloc(list->count + 1, sizeof(void *))};
    if (matching.items == NULL) {
        return berth_error_no_memory(err);
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct match match = {networks_of(request), list->items[i]};
        if (network_matches(&match, filters)) {
            matching.items[matching.count++] = list->items[i];
        }
    }
    int32_t rc = berth_api_answer_list(request, &berth_network_object_table, &matching, err);
    free(matching.items);
    return rc;
}

int32_t berth_api_network_list(struct berth_http_request *request, berth_error *err)
{
    AUTO_STRV struct berth_strv filters = {0};
    struct berth_json_list list = {0};
    int32_t rc = berth_api_filters(request, &filters, err);
    if (rc == 0) {
        rc = check_filters(&filters, false, err);
    }
    if (rc == 0) {
        /* the members were listed until 1.27 */
        rc = berth_networks_list(networks_of(request), berth_http_request_tag(request) < 128, &list,
                                 err);
    }
    if (rc == 0) {
        rc = answer_matching(request, &list, &filters, err);
        berth_json_list_done(&list, &berth_network_object_table);
    }
    return rc;
}

int32_t berth_api_network_create(struct berth_http_request *request, berth_error *err)
{
    struct berth_network_create_request wanted;
    AUTO_FREE char *id = NULL;
    AUTO_FREE char *warning = NULL;
    berth_json_init(&berth_network_create_request_table, &wanted);
    int32_t rc = berth_api_body(request, &berth_network_create_request_table, &wanted, err);
    if (rc == 0) {
        rc = berth_network_create(networks_of(request), &wanted, &id, &warning, err);
    }
    berth_json_done(&berth_network_create_request_table, &wanted);
    struct json_object *json = rc == 0 ? json_object_new_object() : NULL;
    if (json != NULL) {
        json_object_object_add(json, "Id", json_object_new_string(id));
        json_object_object_add(json, "Warning",
                               json_object_new_string(warning != NULL ? warning : ""));
    }
    return rc < 0 ? rc : berth_api_answer_json(request, 201, json, err);
}

int32_t berth_api_network_inspect(struct berth_http_request *request, berth_error *err)
{
    struct berth_network_object network;
    berth_json_init(&berth_network_object_table, &network);
    int32_t rc = berth_network_inspect(networks_of(request), ID(request), &network, err);
    if (rc == 0) {
        rc = berth_api_answer(request, 200, &berth_network_object_table, &network, err);
    }
    berth_json_done(&berth_network_object_table, &network);
    return rc;
}

int32_t berth_api_network_remove(struct berth_http_request *request, berth_error *err)
{
    int32_t rc = berth_network_remove(networks_of(request), ID(request), err);
    if (rc == 0) {
        berth_http_respond_empty(request, 204);
    }
    return rc;
}

/* Bodies of connect and disconnect. */
struct attachment {
    char *container;
    struct berth_endpoint_settings *endpoint;
    bool force;
};

static const struct berth_json_field attachment_fields[] = {
    BERTH_JSON_FIELD(struct attachment, container, "Container", STRING, 0),
    BERTH_JSON_NESTED(struct attachment, endpoint, "EndpointConfig", OBJECT_PTR, 0,
                      berth_endpoint_settings_table),
    BERTH_JSON_FIELD(struct attachment, force, "Force", BOOL, 0),
};
static const struct berth_json_table attachment_table =
    BERTH_JSON_TABLE("network attachment", struct attachment, attachment_fields);

static int32_t attach(struct berth_http_request *request, bool connect, berth_error *err)
{
    struct attachment wanted;
    berth_json_init(&attachment_table, &wanted);
    int32_t rc = berth_api_body(request, &attachment_table, &wanted, err);
    if (rc == 0 && berth_str_empty(wanted.container)) {
        rc = berth_error_set(err, BERTH_E_INVALID, 0, "no container was named");
    }
    if (rc == 0 && connect) {
        rc = berth_container_network_connect(berth_api_containers(request), wanted.container,
                                             ID(request), wanted.endpoint, err);
    } else if (rc == 0) {
        rc = berth_container_network_disconnect(berth_api_containers(request), wanted.container,
                                                ID(request), wanted.force, err);
    }
    berth_json_done(&attachment_table, &wanted);
    if (rc == 0) {
        berth_http_respond_empty(request, 200);
    }
    return rc;
}

int32_t berth_api_network_connect(struct berth_http_request *request, berth_error *err)
{
    return attach(request, true, err);
}

int32_t berth_api_network_disconnect(struct berth_http_request *request, berth_error *err)
{
    return attach(request, false, err);
}

struct pruning {
    struct berth_network_manager *networks;
    const struct berth_strv *filters;
};

static bool keep(const struct berth_network_object *network, void *context)
{
    const struct pruning *pruning = context;
    const struct match match = {pruning->networks, network};
    return !network_matches(&match, pruning->filters);
}

int32_t berth_api_network_prune(struct berth_http_request *request, berth_error *err)
{
    AUTO_STRV struct berth_strv filters = {0};
    AUTO_STRV struct berth_strv names = {0};
    struct pruning pruning = {networks_of(request), &filters};
    int32_t rc = berth_api_filters(request, &filters, err);
    if (rc == 0) {
        rc = check_filters(&filters, true, err);
    }
    if (rc == 0) {
        rc = berth_networks_prune(pruning.networks, keep, &pruning, &names, err);
    }
    struct json_object *json = rc == 0 ? json_object_new_object() : NULL;
    if (json != NULL) {
        json_object_object_add(json, "NetworksDeleted",
                               names.count > 0 ? berth_api_strings(&names) : NULL);
    }
    return rc < 0 ? rc : berth_api_answer_json(request, 200, json, err);
}
