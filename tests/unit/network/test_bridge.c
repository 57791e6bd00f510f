/* SPDX-License-Identifier: Apache-2.0
 *
 * The bridge driver through its typed calls, with real packets between real namespaces.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/time.h"
#include "network/lab.h"
#include "plugin/network.h"
#include "test.h"

#define ID(c) c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c
#define NET_A ID("a1")
#define NET_B ID("b2")

static struct berth_plugins *plugins;
static struct berth_driver *driver;
static int neighbour;

static berth_network_address address4(int a, int b, int c, int d, int prefix)
{
    return (berth_network_address){.bytes = {(uint8_t)a, (uint8_t)b, (uint8_t)c, (uint8_t)d},
                                   .family = 4,
                                   .prefix = (uint8_t)prefix};
}

/* A container of network 172.30.NET.0/24 with host number `host`. */
struct container {
    int netns, net, host;
    char id[65], host_interface[16];
    berth_network_endpoint endpoint;
};

static int make_network(int net, const char *id, uint32_t flags)
{
    berth_error error = BERTH_ERROR_INIT;
    char name[16];
    berth_network_subnet subnet = {address4(172, 30, net, 0, 24), address4(172, 30, net, 1, 0)};
    berth_network_config config = {.struct_size = sizeof(config),
                                   .flags = flags,
                                   .id = id,
                                   .name = "net",
                                   .interface = name,
                                   .subnets = &subnet,
                                   .n_subnets = 1};
    snprintf(name, sizeof(name), "br%d", net);
    int32_t code = berth_network_driver_create(driver, NULL, &config, NULL, &error);
    if (code < 0) {
        fprintf(stderr, "network: %s\n", error.msg);
    }
    return code;
}

static void describe(struct container *c, const char *network, int net, int host)
{
    c->net = net;
    c->host = host;
    snprintf(c->id, sizeof(c->id), "%02d%02d%060d", net, host, 0);
    c->endpoint = (berth_network_endpoint){
        .struct_size = sizeof(c->endpoint),
        .flags = BERTH_ENDPOINT_ROUTE4,
        .network_id = network,
        .id = c->id,
        .container_id = c->id,
        .interface = "eth0",
        .mac = {2, 0x42, 172, 30, (uint8_t)net, (uint8_t)host},
        .ipv4 = address4(172, 30, net, host, 24),
        .gateway4 = address4(172, 30, net, 1, 0),
    };
}

static void start(struct container *c, const char *network, int net, int host)
{
    struct berth_strmap facts = {0};
    struct berth_sink sink = berth_sink_map(&facts);
    berth_error error = BERTH_ERROR_INIT;
    c->netns = lab_namespace();
    describe(c, network, net, host);
    if (berth_network_driver_join(driver, NULL, &c->endpoint, c->netns, &sink, &error) < 0) {
        fail_msg("join: %s", error.msg);
    }
    snprintf(c->host_interface, sizeof(c->host_interface), "%s",
             berth_strmap_get(&facts, "interface"));
    c->endpoint.host_interface = c->host_interface;
    berth_strmap_done(&facts);
}

static void stop(struct container *c)
{
    berth_error error = BERTH_ERROR_INIT;
    if (berth_network_driver_leave(driver, NULL, &c->endpoint, -1, &error) < 0) {
        fail_msg("leave: %s", error.msg);
    }
    close(c->netns);
}

static berth_network_port port(int protocol, const char *host, int from, int to)
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    sscanf(host, "%u.%u.%u.%u", &a, &b, &c, &d);
    return (berth_network_port){.host_ip = address4((int)a, (int)b, (int)c, (int)d, 0),
                                .host_port = (uint16_t)from,
                                .container_port = (uint16_t)to,
                                .protocol = (uint8_t)protocol};
}

static void publish(struct container *c, berth_network_port p)
{
    berth_error error = BERTH_ERROR_INIT;
    if (berth_network_driver_publish(driver, NULL, &c->endpoint, &p, 1, &error) < 0) {
        fail_msg("publish: %s", error.msg);
    }
}

static const char *ip(const struct container *c)
{
    static char text[2][32];
    static int turn;
    turn = !turn;
    snprintf(text[turn], sizeof(text[turn]), "172.30.%d.%d", c->net, c->host);
    return text[turn];
}

static struct container one, two, other;

