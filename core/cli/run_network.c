/* SPDX-License-Identifier: Apache-2.0
 *
 * -p, --expose and the networks of run.
 */
#include <ctype.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/csv.h"
#include "cli/run_flags.h"

/* "80" or "80-90"; false: no such range of ports. */
static bool parse_range(const char *text, int *ret_first, int *ret_last)
{
    const char *dash = strchr(text, '-');
    AUTO_FREE char *first =
        dash != NULL ? strndup(text, (size_t)(dash - text)) : berth_strdup(text);
    int64_t low = 0, high = 0;
    if (first == NULL || !isdigit((unsigned char)*first) || !berth_str_to_int64(first, &low)) {
        return false;
    }
    high = low;
    if (dash != NULL &&
        (!isdigit((unsigned char)dash[1]) || !berth_str_to_int64(dash + 1, &high))) {
        return false;
    }
    *ret_first = (int)low;
    *ret_last = (int)high;
    return low >= 0 && low <= high && high <= 65535;
}

/* One -p in parts. */
struct publish {
    char *ip, *host, *container, *protocol;
};

static void publish_done(struct publish *publish)
{
    free(publish->ip);
    free(publish->host);
    free(publish->container);
    free(publish->protocol);
}

/* "[ip:][host:]container[/protocol]"; an IPv6 address stands in brackets. */
static bool split_publish(const char *text, struct publish *publish)
{
    const char *slash = strrchr(text, '/');
    AUTO_FREE char *front =
        slash != NULL ? strndup(text, (size_t)(slash - text)) : berth_strdup(text);
    if (front == NULL) {
        return false;
    }
    char *last = strrchr(front, ':'), *middle = NULL;
    publish->protocol = strdup(slash != NULL && slash[1] != '\0' ? slash + 1 : "tcp");
    if (last != NULL) {
        *last = '\0';
        middle = strrchr(front, ':');
    }
    publish->container = strdup(last != NULL ? last + 1 : front);
    if (middle != NULL) {
        *middle = '\0';
    }
    publish->host = strdup(middle != NULL ? middle + 1 : last != NULL ? front : "");
    const char *ip = middle != NULL ? front : "";
    size_t length = strlen(ip);
    bool brackets = length > 1 && *ip == '[' && ip[length - 1] == ']';
    publish->ip = brackets ? strndup(ip + 1, length - 2) : strdup(ip);
    for (char *at = publish->protocol; at != NULL && *at != '\0'; at++) {
        *at = (char)tolower((unsigned char)*at);
    }
    return publish->ip != NULL && publish->host != NULL && publish->container != NULL &&
           publish->protocol != NULL;
}

static int32_t invalid(berth_error *err, const char *what, const char *value)
{
    return berth_error_set(err, BERTH_E_INVALID, 0, "%s: %s", what, value);
}

static int32_t check_publish(const struct publish *publish, int container[2], int host[2],
                             berth_error *err)
{
    if (*publish->ip != '\0' && !berth_is_address(publish->ip)) {
        return invalid(err, "invalid IP address", publish->ip);
    }
    if (*publish->container == '\0') {
        return invalid(err, "no port specified", "<empty>");
    }
    if (!parse_range(publish->container, &container[0], &container[1])) {
        return invalid(err, "invalid containerPort", publish->container);
    }
    if (*publish->host != '\0' && !parse_range(publish->host, &host[0], &host[1])) {
        return invalid(err, "invalid hostPort", publish->host);
    }
    if (*publish->host != '\0' && container[0] != container[1] &&
        container[1] - container[0] != host[1] - host[0]) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid ranges specified for container and host Ports: %s and %s",
                               publish->container, publish->host);
    }
    if (strcmp(publish->protocol, "tcp") != 0 && strcmp(publish->protocol, "udp") != 0 &&
        strcmp(publish->protocol, "sctp") != 0) {
        return invalid(err, "invalid proto", publish->protocol);
    }
    return 0;
}

static void expose(struct json_object *body, const char *port)
{
    json_object_object_add(berth_body_object(body, "ExposedPorts"), port, json_object_new_object());
}

