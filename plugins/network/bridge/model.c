/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver's memory of what it was told.
 */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct model_network *model_network_find(const struct model *model, const char *id)
{
    for (struct model_network *network = model->networks; network != NULL;
         network = network->next) {
        if (strcmp(network->id, id) == 0) {
            return network;
        }
    }
    return NULL;
}

/* The bridge's name when none is asked for: "br-" and the id's first twelve digits, as Docker's. */
static void choose_interface(struct model_network *network, const berth_network_config *config)
{
    if (config->interface != NULL && config->interface[0] != '\0') {
        snprintf(network->interface, sizeof(network->interface), "%s", config->interface);
    } else {
        snprintf(network->interface, sizeof(network->interface), "br-%.12s", config->id);
    }
}

struct model_network *model_network_set(struct model *model, const berth_network_config *config)
{
    struct model_network *network = model_network_find(model, config->id);
    if (network == NULL) {
        network = calloc(1, sizeof(*network));
        if (network == NULL) {
            return NULL;
        }
        network->next = model->networks;
        model->networks = network;
    }
    snprintf(network->id, sizeof(network->id), "%s", config->id);
    snprintf(network->name, sizeof(network->name), "%s", config->name);
    choose_interface(network, config);
    network->flags = config->flags;
    network->mtu = config->mtu;
    network->n_subnets =
        config->n_subnets < MODEL_SUBNETS ? config->n_subnets : (uint32_t)MODEL_SUBNETS;
    if (network->n_subnets > 0) {
        memcpy(network->subnets, config->subnets, network->n_subnets * sizeof(*config->subnets));
    }
    return network;
}

void model_network_remove(struct model *model, const char *id)
{
    for (struct model_network **at = &model->networks; *at != NULL; at = &(*at)->next) {
        if (strcmp((*at)->id, id) == 0) {
            struct model_network *gone = *at;
            *at = gone->next;
            free(gone);
            return;
        }
    }
}

/* FNV-1a of the id. */
static unsigned bucket(const char *id)
{
    uint32_t hash = 2166136261u;
    for (; *id != '\0'; id++) {
        hash = (hash ^ (unsigned char)*id) * 16777619u;
    }
    return hash % MODEL_BUCKETS;
}

struct model_endpoint *model_endpoint_find(const struct model *model, const char *id)
{
    for (struct model_endpoint *e = model->buckets[bucket(id)]; e != NULL; e = e->next) {
        if (strcmp(e->id, id) == 0) {
            return e;
        }
    }
    return NULL;
}

struct model_endpoint *model_endpoint_set(struct model *model,
                                          const berth_network_endpoint *endpoint)
{
    struct model_endpoint *found = model_endpoint_find(model, endpoint->id);
    if (found == NULL) {
        unsigned slot = bucket(endpoint->id);
        found = calloc(1, sizeof(*found));
        if (found == NULL) {
            return NULL;
        }
        found->next = model->buckets[slot];
        model->buckets[slot] = found;
        model->n_endpoints++;
    }
    snprintf(found->id, sizeof(found->id), "%s", endpoint->id);
    snprintf(found->network_id, sizeof(found->network_id), "%s", endpoint->network_id);
    if (endpoint->host_interface != NULL) {
        snprintf(found->host_interface, sizeof(found->host_interface), "%s",
                 endpoint->host_interface);
    }
    found->ipv4 = endpoint->ipv4;
    found->ipv6 = endpoint->ipv6;
    return found;
}

void model_endpoint_remove(struct model *model, const char *id)
{
    for (struct model_endpoint **at = &model->buckets[bucket(id)]; *at != NULL; at = &(*at)->next) {
        if (strcmp((*at)->id, id) == 0) {
            struct model_endpoint *gone = *at;
            *at = gone->next;
            free(gone->ports);
            free(gone);
            model->n_endpoints--;
            return;
        }
    }
}

int model_port_compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(berth_network_port));
}

