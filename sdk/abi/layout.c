/* SPDX-License-Identifier: Apache-2.0
 *
 * Prints size and offsets of everything in the ABI and its constants, for a comparison with
 * layout.txt: only additions at the end of a struct and new constants may ever appear. Fails when a
 * struct has a member that is not listed here.
 */
#include <stdio.h>

#include <berth/host.h>
#include <berth/network.h>
#include <berth/storage.h>
#include <berth/transport.h>

static int faults;
static size_t expected; /* where the next member begins unless one is missing from this list */

static void begin(const char *name, size_t size, size_t align)
{
    printf("struct %s: size %zu, align %zu\n", name, size, align);
    expected = 0;
}

static void member(const char *name, size_t offset, size_t size, size_t align)
{
    if (offset != (expected + align - 1) / align * align) {
        fprintf(stderr, "a member before %s is not listed\n", name);
        faults++;
    }
    printf("  %zu %s, size %zu\n", offset, name, size);
    expected = offset + size;
}

static void end(const char *name, size_t size, size_t align)
{
    if (size != (expected + align - 1) / align * align) {
        fprintf(stderr, "the last member of %s is not listed\n", name);
        faults++;
    }
}

#define BEGIN(type) begin(#type, sizeof(struct type), _Alignof(struct type))
#define M(type, name)                                                               \
    member(#name, offsetof(struct type, name), sizeof(((struct type *)NULL)->name), \
           _Alignof(__typeof__(((struct type *)NULL)->name)))
#define END(type) end(#type, sizeof(struct type), _Alignof(struct type))
#define C(name)   printf("constant %s = %lld\n", #name, (long long)(name))

static void print_berth_error(void)
{
    BEGIN(berth_error);
    M(berth_error, struct_size);
    M(berth_error, code);
    M(berth_error, sys_errno);
    M(berth_error, flags);
    M(berth_error, msg);
    END(berth_error);
}

static void print_berth_param(void)
{
    BEGIN(berth_param);
    M(berth_param, key);
    M(berth_param, type);
    M(berth_param, def);
    M(berth_param, help);
    M(berth_param, flags);
    M(berth_param, reserved);
    END(berth_param);
}

static void print_berth_plugin(void)
{
    BEGIN(berth_plugin);
    M(berth_plugin, struct_size);
    M(berth_plugin, magic);
    M(berth_plugin, abi_major);
    M(berth_plugin, abi_minor);
    M(berth_plugin, min_host_minor);
    M(berth_plugin, kind);
    M(berth_plugin, threads);
    M(berth_plugin, n_params);
    M(berth_plugin, name);
    M(berth_plugin, version);
    M(berth_plugin, summary);
    M(berth_plugin, license);
    M(berth_plugin, params);
    M(berth_plugin, ops);
    M(berth_plugin, open);
    M(berth_plugin, close);
    M(berth_plugin, probe);
    END(berth_plugin);
}

static void print_berth_run_req(void)
{
    BEGIN(berth_run_req);
    M(berth_run_req, struct_size);
    M(berth_run_req, timeout_ms);
    M(berth_run_req, argv);
    M(berth_run_req, envp);
    M(berth_run_req, stdin_fd);
    M(berth_run_req, flags);
    M(berth_run_req, out);
    M(berth_run_req, log);
    END(berth_run_req);
}

static void print_berth_run_resp(void)
{
    BEGIN(berth_run_resp);
    M(berth_run_resp, struct_size);
    M(berth_run_resp, exit_code);
    M(berth_run_resp, term_signal);
    M(berth_run_resp, reserved);
    END(berth_run_resp);
}

static void print_berth_host(void)
{
    BEGIN(berth_host);
    M(berth_host, struct_size);
    M(berth_host, abi_major);
    M(berth_host, abi_minor);
    M(berth_host, reserved);
    M(berth_host, ctx);
    M(berth_host, log);
    M(berth_host, cfg_str);
    M(berth_host, cfg_int);
    M(berth_host, cfg_bool);
    M(berth_host, cancelled);
    M(berth_host, progress);
    M(berth_host, emit);
    M(berth_host, emit_bytes);
    M(berth_host, run);
    M(berth_host, now);
    M(berth_host, mounter_run);
    M(berth_host, netns_run);
    M(berth_host, netns_new);
    END(berth_host);
}

static void print_berth_storage_container_req(void)
{
    BEGIN(berth_storage_container_req);
    M(berth_storage_container_req, struct_size);
    M(berth_storage_container_req, flags);
    M(berth_storage_container_req, size);
    M(berth_storage_container_req, label);
    END(berth_storage_container_req);
}

static void print_berth_storage_mount_req(void)
{
    BEGIN(berth_storage_mount_req);
    M(berth_storage_mount_req, struct_size);
    M(berth_storage_mount_req, flags);
    M(berth_storage_mount_req, userns_fd);
    M(berth_storage_mount_req, reserved);
    END(berth_storage_mount_req);
}

