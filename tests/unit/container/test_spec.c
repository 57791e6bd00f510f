/* SPDX-License-Identifier: Apache-2.0
 *
 * Stored settings in, shim spec out.
 */
#include <linux/sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "container/spec.h"

struct rig {
    struct container_record record;
    struct berth_container_user user;
    struct berth_linux_cgroups cgroups;
    struct spec_input input;
    struct spec_builder builder;
    berth_error error;
};

static void rig_open(struct rig *rig, const char *config, const char *host)
{
    static char home[] = "/root";
    *rig = (struct rig){.error = BERTH_ERROR_INIT, .user.home = home};
    struct container_record *record = &rig->record;
    berth_json_init(&container_record_table, record);
    assert_int_equal(berth_json_read_text(&berth_container_config_table, config, strlen(config),
                                          &record->config, &rig->error),
                     0);
    assert_int_equal(berth_json_read_text(&berth_host_config_table, host, strlen(host),
                                          &record->host_config, &rig->error),
                     0);
    record->path = berth_strdup("sh");
    assert_true(berth_strv_add(&record->args, "-c"));
    rig->input = (struct spec_input){
        .id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        .state_dir = "/run/x",
        .record = record,
        .user = &rig->user,
        .cgroups = &rig->cgroups,
        .root_fd = 5,
        .netns_fd = 6,
        .pid_fd = -1,
        .ipc_fd = -1,
        .uts_fd = -1,
        .cgns_fd = -1,
        .shm_fd = -1,
        .hosts_path = "/d/hosts",
        .hostname_path = "/d/hostname",
        .resolv_conf_path = "/d/resolv.conf",
        .log_path = "/d/log",
        .capabilities = 0xff,
    };
    spec_builder_init(&rig->builder);
}

static void rig_close(struct rig *rig)
{
    spec_builder_done(&rig->builder);
    berth_json_done(&container_record_table, &rig->record);
}

static void rig_build(struct rig *rig)
{
    assert_int_equal(spec_build(&rig->input, &rig->builder, &rig->error), 0);
}

static const struct berth_shim_mount *find_mount(const struct rig *rig, const char *target)
{
    const struct berth_shim_spec *spec = &rig->builder.spec;
    for (uint32_t i = 0; i < spec->mount_count; i++) {
        if (strcmp(spec->mounts[i].target, target) == 0) {
            return &spec->mounts[i];
        }
    }
    return NULL;
}

static const char *env_of(const struct rig *rig, const char *name)
{
    const struct berth_shim_strings *env = &rig->builder.spec.env;
    for (uint32_t i = 0; i < env->count; i++) {
        size_t length = strlen(name);
        if (strncmp(env->items[i], name, length) == 0 && env->items[i][length] == '=') {
            return env->items[i] + length + 1;
        }
    }
    return NULL;
}

static int namespace_mode(const struct rig *rig, uint32_t kind)
{
    const struct berth_shim_spec *spec = &rig->builder.spec;
    for (uint32_t i = 0; i < spec->namespace_count; i++) {
        if (spec->namespaces[i].kind == kind) {
            return (int)spec->namespaces[i].mode;
        }
    }
    return BERTH_SHIM_NS_HOST;
}

static void test_defaults(void **state)
{
    struct rig rig;
    rig_open(&rig, "{\"Hostname\":\"box\"}", "{}");
    rig_build(&rig);
    const struct berth_shim_spec *spec = &rig.builder.spec;
    assert_int_equal(spec->argv.count, 2);
    assert_string_equal(spec->argv.items[0], "sh");
    assert_string_equal(spec->env.items[0], "PATH=" SPEC_PATH_DEFAULT);
    assert_string_equal(env_of(&rig, "HOSTNAME"), "box");
    assert_string_equal(env_of(&rig, "HOME"), "/root");
    assert_null(env_of(&rig, "TERM"));
    assert_string_equal(spec->hostname, "box");
    assert_string_equal(spec->cwd, "/");
    assert_int_equal(spec->cap_effective, 0xff);
    assert_int_equal(spec->cap_inheritable, 0);
    assert_int_equal(namespace_mode(&rig, CLONE_NEWPID), BERTH_SHIM_NS_NEW);
    assert_int_equal(namespace_mode(&rig, CLONE_NEWIPC), BERTH_SHIM_NS_NEW);
    assert_int_equal(namespace_mode(&rig, CLONE_NEWNET), BERTH_SHIM_NS_JOIN);
    assert_int_equal(spec->device_count, 6);
    assert_int_equal(spec->sysctl_count, 2);
    assert_true((find_mount(&rig, "/sys")->attributes & MOUNT_ATTR_RDONLY) != 0);
    assert_string_equal(find_mount(&rig, "/etc/hosts")->source, "/d/hosts");
    assert_int_equal(spec->log_max_size, 20000000);
    assert_int_equal(spec->log_max_files, 5);
    rig_close(&rig);
}

static void test_environment(void **state)
{
    struct rig rig;
    rig_open(&rig, "{\"Tty\":true,\"Env\":[\"PATH=/x\",\"A=1\",\"A=2\",\"HOME=/h\",\"HOSTNAME\"]}",
             "{}");
    rig_build(&rig);
    assert_string_equal(env_of(&rig, "PATH"), "/x");
    assert_string_equal(env_of(&rig, "A"), "2");
    assert_string_equal(env_of(&rig, "HOME"), "/h");
    assert_string_equal(env_of(&rig, "TERM"), "xterm");
    assert_null(env_of(&rig, "HOSTNAME"));
    rig_close(&rig);
}

