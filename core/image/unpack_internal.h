/* SPDX-License-Identifier: Apache-2.0
 *
 * State of one unpacking, shared by unpack.c (entries) and unpack_tree.c (places in the tree).
 */
#ifndef BERTH_IMAGE_UNPACK_INTERNAL_H
#define BERTH_IMAGE_UNPACK_INTERNAL_H

#include <sys/stat.h>

#include "image/tar_reader.h"
#include "image/unpack.h"

#define UNPACK_NO_PIECES UINT32_MAX

/* A file this layer made: by inode, since several names may lead to it. */
struct made_file {
    uint64_t inode; /* 0: free slot */
    uint32_t first; /* number of its first piece in the record; UNPACK_NO_PIECES */
    uint32_t count;
};

struct made_directory {
    char *path;
    struct timespec mtime;
    bool implied; /* no entry has described it */
};

struct unpack {
    const struct berth_image_unpack *options;
    struct berth_tar_reader *reader;
    mode_t mask; /* the process's umask */
    int64_t size;
    /* the directory the last entry was in */
    char *parent_path; /* NULL: none */
    int parent_fd;     /* O_PATH */
    bool parent_setgid;
    /* open addressing, a power of two */
    struct made_file *made;
    size_t made_count, made_size;
    /* in order of appearance; index by path */
    struct made_directory *directories;
    size_t directory_count, directory_room;
    size_t *directory_index; /* open addressing: 1 + index; 0: free */
    size_t directory_index_size;
    size_t paths_length;
};

/* Where an entry goes. */
struct place {
    int dir;          /* borrowed: the parent directory */
    const char *name; /* within the cleaned path */
    const char *path; /* cleaned, relative to the root */
};

/* Turns a path of the tar into "a/b/c" without leading "/", ".", ".." or "//"; "" is the root. A
 * path that leads outside is BERTH_E_INVALID. */
int berth_unpack_clean_path(const char *path, char ret_path[BERTH_TAR_PATH_MAX + 1],
                            berth_error *err);
/* Finds (and makes) the parent directory of a cleaned path that is not "". */
int berth_unpack_place(struct unpack *unpack, const char *path, struct place *ret_place,
                       berth_error *err);
/* Removes whatever has the place's name, putting content that the record refers to aside. Missing
 * is fine. */
int berth_unpack_remove(struct unpack *unpack, const struct place *place, berth_error *err);
/* Removes what a directory holds from lower layers: all this layer did not make. */
int berth_unpack_clear_lower(struct unpack *unpack, int dir, berth_error *err);
/* Notes a file (or anything) as made by this layer. */
int berth_unpack_note(struct unpack *unpack, uint64_t inode, uint32_t first, uint32_t count,
                      berth_error *err);
/* Notes a directory of a cleaned path; implied ones become described when an entry comes. */
int berth_unpack_note_directory(struct unpack *unpack, const char *path,
                                const struct timespec *mtime, bool implied, berth_error *err);
/* Forgets the cached parent directory. */
void berth_unpack_forget_parent(struct unpack *unpack);

#endif
