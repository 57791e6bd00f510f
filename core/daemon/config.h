/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's settings: Docker's daemon.json keys and dockerd's flags, both described by one
 * table. Flags win over the file, the file over the defaults.
 */
#ifndef BERTH_DAEMON_CONFIG_H
#define BERTH_DAEMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/string.h"

struct berth_engine_config; /* engine/engine.h */

#define BERTH_DAEMON_CONFIG_FILE "/etc/berth/berthd.json"
#define BERTH_DAEMON_SOCKET      "unix:///run/berth/berth.sock"

enum berth_option_type {
    BERTH_OPTION_STRING,  /* char * */
    BERTH_OPTION_BOOL,    /* bool */
    BERTH_OPTION_INT,     /* int64_t */
    BERTH_OPTION_SIZE,    /* int64_t: bytes, a number or "64m" */
    BERTH_OPTION_LIST,    /* struct berth_strv */
    BERTH_OPTION_MAP,     /* struct berth_strmap; a flag's "key=value" */
    BERTH_OPTION_POOLS,   /* struct berth_strv of "base=CIDR,size=N"; objects in the file */
    BERTH_OPTION_ULIMITS, /* struct berth_strv of "nofile=SOFT:HARD"; objects in the file */
    BERTH_OPTION_DOCUMENT /* struct json_object *, file only */
};

enum {
    BERTH_OPTION_IGNORED = 1 << 0, /* known, without effect in Berth: a warning says so */
    BERTH_OPTION_REFUSED = 1 << 1, /* known, and ignoring it would be dangerous */
    BERTH_OPTION_RELOAD = 1 << 2,  /* taken over by SIGHUP */
    BERTH_OPTION_FLAG = 1 << 3     /* flag only, not a key of the file */
};

/* One line of the table. */
struct berth_daemon_option {
    const char *key;  /* in the file */
    const char *flag; /* long flag; NULL: file only */
    char letter;      /* short flag; 0: none */
    enum berth_option_type type;
    uint16_t flags;
    size_t offset; /* in struct berth_daemon_config */
    const char *help;
};
extern const struct berth_daemon_option berth_daemon_options[];
extern const size_t berth_daemon_option_count;

struct berth_daemon_config {
    char *config_file;
    bool validate, help, version; /* what to do instead of serving */
    bool debug;
    char *log_level;
    struct berth_strv hosts;
    char *pidfile, *group;
    char *data_root, *exec_root;
    int64_t oom_score_adjust;
    /* engine */
    char *storage_driver, *cgroup_parent, *log_driver, *seccomp_profile, *default_ipc_mode,
        *default_cgroupns_mode, *bridge, *bip, *fixed_cidr, *default_gateway, *ip, *host_gateway_ip;
    struct berth_strv storage_opts, exec_opts, default_ulimits, dns, dns_opts, dns_search,
        default_address_pools, labels, plugin_paths;
    struct berth_strmap log_opts;
    int64_t default_shm_size, mtu, shutdown_timeout;
    bool init, no_new_privileges, ipv6, icc, ip_forward, ip_masq, iptables, experimental;
    char *shim_path, *initial_image;
    /* registries; read by their drivers */
    struct berth_strv registry_mirrors, insecure_registries;
    struct json_object *registries;
    int64_t max_concurrent_downloads, max_concurrent_uploads, max_download_attempts;
    /* how the values came: bit per line of the table, for warnings and precedence */
    uint8_t *from_flag, *from_file;
};

#define AUTO_DAEMON_CONFIG __attribute__((cleanup(berth_daemon_config_done)))

/* Sets the defaults. BERTH_E_NO_MEMORY. */
int32_t berth_daemon_config_init(struct berth_daemon_config *config, berth_error *err);
/* Frees what it owns. */
void berth_daemon_config_done(struct berth_daemon_config *config);
/* Reads argv, then the config file (a missing one is fine unless it was named). BERTH_E_INVALID
 * with dockerd's sentences for unknown flags and keys; wrong types name the key. */
int32_t berth_daemon_config_load(struct berth_daemon_config *config, int argc, char *const *argv,
                                 berth_error *err);
/* Reads the text of a config file. */
int32_t berth_daemon_config_read(struct berth_daemon_config *config, const char *text,
                                 size_t length, berth_error *err);
/* Sets one option from a flag's value. */
int32_t berth_daemon_config_flag(struct berth_daemon_config *config, size_t option,
                                 const char *value, berth_error *err);
/* Parses flags only; a command line that names what to do sets validate, help or version. */
int32_t berth_daemon_config_arguments(struct berth_daemon_config *config, int argc,
                                      char *const *argv, berth_error *err);
/* Checks values against each other, and what is refused. */
int32_t berth_daemon_config_check(const struct berth_daemon_config *config, berth_error *err);
/* Appends a sentence for each given option that has no effect and for each file key that a flag
 * overrode. */
void berth_daemon_config_warnings(const struct berth_daemon_config *config,
                                  struct berth_strv *warnings);
/* Moves the options that SIGHUP may change from `fresh` into config. */
void berth_daemon_config_reload(struct berth_daemon_config *config,
                                struct berth_daemon_config *fresh);
/* The usage text, the caller's to free; NULL: out of memory. */
char *berth_daemon_config_usage(void);
/* The engine's view: borrows everything from config. */
int32_t berth_daemon_config_engine(const struct berth_daemon_config *config,
                                   struct berth_engine_config *ret_engine, berth_error *err);

#endif
