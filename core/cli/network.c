/* SPDX-License-Identifier: Apache-2.0
 *
 * `network ls`, `create`, `rm`, `connect`, `disconnect`.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/run_flags.h"
#include "client/client.h"
#include "http/url.h"

static const char *headers[][2] = {
    {"ID", "NETWORK ID"}, {"Name", "NAME"},         {"Driver", "DRIVER"},
    {"Scope", "SCOPE"},   {"IPv4", "IPV4"},         {"IPv6", "IPV6"},
    {"Labels", "LABELS"}, {"Internal", "INTERNAL"}, {"CreatedAt", "CREATED AT"},
    {NULL, NULL},
};

static const char *yes_no(struct json_object *object, const char *member)
{
    return berth_json_bool(object, member) ? "true" : "false";
}

/* "2026-11-23 22:50:52.035046145 +0000 UTC" of an RFC 3339 time. */
static void set_created(struct json_object *row, const char *text)
{
    int64_t when = 0;
    char plain[BERTH_TIME_TEXT];
    if (!berth_time_parse(text, &when)) {
        berth_json_set(row, "CreatedAt", text);
        return;
    }
    berth_time_format(when, plain);
    char *mark = strchr(plain, 'T');
    if (mark != NULL) {
        *mark = ' ';
    }
    plain[strcspn(plain, "Z")] = '\0';
    AUTO_FREE char *full = berth_format("%s +0000 UTC", plain);
    berth_json_set(row, "CreatedAt", full != NULL ? full : text);
}

static struct json_object *make_row(struct json_object *network, bool trunc)
{
    char text[80];
    struct json_object *row = json_object_new_object();
    struct json_object *labels = berth_json_member(network, "Labels");
    json_object_set_userdata(row, labels, NULL);
    set_created(row, berth_json_string(network, "Created"));
    berth_json_set(row, "Driver", berth_json_string(network, "Driver"));
    berth_json_set(row, "ID", berth_output_id(berth_json_string(network, "Id"), trunc, text));
    berth_json_set(row, "IPv4", yes_no(network, "EnableIPv4"));
    berth_json_set(row, "IPv6", yes_no(network, "EnableIPv6"));
    berth_json_set(row, "Internal", yes_no(network, "Internal"));
    berth_json_set_labels(row, "Labels", labels);
    berth_json_set(row, "Name", berth_json_string(network, "Name"));
    berth_json_set(row, "Scope", berth_json_string(network, "Scope"));
    return row;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(berth_json_string(*(struct json_object *const *)a, "Name"),
                  berth_json_string(*(struct json_object *const *)b, "Name"));
}

static int run_ls(struct berth_cli *cli)
{
    const struct berth_flags *flags = &cli->flags;
    AUTO_BUFFER struct berth_buffer target = BERTH_BUFFER_INIT;
    struct berth_listing listing = {
        .format = berth_flags_string(flags, "format"),
        .config_key = "networksFormat",
        .table = "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
        .quiet = berth_flags_bool(flags, "quiet") ? "{{.ID}}" : NULL,
        .type = "*network.networkContext",
        .headers = headers,
        .labels = true,
    };
    berth_buffer_add(&target, "/networks");
    if (berth_cli_filters(berth_flags_list(flags, "filter"), &target) != 0) {
        return 1;
    }
    struct json_object *networks = berth_cli_get(cli, target.data);
    if (networks == NULL) {
        return 1;
    }
    json_object_array_sort(networks, by_name);
    struct json_object *rows = json_object_new_array();
    for (size_t i = 0; i < json_object_array_length(networks); i++) {
        json_object_array_add(rows, make_row(json_object_array_get_idx(networks, i),
                                             !berth_flags_bool(flags, "no-trunc")));
    }
    int code = berth_listing_print(cli, &listing, rows);
    json_object_put(rows);
    json_object_put(networks);
    return code;
}

void berth_body_pairs(const struct berth_flags *flags, const char *flag, const char *path,
                      struct json_object *body)
{
    const struct berth_strv *list = berth_flags_list(flags, flag);
    for (size_t i = 0; i < list->count; i++) {
        const char *equal = strchrnul(list->items[i], '=');
        AUTO_FREE char *key = strndup(list->items[i], (size_t)(equal - list->items[i]));
        if (key != NULL) {
            json_object_object_add(berth_body_object(body, path), key,
                                   json_object_new_string(*equal == '=' ? equal + 1 : ""));
        }
    }
}