static int32_t add_publish(const char *text, struct json_object *body, berth_error *err)
{
    AUTO(publish_done) struct publish publish = {0};
    int container[2] = {0, 0}, host[2] = {0, 0};
    if (!split_publish(text, &publish)) {
        return berth_error_no_memory(err);
    }
    int32_t code = check_publish(&publish, container, host, err);
    for (int i = container[0]; code == 0 && i <= container[1]; i++) {
        char key[32], number[32] = "";
        struct json_object *binding = json_object_new_object();
        struct json_object *bindings = berth_body_object(body, "HostConfig/PortBindings");
        snprintf(key, sizeof(key), "%d/%s", i, publish.protocol);
        if (*publish.host != '\0' && container[0] == container[1] && host[0] != host[1]) {
            snprintf(number, sizeof(number), "%d-%d", host[0], host[1]); /* the daemon picks one */
        } else if (*publish.host != '\0') {
            snprintf(number, sizeof(number), "%d", host[0] + i - container[0]);
        }
        json_object_object_add(binding, "HostIp", json_object_new_string(publish.ip));
        json_object_object_add(binding, "HostPort", json_object_new_string(number));
        struct json_object *list = NULL;
        if (!json_object_object_get_ex(bindings, key, &list)) {
            list = json_object_new_array();
            json_object_object_add(bindings, key, list);
        }
        json_object_array_add(list, binding);
        expose(body, key);
    }
    return code;
}

/* "published=81,target=82,protocol=udp" as "81:82/udp". The caller's to free; NULL: wrong. */
static char *long_publish(const char *text)
{
    AUTO_STRV struct berth_strv fields = {0};
    const char *published = "", *target = "", *protocol = "tcp";
    if (!berth_csv_split(text, &fields)) {
        return NULL;
    }
    for (size_t i = 0; i < fields.count; i++) {
        const char *value = strchr(fields.items[i], '=');
        if (value == NULL) {
            return NULL;
        }
        if (berth_str_starts(fields.items[i], "published=")) {
            published = value + 1;
        } else if (berth_str_starts(fields.items[i], "target=")) {
            target = value + 1;
        } else if (berth_str_starts(fields.items[i], "protocol=")) {
            protocol = value + 1;
        } else if (!berth_str_starts(fields.items[i], "mode=")) {
            return NULL;
        }
    }
    return berth_format("%s:%s/%s", published, target, protocol);
}

static int32_t add_expose(const char *text, struct json_object *body, berth_error *err)
{
    const char *slash = strchr(text, '/');
    AUTO_FREE char *range =
        slash != NULL ? strndup(text, (size_t)(slash - text)) : berth_strdup(text);
    int first = 0, last = 0;
    if (strchr(text, ':') != NULL) {
        return invalid(err, "invalid port format for --expose", text);
    }
    if (range == NULL || !parse_range(range, &first, &last)) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "invalid range format for --expose: %s, error: strconv.ParseUint: "
                               "parsing \"%s\": invalid syntax",
                               text, range != NULL ? range : text);
    }
    for (int i = first; i <= last; i++) {
        char key[32];
        snprintf(key, sizeof(key), "%d/%.8s", i, slash != NULL ? slash + 1 : "tcp");
        expose(body, key);
    }
    return 0;
}

int32_t berth_body_ports(const struct berth_flags *flags, struct json_object *body,
                         berth_error *err)
{
    const struct berth_strv *published = berth_flags_list(flags, "publish");
    const struct berth_strv *exposed = berth_flags_list(flags, "expose");
    int32_t code = 0;
    for (size_t i = 0; code == 0 && i < published->count; i++) {
        const char *text = published->items[i];
        AUTO_FREE char *plain = strchr(text, '=') != NULL ? long_publish(text) : strdup(text);
        code = plain != NULL ? add_publish(plain, body, err)
                             : invalid(err,
                                       "invalid publish opts format (should be name=value but "
                                       "got '')",
                                       text);
    }
    for (size_t i = 0; code == 0 && i < exposed->count; i++) {
        code = add_expose(exposed->items[i], body, err);
    }
    return code;
}

