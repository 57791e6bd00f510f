/* SPDX-License-Identifier: Apache-2.0
 *
 * Content-addressed blobs as files. A commit renames; the data is synced by the kernel in its own
 * time, so get() checks the digest: a blob that a power loss has torn is reported, not believed.
 */
#include "store/blob.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/id.h"

#define PREFIX     "sha256:"
#define HEX_LENGTH 64
#define TEMPORARY  ".new-"

struct berth_blobs {
    int folder_fd; /* of <folder>/sha256 */
    char *path;
    atomic_ullong counter; /* of temporary names */
};

struct berth_blob_writer {
    struct berth_blobs *blobs;
    EVP_MD_CTX *hash;
    int fd;
    char name[32]; /* temporary, "" once renamed */
};

/* The hexadecimal part of a valid digest, else NULL with err filled. */
static const char *digest_hex(const char *digest, berth_error *err)
{
    if (strncmp(digest, PREFIX, strlen(PREFIX)) == 0) {
        const char *hex = digest + strlen(PREFIX);
        if (strspn(hex, "0123456789abcdef") == HEX_LENGTH && hex[HEX_LENGTH] == '\0') {
            return hex;
        }
    }
    berth_error_set(err, BERTH_E_INVALID, 0, "'%.80s' is not a sha256 digest", digest);
    return NULL;
}

static void remove_leftovers(int folder_fd)
{
    int copy = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO_DIR DIR *stream = copy >= 0 ? fdopendir(copy) : NULL;
    for (struct dirent *entry; stream != NULL && (entry = readdir(stream)) != NULL;) {
        if (strncmp(entry->d_name, TEMPORARY, strlen(TEMPORARY)) == 0) {
            unlinkat(folder_fd, entry->d_name, 0);
        }
    }
}

int32_t berth_blobs_open(const char *folder, struct berth_blobs **ret_blobs, berth_error *err)
{
    AUTO_FREE char *path = berth_format("%s/sha256", folder);
    if (path == NULL) {
        return berth_error_no_memory(err);
    }
    if ((mkdir(folder, 0700) != 0 && errno != EEXIST) ||
        (mkdir(path, 0700) != 0 && errno != EEXIST)) {
        return berth_error_errno(err, errno, "cannot make the blob folder %s", path);
    }
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return berth_error_errno(err, errno, "cannot open the blob folder %s", path);
    }
    struct berth_blobs *blobs = calloc(1, sizeof(*blobs));
    if (blobs == NULL) {
        return berth_error_no_memory(err);
    }
    remove_leftovers(fd);
    blobs->folder_fd = TAKE_FD(fd);
    blobs->path = TAKE_PTR(path);
    *ret_blobs = blobs;
    return 0;
}

void berth_blobs_close(struct berth_blobs *blobs)
{
    if (blobs != NULL) {
        close(blobs->folder_fd);
        free(blobs->path);
        free(blobs);
    }
}

void berth_blob_abort(struct berth_blob_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    if (writer->fd >= 0) {
        close(writer->fd);
    }
    if (writer->name[0] != '\0') {
        unlinkat(writer->blobs->folder_fd, writer->name, 0);
    }
    EVP_MD_CTX_free(writer->hash);
    free(writer);
}