static void print_berth_storage_space(void)
{
    BEGIN(berth_storage_space);
    M(berth_storage_space, struct_size);
    M(berth_storage_space, flags);
    M(berth_storage_space, bytes);
    M(berth_storage_space, inodes);
    END(berth_storage_space);
}

static void print_berth_storage_ops(void)
{
    BEGIN(berth_storage_ops);
    M(berth_storage_ops, struct_size);
    M(berth_storage_ops, caps);
    M(berth_storage_ops, layer_create);
    M(berth_storage_ops, layer_commit);
    M(berth_storage_ops, layer_abort);
    M(berth_storage_ops, layer_open);
    M(berth_storage_ops, layer_remove);
    M(berth_storage_ops, container_create);
    M(berth_storage_ops, container_remove);
    M(berth_storage_ops, mount);
    M(berth_storage_ops, usage);
    M(berth_storage_ops, list);
    M(berth_storage_ops, apply);
    M(berth_storage_ops, diff);
    M(berth_storage_ops, container_open);
    M(berth_storage_ops, status);
    M(berth_storage_ops, sync);
    END(berth_storage_ops);
}

static void print_berth_network_address(void)
{
    BEGIN(berth_network_address);
    M(berth_network_address, bytes);
    M(berth_network_address, family);
    M(berth_network_address, prefix);
    M(berth_network_address, reserved);
    END(berth_network_address);
}

static void print_berth_network_subnet(void)
{
    BEGIN(berth_network_subnet);
    M(berth_network_subnet, subnet);
    M(berth_network_subnet, gateway);
    END(berth_network_subnet);
}

static void print_berth_network_option(void)
{
    BEGIN(berth_network_option);
    M(berth_network_option, key);
    M(berth_network_option, value);
    END(berth_network_option);
}

static void print_berth_network_port(void)
{
    BEGIN(berth_network_port);
    M(berth_network_port, host_ip);
    M(berth_network_port, host_port);
    M(berth_network_port, container_port);
    M(berth_network_port, protocol);
    M(berth_network_port, reserved);
    END(berth_network_port);
}

static void print_berth_network_config(void)
{
    BEGIN(berth_network_config);
    M(berth_network_config, struct_size);
    M(berth_network_config, flags);
    M(berth_network_config, id);
    M(berth_network_config, name);
    M(berth_network_config, interface);
    M(berth_network_config, parent);
    M(berth_network_config, subnets);
    M(berth_network_config, options);
    M(berth_network_config, n_subnets);
    M(berth_network_config, n_options);
    M(berth_network_config, mtu);
    M(berth_network_config, reserved);
    END(berth_network_config);
}

static void print_berth_network_endpoint(void)
{
    BEGIN(berth_network_endpoint);
    M(berth_network_endpoint, struct_size);
    M(berth_network_endpoint, flags);
    M(berth_network_endpoint, network_id);
    M(berth_network_endpoint, id);
    M(berth_network_endpoint, container_id);
    M(berth_network_endpoint, interface);
    M(berth_network_endpoint, host_interface);
    M(berth_network_endpoint, mac);
    M(berth_network_endpoint, reserved);
    M(berth_network_endpoint, ipv4);
    M(berth_network_endpoint, ipv6);
    M(berth_network_endpoint, gateway4);
    M(berth_network_endpoint, gateway6);
    M(berth_network_endpoint, options);
    M(berth_network_endpoint, ports);
    M(berth_network_endpoint, n_options);
    M(berth_network_endpoint, n_ports);
    END(berth_network_endpoint);
}

static void print_berth_network_state(void)
{
    BEGIN(berth_network_state);
    M(berth_network_state, struct_size);
    M(berth_network_state, n_networks);
    M(berth_network_state, n_endpoints);
    M(berth_network_state, reserved);
    M(berth_network_state, networks);
    M(berth_network_state, endpoints);
    END(berth_network_state);
}

static void print_berth_network_ops(void)
{
    BEGIN(berth_network_ops);
    M(berth_network_ops, struct_size);
    M(berth_network_ops, caps);
    M(berth_network_ops, network_create);
    M(berth_network_ops, network_remove);
    M(berth_network_ops, join);
    M(berth_network_ops, leave);
    M(berth_network_ops, publish);
    M(berth_network_ops, unpublish);
    M(berth_network_ops, sync);
    M(berth_network_ops, prepare);
    M(berth_network_ops, list);
    M(berth_network_ops, status);
    END(berth_network_ops);
}

static void print_berth_transport_peer(void)
{
    BEGIN(berth_transport_peer);
    M(berth_transport_peer, struct_size);
    M(berth_transport_peer, flags);
    M(berth_transport_peer, uid);
    M(berth_transport_peer, gid);
    M(berth_transport_peer, pid);
    M(berth_transport_peer, reserved);
    M(berth_transport_peer, subject);
    M(berth_transport_peer, address);
    END(berth_transport_peer);
}

