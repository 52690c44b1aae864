# Which folders may hold what is run, and what runs from them. Part of script.sh and of
# release/launcher.sh, whose variables begin without an underscore.

# The number of this user.
uid=$(id -u 2>/dev/null)
[ -n "$uid" ] || {
  while read -r _key _ _number _; do
    [ "$_key" != Uid: ] || uid=$_number
  done </proc/self/status
} 2>/dev/null

# lone GROUP: whether it is the group of this user alone, as far as the files of the system tell.
lone() {
  _me=$(id -un) && [ "$1" = "$(id -g)" ] && [ "$_me" = "$(id -gn)" ] || return 1
  _known=
  while IFS=: read -r _ _ _number _members; do
    [ "$_number" = "$1" ] || continue
    case $_members in
    '' | "$_me") _known=yes ;;
    *) return 1 ;;
    esac
  done </etc/group
  while IFS=: read -r _name _ _ _number _; do
    [ "$_number" != "$1" ] || [ "$_name" = "$_me" ] || return 1
  done </etc/passwd
  [ -n "$_known" ]
} 2>/dev/null

# closed MODE LINKS OWNER GROUP: whether nobody but this user and root may write there. Where an
# ACL lets others do so, ls shows a plus, and its mask in the place of the group's rights.
closed() {
  case $3 in 0 | "$uid") ;; *) return 1 ;; esac
  case $1 in
  d???????w* | d????w????+*) return 1 ;;
  d????w*) lone "$4" ;;
  d*) ;;
  *) return 1 ;;
  esac
}

# passable MODE LINKS OWNER GROUP: the same, of a folder on the way: in a sticky one, what is of
# this user is safe from others.
passable() {
  case $1/$3 in d????????[tT]*/0 | d????????[tT]*/"$uid") return 0 ;; esac
  closed "$@"
}

