/* SPDX-License-Identifier: Apache-2.0
 *
 * Credentials in config.json: {"auths": {"HOST": {"auth": base64("user:password")}}}.
 */
#include "cli/auth.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/output.h"
#include "client/config.h"

#define HUB_KEY "https://index.docker.io/v1/" /* how Docker Hub is named in config.json */

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode(const char *text, size_t length, struct berth_buffer *out)
{
    for (size_t i = 0; i < length; i += 3) {
        unsigned int bits = 0;
        size_t have = length - i < 3 ? length - i : 3;
        for (size_t j = 0; j < 3; j++) {
            bits = bits << 8 | (j < have ? (unsigned char)text[i + j] : 0);
        }
        for (size_t j = 0; j < 4; j++) {
            char c = j <= have ? url_safe[bits >> (18 - 6 * j) & 63] : '=';
            berth_buffer_append(out, &c, 1);
        }
    }
}

static void decode(const char *text, struct berth_buffer *out)
{
    unsigned int bits = 0;
    int count = 0;
    for (; *text != '\0' && *text != '='; text++) {
        const char *found = strchr(standard, *text);
        found = found != NULL ? found : strchr(url_safe, *text);
        if (found == NULL) {
            continue;
        }
        bits = bits << 6 |
               (unsigned int)(found -
                              (found >= url_safe && found < url_safe + 64 ? url_safe : standard));
        count += 6;
        if (count >= 8) {
            count -= 8;
            char c = (char)(bits >> count & 0xff);
            berth_buffer_append(out, &c, 1);
        }
    }
}

/* The registry of an image name: its first part when that looks like a host. */
static char *registry_of(const char *image)
{
    size_t length = strcspn(image, "/");
    bool host = image[length] == '/' &&
                (memchr(image, '.', length) != NULL || memchr(image, ':', length) != NULL ||
                 strncmp(image, "localhost/", 10) == 0);
    bool hub = !host || strncmp(image, "docker.io/", 10) == 0;
    return hub ? strdup(HUB_KEY) : strndup(image, length);
}

/* The entry of a registry in "auths", under its plain name or as a URL. */
static struct json_object *find_entry(const struct berth_config *config, const char *registry)
{
    static const char *const forms[] = {"%s", "https://%s", "https://%s/v1/", "https://%s/v2/",
                                        "http://%s"};
    struct json_object *auths = berth_config_get(config, "auths"), *found = NULL;
    for (size_t i = 0; auths != NULL && found == NULL && i < ARRAY_SIZE(forms); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        AUTO_FREE char *key = berth_format(forms[i], registry);
#pragma GCC diagnostic pop
        if (key != NULL) {
            json_object_object_get_ex(auths, key, &found);
        }
    }
    return found;
}

void berth_auth_header(struct berth_cli *cli, const char *image, struct berth_strmap *headers)
{
    AUTO_BUFFER struct berth_buffer plain = BERTH_BUFFER_INIT, encoded = BERTH_BUFFER_INIT;
    AUTO_FREE char *registry = registry_of(image);
    const struct berth_config *config = berth_cli_config(cli);
    struct json_object *entry =
        config != NULL && registry != NULL ? find_entry(config, registry) : NULL;
    if (entry == NULL) {
        return;
    }
    struct json_object *auth = json_object_new_object();
    decode(berth_json_string(entry, "auth"), &plain);
    char *colon = plain.data != NULL ? memchr(plain.data, ':', plain.length) : NULL;
    if (colon != NULL) {
        *colon = '\0';
        berth_json_set(auth, "username", plain.data);
        berth_json_set(auth, "password", colon + 1);
    }
    const char *token = berth_json_string(entry, "identitytoken");
    if (*token != '\0') {
        berth_json_set(auth, "identitytoken", token);
    }
    berth_json_set(auth, "serveraddress", registry);
    const char *text = json_object_to_json_string_ext(auth, JSON_C_TO_STRING_PLAIN |
                                                                JSON_C_TO_STRING_NOSLASHESCAPE);
    encode(text, strlen(text), &encoded);
    if (encoded.data != NULL) {
        berth_strmap_set(headers, "X-Registry-Auth", encoded.data);
    }
    json_object_put(auth);
}