static int set_up(void **state)
{
    berth_error error = BERTH_ERROR_INIT;
    if (!lab_begin()) {
        return -1;
    }
    if (berth_plugins_new(NULL, &plugins, &error) < 0 ||
        berth_plugin_open(plugins, BERTH_KIND_NETWORK, "bridge", NULL, NULL, &driver, &error) < 0) {
        fprintf(stderr, "%s\n", error.msg);
        return -1;
    }
    neighbour = lab_neighbour(1);
    lab_run(neighbour, "ip route add 172.30.0.0/16 via 10.9.1.1");
    if (make_network(1, NET_A, BERTH_NETWORK_ICC | BERTH_NETWORK_MASQUERADE) < 0 ||
        make_network(2, NET_B, BERTH_NETWORK_ICC | BERTH_NETWORK_MASQUERADE) < 0) {
        return -1;
    }
    start(&one, NET_A, 1, 2);
    start(&two, NET_A, 1, 3);
    start(&other, NET_B, 2, 2);
    return 0;
}

static int tear_down(void **state)
{
    stop(&one);
    stop(&two);
    stop(&other);
    berth_plugins_free(plugins);
    close(neighbour);
    return 0;
}

static void test_neighbours(void **state)
{
    int server = lab_listen(two.netns, SOCK_STREAM, NULL, 80);
    char peer[64] = "";
    assert_true(lab_talk(one.netns, SOCK_STREAM, ip(&two), 80, server, peer));
    assert_string_equal(peer, "172.30.1.2");
    assert_true(lab_talk(lab_machine(), SOCK_STREAM, ip(&two), 80, server, peer));
    assert_string_equal(peer, "172.30.1.1");
    /* other networks and direct routes from outside are shut out */
    assert_true(lab_reaches_not(other.netns, SOCK_STREAM, ip(&two), 80, server));
    assert_true(lab_reaches_not(neighbour, SOCK_STREAM, ip(&two), 80, server));
    close(server);
}

static void test_outside(void **state)
{
    int server = lab_listen(neighbour, SOCK_STREAM, NULL, 80);
    char peer[64] = "";
    assert_true(lab_talk(one.netns, SOCK_STREAM, "10.9.1.2", 80, server, peer));
    assert_string_equal(peer, "10.9.1.1");
    close(server);
}

static void check_published(int type, int protocol)
{
    int server = lab_listen(one.netns, type, NULL, 80);
    char peer[64] = "";
    publish(&one, port(protocol, "0.0.0.0", 8080, 80));
    assert_true(lab_talk(lab_machine(), type, "127.0.0.1", 8080, server, peer));
    assert_true(lab_talk(lab_machine(), type, "10.9.1.1", 8080, server, peer));
    assert_true(lab_talk(neighbour, type, "10.9.1.1", 8080, server, peer));
    assert_string_equal(peer, "10.9.1.2"); /* the source address is kept */
    assert_true(lab_talk(two.netns, type, "10.9.1.1", 8080, server, peer));
    assert_true(lab_talk(one.netns, type, "10.9.1.1", 8080, server, peer));
    assert_true(lab_talk(one.netns, type, "172.30.1.1", 8080, server, peer));
    assert_true(lab_talk(other.netns, type, "10.9.1.1", 8080, server, peer));
    assert_true(lab_talk(other.netns, type, "172.30.2.1", 8080, server, peer));
    berth_network_port p = port(protocol, "0.0.0.0", 8080, 80);
    assert_int_equal(berth_network_driver_unpublish(driver, NULL, &one.endpoint, &p, 1, NULL), 0);
    assert_true(lab_reaches_not(neighbour, type, "10.9.1.1", 8080, server));
    close(server);
}

static void test_published_tcp(void **state)
{
    check_published(SOCK_STREAM, 6);
}

static void test_published_udp(void **state)
{
    check_published(SOCK_DGRAM, 17);
}

