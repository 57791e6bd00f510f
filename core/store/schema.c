/* SPDX-License-Identifier: Apache-2.0
 *
 * The database's schema and the steps that bring an older one to it. PRAGMA user_version counts
 * the steps that were made; steps are only ever appended.
 */
#include "store/store_internal.h"

#include "base/cleanup.h"

static const char *const migrations[] = {
    /* 1 */
    "CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE object ("
    "  number INTEGER PRIMARY KEY," /* order of insertion */
    "  kind TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, document TEXT NOT NULL,"
    "  UNIQUE (kind, id));"
    "CREATE UNIQUE INDEX object_name ON object (kind, name) WHERE name <> '';",
};

static int32_t read_version(struct berth_store *store, int *ret_version, berth_error *err)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(store->database, "PRAGMA user_version", -1, &statement, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
    }
    int32_t result = code == SQLITE_ROW ? 0
                                        : store_fail(store, store->database, code,
                                                     "cannot read the schema's version", err);
    if (result == 0) {
        *ret_version = sqlite3_column_int(statement, 0);
    }
    sqlite3_finalize(statement);
    return result;
}

static int32_t migrate_one(struct berth_store *store, int index, berth_error *err)
{
    char text[2048];
    snprintf(text, sizeof(text), "BEGIN IMMEDIATE; %s PRAGMA user_version = %d; COMMIT;",
             migrations[index], index + 1);
    int code = sqlite3_exec(store->database, text, NULL, NULL, NULL);
    if (code == SQLITE_OK) {
        return 0;
    }
    int32_t result = store_fail(store, store->database, code, "cannot make the tables", err);
    sqlite3_exec(store->database, "ROLLBACK", NULL, NULL, NULL);
    return result;
}

int32_t store_migrate(struct berth_store *store, berth_error *err)
{
    const int latest = (int)ARRAY_SIZE(migrations);
    int version = 0;
    int32_t result = read_version(store, &version, err);
    if (result == 0 && version > latest) {
        return berth_error_set(err, BERTH_E_UNSUPPORTED, 0,
                               "%s was written by a newer Berth (schema %d; this one knows %d)",
                               store->path, version, latest);
    }
    for (int i = version; result == 0 && i < latest; i++) {
        result = migrate_one(store, i, err);
    }
    return result;
}
