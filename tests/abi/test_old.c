/* SPDX-License-Identifier: Apache-2.0
 *
 * Drivers built with an old minor's headers load into today's host and understand what it passes.
 * BERTH_TEST_OLD is their plugin folder.
 */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "plugin/network.h"
#include "plugin/storage.h"
#include "plugin/transport.h"

static struct berth_plugins *plugins;

static int setup(void **state)
{
    AUTO_STRV struct berth_strv paths = {0};
    const char *folder = getenv("BERTH_TEST_OLD");
    return folder != NULL && berth_strv_add(&paths, folder) &&
                   berth_plugins_new(&paths, &plugins, NULL) == 0
               ? 0
               : -1;
}

static int teardown(void **state)
{
    berth_plugins_free(plugins);
    return 0;
}

static struct berth_driver *open_old(uint32_t kind)
{
    struct berth_driver *driver = NULL;
    berth_error err = BERTH_ERROR_INIT;
    if (berth_plugin_open(plugins, kind, "old", NULL, NULL, &driver, &err) != 0) {
        fail_msg("%s", err.msg);
    }
    return driver;
}

#define OK(call)                                 \
    do {                                         \
        berth_error err_ = BERTH_ERROR_INIT;     \
        berth_error *err = &err_;                \
        if ((call) != 0) {                       \
            fail_msg("%s: %s", #call, err_.msg); \
        }                                        \
    } while (0)

static void count_progress(void *arg, const char *id, uint64_t done, uint64_t total)
{
    *(int *)arg += done == 3 && total == 7;
}

static void test_storage(void **state)
{
    struct berth_driver *driver = open_old(BERTH_KIND_STORAGE);
    AUTO_STRMAP struct berth_strmap map = {0};
    struct berth_sink sink = berth_sink_map(&map);
    berth_storage_container_req req = {.struct_size = sizeof(req), .size = 77};
    berth_storage_mount_req mount = {
        .struct_size = sizeof(mount), .flags = BERTH_STORAGE_MOUNT_VOLATILE, .userns_fd = -1};
    berth_error error = BERTH_ERROR_INIT;
    uint64_t bytes = 0;
    int fd = -1, reports = 0;
    struct berth_op op = {.progress = count_progress, .arg = &reports};
    OK(berth_storage_layer_create(driver, &op, "id", "parent", &fd, err));
    assert_int_equal(fd, 1001);
    assert_int_equal(reports, 1);
    assert_int_equal(berth_storage_layer_commit(driver, NULL, "x", &error), BERTH_E_NOT_FOUND);
    assert_int_equal(error.sys_errno, 2);
    OK(berth_storage_container_create(driver, NULL, "id", "top", &req, err));
    OK(berth_storage_mount(driver, NULL, "id", &mount, &fd, err));
    assert_int_equal(fd, 1002);
    OK(berth_storage_usage(driver, NULL, BERTH_STORAGE_CONTAINER, "id", &bytes, err));
    assert_true(bytes == UINT64_C(1) << 40);
    OK(berth_storage_list(driver, NULL, &sink, err));
    assert_string_equal(berth_strmap_get(&map, "layer"), "one");
    assert_int_equal(berth_storage_diff(driver, NULL, "id", &sink, NULL), BERTH_E_UNSUPPORTED);
    OK(berth_storage_status(driver, NULL, &sink, err));
    OK(berth_storage_sync(driver, NULL, err));
    assert_int_equal(berth_driver_caps(driver), BERTH_STORAGE_DELTA);
}

static void test_network(void **state)
{
    struct berth_driver *driver = open_old(BERTH_KIND_NETWORK);
    AUTO_STRMAP struct berth_strmap map = {0};
    struct berth_sink sink = berth_sink_map(&map);
    berth_network_option option = {"key", "value"};
    berth_network_config config = {
        .struct_size = sizeof(config), .id = "net", .options = &option, .n_options = 1};
    berth_network_endpoint endpoint = {
        .struct_size = sizeof(endpoint), .mac = {0, 0, 0, 0, 0, 9}, .ipv4.prefix = 24};
    OK(berth_network_driver_create(driver, NULL, &config, &sink, err));
    assert_string_equal(berth_strmap_get(&map, "interface"), "old0");
    OK(berth_network_driver_join(driver, NULL, &endpoint, 55, NULL, err));
    OK(berth_network_driver_leave(driver, NULL, &endpoint, -1, err));
    assert_int_equal(berth_network_driver_publish(driver, NULL, &endpoint, NULL, 0, NULL),
                     BERTH_E_UNSUPPORTED);
    OK(berth_network_driver_remove(driver, NULL, "net", err));
}

static void test_transport(void **state)
{
    struct berth_driver *driver = NULL;
    int fd = -1;
    OK(berth_plugin_open_url(plugins, "old://x", NULL, &driver, err));
    OK(berth_transport_dial(driver, NULL, "old://x", 5, &fd, err));
    assert_int_equal(fd, 1003);
    assert_int_equal(berth_transport_listen(driver, NULL, "old://x", 0, &fd, NULL),
                     BERTH_E_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_storage),
        cmocka_unit_test(test_network),
        cmocka_unit_test(test_transport),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
