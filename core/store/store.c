/* SPDX-License-Identifier: Apache-2.0
 *
 * Documents in SQLite. All callers share one connection under one lock: a statement takes some
 * microseconds, and managers keep their objects in memory anyway. The connection itself never
 * syncs; flush.c does, on a connection of its own.
 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/cleanup.h"
#include "base/string.h"
#include "store/store_internal.h"

#define BUSY_TIMEOUT_MS 10000 /* the flusher holds the write lock for one fsync at most */

static const char *const statement_texts[STATEMENT_COUNT] = {
    [STATEMENT_PUT] = ("INSERT INTO object (kind, id, name, document) VALUES (?1, ?2, ?3, ?4) "
                       "ON CONFLICT (kind, id) DO UPDATE SET name = ?3, document = ?4"),
    [STATEMENT_GET] = "SELECT document FROM object WHERE kind = ?1 AND id = ?2",
    [STATEMENT_FIND] = "SELECT id FROM object WHERE kind = ?1 AND name = ?2 AND name <> ''",
    [STATEMENT_DELETE] = "DELETE FROM object WHERE kind = ?1 AND id = ?2",
    [STATEMENT_LIST] = "SELECT id, name, document FROM object WHERE kind = ?1 ORDER BY number",
    [STATEMENT_META_GET] = "SELECT value FROM meta WHERE key = ?1",
    [STATEMENT_META_SET] = ("INSERT INTO meta (key, value) VALUES (?1, ?2) "
                            "ON CONFLICT (key) DO UPDATE SET value = ?2"),
    [STATEMENT_META_DELETE] = "DELETE FROM meta WHERE key = ?1",
    [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_ROLLBACK] = "ROLLBACK",
};

int32_t store_fail(struct berth_store *store, sqlite3 *database, int code, const char *what,
                   berth_error *err)
{
    static const struct {
        int code;
        int32_t class;
        const char *words;
    } known[] = {
        {SQLITE_FULL, BERTH_E_UNAVAILABLE, "the disk is full"},
        {SQLITE_READONLY, BERTH_E_FORBIDDEN, "the file or its disk is read-only"},
        {SQLITE_PERM, BERTH_E_FORBIDDEN, "no permission"},
        {SQLITE_CANTOPEN, BERTH_E_FORBIDDEN, "the file cannot be opened"},
        {SQLITE_NOTADB, BERTH_E_DATA, "the file is not a database"},
        {SQLITE_CORRUPT, BERTH_E_DATA, "the database is damaged"},
        {SQLITE_NOMEM, BERTH_E_NO_MEMORY, "out of memory"},
        {SQLITE_BUSY, BERTH_E_UNAVAILABLE, "another process holds the database"},
    };
    int sys_errno = database != NULL ? sqlite3_system_errno(database) : 0;
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if (known[i].code == (code & 0xff)) {
            return berth_error_set(err, known[i].class, 0, "%s: %s: %s", store->path, what,
                                   known[i].words);
        }
    }
    if (sys_errno == ENOSPC || sys_errno == EDQUOT) {
        return berth_error_set(err, BERTH_E_UNAVAILABLE, 0, "%s: %s: the disk is full", store->path,
                               what);
    }
    return berth_error_set(err, BERTH_E_INTERNAL, 0, "%s: %s: %s", store->path, what,
                           database != NULL ? sqlite3_errmsg(database) : sqlite3_errstr(code));
}

static int32_t set_pragmas(struct berth_store *store, berth_error *err)
{
    /* no sync at commit and no checkpoint on this connection: see flush.c */
    static const char text[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; "
                               "PRAGMA wal_autocheckpoint = 0; PRAGMA foreign_keys = ON; "
                               "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -2000;";
    int code = sqlite3_exec(store->database, text, NULL, NULL, NULL);
    return code == SQLITE_OK
               ? 0
               : store_fail(store, store->database, code, "cannot set the database up", err);
}

static int32_t prepare_all(struct berth_store *store, berth_error *err)
{
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        int code = sqlite3_prepare_v3(store->database, statement_texts[i], -1,
                                      SQLITE_PREPARE_PERSISTENT, &store->statements[i], NULL);
        if (code != SQLITE_OK) {
            return store_fail(store, store->database, code, "cannot prepare a statement", err);
        }
    }
    return 0;
}

/* One process at a time: a lock on a file beside the database. */
static int32_t take_lock(struct berth_store *store, berth_error *err)
{
    AUTO_FREE char *path = berth_format("%s.lock", store->path);
    if (path == NULL) {
        return berth_error_no_memory(err);
    }
    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (store->lock_fd < 0) {
        return berth_error_errno(err, errno, "cannot open %s", path);
    }
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        return berth_error_set(err, BERTH_E_CONFLICT, 0,
                               "%s is in use by another process: is a daemon with this data root "
                               "running?",
                               store->path);
    }
    return 0;
}

