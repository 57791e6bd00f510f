/* SPDX-License-Identifier: Apache-2.0
 *
 * core/client: where to connect: -H, environment, contexts on disk; config.json keeps what it
 * does not know.
 */
#include "test.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "client/context.h"
#include "client/files.h"

/* The names that Docker gives the directories of these contexts: SHA-256 of the name. */
#define REMOTE_HASH "b6b3dbc4d1cc4b9d8e4d65ef34f8d5e5d8d6a8b1e8a0a7c7d5f9a7b1f2c3d4e5"

static char folder[] = "/tmp/berth-context-XXXXXX";

static void make(const char *path, const char *text)
{
    AUTO_FREE char *full = berth_format("%s/%s", folder, path);
    for (char *at = full + strlen(folder) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        mkdir(full, 0700);
        *at = '/';
    }
    assert_int_equal(berth_client_file_write(full, text, strlen(text), 0600, NULL), 0);
}

static int set_up(void **state)
{
    static const char *const names[] = {"BERTH_HOST",     "BERTH_CONTEXT",     "DOCKER_HOST",
                                        "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH",
                                        "DOCKER_TLS"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        unsetenv(names[i]);
    }
    assert_non_null(mkdtemp(folder));
    make("config.json",
         "{\"currentContext\":\"remote\",\"psFormat\":\"x\",\"unknown\":{\"a\":[1]}}");
    make("contexts/meta/" REMOTE_HASH "/meta.json",
         "{\"Name\":\"remote\",\"Metadata\":{\"Description\":\"hi\"},\"Endpoints\":{\"docker\":"
         "{\"Host\":\"tcp://1.2.3.4:2376\",\"SkipTLSVerify\":false}}}");
    make("contexts/tls/" REMOTE_HASH "/docker/ca.pem", "ca");
    /* other case of keys, as Go reads it */
    make("contexts/meta/other/meta.json",
         "{\"name\":\"other\",\"endpoints\":{\"docker\":{\"host\":\"ssh://u@h\"}}}");
    return 0;
}

static int tear_down(void **state)
{
    AUTO_FREE char *command = berth_format("rm -rf '%s'", folder);
    return system(command);
}

/* The host that a set of choices leads to; "ERROR: ..." when they lead nowhere. */
static const char *resolve(const char *flag_context, const char *flag_host)
{
    static char result[600];
    AUTO_STRV struct berth_strv hosts = {0};
    struct berth_config *config = NULL;
    struct berth_endpoint endpoint = {0};
    berth_error err = BERTH_ERROR_INIT;
    if (flag_host != NULL) {
        berth_strv_add(&hosts, flag_host);
    }
    struct berth_endpoint_options options = {.context = flag_context, .hosts = &hosts};
    assert_int_equal(berth_config_load(folder, &config, &err), 0);
    if (berth_endpoint_resolve(config, &options, &endpoint, &err) != 0) {
        snprintf(result, sizeof(result), "ERROR: %s", err.msg);
    } else {
        snprintf(result, sizeof(result), "%s %s%s", endpoint.context, endpoint.host,
                 endpoint.tls_verify ? " tls" : "");
        berth_endpoint_done(&endpoint);
    }
    berth_config_free(config);
    return result;
}

static void the_order_is_dockers_and_ours_wins(void **state)
{
    assert_string_equal(resolve("", NULL), "remote tcp://1.2.3.4:2376 tls");
    assert_string_equal(resolve("other", NULL), "other ssh://u@h");
    assert_string_equal(resolve("", "/x.sock"), "default unix:///x.sock");
    setenv("DOCKER_CONTEXT", "other", 1);
    assert_string_equal(resolve("", NULL), "other ssh://u@h");
    setenv("DOCKER_HOST", "tcp://h:1", 1);
    assert_string_equal(resolve("", NULL), "default tcp://h:1");
    setenv("BERTH_CONTEXT", "remote", 1);
    assert_string_equal(resolve("", NULL), "remote tcp://1.2.3.4:2376 tls");
    setenv("BERTH_HOST", "unix:///b", 1);
    assert_string_equal(resolve("", NULL), "default unix:///b");
    assert_string_equal(resolve("other", NULL), "other ssh://u@h");
    assert_string_equal(resolve("default", NULL), "default unix:///b");
    unsetenv("DOCKER_CONTEXT");
    unsetenv("DOCKER_HOST");
    unsetenv("BERTH_CONTEXT");
    unsetenv("BERTH_HOST");
    assert_string_equal(resolve("default", NULL), "default " BERTH_CLIENT_DEFAULT_HOST);
}

