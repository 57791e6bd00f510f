/* SPDX-License-Identifier: Apache-2.0
 *
 * The network manager with the real drivers: networks, sandboxes, ports, restarts.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/id.h"
#include "base/time.h"
#include "event/event.h"
#include "network/lab.h"
#include "network/network.h"
#include "oci/host_config.h"
#include "oci/network_config.h"
#include "plugin/plugin.h"
#include "store/store.h"
#include "test.h"

static char folder[] = "/tmp/berth-network-XXXXXX";
static struct berth_plugins *plugins;
static struct berth_store *store;
static struct berth_events *events;
static struct berth_network_manager *networks;
static int neighbour;

static void open_manager(void)
{
    char path[128];
    berth_error error = BERTH_ERROR_INIT;
    struct berth_networks_config config = {.spare_namespaces = -1};
    snprintf(path, sizeof(path), "%s/berth.db", folder);
    if (berth_store_open(path, &store, &error) < 0 || berth_events_new(&events, &error) < 0 ||
        berth_plugins_new(NULL, &plugins, &error) < 0) {
        fail_msg("%s", error.msg);
    }
    config.plugins = plugins;
    config.store = store;
    config.events = events;
    if (berth_networks_open(&config, &networks, &error) < 0) {
        fail_msg("%s", error.msg);
    }
}

static void close_manager(void)
{
    berth_networks_close(networks);
    berth_plugins_free(plugins);
    berth_events_free(events);
    berth_store_close(store);
}

static int set_up(void **state)
{
    if (!lab_begin() || mkdtemp(folder) == NULL) {
        return -1;
    }
    neighbour = lab_neighbour(1);
    open_manager();
    berth_networks_restored(networks);
    return 0;
}

static int tear_down(void **state)
{
    char command[128];
    close_manager();
    close(neighbour);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

/* ---- a container as the container manager would see it ---- */

struct container {
    char id[BERTH_ID_LENGTH + 1];
    char name[16];
    struct berth_sandbox_settings settings;
    struct berth_json_map bindings;
    struct berth_json_map endpoints;
    struct berth_strv exposed;
    struct berth_sandbox sandbox;
};

static void make(struct container *c, const char *name, const char *mode)
{
    memset(c, 0, sizeof(*c));
    assert_int_equal(berth_id_new(c->id, NULL), 0);
    snprintf(c->name, sizeof(c->name), "%s", name);
    c->settings = (struct berth_sandbox_settings){.container_id = c->id,
                                                  .container_name = c->name,
                                                  .hostname = c->name,
                                                  .network_mode = mode,
                                                  .endpoints = &c->endpoints,
                                                  .port_bindings = &c->bindings,
                                                  .exposed_ports = &c->exposed,
                                                  .shared_netns_fd = -1};
    berth_sandbox_init(&c->sandbox);
}

static void bind_port(struct container *c, const char *key, const char *ip, const char *port)
{
    struct berth_json_list *list = berth_json_map_add(&c->bindings, key, NULL);
    struct berth_port_binding *binding = berth_json_list_add(list, &berth_port_binding_table);
    binding->host_ip = berth_strdup(ip);
    binding->host_port = berth_strdup(port);
}

static int32_t start(struct container *c, berth_error *err)
{
    return berth_network_sandbox_open(networks, &c->settings, &c->sandbox, err);
}

static void started(struct container *c)
{
    berth_error error = BERTH_ERROR_INIT;
    if (start(c, &error) < 0) {
        fail_msg("%s: %s", c->name, error.msg);
    }
}

static void done(struct container *c)
{
    struct berth_host_config host;
    berth_network_sandbox_close(networks, &c->sandbox);
    berth_sandbox_done(&c->sandbox);
    berth_json_init(&berth_host_config_table, &host);
    host.port_bindings = c->bindings;
    berth_json_done(&berth_host_config_table, &host);
    berth_json_map_done(&c->endpoints, &berth_endpoint_settings_table);
    berth_strv_done(&c->exposed);
}

