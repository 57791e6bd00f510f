# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Installs Debian packages that are missing; sourced by core/quickstart and tests/run.

# packages_install FILE...: the packages named in the files, one a line, '#' starts a comment.
packages_install()
{
    local missing=() name state
    while read -r name; do
        # shellcheck disable=SC2016  # ${Status} is dpkg-query's
        state=$(dpkg-query -W -f '${Status}' "$name" 2>/dev/null || true)
        [[ $state == *" installed" ]] || missing+=("$name")
    done < <(sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    echo "Installing: ${missing[*]}"
    # A package that starts a daemon when installed must not do so for a build or a test.
    local policy=/usr/sbin/policy-rc.d made=no
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' > "$policy"
        chmod 755 "$policy"
        made=yes
    fi
    local log failed=no
    log=$(mktemp)
    if ! { apt-get install -y --no-install-recommends "${missing[@]}" > "$log" 2>&1 \
        || { apt-get update >> "$log" 2>&1 \
            && apt-get install -y --no-install-recommends "${missing[@]}" >> "$log" 2>&1; }; }; then
        failed=yes
        tail -20 "$log" >&2
    fi
    [ "$made" = no ] || rm -f "$policy"
    rm -f "$log"
    [ "$failed" = no ]
}
