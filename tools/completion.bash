# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Completion for xen-nic-pgd and xen-nic-pg-stat.
#
# What options there are, and what they take, is read from the program's
# --help: a line such as "  --run-dir DIR   text" tells of an option that takes
# a directory. Beside options, xen-nic-pg-stat takes guests, whose sockets are in
# the directory that it reads.

# _xen_nic_pg_value PROGRAM OPTION: print what the option takes, such as DIR
_xen_nic_pg_value() {
    "$1" --help 2>/dev/null |
        sed -n "s/^ *$2 \([A-Z][A-Z]*\)\( .*\)\?$/\1/p"
}

# _xen_nic_pg_guests: print the domains that have a QEMU
_xen_nic_pg_guests() {
    local i directory=/run/xen-nic-pg
    for ((i = 1; i < cword; i++)); do
        [ "${words[i]}" = --directory ] && directory=${words[i + 1]}
    done
    find "$directory" -maxdepth 1 -name '*.qmp' -printf '%f\n' 2>/dev/null |
        sed 's/\.qmp$//'
}

_xen_nic_pg() {
    local cur prev words cword value=
    _init_completion || return
    [[ $prev == --* ]] && value=$(_xen_nic_pg_value "$1" "$prev")
    case $value in
    DIR) _filedir -d ;;
    FILE|PATH) _filedir ;;
    ?*) ;;
    *)
        if [[ $cur == -* ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$(_parse_help "$1")" -- "$cur")
        elif [ "${1##*/}" = xen-nic-pg-stat ]; then
            mapfile -t COMPREPLY < <(compgen -W "$(_xen_nic_pg_guests)" -- "$cur")
        fi
        ;;
    esac
}

complete -F _xen_nic_pg xen-nic-pgd xen-nic-pg-stat