/* Where the keys of --network name=...,KEY=VALUE and the flags of the first network go. */
static const struct endpoint_key {
    const char *key, *flag, *path;
    enum { ENDPOINT_TEXT, ENDPOINT_LIST, ENDPOINT_PAIR, ENDPOINT_INT } kind;
} endpoint_keys[] = {
    {"alias", "network-alias", "Aliases", ENDPOINT_LIST},
    {"ip", "ip", "IPAMConfig/IPv4Address", ENDPOINT_TEXT},
    {"ip6", "ip6", "IPAMConfig/IPv6Address", ENDPOINT_TEXT},
    {"link-local-ip", "link-local-ip", "IPAMConfig/LinkLocalIPs", ENDPOINT_LIST},
    {"mac-address", "mac-address", "MacAddress", ENDPOINT_TEXT},
    {"driver-opt", NULL, "DriverOpts", ENDPOINT_PAIR},
    {"gw-priority", NULL, "GwPriority", ENDPOINT_INT},
    {NULL, "link", "Links", ENDPOINT_LIST},
};

/* "xx:xx:xx:xx:xx:xx" */
static bool is_mac(const char *text)
{
    for (int i = 0; i < 17; i++) {
        bool mark = i % 3 == 2;
        if (mark ? text[i] != ':' && text[i] != '-' : !isxdigit((unsigned char)text[i])) {
            return false;
        }
    }
    return text[17] == '\0';
}

static int32_t set_endpoint(struct json_object *endpoint, const struct endpoint_key *key,
                            const char *value, berth_error *err)
{
    const char *equal = strchr(value, '=');
    int64_t number = 0;
    switch (key->kind) {
    case ENDPOINT_LIST:
        berth_body_add_text(berth_body_array(endpoint, key->path), value);
        return 0;
    case ENDPOINT_PAIR: {
        AUTO_FREE char *name = equal != NULL ? strndup(value, (size_t)(equal - value)) : NULL;
        if (name == NULL) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "invalid key value pair format in driver options");
        }
        json_object_object_add(berth_body_object(endpoint, key->path), name,
                               json_object_new_string(equal + 1));
        return 0;
    }
    case ENDPOINT_INT:
        if (!berth_str_to_int64(value, &number)) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "invalid %s (%s)", key->key, value);
        }
        berth_body_set(endpoint, key->path, json_object_new_int64(number));
        return 0;
    case ENDPOINT_TEXT:
    default:
        if (strcmp(key->path, "MacAddress") == 0 && !is_mac(value)) {
            return berth_error_set(err, BERTH_E_INVALID, 0, "%s is not a valid mac address", value);
        }
        berth_body_set(endpoint, key->path, json_object_new_string(value));
        return 0;
    }
}

/* Reads one --network. *ret_name: the network, the caller's to free. */
static int32_t parse_network(const char *text, struct json_object *endpoint, char **ret_name,
                             berth_error *err)
{
    AUTO_STRV struct berth_strv fields = {0};
    AUTO_FREE char *name = NULL;
    int32_t code = 0;
    if (strchr(text, '=') == NULL) {
        name = strdup(text);
    } else if (!berth_csv_split(text, &fields)) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "parse error on \"%s\"", text);
    }
    for (size_t i = 0; code == 0 && i < fields.count; i++) {
        char *equal = strchr(fields.items[i], '=');
        if (equal == NULL) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "invalid field %s: must be a key=value pair", fields.items[i]);
        }
        *equal = '\0';
        if (strcmp(fields.items[i], "name") == 0) {
            berth_replace(&name, strdup(equal + 1));
            continue;
        }
        code = berth_error_set(err, BERTH_E_INVALID, 0, "invalid field key %s", fields.items[i]);
        for (size_t j = 0; j < ARRAY_SIZE(endpoint_keys); j++) {
            if (endpoint_keys[j].key != NULL &&
                strcmp(endpoint_keys[j].key, fields.items[i]) == 0) {
                code = set_endpoint(endpoint, &endpoint_keys[j], equal + 1, err);
            }
        }
    }
    if (code == 0 && name == NULL) {
        code = berth_error_set(err, BERTH_E_INVALID, 0, "network name/id is not specified");
    }
    if (code == 0) {
        *ret_name = TAKE_PTR(name);
    }
    return code;
}

