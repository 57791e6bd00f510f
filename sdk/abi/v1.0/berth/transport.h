/* SPDX-License-Identifier: Apache-2.0
 *
 * Transport drivers turn a URL into connected stream file descriptors, for servers (listen,
 * accept) and clients (dial). Everything above is plain poll, read, write and shutdown(SHUT_WR).
 * A driver that must transform bytes (TLS, ssh) hands out one end of a socketpair and pumps the
 * other from a thread of its own; half-close is passed on in both directions.
 */
#ifndef BERTH_TRANSPORT_H
#define BERTH_TRANSPORT_H

#include <berth/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* berth_transport_ops.caps */
#define BERTH_TRANSPORT_LISTEN 1u /* listen, accept and unlisten work */
#define BERTH_TRANSPORT_DIAL   2u /* dial works */

/* berth_transport_peer.flags */
#define BERTH_PEER_CREDENTIALS 1u /* uid, gid and pid are the kernel's word */
#define BERTH_PEER_SUBJECT     2u /* subject was checked against a trusted authority */
#define BERTH_PEER_ENCRYPTED   4u /* nobody on the way can read or change the stream */

/* Who is at the other end. The caller sets struct_size and zeroes the rest. */
typedef struct berth_transport_peer {
    uint32_t struct_size;
    uint32_t flags;    /* BERTH_PEER_* */
    uint32_t uid, gid; /* with PEER_CREDENTIALS */
    int32_t pid;       /* with PEER_CREDENTIALS; 0: not known */
    uint32_t reserved;
    char subject[256]; /* with PEER_SUBJECT: the certificate's subject, RFC 2253 */
    char address[128]; /* for the log: "10.0.0.7:51022", "@" for an unnamed local socket */
} berth_transport_peer;

/* berth_transport_listen_req.flags */
#define BERTH_LISTEN_INSECURE 1u /* the user explicitly accepts a socket without authentication */

typedef struct berth_transport_listen_req {
    uint32_t struct_size;
    uint32_t flags;   /* BERTH_LISTEN_* */
    const char *url;  /* "unix:///run/berth/berth.sock" */
    uint32_t backlog; /* 0: the driver's choice */
    uint32_t reserved;
} berth_transport_listen_req;

typedef struct berth_transport_dial_req {
    uint32_t struct_size;
    uint32_t flags;      /* 0 */
    const char *url;     /* "unix:///run/berth/berth.sock" */
    uint32_t timeout_ms; /* until the stream is usable; 0: the driver's choice */
    uint32_t reserved;
} berth_transport_dial_req;

struct berth_transport_ops {
    uint32_t struct_size;
    uint32_t caps;              /* BERTH_TRANSPORT_* */
    const char *const *schemes; /* what it serves, without "://", NULL-terminated. Required. */

    /* Opens a listener: a non-blocking fd that polls readable when accept has something to do. It
     * is the caller's to poll and stays the driver's to close: give it back with unlisten.
     * CONFLICT: another process serves this address. INVALID: the URL is wrong. Required with
     * TRANSPORT_LISTEN. */
    int32_t (*listen)(berth_inst *inst, berth_op *op, const berth_transport_listen_req *req,
                      int32_t *ret_fd, berth_error *err);
    /* Takes one connection: a blocking stream fd, the caller's. Does not block for a slow peer.
     * UNAVAILABLE with BERTH_ERROR_RETRY: nothing to take now, poll again. Required with
     * TRANSPORT_LISTEN. */
    int32_t (*accept)(berth_inst *inst, int32_t listen_fd, int32_t *ret_fd,
                      berth_transport_peer *ret_peer, berth_error *err);
    /* Closes a listener and removes what it left in the file system. Connections go on. Required
     * with TRANSPORT_LISTEN. */
    int32_t (*unlisten)(berth_inst *inst, int32_t listen_fd, berth_error *err);
    /* Connects: a blocking stream fd, the caller's. NOT_FOUND: nothing at that address;
     * UNAVAILABLE: there is, but it does not take connections now; FORBIDDEN: not allowed;
     * TIMEOUT. Required with TRANSPORT_DIAL. */
    int32_t (*dial)(berth_inst *inst, berth_op *op, const berth_transport_dial_req *req,
                    int32_t *ret_fd, berth_error *err);

    /* Optional: facts for lists, as pairs. */
    int32_t (*status)(berth_inst *inst, berth_op *op, berth_sink *sink, berth_error *err);
};

#ifdef __cplusplus
}
#endif
#endif
