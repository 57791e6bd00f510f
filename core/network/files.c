/* SPDX-License-Identifier: Apache-2.0
 *
 * /etc/hosts and /etc/resolv.conf of a container.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "network/internal.h"

#define FILE_LIMIT (1024 * 1024) /* of a host's file that we copy */

#define HOST_HOSTS       "/etc/hosts"
#define HOST_RESOLV_CONF "/etc/resolv.conf"
/* systemd-resolved's list of real servers; /etc/resolv.conf names its loopback stub */
#define RESOLVED_CONF "/run/systemd/resolve/resolv.conf"

/* Reads a small file; absent is empty. */
static int32_t read_file(const char *path, struct berth_buffer *ret_text, berth_error *err)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? 0 : berth_error_errno(err, errno, "cannot read %s", path);
    }
    while (ret_text->length < FILE_LIMIT) {
        char *at = berth_buffer_reserve(ret_text, 4096);
        ssize_t got = at == NULL ? 0 : read(fd, at, 4096);
        if (at == NULL || got < 0) {
            return at == NULL ? berth_error_no_memory(err)
                              : berth_error_errno(err, errno, "cannot read %s", path);
        }
        if (got == 0) {
            break;
        }
        ret_text->length += (size_t)got;
    }
    berth_buffer_append(ret_text, "", 0);
    return 0;
}

static char *finish(struct berth_buffer *buffer, berth_error *err)
{
    char *text = berth_buffer_failed(buffer) ? NULL : berth_buffer_take(buffer);
    if (text == NULL) {
        berth_error_no_memory(err);
    }
    return text;
}

/* ---- hosts ---- */

static const char hosts_head[] = "127.0.0.1\tlocalhost\n"
                                 "::1\tlocalhost ip6-localhost ip6-loopback\n"
                                 "fe00::\tip6-localnet\n"
                                 "ff00::\tip6-mcastprefix\n"
                                 "ff02::1\tip6-allnodes\n"
                                 "ff02::2\tip6-allrouters\n";

/* What "host-gateway" stands for: as configured, or the default bridge's gateway. */
static bool host_gateway(struct berth_network_manager *manager, char text[ADDRESS_TEXT])
{
    if (!berth_str_empty(manager->host_gateway_ip)) {
        snprintf(text, ADDRESS_TEXT, "%s", manager->host_gateway_ip);
        return true;
    }
    AUTO_LOCK(&manager->lock);
    const struct network *network = network_find(manager, DEFAULT_NETWORK, NULL);
    if (network == NULL || network->n_subnets == 0 || network->subnets[0].gateway.family == 0) {
        return false;
    }
    address_format(&network->subnets[0].gateway, text);
    return true;
}

/* "name:ip" or "name=ip"; the address may be in brackets. */
static int32_t add_extra(struct berth_network_manager *manager, struct berth_buffer *hosts,
                         const char *extra, berth_error *err)
{
    const char *separator = strpbrk(extra, ":=");
    char address[ADDRESS_TEXT], gateway[ADDRESS_TEXT];
    berth_network_address parsed;
    size_t length;
    if (separator == NULL || separator == extra) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "bad format for add-host: \"%s\"", extra);
    }
    snprintf(address, sizeof(address), "%s", separator + 1);
    length = strlen(address);
    if (address[0] == '[' && length > 2 && address[length - 1] == ']') {
        memmove(address, address + 1, length);
        address[length - 2] = '\0';
    }
    if (strcmp(address, "host-gateway") == 0) {
        if (!host_gateway(manager, gateway)) {
            return berth_error_set(err, BERTH_E_INVALID, 0,
                                   "unable to derive the IP value for host-gateway");
        }
        memcpy(address, gateway, sizeof(address));
    } else if (!address_parse(address, &parsed)) {
        return berth_error_set(err, BERTH_E_INVALID, 0, "invalid IP address in add-host: \"%s\"",
                               address);
    }
    berth_buffer_format(hosts, "%s\t%.*s\n", address, (int)(separator - extra), extra);
    return 0;
}

