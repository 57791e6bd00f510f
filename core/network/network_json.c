/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON tables of networks and sandboxes. Member names and order are the API's.
 */
#include "network/network.h"
#include "oci/host_config.h"
#include "oci/network_config.h"

#define SUBNET(member, name, kind, flags) \
    BERTH_JSON_FIELD(struct berth_network_subnet_config, member, name, kind, flags)

static const struct berth_json_field subnet_fields[] = {
    SUBNET(subnet, "Subnet", STRING, BERTH_JSON_OMIT_EMPTY),
    SUBNET(ip_range, "IPRange", STRING, BERTH_JSON_OMIT_EMPTY),
    SUBNET(gateway, "Gateway", STRING, BERTH_JSON_OMIT_EMPTY),
    SUBNET(aux_addresses, "AuxiliaryAddresses", STRMAP, BERTH_JSON_OMIT_EMPTY),
};
const struct berth_json_table berth_network_subnet_config_table =
    BERTH_JSON_TABLE("IPAMConfig", struct berth_network_subnet_config, subnet_fields);

#define IPAM(member, name, kind, flags) \
    BERTH_JSON_FIELD(struct berth_network_ipam, member, name, kind, flags)

static const struct berth_json_field ipam_fields[] = {
    IPAM(driver, "Driver", STRING, 0),
    IPAM(options, "Options", STRMAP, BERTH_JSON_NULL_EMPTY),
    BERTH_JSON_NESTED(struct berth_network_ipam, config, "Config", LIST, 0,
                      berth_network_subnet_config_table),
};
static const struct berth_json_table ipam_table =
    BERTH_JSON_TABLE("IPAM", struct berth_network_ipam, ipam_fields);

#define MEMBER(member, name) BERTH_JSON_FIELD(struct berth_network_member, member, name, STRING, 0)

static const struct berth_json_field member_fields[] = {
    MEMBER(name, "Name"),
    MEMBER(endpoint_id, "EndpointID"),
    MEMBER(mac_address, "MacAddress"),
    MEMBER(ipv4_address, "IPv4Address"),
    MEMBER(ipv6_address, "IPv6Address"),
};
const struct berth_json_table berth_network_member_table =
    BERTH_JSON_TABLE("EndpointResource", struct berth_network_member, member_fields);

static const struct berth_json_field config_from_fields[] = {
    BERTH_JSON_FIELD(struct berth_network_config_from, network, "Network", STRING, 0),
};
static const struct berth_json_table config_from_table =
    BERTH_JSON_TABLE("ConfigFrom", struct berth_network_config_from, config_from_fields);

#define OBJECT(member, name, kind, flags) \
    BERTH_JSON_FIELD(struct berth_network_object, member, name, kind, flags)

static const struct berth_json_field object_fields[] = {
    OBJECT(name, "Name", STRING, 0),
    OBJECT(id, "Id", STRING, 0),
    OBJECT(created, "Created", STRING, 0),
    OBJECT(scope, "Scope", STRING, 0),
    OBJECT(driver, "Driver", STRING, 0),
    BERTH_JSON_VERSIONED(struct berth_network_object, enable_ipv4, "EnableIPv4", BOOL, 0, 148, 0),
    OBJECT(enable_ipv6, "EnableIPv6", BOOL, 0),
    BERTH_JSON_NESTED(struct berth_network_object, ipam, "IPAM", OBJECT, 0, ipam_table),
    OBJECT(internal, "Internal", BOOL, 0),
    OBJECT(attachable, "Attachable", BOOL, 0),
    OBJECT(ingress, "Ingress", BOOL, 0),
    BERTH_JSON_NESTED(struct berth_network_object, config_from, "ConfigFrom", OBJECT, 0,
                      config_from_table),
    OBJECT(config_only, "ConfigOnly", BOOL, 0),
    BERTH_JSON_NESTED(struct berth_network_object, containers, "Containers", MAP, 0,
                      berth_network_member_table),
    OBJECT(options, "Options", STRMAP, 0),
    OBJECT(labels, "Labels", STRMAP, 0),
};
const struct berth_json_table berth_network_object_table =
    BERTH_JSON_TABLE("Network", struct berth_network_object, object_fields);

#define REQUEST(member, name, kind) \
    BERTH_JSON_FIELD(struct berth_network_create_request, member, name, kind, 0)

static const struct berth_json_field request_fields[] = {
    REQUEST(name, "Name", STRING),
    REQUEST(check_duplicate, "CheckDuplicate", BOOL),
    REQUEST(driver, "Driver", STRING),
    REQUEST(scope, "Scope", STRING),
    REQUEST(internal, "Internal", BOOL),
    REQUEST(attachable, "Attachable", BOOL),
    REQUEST(ingress, "Ingress", BOOL),
    REQUEST(config_only, "ConfigOnly", BOOL),
    BERTH_JSON_NESTED(struct berth_network_create_request, config_from, "ConfigFrom", OBJECT, 0,
                      config_from_table),
    BERTH_JSON_NESTED(struct berth_network_create_request, ipam, "IPAM", OBJECT, 0, ipam_table),
    REQUEST(enable_ipv4, "EnableIPv4", TRISTATE),
    REQUEST(enable_ipv6, "EnableIPv6", TRISTATE),
    REQUEST(options, "Options", STRMAP),
    REQUEST(labels, "Labels", STRMAP),
};
const struct berth_json_table berth_network_create_request_table =
    BERTH_JSON_TABLE("NetworkCreateRequest", struct berth_network_create_request, request_fields);

#define WIRE(member, name, kind) \
    BERTH_JSON_FIELD(struct berth_sandbox_wire, member, name, kind, BERTH_JSON_OMIT_EMPTY)

static const struct berth_json_field wire_fields[] = {
    WIRE(endpoint_id, "EndpointID", STRING),
    WIRE(interface, "Interface", STRING),
    WIRE(host_interface, "HostInterface", STRING),
    WIRE(mac_wanted, "MacWanted", BOOL),
    WIRE(publishes, "Publishes", BOOL),
};
const struct berth_json_table berth_sandbox_wire_table =
    BERTH_JSON_TABLE("Wire", struct berth_sandbox_wire, wire_fields);

#define SANDBOX(member, name) BERTH_JSON_FIELD(struct berth_sandbox, member, name, STRING, 0)

static const struct berth_json_field sandbox_fields[] = {
    SANDBOX(id, "SandboxID"),
    SANDBOX(key, "SandboxKey"),
    SANDBOX(container_id, "ContainerID"),
    SANDBOX(mode, "Mode"),
    BERTH_JSON_NESTED(struct berth_sandbox, endpoints, "Networks", MAP, 0,
                      berth_endpoint_settings_table),
    BERTH_JSON_NESTED(struct berth_sandbox, ports, "Ports", LIST_MAP, 0, berth_port_binding_table),
    BERTH_JSON_NESTED(struct berth_sandbox, wires, "Wires", LIST, BERTH_JSON_OMIT_EMPTY,
                      berth_sandbox_wire_table),
};
const struct berth_json_table berth_sandbox_table =
    BERTH_JSON_TABLE("Sandbox", struct berth_sandbox, sandbox_fields);
