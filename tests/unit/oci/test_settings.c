/* SPDX-License-Identifier: Apache-2.0
 *
 * core/oci: the settings tables write what dockerd prints, byte for byte.
 */
#include "test.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "oci/create_body.h"

/* As dockerd 20.10 inspects it (ConsoleSize stands where newer ones print it). */
static const char host_text[] =
    "{\"Binds\":null,\"ContainerIDFile\":\"\",\"LogConfig\":{\"Type\":\"json-file\","
    "\"Config\":{}},\"NetworkMode\":\"none\",\"PortBindings\":{\"80/tcp\":[{\"HostIp\":\"\","
    "\"HostPort\":\"80\"}]},\"RestartPolicy\":{\"Name\":\"no\",\"MaximumRetryCount\":0},"
    "\"AutoRemove\":false,\"VolumeDriver\":\"\",\"VolumesFrom\":null,\"ConsoleSize\":[0,0],"
    "\"CapAdd\":null,\"CapDrop\":null,\"CgroupnsMode\":\"host\",\"Dns\":[],\"DnsOptions\":[],"
    "\"DnsSearch\":[],\"ExtraHosts\":null,\"GroupAdd\":null,\"IpcMode\":\"private\","
    "\"Cgroup\":\"\",\"Links\":null,\"OomScoreAdj\":0,\"PidMode\":\"\",\"Privileged\":false,"
    "\"PublishAllPorts\":false,\"ReadonlyRootfs\":false,\"SecurityOpt\":null,"
    "\"UTSMode\":\"\",\"UsernsMode\":\"\",\"ShmSize\":67108864,\"Runtime\":\"runc\","
    "\"Isolation\":\"\",\"CpuShares\":0,\"Memory\":0,\"NanoCpus\":0,\"CgroupParent\":\"\","
    "\"BlkioWeight\":0,\"BlkioWeightDevice\":[],\"BlkioDeviceReadBps\":[],"
    "\"BlkioDeviceWriteBps\":[],\"BlkioDeviceReadIOps\":[],\"BlkioDeviceWriteIOps\":[],"
    "\"CpuPeriod\":0,\"CpuQuota\":0,\"CpuRealtimePeriod\":0,\"CpuRealtimeRuntime\":0,"
    "\"CpusetCpus\":\"\",\"CpusetMems\":\"\",\"Devices\":[{\"PathOnHost\":\"/dev/null\","
    "\"PathInContainer\":\"/dev/null\",\"CgroupPermissions\":\"rwm\"}],"
    "\"DeviceCgroupRules\":null,\"DeviceRequests\":null,\"KernelMemory\":0,"
    "\"KernelMemoryTCP\":0,\"MemoryReservation\":0,\"MemorySwap\":0,"
    "\"MemorySwappiness\":null,\"OomKillDisable\":false,\"PidsLimit\":null,"
    "\"Ulimits\":[{\"Name\":\"nofile\",\"Hard\":10,\"Soft\":10}],\"CpuCount\":0,"
    "\"CpuPercent\":0,\"IOMaximumIOps\":0,\"IOMaximumBandwidth\":0,"
    "\"Mounts\":[{\"Type\":\"tmpfs\",\"Target\":\"/x\"}],\"MaskedPaths\":[\"/proc/asound\","
    "\"/proc/acpi\",\"/proc/kcore\",\"/proc/keys\",\"/proc/latency_stats\","
    "\"/proc/timer_list\",\"/proc/timer_stats\",\"/proc/sched_debug\",\"/proc/scsi\","
    "\"/sys/firmware\"],\"ReadonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\","
    "\"/proc/sys\",\"/proc/sysrq-trigger\"]}";
static const char config_text[] =
    "{\"Hostname\":\"19c2a451825a\",\"Domainname\":\"\",\"User\":\"\",\"AttachStdin\":false,"
    "\"AttachStdout\":true,\"AttachStderr\":true,\"ExposedPorts\":{\"80/tcp\":{},"
    "\"90/tcp\":{}},\"Tty\":false,\"OpenStdin\":false,\"StdinOnce\":false,\"Env\":null,"
    "\"Cmd\":[\"/bin/true\"],\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"x\"]},\"Image\":\"tiny\","
    "\"Volumes\":{\"/foo\":{}},\"WorkingDir\":\"\",\"Entrypoint\":null,\"OnBuild\":null,"
    "\"Labels\":{}}";

static void check_round_trip(const struct berth_json_table *table, const char *text, int version)
{
    void *object = berth_json_new(table);
    berth_error err = BERTH_ERROR_INIT;
    int32_t code = berth_json_read_text(table, text, strlen(text), object, &err);
    assert_string_equal(err.msg, "");
    assert_int_equal(code, 0);
    AUTO_FREE char *again = berth_json_write_text(table, object, version);
    assert_string_equal(again, text);
    void *copy = berth_json_new(table);
    assert_int_equal(berth_json_copy(table, object, copy, &err), 0);
    AUTO_FREE char *copied = berth_json_write_text(table, copy, version);
    assert_string_equal(copied, text);
    berth_json_free(table, object);
    berth_json_free(table, copy);
}