bool model_ports_add(struct model_endpoint *endpoint, const berth_network_port *ports,
                     uint32_t count)
{
    uint32_t kept = 0;
    berth_network_port *all =
        reallocarray(endpoint->ports, (size_t)endpoint->n_ports + count + 1, sizeof(*all));
    if (all == NULL) {
        return false;
    }
    endpoint->ports = all;
    if (count > 0) {
        memcpy(all + endpoint->n_ports, ports, count * sizeof(*ports));
    }
    count += endpoint->n_ports;
    qsort(all, count, sizeof(*all), model_port_compare);
    for (uint32_t i = 0; i < count; i++) {
        if (kept == 0 || model_port_compare(&all[kept - 1], &all[i]) != 0) {
            all[kept++] = all[i];
        }
    }
    endpoint->n_ports = kept;
    return true;
}

void model_ports_remove(struct model_endpoint *endpoint, const berth_network_port *ports,
                        uint32_t count)
{
    uint32_t kept = 0;
    berth_network_port *sorted = NULL;
    if (count > 16) {
        sorted = malloc(count * sizeof(*sorted));
    }
    if (sorted != NULL) {
        memcpy(sorted, ports, count * sizeof(*sorted));
        qsort(sorted, count, sizeof(*sorted), model_port_compare);
        ports = sorted;
    }
    for (uint32_t i = 0; i < endpoint->n_ports; i++) {
        const berth_network_port *port = &endpoint->ports[i];
        bool gone = sorted != NULL &&
                    bsearch(port, ports, count, sizeof(*port), model_port_compare) != NULL;
        for (uint32_t k = 0; sorted == NULL && k < count && !gone; k++) {
            gone = model_port_compare(port, &ports[k]) == 0;
        }
        if (!gone) {
            endpoint->ports[kept++] = *port;
        }
    }
    endpoint->n_ports = kept;
    free(sorted);
}

/* Drops what the last load did not name. */
static void drop_unseen(struct model *model)
{
    for (struct model_network *network = model->networks, *next; network != NULL; network = next) {
        next = network->next;
        if (!network->seen) {
            model_network_remove(model, network->id);
        }
    }
    for (unsigned i = 0; i < MODEL_BUCKETS; i++) {
        for (struct model_endpoint *e = model->buckets[i], *next; e != NULL; e = next) {
            next = e->next;
            if (!e->seen) {
                model_endpoint_remove(model, e->id);
            }
        }
    }
}

bool model_load(struct model *model, const berth_network_state *state)
{
    bool complete = true;
    for (struct model_network *network = model->networks; network != NULL;
         network = network->next) {
        network->seen = false;
    }
    for (unsigned i = 0; i < MODEL_BUCKETS; i++) {
        for (struct model_endpoint *e = model->buckets[i]; e != NULL; e = e->next) {
            e->seen = false;
        }
    }
    for (uint32_t i = 0; i < state->n_networks; i++) {
        struct model_network *network = model_network_set(model, state->networks[i]);
        complete = complete && network != NULL;
        if (network != NULL) {
            network->seen = true;
        }
    }
    for (uint32_t i = 0; i < state->n_endpoints; i++) {
        const berth_network_endpoint *endpoint = state->endpoints[i];
        struct model_endpoint *kept = model_endpoint_set(model, endpoint);
        if (kept == NULL) {
            complete = false;
            continue;
        }
        kept->seen = true;
        kept->n_ports = 0;
        complete = model_ports_add(kept, endpoint->ports, endpoint->n_ports) && complete;
    }
    if (complete) {
        drop_unseen(model);
    }
    return complete;
}

void model_done(struct model *model)
{
    while (model->networks != NULL) {
        model_network_remove(model, model->networks->id);
    }
    for (unsigned i = 0; i < MODEL_BUCKETS; i++) {
        while (model->buckets[i] != NULL) {
            model_endpoint_remove(model, model->buckets[i]->id);
        }
    }
}
