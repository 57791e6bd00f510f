/* SPDX-License-Identifier: Apache-2.0
 *
 * Images in and out: load, save, import, pull.
 */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "cli/auth.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "client/client.h"
#include "http/url.h"

static ssize_t read_fd(void *context, void *buffer, size_t size, berth_error *err)
{
    const int *fd = context;
    while (true) {
        ssize_t got = read(*fd, buffer, size);
        if (got >= 0) {
            return got;
        }
        if (errno != EINTR) {
            return berth_error_errno(err, errno, "reading the archive");
        }
    }
}

static int load_from(struct berth_cli *cli, int fd, const char *target)
{
    berth_error err = BERTH_ERROR_INIT;
    struct berth_reply reply = {0};
    struct berth_client *client = berth_cli_client(cli);
    struct berth_request request = {.method = "POST",
                                    .target = target,
                                    .content_type = "application/x-tar",
                                    .body_reader = read_fd,
                                    .body_context = &fd};
    if (client == NULL) {
        return 1;
    }
    if (berth_client_open(client, &request, &reply, &err) != 0) {
        return berth_cli_fail(&err);
    }
    int32_t code = berth_progress_show(&reply, berth_flags_bool(&cli->flags, "quiet"), &err);
    berth_reply_done(&reply);
    return code != 0 ? berth_cli_fail(&err) : 0;
}

static int run_load(struct berth_cli *cli)
{
    const struct berth_flags *flags = &cli->flags;
    AUTO_BUFFER struct berth_buffer target = BERTH_BUFFER_INIT;
    AUTO_CLOSE int file = -1;
    const char *input = berth_flags_string(flags, "input");
    int fd = STDIN_FILENO;
    if (*input != '\0') {
        fd = file = open(input, O_RDONLY | O_CLOEXEC);
        if (file < 0) {
            return berth_cli_failf("open %s: %s", input,
                                   errno == ENOENT ? "no such file or directory" : strerror(errno));
        }
    } else if (isatty(STDIN_FILENO)) {
        return berth_cli_failf("requested load from stdin, but stdin is empty");
    }
    bool quiet = berth_flags_bool(flags, "quiet") || !isatty(STDOUT_FILENO);
    berth_buffer_add(&target, "/images/load");
    berth_http_query_add_bool(&target, "quiet", quiet, true);
    if (berth_flags_changed(flags, "platform")) {
        berth_http_query_add(&target, "platform", berth_flags_string(flags, "platform"));
    }
    return load_from(cli, fd, target.data);
}

static int run_import(struct berth_cli *cli)
{
    const struct berth_flags *flags = &cli->flags;
    const struct berth_strv *changes = berth_flags_list(flags, "change");
    AUTO_BUFFER struct berth_buffer target = BERTH_BUFFER_INIT;
    AUTO_CLOSE int file = -1;
    const char *source = cli->args[0];
    bool url = berth_str_starts(source, "http://") || berth_str_starts(source, "https://");
    int fd = STDIN_FILENO;
    if (!url && strcmp(source, "-") != 0) {
        fd = file = open(source, O_RDONLY | O_CLOEXEC);
        if (file < 0) {
            return berth_cli_failf("open %s: %s", source,
                                   errno == ENOENT ? "no such file or directory" : strerror(errno));
        }
    }
    berth_buffer_add(&target, "/images/create");
    berth_http_query_add(&target, "fromSrc", url ? source : "-");
    berth_http_query_add(&target, "repo", cli->arg_count > 1 ? cli->args[1] : NULL);
    const char *message = berth_flags_string(flags, "message");
    berth_http_query_add(&target, "message", *message != '\0' ? message : NULL);
    if (berth_flags_changed(flags, "platform")) {
        berth_http_query_add(&target, "platform", berth_flags_string(flags, "platform"));
    }
    for (size_t i = 0; i < changes->count; i++) {
        berth_http_query_add(&target, "changes", changes->items[i]);
    }
    berth_error err = BERTH_ERROR_INIT;
    struct berth_reply reply = {0};
    struct berth_client *client = berth_cli_client(cli);
    struct berth_request request = {.method = "POST",
                                    .target = target.data,
                                    .content_type = "application/x-tar",
                                    .body_reader = url ? NULL : read_fd,
                                    .body_context = &fd};
    if (client == NULL) {
        return 1;
    }
    if (berth_client_open(client, &request, &reply, &err) != 0) {
        return berth_cli_fail(&err);
    }
    int32_t code = berth_progress_show(&reply, false, &err);
    berth_reply_done(&reply);
    return code != 0 ? berth_cli_fail(&err) : 0;
}

