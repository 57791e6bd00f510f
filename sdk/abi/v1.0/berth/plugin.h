/* SPDX-License-Identifier: Apache-2.0
 *
 * What a driver is: one shared object that exports one function, berth_plugin_query(), which
 * returns a constant descriptor. The host reads the descriptor, checks it, and only then opens
 * instances of the driver.
 *
 * Rules of the whole ABI
 *   Ownership  Arguments are borrowed for the call. Results go through host sinks, `ret_*` scalars
 *              and file descriptors; an fd argument stays the caller's, an fd result becomes the
 *              caller's and is close-on-exec. Strings of cfg_str live until close().
 *   Errors     Return 0 and leave *err and the ret_* alone, or return a negative BERTH_E_* and fill
 *              *err with the same code and a sentence. ret_* are written on success only.
 *   Threads    The host honours the declared thread model. Calls may come from different threads
 *              over time. Host services may be called from any thread. A driver's own threads start
 *              in open() and have ended when close() returns.
 *   Processes  No fork, clone, setns, unshare, chdir, umask, setenv or signal handlers: ask the
 *              host (run, mounter_run, netns_run). Never exit or abort, never write to stdout or
 *              stderr.
 *   Blocking   Any call that takes a berth_op may be cancelled: poll host->cancelled at least every
 *              100 ms of work or waiting. op may be NULL (never cancelled, no progress).
 *   Growth     Tables are append-only and begin with their own struct_size. The host copies
 *              min(its size, the driver's size) into a zeroed table. A NULL optional operation
 *              means "unsupported". Constants are never renumbered.
 */
#ifndef BERTH_PLUGIN_H
#define BERTH_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#include <berth/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BERTH_ABI_MAJOR 1u
#define BERTH_ABI_MINOR 0u
#define BERTH_MAGIC     0x31545242u /* "BRT1" in memory: refuses a foreign .so early */
#define BERTH_EXPORT    __attribute__((visibility("default")))

/* Is member m inside the table that the other side really has, and set? */
#define BERTH_HAS(table, m)                                                            \
    ((table)->struct_size >= offsetof(__typeof__(*(table)), m) + sizeof((table)->m) && \
     (table)->m != NULL)

/* The kinds of drivers; the folder a driver is installed in has the same word. */
enum {
    BERTH_KIND_STORAGE = 1,  /* <berth/storage.h> */
    BERTH_KIND_NETWORK = 2,  /* <berth/network.h> */
    BERTH_KIND_REGISTRY = 3, /* <berth/registry.h> */
    BERTH_KIND_TRANSPORT = 4 /* <berth/transport.h> */
};

/* Which calls the host may make at the same time. 0 is refused, not defaulted; the gaps leave room
 * for models to come. */
enum {
    BERTH_THREADS_SERIAL_PLUGIN = 1000,   /* one call at a time in the whole driver */
    BERTH_THREADS_SERIAL_INSTANCE = 2000, /* one call at a time in each instance */
    BERTH_THREADS_PARALLEL = 3000         /* any calls at any time */
};

typedef struct berth_inst berth_inst; /* the driver's private instance */
typedef struct berth_hctx berth_hctx; /* the host's private context */
typedef struct berth_cfg berth_cfg;   /* checked parameters, read-only */
typedef struct berth_op berth_op;     /* one running operation */
typedef struct berth_sink berth_sink; /* host-owned collector of results */

typedef struct berth_host berth_host; /* <berth/host.h> */
typedef struct berth_storage_ops berth_storage_ops;
typedef struct berth_network_ops berth_network_ops;
typedef struct berth_registry_ops berth_registry_ops;
typedef struct berth_transport_ops berth_transport_ops;

#define BERTH_PARAM_REQUIRED 1u /* berth_param.flags: no default, must be given */
#define BERTH_PARAM_SECRET   2u /* never shown in lists, logs and errors */

/* One parameter of a driver. The host parses, checks and lists parameters before open(). */
typedef struct berth_param {
    const char *key;  /* [a-z][a-z0-9.-]*, at most 63 bytes, unique in the driver */
    const char *type; /* "str", "int", "bool", "path" (absolute), "size" ("64m"), "enum:a|b|c" */
    const char *def;  /* the default as text; NULL: "" or 0; must be NULL when required */
    const char *help; /* one line */
    uint32_t flags;   /* BERTH_PARAM_* */
    uint32_t reserved;
} berth_param;

/* The descriptor: static const inside the shared object. */
typedef struct berth_plugin {
    /* these 16 bytes are frozen for ever */
    uint32_t struct_size;    /* sizeof(berth_plugin) of the driver's headers */
    uint32_t magic;          /* BERTH_MAGIC */
    uint32_t abi_major;      /* BERTH_ABI_MAJOR: must equal the host's */
    uint32_t abi_minor;      /* BERTH_ABI_MINOR the driver was built with: for information */
    uint32_t min_host_minor; /* refuse to load in a host whose minor is lower; usually 0 */
    uint32_t kind;           /* BERTH_KIND_* */
    uint32_t threads;        /* BERTH_THREADS_* */
    uint32_t n_params;       /* items in params, at most 64 */
    const char *name;        /* [a-z][a-z0-9_-]*, at most 63 bytes; the file is <name>.so */
    const char *version;     /* the driver's own version, free text */
    const char *summary;     /* one line for lists */
    const char *license;     /* SPDX expression */
    const berth_param *params;
    union {
        const uint32_t *struct_size; /* every table begins with its size */
        const berth_storage_ops *storage;
        const berth_network_ops *network;
        const berth_registry_ops *registry;
        const berth_transport_ops *transport;
    } ops;
    /* Makes an instance. host and cfg stay valid until close() returns. May start threads and do
     * I/O; must leave nothing behind on failure. Called by one thread at a time. Required. */
    int32_t (*open)(const berth_host *host, const berth_cfg *cfg, berth_inst **ret_inst,
                    berth_error *err);
    /* Ends an instance: finishes or stops what runs in the background, joins its threads, frees
     * it. No other call is running or will come. NULL is fine. Required. */
    void (*close)(berth_inst *inst);
    /* Optional: can the driver work on this machine with these parameters? Changes nothing that
     * stays. Called before open(); a failure is the reason shown to the user. */
    int32_t (*probe)(const berth_host *host, const berth_cfg *cfg, berth_error *err);
} berth_plugin;

/* The one export of a driver: pure, does no I/O, always returns the same pointer. */
BERTH_EXPORT const berth_plugin *berth_plugin_query(void);

#define BERTH_PLUGIN(descriptor)                 \
    const berth_plugin *berth_plugin_query(void) \
    {                                            \
        return &(descriptor);                    \
    }

#ifdef __cplusplus
}
#endif
#endif