static void wrong_choices_are_told(void **state)
{
    assert_string_equal(resolve("other", "/x"), "ERROR: conflicting options: cannot specify both "
                                                "--host and --context");
    assert_non_null(strstr(resolve("nosuch", NULL), "context \"nosuch\": context not found"));
}

static void hosts_have_many_forms(void **state)
{
    static const char *const cases[][2] = {
        {"", BERTH_CLIENT_DEFAULT_HOST},
        {"unix://", BERTH_CLIENT_DEFAULT_HOST},
        {"unix:///run/x.sock", "unix:///run/x.sock"},
        {"/run/x.sock", "unix:///run/x.sock"},
        {"h:1234", "tcp://h:1234"},
        {"tcp://h", "tcp://h:2375"},
        {"tcp://:2376", "tcp://localhost:2376"},
        {"tcp://[::1]:5/p", "tcp://[::1]:5/p"},
        {"ssh://u@h:22/run/x", "ssh://u@h:22/run/x"},
    };
    berth_error err = BERTH_ERROR_INIT;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO_FREE char *url = NULL;
        assert_int_equal(berth_client_host_parse(cases[i][0], false, &url, &err), 0);
        assert_string_equal(url, cases[i][1]);
    }
    static const char *const wrong[] = {"tcp://h:x", "tcp://h:0", "tcp://h:65536", "tcp://::1:5",
                                        "ssh://"};
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        AUTO_FREE char *url = NULL;
        assert_int_equal(berth_client_host_parse(wrong[i], false, &url, &err), BERTH_E_INVALID);
    }
}

static void contexts_are_listed_default_first(void **state)
{
    struct berth_config *config = NULL;
    AUTO_STRV struct berth_strv names = {0};
    assert_int_equal(berth_config_load(folder, &config, NULL), 0);
    assert_int_equal(berth_context_list(config, &names, NULL), 0);
    AUTO_FREE char *all = berth_strv_join(&names, " ");
    assert_string_equal(all, "default other remote");
    berth_config_free(config);
}

static void saving_keeps_what_is_unknown(void **state)
{
    struct berth_config *config = NULL;
    struct stat status;
    assert_int_equal(berth_config_load(folder, &config, NULL), 0);
    assert_string_equal(berth_config_string(config, "psFormat"), "x");
    assert_null(berth_config_string(config, "unknown"));
    json_object_object_del(config->json, "currentContext");
    assert_int_equal(berth_config_save(config, NULL), 0);
    assert_int_equal(stat(config->path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    berth_config_free(config);
    assert_int_equal(berth_config_load(folder, &config, NULL), 0);
    assert_string_equal(json_object_to_json_string_ext(config->json, JSON_C_TO_STRING_PLAIN),
                        "{\"psFormat\":\"x\",\"unknown\":{\"a\":[1]}}");
    berth_config_free(config);
    assert_string_equal(resolve("", NULL), "default " BERTH_CLIENT_DEFAULT_HOST);
}

static void a_broken_file_warns_and_is_ignored(void **state)
{
    struct berth_config *config = NULL;
    make("config.json", "{\"auths\": ");
    assert_int_equal(berth_config_load(folder, &config, NULL), 0);
    assert_non_null(config->warning);
    assert_int_equal(json_object_object_length(config->json), 0);
    berth_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_is_dockers_and_ours_wins),
        cmocka_unit_test(wrong_choices_are_told),
        cmocka_unit_test(hosts_have_many_forms),
        cmocka_unit_test(contexts_are_listed_default_first),
        cmocka_unit_test(saving_keeps_what_is_unknown),
        cmocka_unit_test(a_broken_file_warns_and_is_ignored),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