static void print_berth_transport_listen_req(void)
{
    BEGIN(berth_transport_listen_req);
    M(berth_transport_listen_req, struct_size);
    M(berth_transport_listen_req, flags);
    M(berth_transport_listen_req, url);
    M(berth_transport_listen_req, backlog);
    M(berth_transport_listen_req, reserved);
    END(berth_transport_listen_req);
}

static void print_berth_transport_dial_req(void)
{
    BEGIN(berth_transport_dial_req);
    M(berth_transport_dial_req, struct_size);
    M(berth_transport_dial_req, flags);
    M(berth_transport_dial_req, url);
    M(berth_transport_dial_req, timeout_ms);
    M(berth_transport_dial_req, reserved);
    END(berth_transport_dial_req);
}

static void print_berth_transport_ops(void)
{
    BEGIN(berth_transport_ops);
    M(berth_transport_ops, struct_size);
    M(berth_transport_ops, caps);
    M(berth_transport_ops, schemes);
    M(berth_transport_ops, listen);
    M(berth_transport_ops, accept);
    M(berth_transport_ops, unlisten);
    M(berth_transport_ops, dial);
    M(berth_transport_ops, status);
    END(berth_transport_ops);
}

static void print_constants(void)
{
    C(BERTH_ERROR_RETRY);
    C(BERTH_OK);
    C(BERTH_E_INVALID);
    C(BERTH_E_NOT_FOUND);
    C(BERTH_E_CONFLICT);
    C(BERTH_E_UNAUTHORIZED);
    C(BERTH_E_FORBIDDEN);
    C(BERTH_E_UNSUPPORTED);
    C(BERTH_E_UNAVAILABLE);
    C(BERTH_E_TIMEOUT);
    C(BERTH_E_CANCELLED);
    C(BERTH_E_NO_MEMORY);
    C(BERTH_E_DATA);
    C(BERTH_E_INTERNAL);
    C(BERTH_E_NOT_MODIFIED);
    C(BERTH_ABI_MAJOR);
    C(BERTH_ABI_MINOR);
    C(BERTH_MAGIC);
    C(BERTH_PARAM_REQUIRED);
    C(BERTH_PARAM_SECRET);
    C(BERTH_KIND_STORAGE);
    C(BERTH_KIND_NETWORK);
    C(BERTH_KIND_REGISTRY);
    C(BERTH_KIND_TRANSPORT);
    C(BERTH_THREADS_SERIAL_PLUGIN);
    C(BERTH_THREADS_SERIAL_INSTANCE);
    C(BERTH_THREADS_PARALLEL);
    C(BERTH_HOST_LOG_DEBUG);
    C(BERTH_HOST_LOG_INFO);
    C(BERTH_HOST_LOG_WARN);
    C(BERTH_HOST_LOG_ERROR);
    C(BERTH_CLOCK_REALTIME);
    C(BERTH_CLOCK_MONOTONIC);
    C(BERTH_STORAGE_DELTA);
    C(BERTH_STORAGE_PARENT_FIRST);
    C(BERTH_STORAGE_USERNS);
    C(BERTH_STORAGE_QUOTA);
    C(BERTH_STORAGE_MOUNT_READONLY);
    C(BERTH_STORAGE_MOUNT_VOLATILE);
    C(BERTH_STORAGE_LAYER);
    C(BERTH_STORAGE_CONTAINER);
    C(BERTH_NETWORK_CAP_HOST_NAMESPACE);
    C(BERTH_NETWORK_CAP_NO_INTERFACES);
    C(BERTH_NETWORK_CAP_PORTS);
    C(BERTH_NETWORK_CAP_NO_ADDRESSES);
    C(BERTH_NETWORK_CAP_SINGLETON);
    C(BERTH_NETWORK_INTERNAL);
    C(BERTH_NETWORK_ICC);
    C(BERTH_NETWORK_MASQUERADE);
    C(BERTH_NETWORK_DEFAULT);
    C(BERTH_ENDPOINT_ROUTE4);
    C(BERTH_ENDPOINT_ROUTE6);
    C(BERTH_TRANSPORT_LISTEN);
    C(BERTH_TRANSPORT_DIAL);
    C(BERTH_PEER_CREDENTIALS);
    C(BERTH_PEER_SUBJECT);
    C(BERTH_PEER_ENCRYPTED);
    C(BERTH_LISTEN_INSECURE);
}

int main(void)
{
    print_berth_error();
    print_berth_param();
    print_berth_plugin();
    print_berth_run_req();
    print_berth_run_resp();
    print_berth_host();
    print_berth_storage_container_req();
    print_berth_storage_mount_req();
    print_berth_storage_space();
    print_berth_storage_ops();
    print_berth_network_address();
    print_berth_network_subnet();
    print_berth_network_option();
    print_berth_network_port();
    print_berth_network_config();
    print_berth_network_endpoint();
    print_berth_network_state();
    print_berth_network_ops();
    print_berth_transport_peer();
    print_berth_transport_listen_req();
    print_berth_transport_dial_req();
    print_berth_transport_ops();
    print_constants();
    return faults == 0 ? 0 : 1;
}