static void test_modes(void **state)
{
    struct rig rig;
    rig_open(&rig, "{}",
             "{\"PidMode\":\"host\",\"IpcMode\":\"host\",\"UTSMode\":\"host\","
             "\"CgroupnsMode\":\"host\"}");
    rig.input.netns_fd = -1;
    rig_build(&rig);
    assert_int_equal(namespace_mode(&rig, CLONE_NEWPID), BERTH_SHIM_NS_HOST);
    assert_int_equal(namespace_mode(&rig, CLONE_NEWIPC), BERTH_SHIM_NS_HOST);
    assert_int_equal(namespace_mode(&rig, CLONE_NEWUTS), BERTH_SHIM_NS_HOST);
    assert_int_equal(namespace_mode(&rig, CLONE_NEWNET), BERTH_SHIM_NS_HOST);
    assert_int_equal(namespace_mode(&rig, CLONE_NEWNS), BERTH_SHIM_NS_NEW);
    assert_null(rig.builder.spec.hostname);
    assert_int_equal(rig.builder.spec.sysctl_count, 0);
    assert_string_equal(find_mount(&rig, "/dev/shm")->source, "/dev/shm");
    rig_close(&rig);
}

static void test_user_and_limits(void **state)
{
    struct rig rig;
    rig_open(&rig, "{}",
             "{\"Ulimits\":[{\"Name\":\"nofile\",\"Soft\":10,\"Hard\":20}],\"Init\":true,"
             "\"ReadonlyRootfs\":true,\"SecurityOpt\":[\"no-new-privileges\"],\"OomScoreAdj\":5}");
    struct berth_strv defaults = {0};
    assert_true(berth_strv_add(&defaults, "nofile=1:2"));
    assert_true(berth_strv_add(&defaults, "nproc=7"));
    rig.input.default_ulimits = &defaults;
    rig.user.uid = 1000;
    rig_build(&rig);
    const struct berth_shim_spec *spec = &rig.builder.spec;
    assert_int_equal(spec->rlimit_count, 2);
    assert_int_equal(spec->rlimits[0].resource, RLIMIT_NOFILE);
    assert_int_equal(spec->rlimits[0].soft, 10);
    assert_int_equal(spec->rlimits[1].hard, 7);
    assert_int_equal(spec->cap_bounding, 0xff);
    assert_int_equal(spec->cap_effective, 0);
    assert_int_equal(spec->root_readonly, 1);
    assert_int_equal(spec->flags, BERTH_SHIM_PROCESS_INIT | BERTH_SHIM_PROCESS_NO_NEW_PRIVILEGES |
                                      BERTH_SHIM_PROCESS_SET_OOM_SCORE);
    berth_strv_done(&defaults);
    rig_close(&rig);
}

static void test_mounts(void **state)
{
    struct rig rig;
    rig_open(&rig, "{}",
             "{\"Tmpfs\":{\"/t\":\"size=1m,exec\"},\"ShmSize\":1234,\"LogConfig\":{\"Type\":"
             "\"json-file\",\"Config\":{\"max-size\":\"1k\",\"max-file\":\"3\"}}}");
    struct mount_record *mount = berth_json_list_add(&rig.record.mounts, &mount_record_table);
    mount->type = berth_strdup("bind");
    mount->source = berth_strdup("/src");
    mount->destination = berth_strdup("/etc/hosts");
    mount->propagation = berth_strdup("rslave");
    rig_build(&rig);
    const struct berth_shim_mount *hosts = find_mount(&rig, "/etc/hosts");
    assert_string_equal(hosts->source, "/src");
    assert_int_equal(hosts->attributes, MOUNT_ATTR_RDONLY);
    assert_int_equal(hosts->propagation, MS_SLAVE);
    assert_int_equal(hosts->flags,
                     BERTH_SHIM_MOUNT_RECURSIVE | BERTH_SHIM_MOUNT_RECURSIVE_ATTRIBUTES);
    const struct berth_shim_mount *tmpfs = find_mount(&rig, "/t");
    assert_int_equal(tmpfs->options.count, 1);
    assert_string_equal(tmpfs->options.items[0], "size=1m");
    assert_string_equal(find_mount(&rig, "/dev/shm")->options.items[1], "size=1234");
    assert_int_equal(rig.builder.spec.log_max_size, 1024);
    assert_int_equal(rig.builder.spec.log_max_files, 3);
    rig_close(&rig);
}

static void test_refused(void **state)
{
    struct rig rig;
    rig_open(&rig, "{}", "{\"Ulimits\":[{\"Name\":\"nonsense\",\"Soft\":1,\"Hard\":1}]}");
    assert_int_equal(spec_build(&rig.input, &rig.builder, &rig.error), BERTH_E_INVALID);
    assert_string_equal(rig.error.msg, "invalid ulimit type: nonsense");
    rig_close(&rig);
    rig_open(&rig, "{}", "{\"Devices\":[{\"PathOnHost\":\"/dev/not-there\"}]}");
    assert_int_equal(spec_build(&rig.input, &rig.builder, &rig.error), BERTH_E_INVALID);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_environment),
        cmocka_unit_test(test_modes),    cmocka_unit_test(test_user_and_limits),
        cmocka_unit_test(test_mounts),   cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
