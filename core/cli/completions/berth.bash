# SPDX-License-Identifier: Apache-2.0
# bash completion of berth: the program itself knows its commands, flags and objects.
_berth()
{
    local words=("${COMP_WORDS[@]:1:COMP_CWORD}")
    COMPREPLY=()
    # a word with a colon is cut in pieces by readline: put it together again
    if declare -F __ltrim_colon_completions >/dev/null && declare -F _get_comp_words_by_ref >/dev/null; then
        local cur cword all
        _get_comp_words_by_ref -n : -w all -i cword -c cur
        words=("${all[@]:1:cword}")
    fi
    mapfile -t COMPREPLY < <("${COMP_WORDS[0]}" __complete "${words[@]}" 2>/dev/null)
    if declare -F __ltrim_colon_completions >/dev/null; then
        __ltrim_colon_completions "${words[-1]}"
    fi
}
complete -o default -F _berth berth