# inspect FOLDER...: looks at them, with $_last at the last and with "passable" at the others.
inspect() {
  _lines=$(LC_ALL=C ls -ldn "$@" 2>/dev/null || stat -c '%A %h %u %g %n' "$@" 2>/dev/null) || {
    # The braces have the shell itself say there why it starts no ls.
    why="it cannot be looked at: $({ LC_ALL=C ls -ldn "$@" >/dev/null; } 2>&1)"
    return 1
  }
  _count=$#
  _fields=$IFS
  IFS='
'
  set -f
  set -- $_lines
  IFS=$_fields
  why="it cannot be looked at"
  if [ $# -ge "$_count" ]; then _count=$#; else set --; fi
  for _line in "$@"; do
    _count=$((_count - 1))
    _by=passable
    [ "$_count" -gt 0 ] || _by=$_last
    "$_by" $_line && why= && continue
    why=${_line#"${_line%%/*}"}
    set -- $_line
    why="others may change it: $why is of user $3 and group $4, with mode $1"
    break
  done
  set +f
  [ -z "$why" ]
}

# guarded FOLDER LAST: whether nobody but this user and root can exchange what is in it, nor a
# folder on the way to it. LAST, "closed" or "passable", is what the folder itself has to be.
# Leaves its path without links in $real, or in $why what is against it.
guarded() {
  _last=$2
  real=$(CDPATH='' cd -P "$1/." 2>/dev/null && pwd -P)
  why="it cannot be entered"
  [ -n "$real" ] || return 1
  set -- "$real"
  _at=$real
  while [ "$_at" != / ]; do
    _at=${_at%/*}
    _at=${_at:-/}
    set -- "$_at" "$@"
  done
  inspect "$@"
}

# owned FOLDER: whether it is of this user, no link, and guarded.
owned() {
  why="it is a link"
  if [ -L "$1" ]; then return 1; fi
  [ -d "$1" ] && [ -O "$1" ] || {
    set -f
    set -- $(LC_ALL=C ls -ldn "$1" 2>/dev/null)
    set +f
    why="it belongs to user ${3:-unknown}, with mode ${1:-unknown}"
    return 1
  }
  guarded "$1" closed
}

# claim FOLDER: makes it, with those on the way, for this user alone; but not where others could
# exchange it. It may be there.
claim() {
  _at=$1
  while [ -n "$_at" ] && [ ! -d "$_at" ]; do _at=${_at%/*}; done
  guarded "$_at" passable || return 1
  why=$(umask 077 && mkdir -p "$1" 2>&1) || return 1
  owned "$1"
}

# digest: the SHA-256 of the standard input; fails without a program for it. The first takes a
# fourth of the others' time on most machines.
digest() {
  if command -v openssl >/dev/null; then
    _sum=$(openssl dgst -sha256 -r 2>/dev/null)
  elif command -v sha256sum >/dev/null; then
    _sum=$(sha256sum)
  elif command -v shasum >/dev/null; then
    _sum=$(shasum -a 256)
  else
    return 1
  fi
  printf '%s\n' "${_sum%% *}"
}

# Who counts processes: containers that share a folder count theirs each for itself.
spaces=$(readlink /proc/self/ns/pid 2>/dev/null)
spaces=${spaces#*:}
node=$(uname -n 2>/dev/null)-$spaces

# mark FOLDER: says that this process runs from it, by an empty file named PROCESS.MACHINE, which
# the program touches every day (executable.ts). An "exec" changes no process.
mark() {
  NOROUTER_MARK=$1/used/$$.$node
  # A ":" that cannot write would end the shell.
  { (umask 077 && mkdir -p "$1/used") && printf "" >"$NOROUTER_MARK"; } 2>/dev/null ||
    NOROUTER_MARK=
  export NOROUTER_MARK
}

# marked FOLDER: whether a process runs from it, by such marks. Those of processes that have
# ended are removed, those of other machines after 30 days.
marked() {
  for _mark in "$1"/used/*; do
    [ -f "$_mark" ] || continue
    _owner=${_mark##*/}
    if [ "$_owner" = "${_owner%%.*}.$node" ] && [ -n "$spaces" ]; then
      if kill -0 "${_owner%%.*}" 2>/dev/null; then return 0; fi
    elif [ -z "$(find "$_mark" -prune -mtime +29 2>/dev/null)" ]; then
      return 0
    fi
    rm -f "$_mark"
  done
  return 1
}

# busy FOLDER: whether a process unpacks it, or runs from it.
busy() {
  if [ -e "$1.lock" ] || marked "$1"; then return 0; fi
  # All programs of this machine, asked for once.
  _programs=${_programs:-$(ls -l /proc/[0-9]*/exe 2>/dev/null) }
  case $_programs in *" -> $1/"*) return 0 ;; *) return 1 ;; esac
}

# ours PATH: whether it is what an agent or a program has left in a place, by its name. Leaves
# in $tree the folder by which it is seen whether it is in use.
_four='[0-9a-f][0-9a-f][0-9a-f][0-9a-f]'
_hash=$_four$_four$_four$_four
ours() {
  tree=$1
  case ${1##*/} in
  agent-$_hash-*[!0-9]* | app-[0-9]*-$_hash-*[!0-9]*) return 1 ;;
  agent-$_hash-[0-9]*)
    tree=${1##*/agent-}
    tree=${1%/*}/${tree%-*}
    ;;
  $_hash | app-[0-9]*-$_hash-[0-9]*) ;;
  *) return 1 ;;
  esac
}

# retire PLACE KEPT...: removes what other versions have left in a place and no process uses, but
# for what is named. Versions that made no marks may run on other machines for 30 days.
retire() {
  _place=$1
  shift
  for _old in "$_place"/agent-* "$_place"/app-* "$_place"/$_hash; do
    for _kept in "$@"; do [ "${_old##*/}" != "$_kept" ] || continue 2; done
    if ! ours "$_old" || busy "$tree"; then continue; fi
    if [ -d "$tree" ] && [ ! -d "$tree/used" ]; then
      [ -n "$(find "$tree" -prune -mtime +29 2>/dev/null)" ] || continue
    fi
    rm -rf "$_old"
  done
}