static int32_t open_database(struct berth_store *store, berth_error *err)
{
    int32_t result = take_lock(store, err);
    if (result < 0) {
        return result;
    }
    int code =
        sqlite3_open_v2(store->path, &store->database,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) {
        return store_fail(store, store->database, code, "cannot open the database", err);
    }
    sqlite3_busy_timeout(store->database, BUSY_TIMEOUT_MS);
    result = set_pragmas(store, err);
    if (result == 0) {
        result = store_migrate(store, err);
    }
    if (result == 0) {
        result = prepare_all(store, err);
    }
    return result < 0 ? result : store_flusher_start(store, err);
}

int32_t berth_store_open(const char *path, struct berth_store **ret_store, berth_error *err)
{
    pthread_mutexattr_t recursive;
    struct berth_store *store = calloc(1, sizeof(*store));
    if (store == NULL) {
        return berth_error_no_memory(err);
    }
    store->lock_fd = -1;
    store->wal_fd = -1;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&store->lock, &recursive);
    pthread_mutexattr_destroy(&recursive);
    pthread_mutex_init(&store->flush_lock, NULL);
    store->path = strdup(path);
    int32_t result = store->path == NULL ? berth_error_no_memory(err) : open_database(store, err);
    if (result < 0) {
        berth_store_close(store);
        return result;
    }
    *ret_store = store;
    return 0;
}

void berth_store_close(struct berth_store *store)
{
    if (store == NULL) {
        return;
    }
    store_flusher_stop(store);
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        sqlite3_finalize(store->statements[i]);
    }
    sqlite3_close(store->database);
    if (store->lock_fd >= 0) {
        close(store->lock_fd);
    }
    pthread_mutex_destroy(&store->lock);
    pthread_mutex_destroy(&store->flush_lock);
    free(store->path);
    free(store);
}

/* Binds up to four texts (NULL ends) and makes the first step. The lock is held. */
static int step(struct berth_store *store, enum statement which, const char *const texts[],
                size_t count)
{
    sqlite3_stmt *statement = store->statements[which];
    for (size_t i = 0; i < count; i++) {
        int code = sqlite3_bind_text(statement, (int)i + 1, texts[i], -1, SQLITE_STATIC);
        if (code != SQLITE_OK) {
            return code;
        }
    }
    return sqlite3_step(statement);
}

static void finish(struct berth_store *store, enum statement which)
{
    sqlite3_reset(store->statements[which]);
    sqlite3_clear_bindings(store->statements[which]);
}

/* A statement without a result. */
static int32_t run(struct berth_store *store, enum statement which, const char *const texts[],
                   size_t count, const char *what, berth_error *err)
{
    AUTO_LOCK(&store->lock);
    int code = step(store, which, texts, count);
    int32_t result = code == SQLITE_DONE ? 0 : store_fail(store, store->database, code, what, err);
    finish(store, which);
    if (result == 0 && store->depth == 0) {
        store_written(store);
    }
    return result;
}

int32_t berth_store_put(struct berth_store *store, const char *kind, const char *id,
                        const char *name, const char *document, berth_error *err)
{
    const char *texts[] = {kind, id, name != NULL ? name : "", document};
    AUTO_LOCK(&store->lock);
    int code = step(store, STATEMENT_PUT, texts, 4);
    int32_t result = 0;
    if (sqlite3_extended_errcode(store->database) == SQLITE_CONSTRAINT_UNIQUE &&
        code != SQLITE_DONE) {
        result = berth_error_set(err, BERTH_E_CONFLICT, 0, "the %s name %s is in use", kind, name);
    } else if (code != SQLITE_DONE) {
        result = store_fail(store, store->database, code, "cannot write", err);
        berth_error_wrap(err, "%s %s", kind, id);
    }
    finish(store, STATEMENT_PUT);
    if (result == 0 && store->depth == 0) {
        store_written(store);
    }
    return result;
}

/* One text column of one row. */
static int32_t get_text(struct berth_store *store, enum statement which, const char *const texts[],
                        size_t count, char **ret_text, berth_error *err)
{
    AUTO_LOCK(&store->lock);
    int code = step(store, which, texts, count);
    int32_t result;
    if (code == SQLITE_ROW) {
        const unsigned char *text = sqlite3_column_text(store->statements[which], 0);
        char *copy = text != NULL ? strdup((const char *)text) : NULL;
        result = copy != NULL ? 0 : berth_error_no_memory(err);
        if (copy != NULL) {
            *ret_text = copy;
        }
    } else if (code == SQLITE_DONE) {
        result = berth_error_set(err, BERTH_E_NOT_FOUND, 0, "no such %s: %s", texts[0],
                                 count > 1 ? texts[1] : "(meta)");
    } else {
        result = store_fail(store, store->database, code, "cannot read", err);
    }
    finish(store, which);
    return result;
}

int32_t berth_store_get(struct berth_store *store, const char *kind, const char *id,
                        char **ret_document, berth_error *err)
{
    const char *texts[] = {kind, id};
    return get_text(store, STATEMENT_GET, texts, 2, ret_document, err);
}

int32_t berth_store_find(struct berth_store *store, const char *kind, const char *name,
                         char **ret_id, berth_error *err)
{
    const char *texts[] = {kind, name};
    return get_text(store, STATEMENT_FIND, texts, 2, ret_id, err);
}