static void test_docker_documents(void **state)
{
    check_round_trip(&berth_host_config_table, host_text, 141);
    check_round_trip(&berth_container_config_table, config_text, 141);
}

/* Docker tells a reset entrypoint from an inherited one, and no masked paths from the default. */
static void test_null_is_not_empty(void **state)
{
    struct berth_host_config host;
    berth_json_init(&berth_host_config_table, &host);
    static const char text[] = "{\"MaskedPaths\":[],\"ReadonlyPaths\":null}";
    assert_int_equal(
        berth_json_read_text(&berth_host_config_table, text, strlen(text), &host, NULL), 0);
    assert_non_null(host.masked_paths.items);
    assert_null(host.readonly_paths.items);
    assert_true(host.pids_limit == BERTH_JSON_UNSET);
    berth_json_done(&berth_host_config_table, &host);

    struct berth_container_config config;
    berth_json_init(&berth_container_config_table, &config);
    static const char reset[] = "{\"Entrypoint\":[],\"StopTimeout\":0}";
    assert_int_equal(
        berth_json_read_text(&berth_container_config_table, reset, strlen(reset), &config, NULL),
        0);
    assert_non_null(config.entrypoint.items);
    assert_null(config.cmd.items);
    assert_int_equal(config.stop_timeout, 0);
    berth_json_done(&berth_container_config_table, &config);
}

static void test_create_body(void **state)
{
    static const char text[] =
        "{\"Image\":\"debian\",\"Cmd\":\"ls\",\"HostConfig\":{\"Init\":true,\"Mounts\":[{"
        "\"Type\":\"tmpfs\",\"TmpfsOptions\":{\"Mode\":448}}]},\"NetworkingConfig\":{"
        "\"EndpointsConfig\":{\"n\":{\"IPAMConfig\":{\"IPv4Address\":\"10.0.0.2\"}}}}}";
    struct json_object *json = NULL;
    assert_int_equal(berth_json_parse(text, strlen(text), "body", &json, NULL), 0);
    AUTO_CREATE_BODY struct berth_create_body body;
    berth_oci_create_body_init(&body);
    assert_int_equal(berth_oci_create_body_read(json, &body, NULL), 0);
    json_object_put(json);
    assert_string_equal(body.config.image, "debian");
    assert_string_equal(body.config.cmd.items[0], "ls");
    assert_int_equal(body.host.init, 1);
    const struct berth_mount *mount = body.host.mounts.items[0];
    assert_int_equal(mount->tmpfs_options->mode, 448);
    struct berth_endpoint_settings *endpoint =
        berth_json_map_get(&body.networking.endpoints_config, "n");
    assert_string_equal(endpoint->ipam_config->ipv4_address, "10.0.0.2");

    struct json_object *again = berth_oci_create_body_write(&body, 0);
    struct json_object *host = NULL;
    assert_true(json_object_object_get_ex(again, "HostConfig", &host));
    assert_true(json_object_object_get_ex(host, "Init", NULL));
    json_object_put(again);
}

static void test_wrong_type(void **state)
{
    struct json_object *json = NULL;
    static const char text[] = "{\"HostConfig\":{\"Memory\":\"much\"}}";
    assert_int_equal(berth_json_parse(text, strlen(text), "body", &json, NULL), 0);
    AUTO_CREATE_BODY struct berth_create_body body;
    berth_oci_create_body_init(&body);
    berth_error err = BERTH_ERROR_INIT;
    assert_int_equal(berth_oci_create_body_read(json, &body, &err), BERTH_E_INVALID);
    assert_non_null(strstr(err.msg, "HostConfig.Memory"));
    json_object_put(json);
}

static void test_console_size(void **state)
{
    struct berth_host_config host;
    berth_json_init(&berth_host_config_table, &host);
    uint16_t height = 1, width = 1;
    assert_int_equal(berth_oci_host_config_console_size(&host, &height, &width, NULL), 0);
    assert_int_equal(height + width, 0);
    assert_int_equal(berth_oci_host_config_set_console_size(&host, 24, 80, NULL), 0);
    assert_int_equal(berth_oci_host_config_console_size(&host, &height, &width, NULL), 0);
    assert_int_equal(height, 24);
    assert_int_equal(width, 80);
    berth_json_done(&berth_host_config_table, &host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_docker_documents), cmocka_unit_test(test_null_is_not_empty),
        cmocka_unit_test(test_create_body),      cmocka_unit_test(test_wrong_type),
        cmocka_unit_test(test_console_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
