# shellcheck shell=sh
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Refuses a model whose files are not those that were published, or that run code when they are loaded.
#
#     sh model_check.sh FOLDER SUMS PIN [PATTERN...]
#
# FOLDER is the model. SUMS is its list of sums, in the form of sha256sum. PIN is the SHA-256 of SUMS, or "unpinned".
# Each PATTERN names files that may be pickles, relative to FOLDER; "*" stands for any text, also with slashes.
#
# Needs a POSIX shell with find, grep, head, od, readlink, sed, sha256sum, sort, tr and uniq, as busybox and coreutils
# have them. Reads only. Exits with 0 if all is well, with 1 and a line on stderr for each problem otherwise.
set -u
LC_ALL=C # bytes, so that no name is invalid
export LC_ALL

SELF=$0
LINE='^\\?[0-9a-f]{64} [ *].'
NEWLINE='
'
CR=$(printf '\r')

say() {
    # One line, whatever is in a name.
    printf 'model-check: %s\n' "$(printf '%s' "$1" | tr '\000-\037\177' '?')" >&2
}

refuse() {
    say "$1"
    exit 1
}

# The names in the list, as they are written there.
listed() {
    sed -e 's/^\\\{0,1\}[0-9a-f]\{64\} [ *]//' -e 's/^\.\///' -e '/^$/d' "$SUMS"
}

sum_of() {
    sum=$(sha256sum < "$1") || return 1
    sum=${sum%% *}
    [ -n "$sum" ] && printf '%s' "$sum"
}

# A name as sha256sum writes it: with \\, \n and \r, and then a backslash before the sum.
escaped() {
    rest=$1
    written=
    while :; do
        case $rest in
            *[\\"$NEWLINE$CR"]*) ;;
            *) break ;;
        esac
        plain=${rest%%[\\"$NEWLINE$CR"]*}
        rest=${rest#"$plain"}
        case $rest in
            \\*) mark='\\' ;;
            "$NEWLINE"*) mark='\n' ;;
            *) mark='\r' ;;
        esac
        written=$written$plain$mark
        rest=${rest#?}
    done
    printf '%s' "$written$rest"
}

allowed() {
    for pattern in $PATTERNS; do
        # shellcheck disable=SC2254 # it is a pattern
        case $1 in
            $pattern) return 0 ;;
        esac
    done
    return 1
}

hex() {
    od -An -v -tx1 | tr -d ' \n'
}

# Whether hexadecimal bytes are the beginning of a pickle of protocol 2 or later.
begins_as_pickle() {
    case $2 in
        # Its first 8 bytes are the length of its JSON header, which can look like one.
        *.safetensors) case $1 in ????????000000007b*) return 1 ;; esac ;;
    esac
    case $1 in
        # After the protocol comes an opcode that needs nothing on the stack; 00 and most others are none.
        800[0-5]2[89]* | 800[0-5]4[2-9a-e]* | 800[0-5]5[03-68d]* | 800[0-5]6[378a]*) return 0 ;;
        800[0-5]7d* | 800[0-5]8[02-489a-f]* | 800[0-5]9[56]*) return 0 ;;
    esac
    return 1
}

# Protocols 0 and 1 are text: what to import, on two lines, then a mark, a tuple or a memo.
begins_as_old_pickle() {
    head -c 4096 "$1" | tr '\000' '?' | sed -n -e '1,3p' | tr '\n' ' ' |
        grep -Eq '^[(]*[ci][A-Za-z_][A-Za-z0-9_.]* [A-Za-z_][A-Za-z0-9_.]* ([()]|p[0-9]+ |q)'
}

has_object_array() {
    head -c 4096 "$1" | grep -Eq "'descr': *('[|<>=]?O|\[.*'[|<>=]?O)"
}

# Why a file must not be loaded; nothing if it may be.
why_unsafe() {
    name=$(printf '%s' "$1" | tr '[:upper:]' '[:lower:]')
    case $name in
        *.pkl | *.pickle | *.pt | *.pth | *.ckpt | *.joblib | *.dill | *.cloudpickle)
            printf '.%s is loaded as a pickle' "${name##*.}"
            return
            ;;
    esac
    bytes=$(head -c 64 "$1" | hex) || return 1
    if begins_as_pickle "$bytes" "$name" || begins_as_old_pickle "$1"; then
        printf 'it is a pickle'
        return
    fi
    unpack=
    case $bytes in
        504b*)
            # Names of the last files are at the end, where a short one is hardly there by chance.
            if grep -Eq 'data\.pkl|\.pickle|\.joblib|\.cloudpickle' "$1" ||
                tail -c 65536 "$1" | grep -Eq '[A-Za-z0-9_/-]\.(pkl|pth|ckpt|dill)|[A-Za-z0-9_/-]{2}\.ptPK'; then
                printf 'it is a zip archive with a pickle'
            elif grep -Eq "'descr': *'[|<>=]?O" "$1"; then
                printf 'it is a zip archive with a NumPy array of objects, which are pickled'
            fi
            ;;
        934e554d5059*) has_object_array "$1" && printf 'it is a NumPy array of objects, which are pickled' ;;
        1f8b*) unpack=gzip ;;
        425a68*) unpack=bzip2 ;;
        fd377a585a00*) unpack=xz ;;
    esac
    [ -n "$unpack" ] || return 0
    # The tool is cut off where head ends, so its own exit status says nothing.
    bytes=$("$unpack" -dc < "$1" 2> /dev/null | head -c 64 | hex)
    if [ -z "$bytes" ]; then
        printf 'it is compressed, and this image cannot look into it with %s' "$unpack"
    elif begins_as_pickle "$bytes" ''; then
        printf 'it is a compressed pickle'
    fi
}

