/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that must not be loaded, each with the sentence it must be refused with, and a good driver
 * that still works afterwards. BERTH_TEST_BAD is the folder with the drivers of bad/bad.c.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "plugin/transport.h"

static const char *bad_folder;
static char folder[64], good_file[256];

static const struct {
    const char *name;
    const char *found, *wanted; /* parts of the sentence */
} refusals[] = {
    {"magic", "magic deadbeef", "magic 31545242"},
    {"major", "ABI 2.0", "ABI 1.x"},
    {"host_minor", "needs a host with ABI 1.7", "1.0 satisfies"},
    {"size_short", "a descriptor of 40 bytes", "at least"},
    {"size_huge", "a descriptor of 4294967280 bytes", "at least"},
    {"kind", "kind 99 (unknown)", "transport"},
    {"kind_registry", "kind 3 (registry)", "transport"},
    {"threads_zero", "thread model 0", "1000, 2000 or 3000"},
    {"name_charset", "the name 'Bad/../Name'", "[a-z]"},
    {"name_null", "the name ''", "[a-z]"},
    {"name_other", "a driver named 'another'", "the name of the file"},
    {"version_null", "one of them missing", "version, summary and license"},
    {"no_open", "no open function", "open and close"},
    {"no_close", "no close function", "open and close"},
    {"ops_null", "a table of 0 bytes", "at least"},
    {"ops_short", "a table of 24 bytes", "at least"},
    {"ops_missing", "no operation 'dial'", "all that the kind transport requires"},
    {"param_key", "the key 'Bad Key'", "[a-z]"},
    {"param_type", "the type 'colour'", "str, int, bool"},
    {"param_twice", "appears twice", "a sound schema"},
    {"param_default", "does not fit its type", "a sound schema"},
    {"param_required", "is required and has a default", "a sound schema"},
    {"param_help", "has no help text", "a sound schema"},
    {"param_count", "1000 parameters", "at most 64"},
    {"param_list", "3 parameters without a list", "at most 64"},
    {"null_descriptor", "gives none", "a descriptor"},
    {"undefined_symbol", "undefined symbol: symbol_of_the_engine", "dynamic linker accepts"},
};

static int setup(void **state)
{
    strcpy(folder, "/tmp/berth-refuse-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(good_file, sizeof(good_file), "%s/transport/good.so", bad_folder);
    return 0;
}

static int teardown(void **state)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

static struct berth_plugins *new_plugins(const char *path)
{
    berth_error err = BERTH_ERROR_INIT;
    struct berth_plugins *plugins = NULL;
    AUTO_STRV struct berth_strv paths = {0};
    berth_strv_add(&paths, path);
    if (berth_plugins_new(&paths, &plugins, &err) != 0) {
        fail_msg("%s", err.msg);
    }
    return plugins;
}

static void assert_good_works(struct berth_plugins *plugins)
{
    berth_error err = BERTH_ERROR_INIT;
    struct berth_driver *driver = NULL;
    if (berth_plugin_open(plugins, BERTH_KIND_TRANSPORT, "good", NULL, NULL, &driver, &err) != 0) {
        fail_msg("%s", err.msg);
    }
}

static void test_descriptors(void **state)
{
    struct berth_plugins *plugins = new_plugins(bad_folder);
    for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
        berth_error err = BERTH_ERROR_INIT;
        struct berth_driver *driver = NULL;
        int32_t code = berth_plugin_open(plugins, BERTH_KIND_TRANSPORT, refusals[i].name, NULL,
                                         NULL, &driver, &err);
        if (code != BERTH_E_INVALID || strstr(err.msg, refusals[i].found) == NULL ||
            strstr(err.msg, refusals[i].wanted) == NULL || strstr(err.msg, bad_folder) == NULL ||
            strstr(err.msg, " refused: ") == NULL || strchr(err.msg, '\n') != NULL) {
            fail_msg("%s: %d '%s'", refusals[i].name, (int)code, err.msg);
        }
        assert_null(driver);
    }
    assert_good_works(plugins);
    berth_plugins_free(plugins);
}