/* Whether an address stands in a subnet ("10.0.0.0/8"). */
static bool in_subnet(const char *address, const char *subnet)
{
    unsigned char a[16] = {0}, s[16] = {0};
    AUTO_FREE char *network = strndup(subnet, strcspn(subnet, "/"));
    AUTO_FREE char *host = strndup(address, strcspn(address, "/"));
    const char *slash = strchr(subnet, '/');
    int64_t bits = 0;
    bool six = strchr(subnet, ':') != NULL;
    if (network == NULL || host == NULL || slash == NULL || !berth_str_to_int64(slash + 1, &bits) ||
        six != (strchr(address, ':') != NULL) || !berth_parse_address(network, s) ||
        !berth_parse_address(host, a)) {
        return false;
    }
    for (int i = 0; i < bits && i < (six ? 128 : 32); i++) {
        int mask = 0x80 >> (i % 8);
        if ((a[i / 8] & mask) != (s[i / 8] & mask)) {
            return false;
        }
    }
    return true;
}

/* The values of a flag go to the subnet that they stand in. */
static int32_t place(const struct berth_flags *flags, const char *flag, const char *member,
                     struct json_object *configs, berth_error *err)
{
    const struct berth_strv *list = berth_flags_list(flags, flag);
    for (size_t i = 0; i < list->count; i++) {
        const char *value = list->items[i], *equal = strchr(value, '=');
        bool aux = strcmp(flag, "aux-address") == 0 && equal != NULL, placed = false;
        const char *address = aux ? equal + 1 : value;
        for (size_t j = 0; !placed && j < json_object_array_length(configs); j++) {
            struct json_object *config = json_object_array_get_idx(configs, j);
            if (!in_subnet(address, berth_json_string(config, "Subnet"))) {
                continue;
            }
            if (aux) {
                AUTO_FREE char *name = strndup(value, (size_t)(equal - value));
                json_object_object_add(berth_body_object(config, member), name,
                                       json_object_new_string(address));
            } else {
                berth_json_set(config, member, value);
            }
            placed = true;
        }
        if (!placed) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "no matching subnet for %s %s: every %s must stand in one of "
                                   "the --subnet values",
                                   flag, value, flag);
        }
    }
    return 0;
}

static int32_t make_ipam(const struct berth_flags *flags, struct json_object *body,
                         berth_error *err)
{
    const struct berth_strv *subnets = berth_flags_list(flags, "subnet");
    struct json_object *configs = berth_body_array(body, "IPAM/Config");
    berth_body_set(body, "IPAM/Driver",
                   json_object_new_string(berth_flags_string(flags, "ipam-driver")));
    berth_body_pairs(flags, "ipam-opt", "IPAM/Options", body);
    for (size_t i = 0; i < subnets->count; i++) {
        struct json_object *config = json_object_new_object();
        berth_json_set(config, "Subnet", subnets->items[i]);
        json_object_array_add(configs, config);
    }
    int32_t code = place(flags, "ip-range", "IPRange", configs, err);
    if (code == 0) {
        code = place(flags, "gateway", "Gateway", configs, err);
    }
    return code != 0 ? code : place(flags, "aux-address", "AuxiliaryAddresses", configs, err);
}

static int32_t make_body(const struct berth_cli *cli, struct json_object *body, berth_error *err)
{
    static const char *const switches[][2] = {
        {"internal", "Internal"}, {"attachable", "Attachable"},  {"ingress", "Ingress"},
        {"ipv6", "EnableIPv6"},   {"config-only", "ConfigOnly"}, {"ipv4", "EnableIPv4"},
    };
    const struct berth_flags *flags = &cli->flags;
    berth_json_set(body, "Name", cli->args[0]);
    berth_json_set(body, "Driver", berth_flags_string(flags, "driver"));
    for (size_t i = 0; i < ARRAY_SIZE(switches); i++) {
        if (berth_flags_changed(flags, switches[i][0])) {
            berth_body_set(body, switches[i][1],
                           json_object_new_boolean(berth_flags_bool(flags, switches[i][0])));
        }
    }
    if (berth_flags_changed(flags, "scope")) {
        berth_json_set(body, "Scope", berth_flags_string(flags, "scope"));
    }
    if (berth_flags_changed(flags, "config-from")) {
        berth_body_set(body, "ConfigFrom/Network",
                       json_object_new_string(berth_flags_string(flags, "config-from")));
    }
    berth_body_pairs(flags, "opt", "Options", body);
    berth_body_pairs(flags, "label", "Labels", body);
    return make_ipam(flags, body, err);
}