/* "IP\thostname.domain hostname" for every address. */
static void add_own(struct berth_buffer *hosts, const struct berth_network_files_settings *settings,
                    const struct berth_sandbox *sandbox)
{
    bool domain = !berth_str_empty(settings->domainname);
    if (berth_str_empty(settings->hostname)) {
        return;
    }
    for (size_t i = 0; i < sandbox->endpoints.count; i++) {
        const struct berth_endpoint_settings *endpoint = sandbox->endpoints.values[i];
        const char *addresses[] = {endpoint->ip_address, endpoint->global_ipv6_address};
        for (size_t k = 0; k < ARRAY_SIZE(addresses); k++) {
            if (!berth_str_empty(addresses[k])) {
                berth_buffer_format(hosts, "%s\t%s%s%s%s%s\n", addresses[k], settings->hostname,
                                    domain ? "." : "", domain ? settings->domainname : "",
                                    domain ? " " : "", domain ? settings->hostname : "");
            }
        }
    }
}

char *berth_network_hosts_file(struct berth_network_manager *manager,
                               const struct berth_network_files_settings *settings,
                               const struct berth_sandbox *sandbox, berth_error *err)
{
    AUTO_BUFFER struct berth_buffer hosts = BERTH_BUFFER_INIT;
    const struct berth_strv *extra = settings->extra_hosts;
    if (berth_str_equal(sandbox->mode, "host")) {
        if (read_file(HOST_HOSTS, &hosts, err) < 0) {
            return NULL;
        }
        if (hosts.length > 0 && hosts.data[hosts.length - 1] != '\n') {
            berth_buffer_add(&hosts, "\n");
        }
    } else {
        berth_buffer_add(&hosts, hosts_head);
    }
    for (size_t i = 0; extra != NULL && i < extra->count; i++) {
        if (add_extra(manager, &hosts, extra->items[i], err) < 0) {
            return NULL;
        }
    }
    if (!berth_str_equal(sandbox->mode, "host")) {
        add_own(&hosts, settings, sandbox);
    }
    return finish(&hosts, err);
}

/* ---- resolv.conf ---- */

struct resolver {
    struct berth_strv servers, search, options;
};

static void resolver_done(struct resolver *resolver)
{
    berth_strv_done(&resolver->servers);
    berth_strv_done(&resolver->search);
    berth_strv_done(&resolver->options);
}

/* Splits a line at white space: resolv.conf(5). */
static bool add_words(struct berth_strv *words, char *line)
{
    char *rest = NULL;
    for (char *word = strtok_r(line, " \t\r", &rest); word != NULL;
         word = strtok_r(NULL, " \t\r", &rest)) {
        if (!berth_strv_add(words, word)) {
            return false;
        }
    }
    return true;
}

static bool parse_line(struct resolver *resolver, char *line)
{
    AUTO_STRV struct berth_strv words = {0};
    struct berth_strv *to = NULL;
    line[strcspn(line, "#;")] = '\0';
    if (!add_words(&words, line)) {
        return false;
    }
    if (words.count < 2) {
        return true;
    }
    if (strcmp(words.items[0], "nameserver") == 0) {
        return berth_strv_add(&resolver->servers, words.items[1]);
    }
    if (strcmp(words.items[0], "search") == 0 || strcmp(words.items[0], "domain") == 0) {
        to = &resolver->search;
        berth_strv_done(to); /* the last one counts */
    } else if (strcmp(words.items[0], "options") == 0) {
        to = &resolver->options;
    }
    for (size_t i = 1; to != NULL && i < words.count; i++) {
        if (!berth_strv_add(to, words.items[i])) {
            return false;
        }
    }
    return true;
}

static int32_t parse_file(const char *path, struct resolver *resolver, berth_error *err)
{
    AUTO_BUFFER struct berth_buffer text = BERTH_BUFFER_INIT;
    int32_t code = read_file(path, &text, err);
    char *rest = NULL;
    for (char *line = text.length > 0 && code == 0 ? strtok_r(text.data, "\n", &rest) : NULL;
         line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        if (!parse_line(resolver, line)) {
            return berth_error_no_memory(err);
        }
    }
    return code;
}

static bool is_loopback(const char *server)
{
    return berth_str_starts(server, "127.") || strcmp(server, "::1") == 0;
}