/* probe and open say no: that is no refusal of the file, and the sentence is the driver's. */
static void test_probe_and_open(void **state)
{
    struct berth_plugins *plugins = new_plugins(bad_folder);
    struct berth_driver *driver = NULL;
    berth_error err = BERTH_ERROR_INIT;
    assert_int_equal(
        berth_plugin_open(plugins, BERTH_KIND_TRANSPORT, "probe_fails", NULL, NULL, &driver, &err),
        BERTH_E_UNSUPPORTED);
    assert_string_equal(err.msg, "transport driver probe_fails: no such hardware");
    assert_int_equal(
        berth_plugin_open(plugins, BERTH_KIND_TRANSPORT, "probe_silent", NULL, NULL, &driver, &err),
        BERTH_E_INTERNAL);
    assert_non_null(strstr(err.msg, "without saying why"));
    assert_int_equal(
        berth_plugin_open(plugins, BERTH_KIND_TRANSPORT, "open_fails", NULL, NULL, &driver, &err),
        BERTH_E_UNAVAILABLE);
    assert_string_equal(err.msg, "transport driver open_fails: the moon is in the wrong place");
    assert_int_equal(
        berth_plugin_open(plugins, BERTH_KIND_TRANSPORT, "absent", NULL, NULL, &driver, &err),
        BERTH_E_NOT_FOUND);
    assert_non_null(strstr(err.msg, "no file absent.so in"));
    assert_int_equal(
        berth_plugin_open(plugins, BERTH_KIND_TRANSPORT, "../good", NULL, NULL, &driver, &err),
        BERTH_E_INVALID);
    assert_good_works(plugins);
    berth_plugins_free(plugins);
}

/* A driver that breaks the error contract is put right and counted. */
static void test_careless(void **state)
{
    struct berth_plugins *plugins = new_plugins(bad_folder);
    struct berth_driver *driver = NULL;
    struct berth_plugin_info info;
    berth_error err = BERTH_ERROR_INIT;
    int fd = -5;
    assert_int_equal(berth_plugin_open_url(plugins, "careless://x", NULL, &driver, &err), 0);
    assert_int_equal(berth_transport_accept(driver, 0, &fd, NULL, &err), BERTH_E_CONFLICT);
    assert_int_equal(err.code, BERTH_E_CONFLICT);
    assert_non_null(strstr(err.msg, "without saying why"));
    assert_int_equal(berth_transport_dial(driver, NULL, "x", 0, &fd, &err), BERTH_E_INTERNAL);
    berth_error_clear(&err);
    assert_int_equal(berth_transport_unlisten(driver, 0, &err), 0);
    assert_int_equal(err.code, 0);
    assert_int_equal(fd, -5);
    berth_json_init(&berth_plugin_info_table, &info);
    assert_int_equal(berth_plugin_describe(plugins, "careless", &info, &err), 0);
    assert_int_equal(info.calls, 3);
    assert_int_equal(info.errors, 2);
    assert_true(info.contract_breaches >= 3);
    assert_int_equal(info.instances, 1);
    assert_true(info.mean_nanoseconds > 0);
    assert_string_equal(info.threads, "serial-instance");
    berth_json_done(&berth_plugin_info_table, &info);
    berth_plugins_free(plugins);
}

static void copy(const char *from, const char *to, size_t limit)
{
    char data[4096];
    size_t done = 0;
    AUTO_CLOSE int in = open(from, O_RDONLY | O_CLOEXEC);
    AUTO_CLOSE int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(in >= 0 && out >= 0);
    for (ssize_t count; done < limit && (count = read(in, data, sizeof(data))) > 0;) {
        size_t part = limit - done < (size_t)count ? limit - done : (size_t)count;
        assert_int_equal(write(out, data, part), part);
        done += part;
    }
    assert_int_equal(fchmod(out, 0644), 0);
}

/* Describing a file must fail with both words in the sentence. */
static void assert_refused(const char *file, int32_t class, const char *found, const char *wanted)
{
    struct berth_plugin_info info;
    berth_error err = BERTH_ERROR_INIT;
    berth_json_init(&berth_plugin_info_table, &info);
    int32_t code = berth_plugin_describe(NULL, file, &info, &err);
    if (code != class || strstr(err.msg, found) == NULL || strstr(err.msg, wanted) == NULL ||
        strstr(err.msg, file) == NULL) {
        fail_msg("%s: %d '%s'", file, (int)code, err.msg);
    }
    berth_json_done(&berth_plugin_info_table, &info);
}