static int run_create(struct berth_cli *cli)
{
    berth_error err = BERTH_ERROR_INIT;
    struct json_object *body = json_object_new_object(), *answer = NULL;
    struct berth_client *client = berth_cli_client(cli);
    int32_t code = client == NULL ? BERTH_E_UNAVAILABLE : make_body(cli, body, &err);
    if (code == 0) {
        code = berth_client_call(client, "POST", "/networks/create", body, &answer, &err);
    }
    json_object_put(body);
    if (code != 0) {
        return client == NULL ? 1 : berth_cli_fail(&err);
    }
    puts(berth_json_string(answer, "Id"));
    json_object_put(answer);
    return 0;
}

static int run_rm(struct berth_cli *cli)
{
    struct berth_client *client = berth_cli_client(cli);
    bool force = berth_flags_bool(&cli->flags, "force");
    int status = client == NULL;
    for (int i = 0; client != NULL && i < cli->arg_count; i++) {
        berth_error err = BERTH_ERROR_INIT;
        AUTO_BUFFER struct berth_buffer target = BERTH_BUFFER_INIT;
        berth_buffer_add(&target, "/networks/");
        berth_http_url_encode(&target, cli->args[i], false);
        int32_t code = berth_client_call(client, "DELETE", target.data, NULL, NULL, &err);
        if (code == 0) {
            puts(cli->args[i]);
            fflush(stdout);
        } else if (!force || code != BERTH_E_NOT_FOUND) {
            berth_cli_fail(&err);
            status = 1;
        }
    }
    if (status != 0 && client != NULL) {
        fputs("exit status 1\n", stderr);
    }
    return status;
}

/* POST /networks/NAME/VERB */
static int post(struct berth_cli *cli, const char *verb, struct json_object *body)
{
    berth_error err = BERTH_ERROR_INIT;
    AUTO_BUFFER struct berth_buffer target = BERTH_BUFFER_INIT;
    struct berth_client *client = berth_cli_client(cli);
    berth_buffer_add(&target, "/networks/");
    berth_http_url_encode(&target, cli->args[0], false);
    berth_buffer_format(&target, "/%s", verb);
    int status = client == NULL;
    if (client != NULL && berth_client_call(client, "POST", target.data, body, NULL, &err) != 0) {
        status = berth_cli_fail(&err);
    }
    json_object_put(body);
    return status;
}

static int run_connect(struct berth_cli *cli)
{
    static const char *const lists[][2] = {{"alias", "EndpointConfig/Aliases"},
                                           {"link", "EndpointConfig/Links"},
                                           {"link-local-ip", "EndpointConfig/IPAMConfig/"
                                                             "LinkLocalIPs"}};
    static const char *const texts[][2] = {{"ip", "EndpointConfig/IPAMConfig/IPv4Address"},
                                           {"ip6", "EndpointConfig/IPAMConfig/IPv6Address"}};
    const struct berth_flags *flags = &cli->flags;
    struct json_object *body = json_object_new_object();
    berth_json_set(body, "Container", cli->args[1]);
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        const struct berth_strv *list = berth_flags_list(flags, lists[i][0]);
        for (size_t j = 0; j < list->count; j++) {
            berth_body_add_text(berth_body_array(body, lists[i][1]), list->items[j]);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        if (berth_flags_changed(flags, texts[i][0])) {
            berth_body_set(body, texts[i][1],
                           json_object_new_string(berth_flags_string(flags, texts[i][0])));
        }
    }
    if (berth_flags_changed(flags, "gw-priority")) {
        berth_body_set(body, "EndpointConfig/GwPriority",
                       json_object_new_int64(berth_flags_int(flags, "gw-priority")));
    }
    berth_body_pairs(flags, "driver-opt", "EndpointConfig/DriverOpts", body);
    return post(cli, "connect", body);
}

static int run_disconnect(struct berth_cli *cli)
{
    struct json_object *body = json_object_new_object();
    berth_json_set(body, "Container", cli->args[1]);
    json_object_object_add(body, "Force",
                           json_object_new_boolean(berth_flags_bool(&cli->flags, "force")));
    return post(cli, "disconnect", body);
}