static struct berth_endpoint_settings *endpoint(struct container *c, const char *network)
{
    struct berth_endpoint_settings *settings = berth_json_map_get(&c->sandbox.endpoints, network);
    assert_non_null(settings);
    return settings;
}

static const char *host_port(struct container *c, const char *key)
{
    struct berth_json_list *list = berth_json_map_get(&c->sandbox.ports, key);
    assert_non_null(list);
    assert_true(list->count > 0);
    return ((struct berth_port_binding *)list->items[0])->host_port;
}

static bool reaches(int from, const char *host, int port, int to_netns, int to_port)
{
    int server = lab_listen(to_netns, SOCK_STREAM, NULL, to_port);
    assert_true(server >= 0);
    bool good = lab_talk(from, SOCK_STREAM, host, port, server, NULL);
    close(server);
    return good;
}

/* The opposite. */
static bool shut(int from, const char *host, int port, int to_netns, int to_port)
{
    int server = lab_listen(to_netns, SOCK_STREAM, NULL, to_port);
    assert_true(server >= 0);
    bool good = lab_reaches_not(from, SOCK_STREAM, host, port, server);
    close(server);
    return good;
}

/* ---- the tests ---- */

static void test_defaults(void **state)
{
    struct berth_json_list list = {0};
    struct berth_network_object bridge;
    assert_int_equal(berth_networks_list(networks, false, &list, NULL), 0);
    assert_int_equal(list.count, 3);
    berth_json_list_done(&list, &berth_network_object_table);
    berth_json_init(&berth_network_object_table, &bridge);
    assert_int_equal(berth_network_inspect(networks, "bridge", &bridge, NULL), 0);
    struct berth_network_subnet_config *subnet = bridge.ipam.config.items[0];
    assert_string_equal(subnet->subnet, "172.17.0.0/16");
    assert_string_equal(subnet->gateway, "172.17.0.1");
    AUTO_FREE char *text = berth_json_write_text(&berth_network_object_table, &bridge, 0);
    print_message("%s\n", text);
    berth_json_done(&berth_network_object_table, &bridge);
    berth_error error = BERTH_ERROR_INIT;
    assert_int_equal(berth_network_inspect(networks, "nope", &bridge, &error), BERTH_E_NOT_FOUND);
    assert_string_equal(error.msg, "network nope not found");
}

static void test_bridge(void **state)
{
    struct container a, b;
    make(&a, "a", NULL);
    make(&b, "b", "default");
    started(&a);
    started(&b);
    assert_string_equal(endpoint(&a, "bridge")->ip_address, "172.17.0.2");
    assert_string_equal(endpoint(&a, "bridge")->mac_address, "02:42:ac:11:00:02");
    assert_string_equal(endpoint(&a, "bridge")->gateway, "172.17.0.1");
    assert_int_equal(endpoint(&a, "bridge")->ip_prefix_len, 16);
    assert_string_equal(endpoint(&b, "bridge")->ip_address, "172.17.0.3");
    assert_true(reaches(a.sandbox.netns_fd, "172.17.0.3", 80, b.sandbox.netns_fd, 80));
    assert_true(reaches(lab_machine(), "172.17.0.3", 80, b.sandbox.netns_fd, 80));
    assert_true(reaches(a.sandbox.netns_fd, "10.9.1.2", 80, neighbour, 80));
    assert_string_equal(
        lab_read(a.sandbox.netns_fd, "cat /proc/sys/net/ipv6/conf/eth0/disable_ipv6"), "1");
    struct berth_network_object bridge;
    berth_json_init(&berth_network_object_table, &bridge);
    assert_int_equal(berth_network_inspect(networks, "bridge", &bridge, NULL), 0);
    assert_int_equal(bridge.containers.count, 2);
    struct berth_network_member *member = berth_json_map_get(&bridge.containers, a.id);
    assert_string_equal(member->name, "a");
    assert_string_equal(member->ipv4_address, "172.17.0.2/16");
    berth_json_done(&berth_network_object_table, &bridge);
    done(&a);
    /* the lowest address is the next one's */
    make(&a, "a2", "bridge");
    started(&a);
    assert_string_equal(endpoint(&a, "bridge")->ip_address, "172.17.0.2");
    done(&a);
    done(&b);
}