# Says what is wrong with a file that was found.
look_at() {
    name=${1#./}
    shown=$(escaped "$name")
    if [ -L "$1" ]; then
        [ -e "$1" ] || { say "'$shown' is a link to nothing" && return 1; }
        case $(readlink -f "$1") in
            "$ROOT"/*) ;;
            *) say "'$shown' is a link out of the folder" && return 1 ;;
        esac
        [ ! -d "$1" ] || { say "'$shown' is a link to a folder; its files have sums where they are" && return 1; }
    fi
    [ -f "$1" ] || { say "'$shown' is no file" && return 1; }
    if ! [ -r "$1" ] || ! sum=$(sum_of "$1"); then
        say "'$shown' cannot be read by user $(id -u)" && return 1
    fi
    mark=
    [ "$shown" = "$name" ] || mark='\'
    if ! grep -Fxq -e "$mark$sum  $shown" -e "$mark$sum *$shown" -e "$mark$sum  ./$shown" -e "$mark$sum *./$shown" \
        "$SUMS"; then
        if listed | grep -Fxq -e "$shown"; then
            say "'$shown' is not what it was: its SHA-256 is $sum"
        else
            say "'$shown' has no sum"
        fi
        return 1
    fi
    unsafe=
    allowed "$name" || unsafe=$(why_unsafe "$1") || unsafe='it cannot be read'
    [ -z "$unsafe" ] || { say "'$shown' can run code when it is loaded: $unsafe" && return 1; }
}

# find calls this script again with some of the files.
if [ "${1:-}" = --files ]; then
    shift
    set -f
    IFS=$NEWLINE
    failed=0
    for file; do
        [ "$file" = ./SHA256SUMS ] || look_at "$file" || failed=1
    done
    exit $failed
fi

[ $# -ge 3 ] || refuse 'usage: FOLDER SUMS PIN [PATTERN...]'
FOLDER=$1
SUMS=$2
PIN=$3
shift 3
PATTERNS=
for pattern; do
    PATTERNS=$PATTERNS$pattern$NEWLINE
done

[ -d "$FOLDER" ] || refuse "there is no folder $FOLDER: no model is served"
cd "$FOLDER" || refuse "$FOLDER cannot be entered by user $(id -u)"
ROOT=$(pwd -P)
[ -e "$SUMS" ] || refuse "$SUMS does not exist; write it where the model is published"
[ -f "$SUMS" ] && [ -r "$SUMS" ] || refuse "$SUMS is no file that user $(id -u) can read"
case $SUMS in
    "$FOLDER"/*) [ ! -L "$SUMS" ] || refuse "$SUMS is a link; it must be a file of its own" ;;
esac
found=$(sum_of "$SUMS") || refuse "$SUMS cannot be read"
[ "$PIN" = unpinned ] || [ "$PIN" = "$found" ] ||
    refuse "$SUMS is not the one that was pinned: its SHA-256 is $found, and must be $PIN"
[ -s "$SUMS" ] || refuse "$SUMS is empty: no file of the model has a sum"

failed=0
bad=$(grep -Evn -e "$LINE" -e '^$' "$SUMS" | sed -n '1s/:.*//p')
[ -z "$bad" ] || refuse "$SUMS:$bad: is no line of sha256sum, 64 of 0-9 a-f, two spaces and a name"
twice=$(listed | sort | uniq -d | sed -n 1p)
[ -z "$twice" ] || refuse "$SUMS: '$twice' is there twice"

# What is listed and not there. Only the backslash before a sum says whether the name is written with escapes.
while IFS= read -r line || [ -n "$line" ]; do
    [ -n "$line" ] || continue
    name=${line#\\}
    name=${name#*[ ][ *]}
    name=${name#./}
    shown=$name
    case $line in
        \\*)
            # Only \\, \n and \r are escapes; the x keeps a line break at the end.
            name=$(printf '%s' "$name" | sed -e 's/\\\\/\\0134/g' -e 's/\\n/\\0012/g' -e 's/\\r/\\0015/g')
            name=$(printf '%bx' "$name")
            name=${name%x}
            ;;
    esac
    case /$name/ in
        //* | */../*) refuse "$SUMS: '$shown' leads out of the folder" ;;
    esac
    [ -e "./$name" ] || [ -L "./$name" ] || { say "'$shown' is missing" && failed=1; }
done < "$SUMS"

export ROOT SUMS PATTERNS
find . ! -type d -exec sh "$SELF" --files {} + || failed=1
[ $failed -eq 0 ] || refuse "the model in $FOLDER is refused, for what is said above"
say "the model in $FOLDER is the one that was published"