/* The host's file; systemd-resolved's own when the only server is its stub. */
static int32_t read_host(struct resolver *resolver, berth_error *err)
{
    int32_t code = parse_file(HOST_RESOLV_CONF, resolver, err);
    if (code == 0 && resolver->servers.count == 1 &&
        strcmp(resolver->servers.items[0], "127.0.0.53") == 0 && access(RESOLVED_CONF, R_OK) == 0) {
        resolver_done(resolver);
        code = parse_file(RESOLVED_CONF, resolver, err);
    }
    return code;
}

/* Servers that the container cannot reach go: the host's loopback, and IPv6 without IPv6. */
static void filter_servers(struct resolver *resolver, bool v6)
{
    for (size_t i = resolver->servers.count; i-- > 0;) {
        const char *server = resolver->servers.items[i];
        if (is_loopback(server) || (!v6 && strchr(server, ':') != NULL)) {
            berth_strv_remove(&resolver->servers, i);
        }
    }
}

static bool replace(struct berth_strv *slot, const struct berth_strv *wanted,
                    const struct berth_strv *daemon_wide)
{
    const struct berth_strv *from = wanted != NULL && wanted->count > 0 ? wanted : daemon_wide;
    if (from->count == 0) {
        return true;
    }
    berth_strv_done(slot);
    return berth_strv_extend(slot, from);
}

static bool has_ipv6(const struct berth_sandbox *sandbox)
{
    for (size_t i = 0; i < sandbox->endpoints.count; i++) {
        const struct berth_endpoint_settings *endpoint = sandbox->endpoints.values[i];
        if (!berth_str_empty(endpoint->global_ipv6_address)) {
            return true;
        }
    }
    return false;
}

static int32_t fill_resolver(struct berth_network_manager *manager, struct resolver *resolver,
                             const struct berth_network_files_settings *settings,
                             const struct berth_sandbox *sandbox, berth_error *err)
{
    bool host = berth_str_equal(sandbox->mode, "host");
    int32_t code = host ? parse_file(HOST_RESOLV_CONF, resolver, err) : read_host(resolver, err);
    if (code < 0) {
        return code;
    }
    if (!host) {
        filter_servers(resolver, has_ipv6(sandbox));
    }
    if (!replace(&resolver->servers, settings->dns, &manager->dns) ||
        !replace(&resolver->search, settings->dns_search, &manager->dns_search) ||
        !replace(&resolver->options, settings->dns_options, &manager->dns_options)) {
        return berth_error_no_memory(err);
    }
    /* Docker's last resort: public servers, or nothing would resolve */
    if (resolver->servers.count == 0 && (!berth_strv_add(&resolver->servers, "8.8.8.8") ||
                                         !berth_strv_add(&resolver->servers, "8.8.4.4"))) {
        return berth_error_no_memory(err);
    }
    /* --dns-search . means: none */
    if (resolver->search.count == 1 && strcmp(resolver->search.items[0], ".") == 0) {
        berth_strv_done(&resolver->search);
    }
    return 0;
}

char *berth_network_resolv_conf(struct berth_network_manager *manager,
                                const struct berth_network_files_settings *settings,
                                const struct berth_sandbox *sandbox, berth_error *err)
{
    AUTO_BUFFER struct berth_buffer text = BERTH_BUFFER_INIT;
    struct resolver resolver = {0};
    int32_t code = fill_resolver(manager, &resolver, settings, sandbox, err);
    for (size_t i = 0; i < resolver.servers.count; i++) {
        berth_buffer_format(&text, "nameserver %s\n", resolver.servers.items[i]);
    }
    if (resolver.search.count > 0) {
        AUTO_FREE char *words = berth_strv_join(&resolver.search, " ");
        berth_buffer_format(&text, "search %s\n", words != NULL ? words : "");
    }
    if (resolver.options.count > 0) {
        AUTO_FREE char *words = berth_strv_join(&resolver.options, " ");
        berth_buffer_format(&text, "options %s\n", words != NULL ? words : "");
    }
    resolver_done(&resolver);
    return code < 0 ? NULL : finish(&text, err);
}