static void test_none_and_host(void **state)
{
    struct container none, host, shared;
    make(&none, "none", "none");
    started(&none);
    assert_int_equal(lab_run(none.sandbox.netns_fd, "ip link show lo | grep -q LOWER_UP"), 0);
    assert_int_not_equal(lab_run(none.sandbox.netns_fd, "ip link show eth0 2>/dev/null"), 0);
    make(&host, "host", "host");
    bind_port(&host, "80/tcp", "", "80"); /* ignored, as Docker does */
    started(&host);
    assert_int_equal(host.sandbox.netns_fd, -1);
    assert_int_equal(host.sandbox.ports.count, 0);
    assert_non_null(endpoint(&host, "host"));
    make(&shared, "shared", "container:none");
    shared.settings.shared_netns_fd = none.sandbox.netns_fd;
    started(&shared);
    assert_true(shared.sandbox.netns_fd >= 0);
    done(&shared);
    done(&host);
    done(&none);
}

static void test_ports(void **state)
{
    struct container a, b;
    berth_error error = BERTH_ERROR_INIT;
    make(&a, "a", NULL);
    bind_port(&a, "80/tcp", "", "8080");
    bind_port(&a, "81/tcp", "127.0.0.1", "8081");
    bind_port(&a, "82/tcp", "", "");
    berth_strv_add(&a.exposed, "90/tcp");
    berth_strv_add(&a.exposed, "80/tcp");
    started(&a);
    assert_string_equal(host_port(&a, "80/tcp"), "8080");
    assert_true(atoi(host_port(&a, "82/tcp")) >= 32768);
    struct berth_json_list *exposed = berth_json_map_get(&a.sandbox.ports, "90/tcp");
    assert_int_equal(exposed->count, 0);
    assert_true(reaches(neighbour, "10.9.1.1", 8080, a.sandbox.netns_fd, 80));
    assert_true(reaches(lab_machine(), "127.0.0.1", 8080, a.sandbox.netns_fd, 80));
    assert_true(reaches(lab_machine(), "127.0.0.1", 8081, a.sandbox.netns_fd, 81));
    assert_true(shut(neighbour, "10.9.1.1", 8081, a.sandbox.netns_fd, 81));
    assert_true(
        reaches(neighbour, "10.9.1.1", atoi(host_port(&a, "82/tcp")), a.sandbox.netns_fd, 82));
    /* a port of another container */
    make(&b, "b", NULL);
    bind_port(&b, "80/tcp", "", "8080");
    assert_int_equal(start(&b, &error), BERTH_E_INTERNAL);
    assert_non_null(strstr(error.msg, "Bind for 0.0.0.0:8080 failed: port is already allocated"));
    done(&b);
    /* a port of a host's program */
    int server = lab_listen(lab_machine(), SOCK_STREAM, NULL, 7000);
    make(&b, "b", NULL);
    bind_port(&b, "80/tcp", "", "7000");
    assert_int_equal(start(&b, &error), BERTH_E_INTERNAL);
    assert_non_null(strstr(error.msg, "address already in use"));
    close(server);
    started(&b);
    assert_true(reaches(neighbour, "10.9.1.1", 7000, b.sandbox.netns_fd, 80));
    done(&b);
    /* a range: the first free one */
    make(&b, "b", NULL);
    bind_port(&b, "80/tcp", "", "8080-8085");
    started(&b);
    assert_string_equal(host_port(&b, "80/tcp"), "8082"); /* 8081 is taken on loopback */
    done(&b);
    done(&a);
    assert_true(shut(neighbour, "10.9.1.1", 8080, lab_machine(), 9));
}