static void test_files(void **state)
{
    char file[128];
    struct stat status;
    snprintf(file, sizeof(file), "%s/x.so", folder);
    assert_int_equal(stat(good_file, &status), 0);
    /* cut anywhere, it is refused and nothing crashes */
    for (off_t size = 1; size < status.st_size; size += 1 + status.st_size / 61) {
        copy(good_file, file, (size_t)size);
        assert_refused(file, BERTH_E_INVALID, size < 4 ? "not ELF" : "truncated", "shared object");
    }
    copy("/dev/null", file, 0);
    assert_refused(file, BERTH_E_INVALID, "an empty file", "a shared object");
    copy("/etc/passwd", file, 100000);
    assert_refused(file, BERTH_E_INVALID, "not ELF", "a shared object");
    copy("/proc/self/exe", file, 100000000);
    assert_refused(file, BERTH_E_INVALID, "a program", "a shared object");
    copy(good_file, file, 100000000);
    int fd = open(file, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "\xb7\x00", 2, 18), 2); /* e_machine: aarch64 */
    close(fd);
    assert_refused(file, BERTH_E_INVALID, "for machine 183", "(this one)");
    unlink(file);
    mkdir(file, 0755);
    assert_refused(file, BERTH_E_INVALID, "not a file", "a shared object");
    rmdir(file);
    assert_refused(file, BERTH_E_NOT_FOUND, "cannot be found", file);
}

/* The C library's libz, or any other library: none of its code runs. */
static void test_foreign(void **state)
{
    static const char *const libraries[] = {"/lib/x86_64-linux-gnu/libz.so.1",
                                            "/usr/lib/x86_64-linux-gnu/libz.so.1",
                                            "/lib/aarch64-linux-gnu/libz.so.1"};
    char file[128];
    snprintf(file, sizeof(file), "%s/libz.so", folder);
    for (size_t i = 0; i < ARRAY_SIZE(libraries); i++) {
        if (access(libraries[i], R_OK) == 0) {
            copy(libraries[i], file, 100000000);
            assert_refused(file, BERTH_E_INVALID, "not a Berth driver",
                           "exports berth_plugin_query");
            return;
        }
    }
    fail_msg("no libz here");
}

static void test_permissions(void **state)
{
    char file[128], sub[96], link[128];
    struct berth_plugin_info info;
    berth_error err = BERTH_ERROR_INIT;
    snprintf(sub, sizeof(sub), "%s/sub", folder);
    snprintf(file, sizeof(file), "%s/good.so", sub);
    snprintf(link, sizeof(link), "%s/link.so", folder);
    mkdir(sub, 0755);
    copy(good_file, file, 100000000);
    berth_json_init(&berth_plugin_info_table, &info);
    assert_int_equal(berth_plugin_describe(NULL, file, &info, &err), 0);
    assert_int_equal(chmod(file, 0666), 0);
    assert_refused(file, BERTH_E_INVALID, "mode 0666", "writable by its owner only");
    assert_int_equal(chmod(file, 0664), 0);
    assert_refused(file, BERTH_E_INVALID, "mode 0664", "writable by its owner only");
    assert_int_equal(chmod(file, 0644), 0);
    assert_int_equal(chmod(sub, 0777), 0);
    assert_refused(file, BERTH_E_INVALID, "mode 0777", "writable by its owner only");
    assert_int_equal(chmod(sub, 0755), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(sub, 1234, 0), 0);
        assert_refused(file, BERTH_E_INVALID, "belongs to user 1234", "wanted: root");
        assert_int_equal(chown(sub, 0, 0), 0);
        assert_int_equal(chown(file, 1234, 0), 0);
        assert_refused(file, BERTH_E_INVALID, "belongs to user 1234", "wanted: root");
        assert_int_equal(chown(file, 0, 0), 0);
    }
    /* a link is as good as what it points to */
    assert_int_equal(symlink(file, link), 0);
    assert_int_equal(berth_plugin_describe(NULL, link, &info, &err), 0);
    assert_int_equal(chmod(file, 0666), 0);
    assert_int_equal(berth_plugin_describe(NULL, link, &info, &err), BERTH_E_INVALID);
    assert_non_null(strstr(err.msg, "mode 0666"));
    berth_json_done(&berth_plugin_info_table, &info);

    struct berth_plugins *plugins = NULL;
    AUTO_STRV struct berth_strv paths = {0};
    berth_strv_add(&paths, "relative/path");
    assert_int_equal(berth_plugins_new(&paths, &plugins, &err), BERTH_E_INVALID);
    assert_string_equal(err.msg, "plugin folder 'relative/path' is not an absolute path");
}

