/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's options: file, flags, precedence, refusals.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "daemon/config.h"

/* Reads `file` (NULL: none) and the words of argv after the program's name. */
static int32_t load(struct berth_daemon_config *config, const char *file, char *const *words,
                    berth_error *err)
{
    char path[] = "/tmp/berth-test-config-XXXXXX";
    char *argv[20] = {(char[]){"berthd"}, (char[]){"--config-file"}, path};
    int argc = 3;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    for (; words != NULL && *words != NULL; words++) {
        argv[argc++] = *words;
    }
    if (file != NULL) {
        assert_int_equal(write(fd, file, strlen(file)), strlen(file));
    }
    close(fd);
    assert_int_equal(berth_daemon_config_init(config, NULL), 0);
    int32_t rc = berth_daemon_config_load(config, argc, argv, err);
    unlink(path);
    return rc;
}

#define WORDS(...)        \
    (char *[])            \
    {                     \
        __VA_ARGS__, NULL \
    }
#define W(text) ((char[]){text})

static void everything_in_a_file(void **state)
{
    AUTO_DAEMON_CONFIG struct berth_daemon_config config;
    static const char text[] =
        "{\"debug\": true, \"hosts\": [\"unix:///a\", \"unix:///b\"], \"storage-driver\": \"vfs\","
        "\"log-opts\": {\"max-size\": \"1m\"}, \"mtu\": 1400, \"icc\": false,"
        "\"default-shm-size\": \"128M\", \"labels\": [\"a=b\"], \"bip\": null,"
        "\"default-address-pools\": [{\"base\": \"10.1.0.0/16\", \"size\": 24}],"
        "\"default-ulimits\": {\"nofile\": {\"Name\": \"nofile\", \"Soft\": 10, \"Hard\": 20}},"
        "\"registries\": {\"*\": {\"driver\": \"private\"}}, \"live-restore\": true}";
    assert_int_equal(load(&config, text, NULL, NULL), 0);
    assert_true(config.debug);
    assert_int_equal(config.hosts.count, 2);
    assert_string_equal(config.storage_driver, "vfs");
    assert_string_equal(berth_strmap_get(&config.log_opts, "max-size"), "1m");
    assert_int_equal(config.mtu, 1400);
    assert_false(config.icc);
    assert_true(config.ip_masq);
    assert_int_equal(config.default_shm_size, 128 << 20);
    assert_string_equal(config.default_address_pools.items[0], "base=10.1.0.0/16,size=24");
    assert_string_equal(config.default_ulimits.items[0], "nofile=10:20");
    assert_non_null(config.registries);
    AUTO_STRV struct berth_strv warnings = {0};
    berth_daemon_config_warnings(&config, &warnings);
    assert_int_equal(warnings.count, 1);
    assert_non_null(strstr(warnings.items[0], "live-restore"));
}

static void expect_error(const char *file, char *const *words, const char *part)
{
    AUTO_DAEMON_CONFIG struct berth_daemon_config config;
    berth_error err = BERTH_ERROR_INIT;
    assert_true(load(&config, file, words, &err) < 0);
    if (strstr(err.msg, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, err.msg);
    }
}

static void bad_files(void **state)
{
    expect_error("{\"foo\": 1, \"debug\": true, \"bar\": 2}", NULL,
                 "the following directives don't match any configuration option: foo, bar");
    expect_error("{\"debug\": \"x\"}", NULL, "debug must be true or false");
    expect_error("{\"hosts\": \"unix:///a\"}", NULL, "hosts must be an array of strings");
    expect_error("{\"mtu\": \"1\"}", NULL, "mtu must be a number");
    expect_error("{\"log-level\": \"loud\"}", NULL, "invalid logging level: loud");
    expect_error("{\"hosts\": [\"/a\"]}", NULL, "invalid host /a");
    expect_error("{\"labels\": [\"a\"]}", NULL, "bad attribute format: a");
    expect_error("{\"default-shm-size\": \"many\"}", NULL, "default-shm-size");
    expect_error("{\"default-address-pools\": [{\"base\": \"x\", \"size\": 24}]}", NULL, "pool");
    expect_error("{\"userns-remap\": \"default\"}", NULL, "userns-remap is not supported");
    expect_error("{", NULL, "unable to configure the Berth daemon with file");
    expect_error("[]", NULL, "not a JSON object");
    expect_error("{\"validate\": true}", NULL, "don't match any configuration option: validate");
}

static void harmless_files(void **state)
{
    static const char *const texts[] = {"", " \n", "{}", "{\"tls\": false, \"userns-remap\": \"\"}",
                                        "{\"runtimes\": {}}"};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        AUTO_DAEMON_CONFIG struct berth_daemon_config config;
        AUTO_STRV struct berth_strv warnings = {0};
        assert_int_equal(load(&config, texts[i], NULL, NULL), 0);
        berth_daemon_config_warnings(&config, &warnings);
        assert_int_equal(warnings.count, 0);
    }
}