static void test_publish_all(void **state)
{
    struct container a;
    make(&a, "a", NULL);
    a.settings.publish_all = true;
    berth_strv_add(&a.exposed, "80/tcp");
    berth_strv_add(&a.exposed, "53/udp");
    started(&a);
    assert_true(atoi(host_port(&a, "53/udp")) >= 32768);
    assert_true(
        reaches(neighbour, "10.9.1.1", atoi(host_port(&a, "80/tcp")), a.sandbox.netns_fd, 80));
    done(&a);
}

static char *create(const char *name, const char *subnet, bool internal)
{
    struct berth_network_create_request request;
    berth_error error = BERTH_ERROR_INIT;
    char *id = NULL;
    berth_json_init(&berth_network_create_request_table, &request);
    request.name = berth_strdup(name);
    request.internal = internal;
    if (subnet != NULL) {
        struct berth_network_subnet_config *config =
            berth_json_list_add(&request.ipam.config, &berth_network_subnet_config_table);
        config->subnet = berth_strdup(subnet);
    }
    if (berth_network_create(networks, &request, &id, NULL, &error) < 0) {
        print_message("create %s: %s\n", name, error.msg);
    }
    berth_json_done(&berth_network_create_request_table, &request);
    return id;
}

static void test_user_networks(void **state)
{
    struct container a, b, c;
    berth_error error = BERTH_ERROR_INIT;
    AUTO_FREE char *one = create("one", NULL, false);
    AUTO_FREE char *two = create("two", "10.77.0.0/24", true);
    AUTO_FREE char *again = create("one", NULL, false);
    AUTO_FREE char *overlap = create("three", "10.77.0.128/25", false);
    assert_non_null(one);
    assert_non_null(two);
    assert_null(again);
    assert_null(overlap);
    make(&a, "a", "one");
    make(&b, "b", "two");
    make(&c, "c", NULL);
    struct berth_endpoint_settings *wanted =
        berth_json_map_add(&b.endpoints, "two", &berth_endpoint_settings_table);
    wanted->ipam_config = berth_json_new(&berth_endpoint_ipam_config_table);
    wanted->ipam_config->ipv4_address = berth_strdup("10.77.0.9");
    assert_int_equal(berth_network_settings_check(networks, &b.settings, &error), 0);
    started(&a);
    started(&b);
    started(&c);
    assert_string_equal(endpoint(&b, "two")->ip_address, "10.77.0.9");
    assert_true(
        shut(c.sandbox.netns_fd, endpoint(&a, "one")->ip_address, 80, a.sandbox.netns_fd, 80));
    assert_true(shut(b.sandbox.netns_fd, "10.9.1.2", 80, neighbour, 80));
    assert_true(reaches(lab_machine(), "10.77.0.9", 80, b.sandbox.netns_fd, 80));
    /* live: a enters two, leaves one */
    if (berth_network_sandbox_connect(networks, &a.settings, &a.sandbox, "two", NULL, &error) < 0) {
        fail_msg("%s", error.msg);
    }
    assert_true(reaches(a.sandbox.netns_fd, "10.77.0.9", 80, b.sandbox.netns_fd, 80));
    assert_true(reaches(a.sandbox.netns_fd, "10.9.1.2", 80, neighbour, 80));
    assert_int_equal(
        berth_network_sandbox_connect(networks, &a.settings, &a.sandbox, "two", NULL, &error),
        BERTH_E_FORBIDDEN);
    assert_int_equal(berth_network_remove(networks, "two", &error), BERTH_E_FORBIDDEN);
    if (berth_network_sandbox_disconnect(networks, &a.sandbox, "one", false, &error) < 0) {
        fail_msg("%s", error.msg);
    }
    assert_int_not_equal(lab_run(a.sandbox.netns_fd, "ip link show eth0 2>/dev/null"), 0);
    assert_true(shut(a.sandbox.netns_fd, "10.9.1.2", 80, neighbour, 80));
    done(&a);
    done(&b);
    done(&c);
    struct berth_strv pruned = {0};
    assert_int_equal(berth_networks_prune(networks, NULL, NULL, &pruned, NULL), 0);
    assert_int_equal(pruned.count, 2);
    berth_strv_done(&pruned);
    assert_int_not_equal(lab_run(lab_machine(), "ip link show br-%.12s 2>/dev/null", two), 0);
    assert_int_equal(berth_network_remove(networks, "bridge", &error), BERTH_E_FORBIDDEN);
}

