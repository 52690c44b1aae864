#!/bin/sh
# NoRouter @VERSION@ for Linux on @ARCH@, with all that it needs: its runtime, the C library that
# runs on, and the program. The first start unpacks them, later ones only look for the mark.
# Everything below the line "exit 70" is data.
hash=@HASH@
need_mb=@NEED_MB@
case $0 in
*/*) self=$0 ;;
*) if [ -f "./$0" ]; then self=./$0; else self=$(command -v -- "$0"); fi ;;
esac
case $self in /*) ;; *) self=$PWD/$self ;; esac

# start DIR ARGUMENT...: becomes the program. What is exported is for the program alone, which
# takes it out of the environment of its own commands.
start() {
  dir=$1
  shift
  NOROUTER_EXECUTABLE=$self NOROUTER_DENO_DIR=${DENO_DIR-} DENO_DIR=$dir/deno-dir
  DENO_NO_UPDATE_CHECK=1
  export NOROUTER_EXECUTABLE NOROUTER_DENO_DIR DENO_DIR DENO_NO_UPDATE_CHECK
  exec "$dir/ld.so" --library-path "$dir/lib" "$dir/deno" run --quiet --allow-all \
    --no-config --no-lock "$dir/app/cli.js" "$@"
}

# mine DIR: whether it is a folder of this user and no link, so that nobody else can have put
# a program there.
mine() { [ -d "$1" ] && [ ! -L "$1" ] && [ -O "$1" ]; }

# The places, in order. A user's own come first, then those that are shared.
uid=$(id -u 2>/dev/null) || uid=
places() {
  [ -z "${NOROUTER_CACHE-}" ] || echo "$NOROUTER_CACHE"
  [ -z "${XDG_CACHE_HOME-}" ] || echo "$XDG_CACHE_HOME/norouter"
  [ -z "${HOME-}" ] || echo "$HOME/.cache/norouter"
  [ -z "${XDG_RUNTIME_DIR-}" ] || echo "$XDG_RUNTIME_DIR/norouter"
  echo "/var/tmp/norouter-$uid"
  echo "/tmp/norouter-$uid"
  echo "/dev/shm/norouter-$uid"
  echo "${self%/*}/.norouter-cache"
}

newline='
'
IFS=$newline
set -f
for place in $(places); do
  if [ -f "$place/$hash/ok" ] && mine "$place/$hash"; then
    IFS=" 	$newline"
    set +f
    start "$place/$hash" "$@"
  fi
done

# cut BLOCK COUNT: bytes of this file, in blocks of @BLOCK@.
cut() { dd if="$self" bs=@BLOCK@ skip="$1" count="$2" 2>/dev/null; }

# write FILE COMMAND...: the output of a command. What went wrong is left in $why.
write() {
  file=$1
  shift
  { why=$("$@" 2>&1 >&3); } 3>"$file" && return
  why="cannot write $file: ${why:-the disk may be full}"
  return 1
}

# expand FILE BLOCK COUNT: the same, of data that was compressed.
unzstd() { cut "$1" "$2" | "$new/ld.so" --library-path "$new/lib" "$new/zstd" -dcq; }

# unpack NEW: all files into a folder; false with $why if something is in the way.
unpack() {
  new=$1
  why=$(mkdir -p "$new/lib" 2>&1) || return
@RAW@
  why=$(chmod 755 "$new/ld.so" "$new/zstd" 2>&1) || return
  why=$("$new/ld.so" --version 2>&1 >/dev/null) || {
    why="programs cannot be run from there (is it mounted noexec?): $why"
    return 1
  }
@COMPRESSED@
  why=$(chmod 755 "$new/deno" 2>&1) || return
  why=$(DENO_DIR=$new/deno-dir "$new/ld.so" --library-path "$new/lib" "$new/deno" eval \
    --quiet --no-config --no-lock '
    const [pack, folder] = Deno.args;
    const bytes = Deno.readFileSync(pack);
    const length = new DataView(bytes.buffer).getUint32(0);
    let at = 4 + length;
    for (const [name, size] of JSON.parse(new TextDecoder().decode(bytes.subarray(4, at)))) {
      const path = `${folder}/${name}`;
      Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
      Deno.writeFileSync(path, bytes.subarray(at, at += size));
    }' "$new/pack" "$new" 2>&1) || return
  rm -f "$new/pack" "$new/zstd" "$new/lib/libz.so.1" "$new/lib/liblz4.so.1" \
    "$new/lib/liblzma.so.5"
  why=$(echo "$hash" 2>&1 >"$new/ok") || return
}

# lock PLACE: makes this the one that unpacks there; true also if somebody else has meanwhile.
# One that died with the lock loses it, at the latest after a minute.
lock() {
  lock=$1/$hash.lock
  waited=0
  until why=$(mkdir "$lock" 2>&1); do
    [ -d "$lock" ] || return
    [ ! -f "$1/$hash/ok" ] || return 0
    pid=$(cat "$lock/pid" 2>/dev/null)
    if { [ -n "$pid" ] && ! kill -0 "$pid" 2>/dev/null; } || [ "$waited" -ge 600 ]; then
      mv "$lock" "$lock.$$" 2>/dev/null && rm -rf "$lock.$$"
      waited=0
      continue
    fi
    sleep 0.1 2>/dev/null || sleep 1
    waited=$((waited + 1))
  done
  locked=$lock
  echo $$ >"$lock/pid" 2>/dev/null
  return 0
}

locked=
temporary=
clean() {
  [ -z "$temporary" ] || rm -rf "$temporary"
  [ -z "$locked" ] || rm -rf "$locked"
  temporary=
  locked=
}
trap 'clean; exit 129' HUP
trap 'clean; exit 130' INT
trap 'clean; exit 143' TERM

# install PLACE: unpacks there unless it has been done.
install() {
  mask=$(umask)
  umask 077
  install_here "$1"
  set -- $?
  umask "$mask"
  return "$1"
}

install_here() {
  why=$(mkdir -p "$1" 2>&1) || return
  mine "$1" || {
    why="it belongs to another user"
    return 1
  }
  lock "$1" || return
  if [ ! -f "$1/$hash/ok" ]; then
    set +f
    for old in "$1/$hash".new.*; do # left by one that was killed
      kill -0 "${old##*.}" 2>/dev/null || rm -rf "$old"
    done
    set -f
    temporary=$1/$hash.new.$$
    unpack "$temporary" || {
      clean
      return 1
    }
    rm -rf "${1:?}/$hash"
    why=$(mv "$temporary" "$1/$hash" 2>&1) || {
      clean
      return 1
    }
    temporary=
  fi
  clean
}

failures=
for place in $(places); do
  if install "$place"; then
    IFS=" 	$newline"
    set +f
    trap - HUP INT TERM
    start "$place/$hash" "$@"
  fi
  failures="$failures  $place: $(echo "$why" | tail -n 1)$newline"
done
cat >&2 <<END
norouter: cannot unpack itself, for which it needs $need_mb MB on a disk from which programs
may be run. Tried:
${failures}Name a folder in the variable NOROUTER_CACHE.
END
exit 70