/* A writable folder of drivers: each is refused, the list says why. */
static void test_list(void **state)
{
    char path[96], file[128];
    struct berth_json_list list = {0};
    berth_error err = BERTH_ERROR_INIT;
    snprintf(path, sizeof(path), "%s/transport", folder);
    mkdir(path, 0755);
    snprintf(file, sizeof(file), "%s/good.so", path);
    copy(good_file, file, 100000000);
    snprintf(file, sizeof(file), "%s/text.so", path);
    copy("/etc/passwd", file, 100000);
    struct berth_plugins *plugins = new_plugins(folder);
    assert_int_equal(berth_plugins_list(plugins, false, &list, &err), 0);
    assert_int_equal(list.count, 2);
    const struct berth_plugin_info *info = list.items[0];
    assert_string_equal(info->name, "good");
    assert_false(info->loaded);
    berth_json_list_done(&list, &berth_plugin_info_table);
    assert_int_equal(berth_plugins_list(plugins, true, &list, &err), 0);
    info = list.items[0];
    assert_true(info->loaded);
    assert_string_equal(info->abi, "1.0");
    assert_string_equal(info->kind, "transport");
    assert_int_equal(info->params.count, 5);
    assert_int_equal(info->operations.count, 4);
    assert_string_equal(info->schemes.items[0], "bad");
    info = list.items[1];
    assert_false(info->loaded);
    assert_non_null(strstr(info->error, "not ELF"));
    berth_json_list_done(&list, &berth_plugin_info_table);
    berth_plugins_free(plugins);
}

static void test_parameters(void **state)
{
    static const struct {
        const char *key, *value, *wanted; /* NULL: fine */
    } cases[] = {
        {"level", "high", NULL},
        {"level", "middle", "'level' is 'middle'; wanted: enum:low|high"},
        {"level", "low|high", "wanted: enum"},
        {"level", "", "wanted: enum"},
        {"count", "12x", "wanted: int"},
        {"limit", "1.5g", NULL},
        {"limit", "much", "wanted: size"},
        {"fast", "perhaps", "wanted: bool"},
        {"secret", "hunter2", "'secret' is '(hidden)'; wanted: int"},
        {"colour", "red", "has no parameter 'colour'; it has: level, count, limit, fast, secret"},
    };
    struct berth_plugins *plugins = new_plugins(bad_folder);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct berth_driver *driver = NULL;
        berth_error err = BERTH_ERROR_INIT;
        char instance[16];
        AUTO_STRMAP struct berth_strmap params = {0};
        berth_strmap_set(&params, cases[i].key, cases[i].value);
        snprintf(instance, sizeof(instance), "i%zu", i);
        int32_t code = berth_plugin_open(plugins, BERTH_KIND_TRANSPORT, "good", instance, &params,
                                         &driver, &err);
        if (cases[i].wanted == NULL ? code != 0
                                    : strstr(err.msg, cases[i].wanted) == NULL || code == 0) {
            fail_msg("%s=%s: %d '%s'", cases[i].key, cases[i].value, (int)code, err.msg);
        }
    }
    berth_plugins_free(plugins);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_descriptors), TEST(test_probe_and_open), TEST(test_careless),
        TEST(test_files),       TEST(test_foreign),        TEST(test_permissions),
        TEST(test_list),        TEST(test_parameters),
    };
    bad_folder = getenv("BERTH_TEST_BAD");
    if (bad_folder == NULL) {
        fprintf(stderr, "BERTH_TEST_BAD is not set\n");
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
