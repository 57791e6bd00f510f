/* SPDX-License-Identifier: Apache-2.0
 *
 * Ping, version, info, auth.
 */
#include <json-c/json.h>
#include <string.h>
#include <sys/utsname.h>

#include "api/internal.h"
#include "base/cleanup.h"

int32_t berth_api_ping(struct berth_http_request *request, berth_error *err)
{
    berth_http_respond_header(request, "Builder-Version", "1");
    berth_http_respond_header(request, "Swarm", "inactive");
    berth_http_respond_header(request, "Cache-Control", "no-cache, no-store, must-revalidate");
    berth_http_respond_header(request, "Pragma", "no-cache");
    berth_http_respond(request, 200, "text/plain; charset=utf-8", "OK", 2);
    return 0;
}

struct component {
    char *name, *version;
    struct berth_strmap details;
};

struct platform {
    char *name;
};

struct version {
    struct platform platform;
    struct berth_json_list components;
    char *version, *api_version, *minimum_version, *commit, *compiler, *system, *architecture,
        *kernel;
    bool experimental;
    char *built;
};

#define FIELD(type, member, name, kind, flags) \
    BERTH_JSON_FIELD(struct type, member, name, kind, flags)

static const struct berth_json_field platform_fields[] = {
    FIELD(platform, name, "Name", STRING, 0),
};
static const struct berth_json_table platform_table =
    BERTH_JSON_TABLE("Platform", struct platform, platform_fields);

static const struct berth_json_field component_fields[] = {
    FIELD(component, name, "Name", STRING, 0),
    FIELD(component, version, "Version", STRING, 0),
    FIELD(component, details, "Details", STRMAP, BERTH_JSON_OMIT_EMPTY),
};
static const struct berth_json_table component_table =
    BERTH_JSON_TABLE("Components", struct component, component_fields);

static const struct berth_json_field version_fields[] = {
    BERTH_JSON_NESTED(struct version, platform, "Platform", OBJECT, 0, platform_table),
    BERTH_JSON_NESTED(struct version, components, "Components", LIST, 0, component_table),
    FIELD(version, version, "Version", STRING, 0),
    FIELD(version, api_version, "ApiVersion", STRING, 0),
    FIELD(version, minimum_version, "MinAPIVersion", STRING, 0),
    FIELD(version, commit, "GitCommit", STRING, 0),
    /* Docker tells its compiler here, and clients print it */
    FIELD(version, compiler, "GoVersion", STRING, 0),
    FIELD(version, system, "Os", STRING, 0),
    FIELD(version, architecture, "Arch", STRING, 0),
    FIELD(version, kernel, "KernelVersion", STRING, 0),
    FIELD(version, experimental, "Experimental", BOOL, BERTH_JSON_OMIT_EMPTY),
    FIELD(version, built, "BuildTime", STRING, BERTH_JSON_OMIT_EMPTY),
};
static const struct berth_json_table version_table =
    BERTH_JSON_TABLE("Version", struct version, version_fields);

/* The architecture as Go spells it. */
static const char *go_architecture(const char *machine)
{
    static const struct {
        const char *kernel, *go;
    } names[] = {{"x86_64", "amd64"},   {"aarch64", "arm64"},   {"armv7l", "arm"},
                 {"i686", "386"},       {"ppc64le", "ppc64le"}, {"s390x", "s390x"},
                 {"riscv64", "riscv64"}};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(names[i].kernel, machine) == 0) {
            return names[i].go;
        }
    }
    return machine;
}

/* The strings belong to the caller's frame: the struct is written, never freed. */
static void set_details(struct berth_strmap *details, const struct version *version)
{
    berth_strmap_set(details, "ApiVersion", version->api_version);
    berth_strmap_set(details, "Arch", version->architecture);
    berth_strmap_set(details, "BuildTime", version->built);
    berth_strmap_set(details, "Experimental", version->experimental ? "true" : "false");
    berth_strmap_set(details, "GitCommit", version->commit);
    berth_strmap_set(details, "GoVersion", version->compiler);
    berth_strmap_set(details, "KernelVersion", version->kernel);
    berth_strmap_set(details, "MinAPIVersion", version->minimum_version);
    berth_strmap_set(details, "Os", version->system);
}

int32_t berth_api_version(struct berth_http_request *request, berth_error *err)
{
    struct utsname host;
    AUTO_STRMAP struct berth_strmap details = {0};
    char name[] = "Engine", platform[] = "Berth", number[] = BERTH_VERSION,
         newest[] = BERTH_API_VERSION, oldest[] = BERTH_API_VERSION_MIN, commit[] = BERTH_BUILD,
         compiler[] = "gcc " __VERSION__, system[] = "linux", built[] = BERTH_BUILD_TIME;
    char architecture[sizeof(host.machine)];
    if (uname(&host) < 0) {
        return berth_error_set(err, BERTH_E_INTERNAL, 0, "uname failed");
    }
    snprintf(architecture, sizeof(architecture), "%s", go_architecture(host.machine));
    struct version version = {.platform = {.name = platform},
                              .version = number,
                              .api_version = newest,
                              .minimum_version = oldest,
                              .commit = commit,
                              .compiler = compiler,
                              .system = system,
                              .architecture = architecture,
                              .kernel = host.release,
                              .built = built};
    set_details(&details, &version);
    struct component engine = {.name = name, .version = number, .details = details};
    void *components[] = {&engine};
    version.components = (struct berth_json_list){.items = components, .count = 1};
    return berth_api_answer(request, 200, &version_table, &version, err);
}

int32_t berth_api_info(struct berth_http_request *request, berth_error *err)
{
    struct json_object *info = NULL;
    int32_t rc =
        berth_engine_info(berth_api_engine(request), berth_http_request_tag(request), &info, err);
    return rc < 0 ? rc : berth_api_answer_json(request, 200, info, err);
}

int32_t berth_api_auth(struct berth_http_request *request, berth_error *err)
{
    return berth_api_unsupported(err, "logging in to a registry");
}