/* Copies a reply's body to a file descriptor. */
static int32_t copy_body(struct berth_reply *reply, int fd, berth_error *err)
{
    static char piece[64 * 1024];
    while (true) {
        ssize_t got = berth_reply_read(reply, piece, sizeof(piece), err);
        if (got <= 0) {
            return (int32_t)got;
        }
        for (ssize_t done = 0; done < got;) {
            ssize_t put = write(fd, piece + done, (size_t)(got - done));
            if (put < 0 && errno != EINTR) {
                return berth_error_errno(err, errno, "writing the archive");
            }
            done += put > 0 ? put : 0;
        }
    }
}

int berth_transfer_download(struct berth_cli *cli, const char *target, const char *output)
{
    berth_error err = BERTH_ERROR_INIT;
    struct berth_client *client = berth_cli_client(cli);
    struct berth_request request = {.method = "GET", .target = target};
    struct berth_reply reply = {0};
    struct stat status;
    AUTO_FREE char *temporary = berth_format("%s.XXXXXX", output);
    AUTO_CLOSE int file = -1;
    if (client == NULL || temporary == NULL) {
        return 1;
    }
    if (*output == '\0' && isatty(STDOUT_FILENO)) {
        return berth_cli_failf("cowardly refusing to save to a terminal. Use the -o flag or "
                               "redirect");
    }
    if (berth_client_open(client, &request, &reply, &err) != 0) {
        return berth_cli_fail(&err);
    }
    /* a regular file appears whole or not at all; a device or pipe is written as it is */
    bool whole = *output != '\0' && (stat(output, &status) != 0 || S_ISREG(status.st_mode));
    if (*output != '\0') {
        file = whole ? mkostemp(temporary, O_CLOEXEC) : open(output, O_WRONLY | O_CLOEXEC);
        if (file < 0) {
            berth_reply_done(&reply);
            return berth_cli_failf("failed to create %s: %s", output, strerror(errno));
        }
    }
    int32_t code = copy_body(&reply, file >= 0 ? file : STDOUT_FILENO, &err);
    berth_reply_done(&reply);
    if (code == 0 && whole && (fchmod(file, 0600) != 0 || rename(temporary, output) != 0)) {
        code = berth_error_errno(&err, errno, "writing %s", output);
    }
    if (code != 0 && whole) {
        unlink(temporary);
    }
    return code != 0 ? berth_cli_fail(&err) : 0;
}

static int run_save(struct berth_cli *cli)
{
    AUTO_BUFFER struct berth_buffer target = BERTH_BUFFER_INIT;
    berth_buffer_add(&target, "/images/get");
    for (int i = 0; i < cli->arg_count; i++) {
        berth_http_query_add(&target, "names", cli->args[i]);
    }
    if (berth_flags_changed(&cli->flags, "platform")) {
        berth_http_query_add(&target, "platform", berth_flags_string(&cli->flags, "platform"));
    }
    return berth_transfer_download(cli, target.data, berth_flags_string(&cli->flags, "output"));
}

/* The name with the registry and namespace that it stands for: "busybox" is
 * "docker.io/library/busybox". The caller's to free. */
static char *full_name(const char *image)
{
    size_t length = strcspn(image, "/");
    bool path = image[length] == '/';
    bool host = path && (strcspn(image, ".:") < length || berth_str_starts(image, "localhost/"));
    return berth_format("%s%s", host ? "" : path ? "docker.io/" : "docker.io/library/", image);
}

int32_t berth_image_pull(struct berth_cli *cli, const char *image, const char *platform, bool quiet,
                         bool to_stderr, berth_error *err)
{
    AUTO_BUFFER struct berth_buffer target = BERTH_BUFFER_INIT;
    AUTO_STRMAP struct berth_strmap headers = {0};
    struct berth_reply reply = {0};
    AUTO_FREE char *name = full_name(image);
    if (name == NULL) {
        return berth_error_no_memory(err);
    }
    char *mark = strpbrk(strrchr(name, '/'), ":@");
    if (mark != NULL) {
        *mark = '\0';
    }
    berth_buffer_add(&target, "/images/create");
    berth_http_query_add(&target, "fromImage", name);
    berth_http_query_add(&target, "tag", mark != NULL ? mark + 1 : NULL);
    berth_http_query_add(&target, "platform", *platform != '\0' ? platform : NULL);
    berth_auth_header(cli, image, &headers);
    struct berth_request request = {.method = "POST", .target = target.data, .headers = &headers};
    int32_t code = berth_client_open(cli->client, &request, &reply, err);
    if (code == 0) {
        code = berth_progress_show_to(&reply, quiet, to_stderr ? stderr : stdout, err);
    }
    berth_reply_done(&reply);
    return code;
}

