/* SPDX-License-Identifier: Apache-2.0
 *
 * Published ports in short: neighbours that map one to one are joined to ranges.
 */
#include "cli/ports.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"

struct port {
    const char *ip, *type;
    int64_t private_port, public_port;
};

struct group {
    const char *ip, *type; /* ip "": not published, or published on another number */
    int64_t first, last;
};

static int compare_ports(const void *a, const void *b)
{
    const struct port *x = a, *y = b;
    if (x->private_port != y->private_port) {
        return x->private_port < y->private_port ? -1 : 1;
    }
    int order = strcmp(x->ip, y->ip);
    if (order == 0 && x->public_port != y->public_port) {
        order = x->public_port < y->public_port ? -1 : 1;
    }
    return order != 0 ? order : strcmp(x->type, y->type);
}

static void separate(struct berth_buffer *out)
{
    berth_buffer_add(out, out->length > 0 ? ", " : "");
}

static void add_address(struct berth_buffer *out, const char *ip)
{
    berth_buffer_format(out, strchr(ip, ':') != NULL ? "[%s]:" : "%s:", ip);
}

static void add_group(struct berth_buffer *out, const struct group *group)
{
    char range[48];
    snprintf(range, sizeof(range), "%lld", (long long)group->first);
    if (group->last != group->first) {
        snprintf(range, sizeof(range), "%lld-%lld", (long long)group->first,
                 (long long)group->last);
    }
    separate(out);
    if (*group->ip != '\0') {
        add_address(out, group->ip);
        berth_buffer_format(out, "%s->", range);
    }
    berth_buffer_format(out, "%s/%s", range, group->type);
}

/* Extends the group of the same address and protocol, or prints it and begins anew. */
static void take_port(const struct port *port, struct group *groups, size_t *count,
                      struct berth_buffer *out)
{
    struct group fresh = {port->ip, port->type, port->private_port, port->private_port};
    for (size_t i = 0; i < *count; i++) {
        struct group *group = &groups[i];
        if (strcmp(group->ip, fresh.ip) != 0 || strcmp(group->type, fresh.type) != 0) {
            continue;
        }
        if (port->private_port == group->last + 1) {
            group->last = port->private_port;
            return;
        }
        add_group(out, group);
        *group = fresh;
        return;
    }
    groups[(*count)++] = fresh;
}

void berth_ports_display(struct json_object *json, struct berth_buffer *out)
{
    size_t total = json != NULL ? json_object_array_length(json) : 0, count = 0;
    struct port *ports = calloc(total + 1, sizeof(*ports));
    struct group *groups = calloc(total + 1, sizeof(*groups));
    AUTO_BUFFER struct berth_buffer moved = BERTH_BUFFER_INIT;
    for (size_t i = 0; ports != NULL && groups != NULL && i < total; i++) {
        struct json_object *one = json_object_array_get_idx(json, i);
        ports[i] =
            (struct port){berth_json_string(one, "IP"), berth_json_string(one, "Type"),
                          berth_json_int(one, "PrivatePort"), berth_json_int(one, "PublicPort")};
    }
    if (ports != NULL && groups != NULL) {
        qsort(ports, total, sizeof(*ports), compare_ports);
        for (size_t i = 0; i < total; i++) {
            const struct port *port = &ports[i];
            if (*port->ip == '\0' || port->public_port == port->private_port) {
                take_port(port, groups, &count, out);
                continue;
            }
            separate(&moved);
            add_address(&moved, port->ip);
            berth_buffer_format(&moved, "%lld->%lld/%s", (long long)port->public_port,
                                (long long)port->private_port, port->type);
        }
    }
    for (size_t i = 0; i < count; i++) {
        add_group(out, &groups[i]);
    }
    if (moved.length > 0) {
        separate(out);
        berth_buffer_append(out, moved.data, moved.length);
    }
    free(ports);
    free(groups);
}
