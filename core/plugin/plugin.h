/* SPDX-License-Identifier: Apache-2.0
 *
 * Drivers: finding their files, checking and loading them on first use, opening instances with
 * checked parameters, listing and describing them, and the operations that callers pass to them.
 * The typed calls are in plugin/storage.h, plugin/network.h and plugin/transport.h.
 *
 * A file is looked for as <folder>/<kind>/<name>.so in every search folder, first hit wins. A
 * loaded file is never unloaded. Everything here may be called from any thread.
 */
#ifndef BERTH_PLUGIN_PLUGIN_H
#define BERTH_PLUGIN_PLUGIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <berth/plugin.h>

#include "base/error.h"
#include "base/json.h"
#include "base/string.h"

struct berth_plugins; /* the set of drivers of one process, and the threads lent to them */
struct berth_driver;  /* one open instance of a driver; lives as long as the set */

/* Makes an empty set. paths: search folders in order, copied (NULL or empty: the folders of
 * BERTH_PLUGIN_PATH, separated by ':', then the installed one). Loads nothing and starts no
 * thread. */
int32_t berth_plugins_new(const struct berth_strv *paths, struct berth_plugins **ret_plugins,
                          berth_error *err);
/* Closes all instances (which may take as long as their background work) and ends the threads.
 * No call may be running. NULL is fine. */
void berth_plugins_free(struct berth_plugins *plugins);

/* "storage", "network", "registry", "transport"; NULL for another number. */
const char *berth_plugin_kind_name(uint32_t kind);
/* 0: another word. */
uint32_t berth_plugin_kind_parse(const char *word);

/* The open instance of driver (kind, name), made on the first call: finds, checks and loads the
 * file, parses params (key to text; NULL: none) by the driver's schema, probes, opens. Later calls
 * give the same one, whatever their params; `instance` (NULL: "") tells several instances of one
 * driver apart. The result is borrowed from the set. NOT_FOUND: no such file (the sentence names
 * the folders); INVALID: a file was refused or a parameter is wrong (the sentence names file,
 * found and wanted); else what probe or open said. Blocks while another thread opens the same
 * set's driver. */
int32_t berth_plugin_open(struct berth_plugins *plugins, uint32_t kind, const char *name,
                          const char *instance, const struct berth_strmap *params,
                          struct berth_driver **ret_driver, berth_error *err);
/* The same for the transport driver that serves a URL's scheme: the driver named like the scheme or
 * known to serve it is tried first, so that one small file is loaded; else all of the kind are
 * asked. */
int32_t berth_plugin_open_url(struct berth_plugins *plugins, const char *url,
                              const struct berth_strmap *params, struct berth_driver **ret_driver,
                              berth_error *err);

/* Borrowed facts of an instance. */
const char *berth_driver_name(const struct berth_driver *driver);
uint32_t berth_driver_kind(const struct berth_driver *driver);
/* The kind's capability bits (BERTH_STORAGE_*, ...), 0 when the kind has none. */
uint32_t berth_driver_caps(const struct berth_driver *driver);

/* One parameter of a driver's schema. */
struct berth_plugin_param {
    char *key, *type, *def, *help;
    bool required, secret;
};

/* What is known about a driver file, loaded or not. */
struct berth_plugin_info {
    char *kind, *name, *file;
    char *version, *summary, *license, *threads; /* "" while not loaded */
    char *abi;                                   /* "1.0"; "" while not loaded */
    char *error;                                 /* why the file was refused; "" */
    bool loaded;                                 /* in this process, by this set */
    int64_t instances;
    int64_t calls, errors;
    int64_t mean_nanoseconds;      /* of a call */
    int64_t contract_breaches;     /* calls that broke the ABI's error contract */
    struct berth_json_list params; /* of struct berth_plugin_param */
    struct berth_strv operations;  /* the operations it has, in the order of the table */
    struct berth_strv schemes;     /* transport: what it serves */
};

extern const struct berth_json_table berth_plugin_info_table;

/* All driver files in the search folders (first hit of a name), sorted by kind and name; ret_list
 * holds struct berth_plugin_info, free with berth_json_list_done(). Loads nothing: what is not
 * loaded has name, kind and file only, unless `load` asks for the descriptors of all. */
int32_t berth_plugins_list(struct berth_plugins *plugins, bool load,
                           struct berth_json_list *ret_list, berth_error *err);
/* Describes one driver by name ("bridge", or "network/bridge" when two kinds have the name) or by
 * file (anything with a '/' that ends in ".so"), without opening an instance. ret_info is
 * initialised; berth_json_done() it. plugins may be NULL for a file. */
int32_t berth_plugin_describe(struct berth_plugins *plugins, const char *name_or_file,
                              struct berth_plugin_info *ret_info, berth_error *err);

/* One running operation that a driver can ask about; lives in the caller's frame. */
struct berth_op {
    atomic_bool cancelled; /* set by any thread */
    int64_t deadline;      /* monotonic nanoseconds, 0: none; reached counts as cancelled */
    void (*progress)(void *arg, const char *id, uint64_t done, uint64_t total); /* may be NULL */
    void *arg;
};

/* Where a driver's results go; lives in the caller's frame. NULL members refuse. Both copy what
 * they are given. */
struct berth_sink {
    int32_t (*pair)(void *arg, const char *key, const char *value, berth_error *err);
    int32_t (*bytes)(void *arg, const void *data, size_t size, berth_error *err);
    void *arg;
};

/* A sink that sets pairs in a map (later values of a key win). */
struct berth_sink berth_sink_map(struct berth_strmap *map);
/* A sink that appends key, value, key, value, ... to a vector. */
struct berth_sink berth_sink_list(struct berth_strv *vector);

/* Runs job(arg, err) on the set's mounter thread (see <berth/host.h>), for core's own mounts. */
int32_t berth_plugins_mounter_run(struct berth_plugins *plugins,
                                  int32_t (*job)(void *arg, berth_error *err), void *arg,
                                  berth_error *err);
/* Runs job(arg, err) inside a network namespace, on one of the set's netns workers. */
int32_t berth_plugins_netns_run(struct berth_plugins *plugins, int netns_fd,
                                int32_t (*job)(void *arg, berth_error *err), void *arg,
                                berth_error *err);
/* Makes a network namespace; the fd is the caller's. */
int32_t berth_plugins_netns_new(struct berth_plugins *plugins, int *ret_fd, berth_error *err);

#endif