int32_t berth_store_delete(struct berth_store *store, const char *kind, const char *id,
                           berth_error *err)
{
    const char *texts[] = {kind, id};
    return run(store, STATEMENT_DELETE, texts, 2, "cannot delete", err);
}

int32_t berth_store_list(struct berth_store *store, const char *kind,
                         int32_t (*visit)(void *arg, const struct berth_store_row *row,
                                          berth_error *err),
                         void *arg, berth_error *err)
{
    const char *texts[] = {kind};
    AUTO_LOCK(&store->lock);
    sqlite3_stmt *statement = store->statements[STATEMENT_LIST];
    int32_t result = 0;
    int code = step(store, STATEMENT_LIST, texts, 1);
    for (; result == 0 && code == SQLITE_ROW; code = sqlite3_step(statement)) {
        struct berth_store_row row = {
            .kind = kind,
            .id = (const char *)sqlite3_column_text(statement, 0),
            .name = (const char *)sqlite3_column_text(statement, 1),
            .document = (const char *)sqlite3_column_text(statement, 2),
            .length = (size_t)sqlite3_column_bytes(statement, 2),
        };
        result = row.id == NULL || row.name == NULL || row.document == NULL
                     ? berth_error_no_memory(err)
                     : visit(arg, &row, err);
        if (result != 0) {
            break;
        }
    }
    if (result == 0 && code != SQLITE_DONE) {
        result = store_fail(store, store->database, code, "cannot list", err);
    }
    finish(store, STATEMENT_LIST);
    return result;
}

int32_t berth_store_meta_get(struct berth_store *store, const char *key, char **ret_value,
                             berth_error *err)
{
    const char *texts[] = {key};
    return get_text(store, STATEMENT_META_GET, texts, 1, ret_value, err);
}

int32_t berth_store_meta_set(struct berth_store *store, const char *key, const char *value,
                             berth_error *err)
{
    const char *texts[] = {key, value};
    return value != NULL ? run(store, STATEMENT_META_SET, texts, 2, "cannot write", err)
                         : run(store, STATEMENT_META_DELETE, texts, 1, "cannot delete", err);
}

/* The savepoint of a nested transaction has its depth for a name. */
static int savepoint(struct berth_store *store, const char *verb)
{
    char text[64];
    snprintf(text, sizeof(text), "%s nested%d", verb, store->depth);
    return sqlite3_exec(store->database, text, NULL, NULL, NULL);
}

int32_t berth_store_begin(struct berth_store *store, berth_error *err)
{
    pthread_mutex_lock(&store->lock); /* until commit or rollback */
    int code;
    if (store->depth == 0) {
        code = step(store, STATEMENT_BEGIN, NULL, 0);
        finish(store, STATEMENT_BEGIN);
        code = code == SQLITE_DONE ? SQLITE_OK : code;
    } else {
        code = savepoint(store, "SAVEPOINT");
    }
    if (code != SQLITE_OK) {
        int32_t result = store_fail(store, store->database, code, "cannot begin", err);
        pthread_mutex_unlock(&store->lock);
        return result;
    }
    store->depth++;
    return 0;
}

int32_t berth_store_commit(struct berth_store *store, berth_error *err)
{
    int code;
    if (store->depth > 1) {
        store->depth--;
        code = savepoint(store, "RELEASE");
        store->depth++;
    } else {
        code = step(store, STATEMENT_COMMIT, NULL, 0);
        finish(store, STATEMENT_COMMIT);
        code = code == SQLITE_DONE ? SQLITE_OK : code;
    }
    if (code != SQLITE_OK) {
        int32_t result = store_fail(store, store->database, code, "cannot commit", err);
        berth_store_rollback(store);
        return result;
    }
    if (--store->depth == 0) {
        store_written(store);
    }
    pthread_mutex_unlock(&store->lock);
    return 0;
}

void berth_store_rollback(struct berth_store *store)
{
    if (--store->depth > 0) {
        savepoint(store, "ROLLBACK TO");
        savepoint(store, "RELEASE");
    } else {
        step(store, STATEMENT_ROLLBACK, NULL, 0);
        finish(store, STATEMENT_ROLLBACK);
    }
    pthread_mutex_unlock(&store->lock);
}

int32_t berth_store_check(struct berth_store *store, berth_error *err)
{
    sqlite3_stmt *statement = NULL;
    AUTO_LOCK(&store->lock);
    int code = sqlite3_prepare_v2(store->database, "PRAGMA quick_check(1)", -1, &statement, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
    }
    int32_t result = 0;
    if (code != SQLITE_ROW) {
        result = store_fail(store, store->database, code, "cannot be checked", err);
    } else if (strcmp((const char *)sqlite3_column_text(statement, 0), "ok") != 0) {
        result = berth_error_set(err, BERTH_E_DATA, 0, "%s is damaged: %s", store->path,
                                 (const char *)sqlite3_column_text(statement, 0));
    }
    sqlite3_finalize(statement);
    return result;
}
