/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON tables of EndpointSettings and NetworkingConfig.
 */
#include "oci/network_config.h"

#define OMIT   BERTH_JSON_OMIT_EMPTY
#define NULLED BERTH_JSON_NULL_EMPTY

#define IPAM(member, name, kind) \
    BERTH_JSON_FIELD(struct berth_endpoint_ipam_config, member, name, kind, OMIT)

static const struct berth_json_field ipam_fields[] = {
    IPAM(ipv4_address, "IPv4Address", STRING),
    IPAM(ipv6_address, "IPv6Address", STRING),
    IPAM(link_local_ips, "LinkLocalIPs", STRV),
};
const struct berth_json_table berth_endpoint_ipam_config_table =
    BERTH_JSON_TABLE("IPAMConfig", struct berth_endpoint_ipam_config, ipam_fields);

#define ENDPOINT(member, name, kind, flags) \
    BERTH_JSON_FIELD(struct berth_endpoint_settings, member, name, kind, flags)
#define ENDPOINT_SINCE(member, name, kind, flags, since) \
    BERTH_JSON_VERSIONED(struct berth_endpoint_settings, member, name, kind, flags, since, 0)

static const struct berth_json_field endpoint_fields[] = {
    BERTH_JSON_NESTED(struct berth_endpoint_settings, ipam_config, "IPAMConfig", OBJECT_PTR, 0,
                      berth_endpoint_ipam_config_table),
    ENDPOINT(links, "Links", STRV, NULLED),
    ENDPOINT(aliases, "Aliases", STRV, NULLED),
    ENDPOINT(mac_address, "MacAddress", STRING, 0),
    ENDPOINT(driver_opts, "DriverOpts", STRMAP, NULLED),
    ENDPOINT_SINCE(gw_priority, "GwPriority", INT64, 0, 148),
    ENDPOINT(network_id, "NetworkID", STRING, 0),
    ENDPOINT(endpoint_id, "EndpointID", STRING, 0),
    ENDPOINT(gateway, "Gateway", STRING, 0),
    ENDPOINT(ip_address, "IPAddress", STRING, 0),
    ENDPOINT(ip_prefix_len, "IPPrefixLen", INT64, 0),
    ENDPOINT(ipv6_gateway, "IPv6Gateway", STRING, 0),
    ENDPOINT(global_ipv6_address, "GlobalIPv6Address", STRING, 0),
    ENDPOINT(global_ipv6_prefix_len, "GlobalIPv6PrefixLen", INT64, 0),
    ENDPOINT_SINCE(dns_names, "DNSNames", STRV, NULLED, 144),
};
const struct berth_json_table berth_endpoint_settings_table =
    BERTH_JSON_TABLE("EndpointSettings", struct berth_endpoint_settings, endpoint_fields);

static const struct berth_json_field networking_fields[] = {
    BERTH_JSON_NESTED(struct berth_networking_config, endpoints_config, "EndpointsConfig", MAP,
                      NULLED, berth_endpoint_settings_table),
};
const struct berth_json_table berth_networking_config_table =
    BERTH_JSON_TABLE("NetworkingConfig", struct berth_networking_config, networking_fields);
