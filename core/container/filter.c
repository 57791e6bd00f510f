/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters of container lists.
 */
#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "container/list.h"
#include "oci/network_config.h"

struct filter {
    const char *key;
    int (*matches)(struct container *container, const char *value);
    bool all; /* every value must match, not one of them */
    bool implies_all;
};

static bool label_matches(const struct berth_strmap *labels, const char *wanted)
{
    size_t length = strcspn(wanted, "=");
    for (size_t i = 0; i < labels->count; i++) {
        if (strlen(labels->keys[i]) == length && strncmp(labels->keys[i], wanted, length) == 0) {
            return wanted[length] == '\0' || strcmp(labels->values[i], wanted + length + 1) == 0;
        }
    }
    return false;
}

static int match_id(struct container *container, const char *value)
{
    return strncmp(container->id, value, strlen(value)) == 0;
}

/* A regular expression on the name with or without its slash. */
static int match_name(struct container *container, const char *value)
{
    regex_t expression;
    char slashed[300];
    if (regcomp(&expression, value, REG_EXTENDED | REG_NOSUB) != 0) {
        return strstr(container->name, value) != NULL;
    }
    snprintf(slashed, sizeof(slashed), "/%s", container->name);
    bool match = regexec(&expression, container->name, 0, NULL, 0) == 0 ||
                 regexec(&expression, slashed, 0, NULL, 0) == 0;
    regfree(&expression);
    return match;
}

static int match_label(struct container *container, const char *value)
{
    return label_matches(&container->record.config.labels, value);
}

static int match_not_label(struct container *container, const char *value)
{
    return !label_matches(&container->record.config.labels, value);
}

static int match_status(struct container *container, const char *value)
{
    return strcmp(container_state_word(container), value) == 0;
}

static int match_exited(struct container *container, const char *value)
{
    int64_t code = 0;
    return berth_str_to_int64(value, &code) && container->status.exit_code == code &&
           !container->status.running && container->status.started_at != 0;
}

static int match_ancestor(struct container *container, const char *value)
{
    const struct container_record *record = &container->record;
    const char *image = record->config.image, *hex = record->image_id;
    AUTO_FREE char *tagged = berth_format("%s:latest", value);
    if (berth_str_equal(image, value) || berth_str_equal(image, tagged) ||
        berth_str_equal(record->image_id, value)) {
        return 1;
    }
    hex = hex != NULL && berth_str_starts(hex, "sha256:") ? hex + 7 : "";
    return strlen(value) >= 4 && berth_str_starts(hex, value);
}

static int match_volume(struct container *container, const char *value)
{
    for (size_t i = 0; i < container->record.mounts.count; i++) {
        const struct mount_record *mount = container->record.mounts.items[i];
        if (berth_str_equal(mount->name, value) || berth_str_equal(mount->source, value) ||
            berth_str_equal(mount->destination, value)) {
            return 1;
        }
    }
    return 0;
}

static int match_network(struct container *container, const char *value)
{
    const struct berth_json_map *map = &container->sandbox_view.endpoints;
    for (size_t i = 0; i < map->count; i++) {
        const struct berth_endpoint_settings *endpoint = map->values[i];
        if (strcmp(map->keys[i], value) == 0 ||
            (endpoint->network_id != NULL && strlen(value) >= 4 &&
             berth_str_starts(endpoint->network_id, value))) {
            return 1;
        }
    }
    return 0;
}

static int match_health(struct container *container, const char *value)
{
    return strcmp(value, "none") == 0;
}

/* "80", "80/udp", "80-90/tcp" against a "port/proto" key. */
static bool port_in(const char *key, const char *value)
{
    unsigned low = 0, high = 0, port = 0;
    char proto[8] = "tcp", own[8] = "tcp";
    if (sscanf(value, "%u-%u/%7s", &low, &high, proto) < 2) {
        high = sscanf(value, "%u/%7s", &low, proto) >= 1 ? low : 0;
    }
    return sscanf(key, "%u/%7s", &port, own) >= 1 && port >= low && port <= high &&
           strcmp(proto, own) == 0;
}

static int match_expose(struct container *container, const char *value)
{
    const struct berth_strv *exposed = &container->record.config.exposed_ports;
    for (size_t i = 0; i < exposed->count; i++) {
        if (port_in(exposed->items[i], value)) {
            return 1;
        }
    }
    return 0;
}

static int match_publish(struct container *container, const char *value)
{
    const struct berth_json_map *ports = &container->record.host_config.port_bindings;
    for (size_t i = 0; i < ports->count; i++) {
        if (port_in(ports->keys[i], value)) {
            return 1;
        }
        const struct berth_json_list *bindings = ports->values[i];
        for (size_t k = 0; bindings != NULL && k < bindings->count; k++) {
            const struct berth_port_binding *binding = bindings->items[k];
            const char *slash = strchr(ports->keys[i], '/');
            AUTO_FREE char *key =
                berth_format("%s%s", binding->host_port != NULL ? binding->host_port : "", slash);
            if (key != NULL && port_in(key, value)) {
                return 1;
            }
        }
    }
    return 0;
}