static void test_loopback_only(void **state)
{
    int server = lab_listen(one.netns, SOCK_STREAM, NULL, 80);
    int own = lab_listen(lab_machine(), SOCK_STREAM, "127.0.0.1", 7000);
    publish(&one, port(6, "127.0.0.1", 8081, 80));
    assert_true(lab_talk(lab_machine(), SOCK_STREAM, "127.0.0.1", 8081, server, NULL));
    assert_true(lab_reaches_not(neighbour, SOCK_STREAM, "10.9.1.1", 8081, server));
    /* a neighbour on the link, and a container, that route loopback addresses to the machine */
    lab_run(neighbour, "sysctl -qw net.ipv4.conf.all.route_localnet=1; ip route add "
                       "127.0.0.0/8 via 10.9.1.1 dev eth0 table local; ip route del local "
                       "127.0.0.0/8 dev lo table local; ip route del local 127.0.0.1 dev lo table "
                       "local; ip addr del 127.0.0.1/8 dev lo");
    assert_true(lab_reaches_not(neighbour, SOCK_STREAM, "127.0.0.1", 8081, server));
    lab_run(two.netns, "sysctl -qw net.ipv4.conf.all.route_localnet=1; ip addr del 127.0.0.1/8 dev "
                       "lo; ip route add 127.0.0.0/8 via 172.30.1.1 dev eth0 src 172.30.1.3");
    assert_true(lab_reaches_not(two.netns, SOCK_STREAM, "127.0.0.1", 7000, own));
    assert_true(lab_talk(lab_machine(), SOCK_STREAM, "127.0.0.1", 7000, own, NULL));
    close(own);
    close(server);
}

static void test_one_address(void **state)
{
    int server = lab_listen(one.netns, SOCK_STREAM, NULL, 80);
    publish(&one, port(6, "10.9.1.1", 8082, 80));
    assert_true(lab_talk(neighbour, SOCK_STREAM, "10.9.1.1", 8082, server, NULL));
    assert_true(lab_reaches_not(lab_machine(), SOCK_STREAM, "127.0.0.1", 8082, server));
    close(server);
}

static void test_flushed(void **state)
{
    int server = lab_listen(one.netns, SOCK_STREAM, NULL, 80);
    publish(&one, port(6, "0.0.0.0", 8083, 80));
    assert_int_equal(lab_run(lab_machine(), "nft flush ruleset"), 0);
    usleep(100 * 1000); /* the promise: back within 100 ms */
    assert_true(lab_talk(neighbour, SOCK_STREAM, "10.9.1.1", 8083, server, NULL));
    assert_int_equal(lab_run(lab_machine(), "nft flush chain inet berth to_br1"), 0);
    usleep(100 * 1000);
    int inside = lab_listen(two.netns, SOCK_STREAM, NULL, 81);
    assert_true(lab_reaches_not(neighbour, SOCK_STREAM, ip(&two), 81, inside));
    close(inside);
    close(server);
}

static void test_foreign_firewall(void **state)
{
    struct berth_strmap facts = {0};
    struct berth_sink sink = berth_sink_map(&facts);
    assert_int_equal(lab_run(lab_machine(), "nft add table ip filter && nft add chain ip filter "
                                            "FORWARD '{ type filter hook forward priority 0; "
                                            "policy drop; }'"),
                     0);
    usleep(100 * 1000); /* the watcher looks at what others change */
    assert_int_equal(berth_network_driver_status(driver, &sink, NULL), 0);
    const char *warning = berth_strmap_get(&facts, "warning");
    assert_non_null(warning);
    assert_non_null(strstr(warning, "the nftables chain ip filter FORWARD drops"));
    assert_non_null(strstr(warning, "nft insert rule ip filter FORWARD iifname br"));
    berth_strmap_done(&facts);
    assert_int_equal(lab_run(lab_machine(), "nft delete table ip filter"), 0);
}

static void test_strays(void **state)
{
    int netns = lab_namespace();
    assert_int_equal(
        lab_run(lab_machine(),
                "ip link add veth0badcafe type veth peer name eth0 netns /proc/%d/fd/%d "
                "&& ip link set veth0badcafe master br1",
                getpid(), netns),
        0);
    /* everything as it is: nothing may happen to what is known */
    berth_network_endpoint *endpoints[] = {&one.endpoint, &two.endpoint, &other.endpoint};
    berth_network_config configs[2];
    berth_network_subnet subnets[2];
    const berth_network_config *networks[2] = {&configs[0], &configs[1]};
    for (int i = 0; i < 2; i++) {
        subnets[i] =
            (berth_network_subnet){address4(172, 30, i + 1, 0, 24), address4(172, 30, i + 1, 1, 0)};
        configs[i] = (berth_network_config){.struct_size = sizeof(configs[i]),
                                            .flags = BERTH_NETWORK_ICC | BERTH_NETWORK_MASQUERADE,
                                            .id = i == 0 ? NET_A : NET_B,
                                            .name = "net",
                                            .interface = i == 0 ? "br1" : "br2",
                                            .subnets = &subnets[i],
                                            .n_subnets = 1};
    }
    berth_network_state all = {.struct_size = sizeof(all),
                               .n_networks = 2,
                               .n_endpoints = 3,
                               .networks = networks,
                               .endpoints = (const berth_network_endpoint *const *)endpoints};
    struct berth_strv facts = {0};
    struct berth_sink sink = berth_sink_list(&facts);
    assert_int_equal(berth_network_driver_sync(driver, NULL, &all, &sink, NULL), 0);
    assert_int_equal(facts.count, 0);
    int tries = 0;
    while (lab_run(lab_machine(), "ip link show veth0badcafe > /dev/null 2>&1") == 0) {
        assert_true(++tries < 100);
        usleep(200 * 1000);
    }
    int server = lab_listen(two.netns, SOCK_STREAM, NULL, 80);
    assert_true(lab_talk(one.netns, SOCK_STREAM, ip(&two), 80, server, NULL));
    close(server);
    close(netns);
}