int32_t berth_check_network(const char *value, berth_error *err)
{
    struct json_object *endpoint = json_object_new_object();
    AUTO_FREE char *name = NULL;
    int32_t code = parse_network(value, endpoint, &name, err);
    json_object_put(endpoint);
    return code;
}

static bool is_user_network(const char *name)
{
    return strcmp(name, "default") != 0 && strcmp(name, "bridge") != 0 &&
           strcmp(name, "host") != 0 && strcmp(name, "none") != 0 &&
           !berth_str_starts(name, "container:");
}

/* --ip, --network-alias and so on belong to the first network. */
static int32_t apply_flags(const struct berth_flags *flags, const char *name,
                           struct json_object *endpoint, berth_error *err)
{
    int32_t code = 0;
    for (size_t i = 0; code == 0 && i < ARRAY_SIZE(endpoint_keys); i++) {
        const struct endpoint_key *key = &endpoint_keys[i];
        if (key->flag == NULL || !berth_flags_changed(flags, key->flag)) {
            continue;
        }
        if (strcmp(key->path, "Links") == 0 && !is_user_network(name)) {
            continue; /* the default network's links are in HostConfig alone */
        }
        if (json_object_object_get_ex(endpoint, key->path, NULL)) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "conflicting options: cannot specify both --%s and per-network "
                                   "%s",
                                   key->flag, key->key);
        }
        const struct berth_strv *list = berth_flags_list(flags, key->flag);
        for (size_t j = 0; code == 0 && key->kind == ENDPOINT_LIST && j < list->count; j++) {
            code = set_endpoint(endpoint, key, list->items[j], err);
        }
        if (key->kind != ENDPOINT_LIST) {
            code = set_endpoint(endpoint, key, berth_flags_string(flags, key->flag), err);
        }
    }
    return code;
}

static int32_t add_network(const struct berth_flags *flags, const char *text, bool first,
                           struct json_object *body, berth_error *err)
{
    struct json_object *endpoint = json_object_new_object();
    AUTO_FREE char *name = NULL;
    int32_t code = parse_network(text, endpoint, &name, err);
    if (code == 0 && first) {
        berth_body_set(body, "HostConfig/NetworkMode", json_object_new_string(name));
        code = apply_flags(flags, name, endpoint, err);
    }
    if (code == 0 && !is_user_network(name) &&
        json_object_object_get_ex(endpoint, "Aliases", NULL)) {
        code = berth_error_set(err, BERTH_E_INVALID, 0,
                               "network-scoped aliases are only supported for user-defined "
                               "networks");
    }
    struct json_object *endpoints = NULL;
    if (code == 0 && !berth_str_starts(name, "container:")) {
        endpoints = berth_body_object(body, "NetworkingConfig/EndpointsConfig");
        if (json_object_object_get_ex(endpoints, name, NULL)) {
            code = berth_error_set(err, BERTH_E_INVALID, 0,
                                   "network \"%s\" is specified multiple times", name);
        }
    }
    if (code != 0 || endpoints == NULL) {
        json_object_put(endpoint);
    } else {
        json_object_object_add(endpoints, name, endpoint);
    }
    return code;
}

int32_t berth_body_networks(const struct berth_flags *flags, struct json_object *body,
                            berth_error *err)
{
    const struct berth_strv *list = berth_flags_list(flags, "network");
    if (list->count == 0) {
        return add_network(flags, "default", true, body, err);
    }
    int32_t code = 0;
    for (size_t i = 0; code == 0 && i < list->count; i++) {
        code = add_network(flags, list->items[i], i == 0, body, err);
    }
    return code;
}