static int run_pull(struct berth_cli *cli)
{
    const struct berth_flags *flags = &cli->flags;
    berth_error err = BERTH_ERROR_INIT;
    const char *image = cli->args[0];
    const char *slash = strrchr(image, '/');
    bool tagged = strpbrk(slash != NULL ? slash : image, ":@") != NULL;
    bool all = berth_flags_bool(flags, "all-tags"), quiet = berth_flags_bool(flags, "quiet");
    if (berth_cli_client(cli) == NULL) {
        return 1;
    }
    if (tagged && all) {
        return berth_cli_failf("tag can't be used with --all-tags/-a");
    }
    AUTO_FREE char *name = berth_format("%s%s", image, tagged || all ? "" : ":latest");
    if (name == NULL) {
        return berth_cli_failf("out of memory");
    }
    if (!tagged && !all && !quiet) {
        puts("Using default tag: latest");
        fflush(stdout);
    }
    if (berth_image_pull(cli, name, berth_flags_string(flags, "platform"), quiet, false, &err)) {
        return berth_cli_fail(&err);
    }
    AUTO_FREE char *full = full_name(name);
    puts(full != NULL ? full : name);
    return 0;
}

#define PLATFORM(text) BERTH_FLAG_LINE(STRING, "platform", 0, text)

static const struct berth_flag load_flags[] = {
    BERTH_FLAG_LINE(STRING, "input", 'i', "Read from tar archive file, instead of STDIN"),
    PLATFORM("Load only the given platform variant, as \"os[/arch[/variant]]\""),
    BERTH_FLAG_LINE(BOOL, "quiet", 'q', "Suppress the load output"),
};
static const struct berth_flag import_flags[] = {
    {.name = "change",
     .shorthand = 'c',
     .type = BERTH_FLAG_LIST,
     .help = "Apply Dockerfile instruction to the created image"},
    BERTH_FLAG_LINE(STRING, "message", 'm', "Set commit message for imported image"),
    PLATFORM("Set platform if server is multi-platform capable"),
};
static const struct berth_flag save_flags[] = {
    BERTH_FLAG_LINE(STRING, "output", 'o', "Write to a file, instead of STDOUT"),
    PLATFORM("Save only the given platform variant, as \"os[/arch[/variant]]\""),
};
static const struct berth_flag pull_flags[] = {
    BERTH_FLAG_LINE(BOOL, "all-tags", 'a', "Download all tagged images in the repository"),
    {.name = "disable-content-trust",
     .type = BERTH_FLAG_BOOL,
     .initial = "true",
     .flags = BERTH_FLAG_HIDDEN,
     .help = "Skip image verification"},
    PLATFORM("Set platform if server is multi-platform capable"),
    BERTH_FLAG_LINE(BOOL, "quiet", 'q', "Suppress verbose output"),
};

const struct berth_command berth_command_load = {
    .usage = "[OPTIONS]",
    .summary = "Load an image from a tar archive or STDIN",
    .known_as = "image load, load",
    BERTH_FLAGS(load_flags),
    .run = run_load,
};

const struct berth_command berth_command_import = {
    .usage = "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
    .summary = "Import the contents from a tarball to create a filesystem image",
    .known_as = "image import, import",
    BERTH_FLAGS(import_flags),
    .min_args = 1,
    .max_args = BERTH_ARGS_ANY,
    .run = run_import,
};

const struct berth_command berth_command_save = {
    .usage = "[OPTIONS] IMAGE [IMAGE...]",
    .summary = "Save one or more images to a tar archive (streamed to STDOUT by default)",
    .known_as = "image save, save",
    BERTH_FLAGS(save_flags),
    .min_args = 1,
    .max_args = BERTH_ARGS_ANY,
    .run = run_save,
    .completes = "image",
};

const struct berth_command berth_command_pull = {
    .usage = "[OPTIONS] NAME[:TAG|@DIGEST]",
    .summary = "Download an image from a registry",
    .known_as = "image pull, pull",
    BERTH_FLAGS(pull_flags),
    .min_args = 1,
    .max_args = 1,
    .run = run_pull,
    .completes = "image",
};