static void test_restart(void **state)
{
    struct container a;
    char path[64];
    berth_error error = BERTH_ERROR_INIT;
    make(&a, "a", NULL);
    bind_port(&a, "80/tcp", "", "8080");
    started(&a);
    int netns = dup(a.sandbox.netns_fd);
    AUTO_FREE char *saved = berth_json_write_text(&berth_sandbox_table, &a.sandbox, 0);
    int server = lab_listen(netns, SOCK_STREAM, NULL, 80);
    assert_true(lab_talk(neighbour, SOCK_STREAM, "10.9.1.1", 8080, server, NULL));
    close_manager(); /* as kill -9 for the kernel's state: nothing is taken down */
    assert_true(lab_talk(neighbour, SOCK_STREAM, "10.9.1.1", 8080, server, NULL));
    lab_run(lab_machine(), "nft flush chain inet berth dnat_in");
    open_manager();
    struct berth_sandbox sandbox;
    berth_sandbox_init(&sandbox);
    assert_int_equal(
        berth_json_read_text(&berth_sandbox_table, saved, strlen(saved), &sandbox, &error), 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", netns);
    if (berth_network_sandbox_restore(networks, &sandbox, "a", path, &error) < 0) {
        fail_msg("%s", error.msg);
    }
    berth_networks_restored(networks);
    assert_true(lab_talk(neighbour, SOCK_STREAM, "10.9.1.1", 8080, server, NULL));
    close(server);
    berth_sandbox_done(&a.sandbox);
    a.sandbox = sandbox;
    /* its port and address are still its own */
    struct container b;
    make(&b, "b", NULL);
    bind_port(&b, "80/tcp", "", "8080");
    assert_int_equal(start(&b, &error), BERTH_E_INTERNAL);
    done(&b);
    make(&b, "b", NULL);
    started(&b);
    assert_string_equal(endpoint(&b, "bridge")->ip_address, "172.17.0.3");
    done(&b);
    close(netns);
    done(&a);
}

static void test_files(void **state)
{
    struct container a;
    struct berth_strv extra = {0}, dns = {0};
    berth_error error = BERTH_ERROR_INIT;
    make(&a, "a", NULL);
    started(&a);
    berth_strv_add(&extra, "db:10.0.0.9");
    berth_strv_add(&extra, "host.docker.internal:host-gateway");
    berth_strv_add(&dns, "10.1.1.1");
    struct berth_network_files_settings settings = {
        .extra_hosts = &extra, .dns = &dns, .hostname = "web", .domainname = "example.com"};
    AUTO_FREE char *hosts = berth_network_hosts_file(networks, &settings, &a.sandbox, &error);
    assert_non_null(strstr(hosts, "127.0.0.1\tlocalhost\n"));
    assert_non_null(strstr(hosts, "10.0.0.9\tdb\n172.17.0.1\thost.docker.internal\n"
                                  "172.17.0.2\tweb.example.com web\n"));
    AUTO_FREE char *resolv = berth_network_resolv_conf(networks, &settings, &a.sandbox, &error);
    assert_true(berth_str_starts(resolv, "nameserver 10.1.1.1\n"));
    berth_strv_done(&extra);
    berth_strv_add(&extra, "nonsense");
    assert_null(berth_network_hosts_file(networks, &settings, &a.sandbox, &error));
    assert_string_equal(error.msg, "bad format for add-host: \"nonsense\"");
    berth_strv_done(&extra);
    berth_strv_done(&dns);
    done(&a);
}

#define THREADS 4
#define ROUNDS  12

static void *hammer(void *argument)
{
    intptr_t number = (intptr_t)argument;
    for (int i = 0; i < ROUNDS; i++) {
        struct container c;
        char name[8], key[16];
        berth_error error = BERTH_ERROR_INIT;
        struct berth_json_list list = {0};
        snprintf(name, sizeof(name), "h%d", (int)number);
        snprintf(key, sizeof(key), "%d", 6000 + (int)number);
        memset(&c, 0, sizeof(c));
        berth_id_new(c.id, NULL);
        c.settings = (struct berth_sandbox_settings){.container_id = c.id,
                                                     .container_name = name,
                                                     .port_bindings = &c.bindings,
                                                     .shared_netns_fd = -1};
        berth_sandbox_init(&c.sandbox);
        bind_port(&c, "80/tcp", "", key);
        if (start(&c, &error) < 0) {
            return strdup(error.msg);
        }
        berth_networks_list(networks, true, &list, NULL);
        berth_json_list_done(&list, &berth_network_object_table);
        done(&c);
    }
    return NULL;
}

static void test_threads(void **state)
{
    pthread_t threads[THREADS];
    for (intptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, (void *)i), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *failure;
        pthread_join(threads[i], &failure);
        if (failure != NULL) {
            fail_msg("%s", (char *)failure);
        }
    }
}