static const struct berth_flag ls_flags[] = {
    BERTH_FLAG_FILTER,
    BERTH_FLAG_LINE(STRING, "format", 0, BERTH_HELP_FORMAT_TABLE),
    BERTH_FLAG_LINE(BOOL, "no-trunc", 0, "Do not truncate the output"),
    BERTH_FLAG_LINE(BOOL, "quiet", 'q', "Only display network IDs"),
};
static const struct berth_flag create_flags[] = {
    BERTH_FLAG_LINE(BOOL, "attachable", 0, "Enable manual container attachment"),
    {.name = "aux-address",
     .type = BERTH_FLAG_LIST,
     .value = "map",
     .help = "Auxiliary IPv4 or IPv6 addresses used by Network driver"},
    BERTH_FLAG_LINE(STRING, "config-from", 0, "The network from which to copy the configuration"),
    BERTH_FLAG_LINE(BOOL, "config-only", 0, "Create a configuration only network"),
    {.name = "driver",
     .shorthand = 'd',
     .type = BERTH_FLAG_STRING,
     .initial = "bridge",
     .help = "Driver to manage the Network"},
    BERTH_FLAG_LINE(STRINGS, "gateway", 0, "IPv4 or IPv6 Gateway for the master subnet"),
    BERTH_FLAG_LINE(BOOL, "ingress", 0, "Create swarm routing-mesh network"),
    BERTH_FLAG_LINE(BOOL, "internal", 0, "Restrict external access to the network"),
    BERTH_FLAG_LINE(STRINGS, "ip-range", 0, "Allocate container ip from a sub-range"),
    {.name = "ipam-driver",
     .type = BERTH_FLAG_STRING,
     .initial = "default",
     .help = "IP Address Management Driver"},
    {.name = "ipam-opt",
     .type = BERTH_FLAG_LIST,
     .value = "map",
     .help = "Set IPAM driver specific options"},
    {.name = "ipv4",
     .type = BERTH_FLAG_BOOL,
     .initial = "true",
     .help = "Enable or disable IPv4 address assignment"},
    BERTH_FLAG_LINE(BOOL, "ipv6", 0, "Enable or disable IPv6 address assignment"),
    {.name = "label",
     .type = BERTH_FLAG_LIST,
     .check = berth_check_label,
     .help = "Set metadata on a network"},
    {.name = "opt",
     .shorthand = 'o',
     .type = BERTH_FLAG_LIST,
     .value = "map",
     .help = "Set driver specific options"},
    BERTH_FLAG_LINE(STRING, "scope", 0, "Control the network's scope"),
    BERTH_FLAG_LINE(STRINGS, "subnet", 0,
                    "Subnet in CIDR format that represents a network segment"),
};
static const struct berth_flag rm_flags[] = {
    BERTH_FLAG_LINE(BOOL, "force", 'f', "Do not error if the network does not exist"),
};
static const struct berth_flag connect_flags[] = {
    BERTH_FLAG_LINE(STRINGS, "alias", 0, "Add network-scoped alias for the container"),
    BERTH_FLAG_LINE(STRINGS, "driver-opt", 0, "driver options for the network"),
    BERTH_FLAG_LINE(INT, "gw-priority", 0,
                    "Highest gw-priority provides the default gateway. Accepts positive and "
                    "negative values."),
    BERTH_FLAG_LINE(STRING, "ip", 0, "IPv4 address (e.g., \"172.30.100.104\")"),
    BERTH_FLAG_LINE(STRING, "ip6", 0, "IPv6 address (e.g., \"2001:db8::33\")"),
    {.name = "link",
     .type = BERTH_FLAG_LIST,
     .check = berth_check_link,
     .help = "Add link to another container"},
    BERTH_FLAG_LINE(STRINGS, "link-local-ip", 0, "Add a link-local address for the container"),
};
static const struct berth_flag disconnect_flags[] = {
    BERTH_FLAG_LINE(BOOL, "force", 'f', "Force the container to disconnect from a network"),
};

const struct berth_command berth_command_network_ls = {
    .usage = "[OPTIONS]",
    .summary = "List networks",
    .known_as = "network ls, network list",
    BERTH_FLAGS(ls_flags),
    .run = run_ls,
};

const struct berth_command berth_command_network_create = {
    .usage = "[OPTIONS] NETWORK",
    .summary = "Create a network",
    BERTH_FLAGS(create_flags),
    .min_args = 1,
    .max_args = 1,
    .run = run_create,
};

const struct berth_command berth_command_network_rm = {
    .usage = "NETWORK [NETWORK...]",
    .summary = "Remove one or more networks",
    .known_as = "network rm, network remove",
    BERTH_FLAGS(rm_flags),
    .min_args = 1,
    .max_args = BERTH_ARGS_ANY,
    .run = run_rm,
    .completes = "network",
};

const struct berth_command berth_command_network_connect = {
    .usage = "[OPTIONS] NETWORK CONTAINER",
    .summary = "Connect a container to a network",
    BERTH_FLAGS(connect_flags),
    .min_args = 2,
    .max_args = 2,
    .run = run_connect,
    .completes = "network",
};

const struct berth_command berth_command_network_disconnect = {
    .usage = "[OPTIONS] NETWORK CONTAINER",
    .summary = "Disconnect a container from a network",
    BERTH_FLAGS(disconnect_flags),
    .min_args = 2,
    .max_args = 2,
    .run = run_disconnect,
    .completes = "network",
};