/* before and since hold a creation time by now: see container_filters_resolve(). */
static int match_before(struct container *container, const char *value)
{
    int64_t created = 0;
    return berth_str_to_int64(value, &created) && container->record.created < created;
}

static int match_since(struct container *container, const char *value)
{
    int64_t created = 0;
    return berth_str_to_int64(value, &created) && container->record.created > created;
}

int container_filters_resolve(struct berth_container_manager *manager,
                              const struct berth_strv *filters, struct berth_strv *ret_filters,
                              berth_error *err)
{
    for (size_t i = 0; filters != NULL && i < filters->count; i++) {
        const char *item = filters->items[i];
        AUTO_CONTAINER struct container *other = NULL;
        bool before = berth_str_starts(item, "before=");
        if (!before && !berth_str_starts(item, "since=")) {
            if (!berth_strv_add(ret_filters, item)) {
                return berth_error_no_memory(err);
            }
            continue;
        }
        int result = container_find(manager, strchr(item, '=') + 1, &other, err);
        if (result != 0) {
            return result;
        }
        if (!berth_strv_addf(ret_filters, "%s=%lld", before ? "before" : "since",
                             (long long)other->record.created)) {
            return berth_error_no_memory(err);
        }
    }
    return 0;
}

static int match_until(struct container *container, const char *value)
{
    int64_t time = 0;
    return berth_time_parse_relative(value, berth_time_now(), &time) &&
           container->record.created < time;
}

static int match_never_task(struct container *container, const char *value)
{
    bool task = false;
    return berth_str_to_bool(value, &task) && !task;
}

static int match_any(struct container *container, const char *value)
{
    return 1;
}

static const struct filter filters_known[] = {
    {"id", match_id, false, false},
    {"name", match_name, false, false},
    {"label", match_label, true, false},
    {"label!", match_not_label, true, false},
    {"status", match_status, false, true},
    {"exited", match_exited, false, true},
    {"ancestor", match_ancestor, false, false},
    {"before", match_before, true, false},
    {"since", match_since, true, false},
    {"until", match_until, true, false},
    {"volume", match_volume, false, false},
    {"network", match_network, false, false},
    {"health", match_health, false, false},
    {"expose", match_expose, false, false},
    {"publish", match_publish, false, false},
    {"is-task", match_never_task, false, false},
    {"isolation", match_any, false, false},
};

static const struct filter *find_filter(const char *item)
{
    size_t length = strcspn(item, "=");
    for (size_t i = 0; i < ARRAY_SIZE(filters_known); i++) {
        if (strlen(filters_known[i].key) == length &&
            strncmp(filters_known[i].key, item, length) == 0) {
            return &filters_known[i];
        }
    }
    return NULL;
}

static const char *value_of(const char *item)
{
    const char *equal = strchr(item, '=');
    return equal != NULL ? equal + 1 : "";
}

static bool value_valid(const struct filter *filter, const char *value)
{
    static const char *const states[] = {"created",  "running", "paused", "restarting",
                                         "removing", "exited",  "dead"};
    int64_t number = 0;
    if (strcmp(filter->key, "exited") == 0) {
        return berth_str_to_int64(value, &number);
    }
    if (strcmp(filter->key, "status") != 0) {
        return true;
    }
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        if (strcmp(states[i], value) == 0) {
            return true;
        }
    }
    return false;
}

int container_filters_check(const struct berth_strv *filters, berth_error *err)
{
    for (size_t i = 0; filters != NULL && i < filters->count; i++) {
        const char *item = filters->items[i];
        const struct filter *filter = find_filter(item);
        if (filter == NULL) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "invalid filter '%.*s'",
                                   (int)strcspn(item, "="), item);
        }
        if (!value_valid(filter, value_of(item))) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "invalid filter '%s=%s'", filter->key,
                                   value_of(item));
        }
    }
    return 0;
}

bool container_filters_want_all(const struct berth_strv *filters)
{
    for (size_t i = 0; i < filters->count; i++) {
        const struct filter *filter = find_filter(filters->items[i]);
        if (filter != NULL && filter->implies_all) {
            return true;
        }
    }
    return false;
}

int container_matches(struct container *container, const struct berth_strv *filters,
                      berth_error *err)
{
    for (size_t i = 0; filters != NULL && i < filters->count; i++) {
        const struct filter *filter = find_filter(filters->items[i]);
        if (filter == NULL) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "invalid filter '%s'",
                                   filters->items[i]);
        }
        bool any = false;
        for (size_t k = 0; k < filters->count && !any; k++) {
            if (filter->all ? k == i : find_filter(filters->items[k]) == filter) {
                any = filter->matches(container, value_of(filters->items[k])) == 1;
            }
        }
        if (!any) {
            return 0;
        }
    }
    return 1;
}