int32_t berth_blob_writer_new(struct berth_blobs *blobs, struct berth_blob_writer **ret_writer,
                              berth_error *err)
{
    char name[sizeof(((struct berth_blob_writer *)NULL)->name)];
    struct berth_blob_writer *writer = calloc(1, sizeof(*writer));
    if (writer == NULL) {
        return berth_error_no_memory(err);
    }
    writer->blobs = blobs;
    writer->hash = EVP_MD_CTX_new();
    snprintf(name, sizeof(name), TEMPORARY "%llu", atomic_fetch_add(&blobs->counter, 1));
    writer->fd =
        openat(blobs->folder_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (writer->fd < 0) {
        int code = errno;
        berth_blob_abort(writer);
        return berth_error_errno(err, code, "cannot make a file in %s", blobs->path);
    }
    memcpy(writer->name, name, sizeof(name));
    if (writer->hash == NULL || EVP_DigestInit_ex(writer->hash, EVP_sha256(), NULL) != 1) {
        berth_blob_abort(writer);
        return berth_error_no_memory(err);
    }
    *ret_writer = writer;
    return 0;
}

int32_t berth_blob_write(struct berth_blob_writer *writer, const void *data, size_t size,
                         berth_error *err)
{
    const char *at = data;
    if (EVP_DigestUpdate(writer->hash, data, size) != 1) {
        return berth_error_set(err, BERTH_E_INTERNAL, 0, "sha256 failed");
    }
    while (size > 0) {
        ssize_t count = write(writer->fd, at, size);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0 && (errno == ENOSPC || errno == EDQUOT)) {
            return berth_error_set(err, BERTH_E_UNAVAILABLE, errno, "cannot write a blob to %s",
                                   writer->blobs->path);
        }
        if (count < 0) {
            return berth_error_errno(err, errno, "cannot write a blob to %s", writer->blobs->path);
        }
        at += count;
        size -= (size_t)count;
    }
    return 0;
}

static int32_t finish_hash(EVP_MD_CTX *hash, char hex[HEX_LENGTH + 1], berth_error *err)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (EVP_DigestFinal_ex(hash, bytes, &size) != 1 || size * 2 != HEX_LENGTH) {
        return berth_error_set(err, BERTH_E_INTERNAL, 0, "sha256 failed");
    }
    berth_hex(bytes, size, hex);
    return 0;
}

int32_t berth_blob_commit(struct berth_blob_writer *writer, const char *digest,
                          char ret_digest[BERTH_BLOB_DIGEST], berth_error *err)
{
    char hex[HEX_LENGTH + 1];
    struct berth_blobs *blobs = writer->blobs;
    int32_t result = finish_hash(writer->hash, hex, err);
    if (result == 0 && digest != NULL && digest_hex(digest, err) == NULL) {
        result = BERTH_E_INVALID;
    }
    if (result == 0 && digest != NULL && strcmp(digest + strlen(PREFIX), hex) != 0) {
        result = berth_error_set(err, BERTH_E_DATA, 0, "wrong digest: wanted %s, got " PREFIX "%s",
                                 digest, hex);
    }
    if (result == 0 && renameat(blobs->folder_fd, writer->name, blobs->folder_fd, hex) != 0) {
        result = berth_error_errno(err, errno, "cannot store the blob %s in %s", hex, blobs->path);
    }
    if (result == 0) {
        writer->name[0] = '\0';
        if (ret_digest != NULL) {
            snprintf(ret_digest, BERTH_BLOB_DIGEST, PREFIX "%s", hex);
        }
    }
    berth_blob_abort(writer);
    return result;
}

int32_t berth_blob_put(struct berth_blobs *blobs, const char *digest, const void *data, size_t size,
                       char ret_digest[BERTH_BLOB_DIGEST], berth_error *err)
{
    struct berth_blob_writer *writer;
    int32_t result = berth_blob_writer_new(blobs, &writer, err);
    if (result < 0) {
        return result;
    }
    result = berth_blob_write(writer, data, size, err);
    if (result < 0) {
        berth_blob_abort(writer);
        return result;
    }
    return berth_blob_commit(writer, digest, ret_digest, err);
}

