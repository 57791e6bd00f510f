/* SPDX-License-Identifier: Apache-2.0
 *
 * core/oci: manifests, platforms and image configs: what is read, chosen and refused.
 */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "oci/image_config.h"
#include "oci/manifest.h"

#define D1 "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define D2 "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static int32_t parse(const char *text, const char *media_type, struct berth_manifest **ret,
                     berth_error *err)
{
    return berth_oci_manifest_parse(text, strlen(text), media_type, ret, err);
}

static void test_image(void **state)
{
    static const char text[] =
        "{\"schemaVersion\":2,\"mediaType\":\"" BERTH_MEDIA_OCI_MANIFEST "\",\"config\":{"
        "\"mediaType\":\"" BERTH_MEDIA_OCI_CONFIG "\",\"digest\":\"" D1 "\",\"size\":7},"
        "\"layers\":[{\"mediaType\":\"x\",\"digest\":\"" D2 "\",\"size\":0}]}";
    struct berth_manifest *manifest = NULL;
    berth_error err = BERTH_ERROR_INIT;
    assert_int_equal(parse(text, NULL, &manifest, &err), 0);
    assert_int_equal(manifest->kind, BERTH_MANIFEST_IMAGE);
    assert_int_equal(manifest->layers.count, 1);
    assert_string_equal(manifest->config->digest, D1);
    berth_json_free(&berth_manifest_table, manifest);
    assert_int_equal(parse(text, BERTH_MEDIA_OCI_INDEX, &manifest, &err), BERTH_E_INVALID);
    assert_int_equal(parse(text, BERTH_MEDIA_DOCKER_MANIFEST, &manifest, &err), BERTH_E_INVALID);
}

static void test_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "null",
        "[]",
        "{}",
        "{\"schemaVersion\":1,\"fsLayers\":[]}",
        "{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}",
        "{\"schemaVersion\":2,\"manifests\":[],\"config\":null}",
        "{\"schemaVersion\":2,\"layers\":[]}",
        "{\"schemaVersion\":3,\"manifests\":[]}",
        "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"sha256:..\",\"size\":1}]}",
        "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"" D1 "\",\"size\":-1}]}",
        "{\"schemaVersion\":2,\"manifests\":[7]}",
        "{\"schemaVersion\":2,\"mediaType\":\"" BERTH_MEDIA_OCI_MANIFEST "\",\"manifests\":[]}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct berth_manifest *manifest = NULL;
        berth_error err = BERTH_ERROR_INIT;
        if (parse(texts[i], NULL, &manifest, &err) != BERTH_E_INVALID || err.msg[0] == '\0') {
            fail_msg("accepted: %s", texts[i]);
        }
    }
}

#define ENTRY(digest, os, architecture, variant)                       \
    "{\"digest\":\"" digest "\",\"size\":1,\"platform\":{\"os\":\"" os \
    "\",\"architecture\":\"" architecture "\",\"variant\":\"" variant "\"}}"

static void test_select(void **state)
{
    static const char text[] =
        "{\"schemaVersion\":2,\"manifests\":[" ENTRY(D1, "unknown", "unknown", "") "," ENTRY(
            D1, "linux", "arm", "v6") "," ENTRY(D2, "linux", "amd64", "") "]}";
    struct berth_manifest *index = NULL;
    assert_int_equal(parse(text, NULL, &index, NULL), 0);
    struct berth_platform wanted;
    assert_int_equal(berth_oci_platform_parse("linux/x86_64", &wanted, NULL), 0);
    assert_string_equal(berth_oci_index_select(index, &wanted)->digest, D2);
    assert_int_equal(berth_oci_platform_parse("linux/arm/v7", &wanted, NULL), 0);
    assert_string_equal(berth_oci_index_select(index, &wanted)->digest, D1);
    assert_int_equal(berth_oci_platform_parse("linux/arm/v5", &wanted, NULL), 0);
    assert_null(berth_oci_index_select(index, &wanted));
    assert_int_equal(berth_oci_platform_parse("linux/arm64", &wanted, NULL), 0);
    assert_null(berth_oci_index_select(index, &wanted));
    berth_json_free(&berth_manifest_table, index);
}

