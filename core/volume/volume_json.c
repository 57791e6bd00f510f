/* SPDX-License-Identifier: Apache-2.0
 *
 * The JSON tables of volumes.
 */
#include "volume/volume.h"

#define F BERTH_JSON_FIELD
#define N BERTH_JSON_NESTED

static const struct berth_json_field usage_fields[] = {
    F(struct berth_volume_usage, ref_count, "RefCount", INT64, 0),
    F(struct berth_volume_usage, size, "Size", INT64, 0),
};
static const struct berth_json_table usage_table =
    BERTH_JSON_TABLE("UsageData", struct berth_volume_usage, usage_fields);

#define V struct berth_volume
static const struct berth_json_field volume_fields[] = {
    F(V, created_at, "CreatedAt", STRING, BERTH_JSON_OMIT_EMPTY),
    F(V, driver, "Driver", STRING, 0),
    F(V, labels, "Labels", STRMAP, BERTH_JSON_NULL_EMPTY),
    F(V, mountpoint, "Mountpoint", STRING, 0),
    F(V, name, "Name", STRING, 0),
    F(V, options, "Options", STRMAP, BERTH_JSON_NULL_EMPTY),
    F(V, scope, "Scope", STRING, 0),
    N(V, usage, "UsageData", OBJECT_PTR, BERTH_JSON_OMIT_EMPTY, usage_table),
};
#undef V
const struct berth_json_table berth_volume_table =
    BERTH_JSON_TABLE("Volume", struct berth_volume, volume_fields);

#define C struct berth_volume_create
static const struct berth_json_field create_fields[] = {
    F(C, name, "Name", STRING, 0),
    F(C, driver, "Driver", STRING, 0),
    F(C, options, "DriverOpts", STRMAP, 0),
    F(C, labels, "Labels", STRMAP, 0),
};
#undef C
const struct berth_json_table berth_volume_create_table =
    BERTH_JSON_TABLE("VolumeCreateOptions", struct berth_volume_create, create_fields);