int32_t berth_blob_open(struct berth_blobs *blobs, const char *digest, int *ret_fd,
                        uint64_t *ret_size, berth_error *err)
{
    struct stat status;
    const char *hex = digest_hex(digest, err);
    if (hex == NULL) {
        return BERTH_E_INVALID;
    }
    AUTO_CLOSE int fd = openat(blobs->folder_fd, hex, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) {
        return berth_error_set(err, BERTH_E_NOT_FOUND, 0, "no such blob: %s", digest);
    }
    if (fd < 0 || fstat(fd, &status) != 0) {
        return berth_error_errno(err, errno, "cannot open the blob %s", digest);
    }
    if (ret_size != NULL) {
        *ret_size = (uint64_t)status.st_size;
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int32_t read_all(int fd, char *data, size_t size, const char *digest, berth_error *err)
{
    for (size_t at = 0; at < size;) {
        ssize_t count = read(fd, data + at, size - at);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return berth_error_errno(err, errno, "cannot read the blob %s", digest);
        }
        if (count == 0) {
            return berth_error_set(err, BERTH_E_DATA, 0, "the blob %s is truncated", digest);
        }
        at += (size_t)count;
    }
    return 0;
}

static int32_t verify(const char *digest, const char *data, size_t size, berth_error *err)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    char hex[HEX_LENGTH + 1];
    unsigned int length = 0;
    if (EVP_Digest(data, size, bytes, &length, EVP_sha256(), NULL) != 1) {
        return berth_error_set(err, BERTH_E_INTERNAL, 0, "sha256 failed");
    }
    berth_hex(bytes, HEX_LENGTH / 2, hex);
    if (strcmp(hex, digest + strlen(PREFIX)) != 0) {
        return berth_error_set(err, BERTH_E_DATA, 0,
                               "the stored blob %s is damaged (its digest is " PREFIX "%s)", digest,
                               hex);
    }
    return 0;
}

int32_t berth_blob_get(struct berth_blobs *blobs, const char *digest, size_t limit, char **ret_data,
                       size_t *ret_size, berth_error *err)
{
    AUTO_CLOSE int fd = -1;
    uint64_t size = 0;
    int32_t result = berth_blob_open(blobs, digest, &fd, &size, err);
    if (result < 0) {
        return result;
    }
    if (size > limit) {
        return berth_error_set(err, BERTH_E_INVALID, 0,
                               "the blob %s has %llu bytes; the limit is "
                               "%zu",
                               digest, (unsigned long long)size, limit);
    }
    AUTO_FREE char *data = malloc((size_t)size + 1);
    if (data == NULL) {
        return berth_error_no_memory(err);
    }
    data[size] = '\0';
    result = read_all(fd, data, (size_t)size, digest, err);
    if (result == 0) {
        result = verify(digest, data, (size_t)size, err);
    }
    if (result == 0) {
        *ret_data = TAKE_PTR(data);
        if (ret_size != NULL) {
            *ret_size = (size_t)size;
        }
    }
    return result;
}

bool berth_blob_exists(struct berth_blobs *blobs, const char *digest)
{
    const char *hex = digest_hex(digest, NULL);
    return hex != NULL && faccessat(blobs->folder_fd, hex, F_OK, 0) == 0;
}

int32_t berth_blob_delete(struct berth_blobs *blobs, const char *digest, berth_error *err)
{
    const char *hex = digest_hex(digest, err);
    if (hex == NULL) {
        return BERTH_E_INVALID;
    }
    if (unlinkat(blobs->folder_fd, hex, 0) != 0 && errno != ENOENT) {
        return berth_error_errno(err, errno, "cannot delete the blob %s", digest);
    }
    return 0;
}

int32_t berth_blob_list(struct berth_blobs *blobs, struct berth_strv *ret_digests, berth_error *err)
{
    AUTO_CLOSE int fd = openat(blobs->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO_DIR DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
    if (stream == NULL) {
        return berth_error_errno(err, errno, "cannot list %s", blobs->path);
    }
    TAKE_FD(fd); /* the stream's now */
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        char digest[BERTH_BLOB_DIGEST + sizeof(entry->d_name)];
        snprintf(digest, sizeof(digest), PREFIX "%s", entry->d_name);
        if (digest_hex(digest, NULL) != NULL && !berth_strv_add(ret_digests, digest)) {
            return berth_error_no_memory(err);
        }
    }
    return 0;
}