static void test_platforms(void **state)
{
    static const struct {
        const char *text, *normal;
    } cases[] = {
        {"linux/arm64/v8", "linux/arm64"}, {"linux/aarch64", "linux/arm64"},
        {"linux/armhf", "linux/arm/v7"},   {"linux/arm", "linux/arm/v7"},
        {"linux/arm/6", "linux/arm/v6"},   {"Linux/AMD64", "linux/amd64"},
        {"arm64", "linux/arm64"},          {"linux/amd64/v3", "linux/amd64/v3"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct berth_platform platform;
        char text[84];
        assert_int_equal(berth_oci_platform_parse(cases[i].text, &platform, NULL), 0);
        berth_oci_platform_text(&platform, text);
        assert_string_equal(text, cases[i].normal);
    }
    struct berth_platform platform;
    assert_int_equal(berth_oci_platform_parse("a/b/c/d", &platform, NULL), BERTH_E_INVALID);
    assert_int_equal(berth_oci_platform_parse("", &platform, NULL), BERTH_E_INVALID);
    assert_int_equal(berth_oci_platform_parse("linux/", &platform, NULL), BERTH_E_INVALID);
    assert_int_equal(berth_oci_platform_parse("lin ux", &platform, NULL), BERTH_E_INVALID);
}

static void test_image_config(void **state)
{
    static const char text[] =
        "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Cmd\":[\"sh\"],\"Env\":[\"A="
        "b\"]"
        "},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" D1 "\"]},\"history\":[{\"created_by\":"
        "\"x\"},{\"empty_layer\":true}]}";
    struct berth_image_config *config = NULL;
    assert_int_equal(berth_oci_image_config_parse(text, strlen(text), &config, NULL), 0);
    assert_string_equal(config->config.cmd.items[0], "sh");
    assert_string_equal(config->rootfs.diff_ids.items[0], D1);
    assert_int_equal(config->history.count, 2);
    berth_json_free(&berth_image_config_table, config);

    static const char *const bad[] = {
        "{}",
        "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"x\"]}}",
        "{\"rootfs\":{\"type\":\"blobs\"}}",
        "{\"rootfs\":7}",
        "{\"rootfs\":{\"type\":\"layers\"},\"config\":{\"Env\":5}}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(berth_oci_image_config_parse(bad[i], strlen(bad[i]), &config, NULL),
                         BERTH_E_INVALID);
    }
}

static void test_archive(void **state)
{
    static const char text[] = "[{\"Config\":\"c.json\",\"RepoTags\":null,\"Layers\":[\"a/layer."
                               "tar\"],\"LayerSources\":{\"x\":{}}}]";
    struct berth_json_list list = {NULL, 0};
    assert_int_equal(berth_oci_archive_parse(text, strlen(text), &list, NULL), 0);
    const struct berth_archive_entry *entry = list.items[0];
    assert_string_equal(entry->config, "c.json");
    assert_int_equal(entry->repo_tags.count, 0);
    assert_string_equal(entry->layers.items[0], "a/layer.tar");
    berth_json_list_done(&list, &berth_archive_entry_table);
    assert_int_equal(berth_oci_archive_parse("[]", 2, &list, NULL), BERTH_E_INVALID);
    assert_int_equal(berth_oci_archive_parse("[{}]", 4, &list, NULL), BERTH_E_INVALID);
    assert_int_equal(berth_oci_archive_parse("{}", 2, &list, NULL), BERTH_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_image),        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_select),       cmocka_unit_test(test_platforms),
        cmocka_unit_test(test_image_config), cmocka_unit_test(test_archive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