static void test_many_ports(void **state)
{
    enum { COUNT = 10000 };
    berth_network_port *ports = calloc(COUNT, sizeof(*ports));
    berth_error error = BERTH_ERROR_INIT;
    int server = lab_listen(two.netns, SOCK_STREAM, NULL, 80);
    for (int i = 0; i < COUNT; i++) {
        ports[i] = port(6, "0.0.0.0", 20000 + i, 80);
    }
    int64_t before = berth_time_monotonic();
    if (berth_network_driver_publish(driver, NULL, &two.endpoint, ports, COUNT, &error) < 0) {
        fail_msg("%s", error.msg);
    }
    int64_t middle = berth_time_monotonic();
    assert_true(lab_talk(neighbour, SOCK_STREAM, "10.9.1.1", 29999, server, NULL));
    int64_t late = berth_time_monotonic();
    assert_int_equal(
        berth_network_driver_unpublish(driver, NULL, &two.endpoint, ports, COUNT, NULL), 0);
    int64_t after = berth_time_monotonic();
    print_message("10,000 ports: published in %.1f ms, withdrawn in %.1f ms\n",
                  (double)(middle - before) / 1e6, (double)(after - late) / 1e6);
    assert_true(lab_reaches_not(neighbour, SOCK_STREAM, "10.9.1.1", 29999, server));
    close(server);
    free(ports);
}

static void test_speed(void **state)
{
    struct container many[40];
    int64_t joins = 0, ports = 0, leaves = 0, prepared = 0;
    for (int i = 0; i < 40; i++) {
        many[i].netns = lab_namespace();
        describe(&many[i], NET_A, 1, 10 + i);
        if (i >= 20) {
            assert_int_equal(berth_network_driver_prepare(driver, NULL, NET_A, many[i].netns, NULL),
                             0);
        }
    }
    for (int i = 0; i < 40; i++) {
        berth_network_port p = port(17, "0.0.0.0", 9000 + i, 80);
        int64_t t = berth_time_monotonic();
        assert_int_equal(
            berth_network_driver_join(driver, NULL, &many[i].endpoint, many[i].netns, NULL, NULL),
            0);
        *(i < 20 ? &joins : &prepared) += berth_time_monotonic() - t;
        t = berth_time_monotonic();
        assert_int_equal(berth_network_driver_publish(driver, NULL, &many[i].endpoint, &p, 1, NULL),
                         0);
        ports += berth_time_monotonic() - t;
    }
    for (int i = 0; i < 40; i++) {
        int server = lab_listen(many[i].netns, SOCK_STREAM, NULL, 80);
        assert_true(lab_talk(one.netns, SOCK_STREAM, ip(&many[i]), 80, server, NULL));
        close(server);
    }
    for (int i = 0; i < 40; i++) {
        int64_t t = berth_time_monotonic();
        stop(&many[i]);
        leaves += berth_time_monotonic() - t;
    }
    print_message("join %.3f ms, prepared %.3f ms, publish one %.3f ms, leave %.3f ms\n",
                  (double)joins / 20e6, (double)prepared / 20e6, (double)ports / 40e6,
                  (double)leaves / 40e6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_neighbours),    cmocka_unit_test(test_outside),
        cmocka_unit_test(test_published_tcp), cmocka_unit_test(test_published_udp),
        cmocka_unit_test(test_loopback_only), cmocka_unit_test(test_one_address),
        cmocka_unit_test(test_flushed),       cmocka_unit_test(test_many_ports),
        cmocka_unit_test(test_speed),         cmocka_unit_test(test_foreign_firewall),
        cmocka_unit_test(test_strays),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