static void flags(void **state)
{
    AUTO_DAEMON_CONFIG struct berth_daemon_config config;
    char *const *words = WORDS(W("-D"), W("-H"), W("unix:///x"), W("--host=unix:///y"), W("-lwarn"),
                               W("--icc=false"), W("--log-opt"), W("max-file=2"),
                               W("--default-ulimit=nofile=1:2"), W("--validate"));
    assert_int_equal(load(&config, NULL, words, NULL), 0);
    assert_true(config.debug);
    assert_true(config.validate);
    assert_int_equal(config.hosts.count, 2);
    assert_string_equal(config.hosts.items[1], "unix:///y");
    assert_string_equal(config.log_level, "warn");
    assert_false(config.icc);
    assert_string_equal(berth_strmap_get(&config.log_opts, "max-file"), "2");
    assert_string_equal(config.default_ulimits.items[0], "nofile=1:2");
}

static void flags_win_over_the_file(void **state)
{
    AUTO_DAEMON_CONFIG struct berth_daemon_config config;
    AUTO_STRV struct berth_strv warnings = {0};
    assert_int_equal(load(&config, "{\"storage-driver\": \"vfs\", \"hosts\": [\"unix:///file\"]}",
                          WORDS(W("-s"), W("overlay"), W("-H=unix:///flag")), NULL),
                     0);
    assert_string_equal(config.storage_driver, "overlay");
    assert_int_equal(config.hosts.count, 1);
    assert_string_equal(config.hosts.items[0], "unix:///flag");
    berth_daemon_config_warnings(&config, &warnings);
    assert_int_equal(warnings.count, 2);
}

static void bad_flags(void **state)
{
    expect_error(NULL, WORDS(W("--nothing")), "unknown flag: --nothing");
    expect_error(NULL, WORDS(W("-Z")), "unknown shorthand flag: 'Z' in -Z");
    expect_error(NULL, WORDS(W("--host")), "flag needs an argument: --host");
    expect_error(NULL, WORDS(W("-H")), "flag needs an argument: 'H' in -H");
    expect_error(NULL, WORDS(W("serve")), "accepts no arguments");
    expect_error(NULL, WORDS(W("--mtu=big")), "invalid argument \"big\" for \"--mtu\" flag");
    expect_error(NULL, WORDS(W("--icc=perhaps")), "invalid argument \"perhaps\"");
    expect_error(NULL, WORDS(W("--log-opt=x")), "KEY=VALUE");
    expect_error(NULL, WORDS(W("--default-ulimit=nofile=9:1")), "invalid ulimit");
    expect_error(NULL, WORDS(W("--tlsverify")), "tlsverify is not supported");
    expect_error(NULL, WORDS(W("--data-root=relative")), "must be absolute paths");
}

static void reload_takes_what_it_may(void **state)
{
    AUTO_DAEMON_CONFIG struct berth_daemon_config config;
    AUTO_DAEMON_CONFIG struct berth_daemon_config fresh;
    assert_int_equal(load(&config, "{\"labels\": [\"a=1\"], \"mtu\": 1}", NULL, NULL), 0);
    assert_int_equal(
        load(&fresh, "{\"labels\": [\"b=2\"], \"mtu\": 2, \"debug\": true}", NULL, NULL), 0);
    berth_daemon_config_reload(&config, &fresh);
    assert_string_equal(config.labels.items[0], "b=2");
    assert_true(config.debug);
    assert_int_equal(config.mtu, 1);
}

/* Each key and flag stands in the table once. */
static void the_table_is_sound(void **state)
{
    for (size_t i = 0; i < berth_daemon_option_count; i++) {
        const struct berth_daemon_option *a = &berth_daemon_options[i];
        assert_true(a->key != NULL || a->flag != NULL);
        for (size_t k = i + 1; k < berth_daemon_option_count; k++) {
            const struct berth_daemon_option *b = &berth_daemon_options[k];
            assert_false(a->key != NULL && berth_str_equal(a->key, b->key));
            assert_false(a->flag != NULL && berth_str_equal(a->flag, b->flag));
            assert_false(a->letter != 0 && a->letter == b->letter);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_in_a_file),     cmocka_unit_test(bad_files),
        cmocka_unit_test(harmless_files),           cmocka_unit_test(flags),
        cmocka_unit_test(flags_win_over_the_file),  cmocka_unit_test(bad_flags),
        cmocka_unit_test(reload_takes_what_it_may), cmocka_unit_test(the_table_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