static void test_no_leaks(void **state)
{
    struct berth_strmap counts = {0};
    assert_int_equal(berth_networks_usage(networks, &counts, NULL), 0);
    assert_string_equal(berth_strmap_get(&counts, "port"), "0");
    assert_string_equal(berth_strmap_get(&counts, "interface"), "0");
    assert_string_equal(berth_strmap_get(&counts, "network"), "1");
    berth_strmap_done(&counts);
}

static int compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static int64_t processor_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * BERTH_NANOSECONDS + now.tv_nsec;
}

static void test_speed(void **state)
{
    int64_t open_time[31], close_time[31];
    for (int i = 0; i < 30; i++) {
        struct container c;
        make(&c, "fast", NULL);
        usleep(12000); /* as long as the rest of a start takes: the pool fills meanwhile */
        int64_t t = berth_time_monotonic();
        started(&c);
        open_time[i] = berth_time_monotonic() - t;
        t = berth_time_monotonic();
        berth_network_sandbox_close(networks, &c.sandbox);
        close_time[i] = berth_time_monotonic() - t;
        done(&c);
    }
    qsort(open_time, 30, sizeof(*open_time), compare_times);
    qsort(close_time, 30, sizeof(*close_time), compare_times);
    print_message("sandbox open %.3f ms (worst %.3f), close %.3f ms (worst %.3f)\n",
                  (double)open_time[15] / 1e6, (double)open_time[29] / 1e6,
                  (double)close_time[15] / 1e6, (double)close_time[29] / 1e6);
    struct container many;
    make(&many, "many", NULL);
    for (int i = 0; i < 10000; i++) {
        char key[16], text[8];
        snprintf(key, sizeof(key), "%d/tcp", 1000 + i);
        snprintf(text, sizeof(text), "%d", 20000 + i);
        bind_port(&many, key, "", text);
    }
    int64_t t = berth_time_monotonic(), cpu = processor_time();
    started(&many);
    print_message("10,000 ports: %.1f ms, %.1f of them on the processor\n",
                  (double)(berth_time_monotonic() - t) / 1e6,
                  (double)(processor_time() - cpu) / 1e6);
    done(&many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),      cmocka_unit_test(test_bridge),
        cmocka_unit_test(test_none_and_host), cmocka_unit_test(test_ports),
        cmocka_unit_test(test_publish_all),   cmocka_unit_test(test_user_networks),
        cmocka_unit_test(test_restart),       cmocka_unit_test(test_files),
        cmocka_unit_test(test_threads),       cmocka_unit_test(test_no_leaks),
        cmocka_unit_test(test_speed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
