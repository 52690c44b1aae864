#!/bin/sh
# NoRouter @VERSION@ for Linux on @ARCH@, with all that it needs: its runtime, the C library that
# runs on, and the program. The first start unpacks them, later ones only look for the mark.
# Everything below "exit 70" and its brace is data. A manager that sends this file to a host reads
# the lines "hash=" and "data_at=" (install/agents.ts).
{ # Run whole or, if this file was cut, not at all.
hash=@HASH@
data_at=@DATA_AT@
sum=@SUM@
need_mb=@NEED_MB@
blank=' 	'
newline='
'
case $0 in
*/*) self=$0 ;;
*) if [ -f "./$0" ]; then self=./$0; else self=$(command -v -- "$0"); fi ;;
esac
case $self in /*) ;; *) self=$PWD/$self ;; esac

@GUARD@

@ATTACH@

# start DIR ARGUMENT...: becomes the program. What is exported is for the program alone, which
# takes it out of the environment of its own commands.
start() {
  dir=$1
  shift
  # A library of this machine need not fit the C library that is carried. An agent can do
  # without, as it starts no commands that would miss it.
  [ "$agent" = no ] || unset LD_PRELOAD
  NOROUTER_EXECUTABLE=$self NOROUTER_DENO_DIR=${DENO_DIR-} DENO_DIR=$dir/deno-dir
  # Sockets are looked at in each round of the event loop: see link/pace.ts.
  DENO_NO_UPDATE_CHECK=1 DENO_TOKIO_EVENT_INTERVAL=1
  export NOROUTER_EXECUTABLE NOROUTER_DENO_DIR DENO_DIR DENO_NO_UPDATE_CHECK
  export DENO_TOKIO_EVENT_INTERVAL
  mark "$dir"
  exec "$dir/ld.so" --library-path "$dir/lib" "$dir/deno" run --quiet --allow-all \
    --v8-flags=--max-semi-space-size=2 \
    --no-config --no-lock "$dir/app/cli.js" "$@"
}

# sound DIR: whether what runs from there has the sum that was made of it when it was built, as
# far as this machine has a program for sums. For an agent only: nobody waits for that, and it
# stays for long.
sound() {
  [ "$agent" = yes ] && command -v cat >/dev/null || return 0
  found=$(
    cd "$1" 2>/dev/null || exit
    LC_ALL=C
    export LC_ALL
    cat ld.so deno lib/* app/* 2>/dev/null | digest 2>/dev/null
  )
  case $found in "$sum" | '') return 0 ;; *) return 1 ;; esac
}

# ready PLACE: whether all is there, and can be changed by nobody else: whoever owns the place
# could exchange what is in it. Those who tidy up old files may have left a part. Leaves its
# path without links in $real.
ready() {
  [ -d "$1/$hash" ] && owned "$1" && [ ! -L "$real/$hash" ] && [ -O "$real/$hash" ] &&
    [ -f "$real/$hash/ok" ] && [ -x "$real/$hash/ld.so" ] && [ -x "$real/$hash/deno" ] &&
    [ -f "$real/$hash/app/cli.js" ] && sound "$real/$hash"
}

# own BASE NAME: a place in a folder of this user. Under sudo the variables may still name
# somebody else's, where root should leave nothing.
own() {
  case $1 in /*) ;; *) return ;; esac
  [ ! -d "$1" ] || [ "$uid" != 0 ] || [ -O "$1" ] || return
  printf '%s\n' "${1%/}/$2"
}

# places: all of them, in order: a user's own before those that are shared.
places() {
  case ${NOROUTER_CACHE-} in
  '') cache= ;;
  /*) cache=$NOROUTER_CACHE ;;
  *) cache=$PWD/$NOROUTER_CACHE ;;
  esac
  # A volume that is for all, as many of containers are, has a folder for each user.
  if [ -d "$cache" ] && [ ! -L "$cache" ]; then
    IFS=$blank$newline
    if [ ! -O "$cache" ] || ! closed $(LC_ALL=C ls -ldn "$cache" 2>/dev/null); then
      cache=$cache/norouter-$uid
    fi
  fi
  [ -z "$cache" ] || printf '%s\n' "$cache"
  own "${XDG_CACHE_HOME-}" norouter
  [ ! -d "${HOME-}" ] || own "$HOME" .cache/norouter
  [ ! -d "${XDG_RUNTIME_DIR-}" ] || own "$XDG_RUNTIME_DIR" norouter
  for base in /var/tmp /tmp /dev/shm; do # never made here: they belong to all
    [ ! -d "$base" ] || printf '%s\n' "$base/norouter-$uid"
  done
  printf '%s\n' "${self%/*}/.norouter-cache"
}

agent=no
[ "$1 $2" != "agent --automated" ] || agent=yes
# An agent that is still here need not be unpacked or started.
if [ "$agent $3 $#" = "yes --attach 4" ]; then
  attach "$4" :
  [ -n "$attach" ] || set -- agent --automated
fi
set -f
IFS=$newline
for place in $(places); do
  IFS=$blank$newline
  set +f
  if ready "$place"; then start "$real/$hash" "$@"; fi
done

# fail LINE...: ends with the reason.
fail() {
  printf '%s\n' "$@" >&2
  exit 70
}
[ -e /proc/self/exe ] || fail "norouter: cannot run without /proc, which is not mounted here"
for tool in chmod dd ls mkdir mv rm; do
  command -v "$tool" >/dev/null ||
    fail "norouter: cannot unpack itself without the program $tool, which is not in PATH"
done

# cut BLOCK COUNT: bytes of this file, in blocks of @BLOCK@.
cut() { dd if="$self" bs=@BLOCK@ skip="$1" count="$2" 2>/dev/null; }

# carried PROGRAM ARGUMENT...: runs one that was unpacked, by the loader that was.
carried() {
  program=$1
  shift
  LD_PRELOAD='' "$new/ld.so" --library-path "$new/lib" "$new/$program" "$@"
}

# unzstd BLOCK COUNT: the same as cut, of data that was compressed.
unzstd() { cut "$1" "$2" | carried zstd -dcq; }

# write FILE COMMAND BLOCK COUNT: the output of cut or unzstd. What went wrong is left in $why.
write() {
  end=$(($3 + $4))
  [ -n "$new" ] || return 0
  file=$1
  shift
  # Nothing at all is what dd reads behind the end of a file that was cut.
  { why=$("$@" 2>&1 >&3); } 3>"$file" && [ -s "$file" ] && return
  why="cannot write $file: ${why:-the disk may be full}"
  # What can be decompressed when nothing has to be written was a matter of the disk.
  limited "$why" || [ "$1" != unzstd ] || tested=$(cut "$2" "$3" | carried zstd -tq 2>&1) ||
    limited "$tested" || broken="its data does not decompress: ${tested##*"$newline"}" advice="Get it anew."
  return 1
}

# limited WORDS: whether it was for want of a process or a thread, for which neither another
# place nor another file would help; then says so in $broken.
limited() {
  case $1 in
  *"annot fork"* | *"can't fork"* | *"temporarily unavailable"*) ;;
  *"thread pool"* | *"spawn thread"* | *"create thread"* | *pthread_create*) ;;
  *"worker threads"*) set -- "unable to create worker threads" ;;
  *) return 1 ;;
  esac
  broken="no further process can be started: ${1##*"$newline"}"
  advice="Is the number of processes limited, as by docker's --pids-limit or ulimit -u?"
}

raw() {
@RAW@
}

compressed() {
@COMPRESSED@
}

# whole: whether this file has its full length; otherwise says so in $broken.
whole() {
  new=
  raw
  compressed
  wanted=$((end * @BLOCK@))
  size=$(wc -c <"$self" 2>/dev/null) || return 0
  [ "$size" -lt "$wanted" ] || return 0
  broken="it has $((size)) of $wanted bytes"
  advice="Get it anew."
  return 1
}

# suits: whether this machine is of the architecture that this file is for.
suits() {
  machine=$(uname -m 2>/dev/null)
  case @ARCH@/$machine in
  x64/x86_64 | x64/amd64 | arm64/aarch64 | arm64/arm64 | @ARCH@/) return 0 ;;
  esac
  broken="it is for @ARCH@, and this machine is $machine"
  advice="Get the one for this machine."
  return 1
}

# unpack: all files into the folder $temporary; false with $why if something is in the way, and
# with $broken if it is this file, for which no other place would help.
unpack() {
  new=$temporary
  # Closed to others by the folder it is in. A copy in a container is for its user, whoever
  # that is.
  umask 022
  why=$(mkdir "$new/lib" 2>&1) || return
  raw || {
    whole
    return 1
  }
  why=$(chmod 755 "$new/ld.so" "$new/zstd" 2>&1) || return
  why=$(LD_PRELOAD='' "$new/ld.so" --version 2>&1 >/dev/null) || {
    why="programs cannot be run from there (is it mounted noexec?): $why"
    whole && suits
    return 1
  }
  compressed || {
    whole
    return 1
  }
  why=$(chmod 755 "$new/deno" 2>&1) || return
  why=$(DENO_DIR=$new/deno-dir carried deno eval --quiet --no-config --no-lock '
    const [pack, folder] = Deno.args;
    const bytes = Deno.readFileSync(pack);
    const length = new DataView(bytes.buffer).getUint32(0);
    let at = 4 + length;
    for (const [name, size] of JSON.parse(new TextDecoder().decode(bytes.subarray(4, at)))) {
      const path = `${folder}/${name}`;
      Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
      Deno.writeFileSync(path, bytes.subarray(at, at += size));
    }' "$new/pack" "$new" 2>&1) || return
  rm -rf "$new/pack" "$new/owner" "$new/zstd" "$new/lib/libz.so.1" "$new/lib/liblz4.so.1" \
    "$new/lib/liblzma.so.5"
  sound "$new" || {
    broken="what it carries has another sum than it should"
    advice="Get it anew."
    return 1
  }
  why=$(printf '%s\n' "$hash" 2>&1 >"$new/ok") || return
}

# sign FOLDER: leaves there who made it.
sign() { printf '%s\n' "$$ $node" 2>/dev/null >"$1/owner"; }

# owner FOLDER: sets $pid and $where to what was left there, or to nothing.
owner() {
  pid=
  where=
  { read -r pid where <"$1/owner"; } 2>/dev/null
}

# gone: whether the owner that was read last is known to have ended.
gone() { [ -n "$pid" ] && [ "$where" = "$node" ] && ! kill -0 "$pid" 2>/dev/null; }

# lock PLACE: waits until nobody unpacks there, and makes this the one that does. This is to
# save work only. Where it errs, two unpack at once, each into a folder of its own.
lock() {
  lock=$1/$hash.lock
  holder=
  waited=0
  missed=0
  until why=$(mkdir "$lock" 2>&1); do
    ! ready "$1" || return 0
    # It may have been taken away in between, but not again and again.
    if [ ! -d "$lock" ]; then
      missed=$((missed + 1))
      [ "$missed" -lt 5 ] || return 1
      continue
    fi
    owner "$lock"
    if [ "$pid $where" != "$holder" ]; then
      holder="$pid $where"
      waited=0
    fi
    # In tenths of a second: it takes no time to sign, and two minutes are slow for a disk.
    limit=1200
    [ -n "$pid" ] || limit=50
    if gone || [ "$waited" -ge "$limit" ]; then
      why=$(rm -rf "$lock" 2>&1) || return
      continue
    fi
    if sleep 0.1 2>/dev/null; then
      waited=$((waited + 1))
    else
      sleep 1
      waited=$((waited + 10))
    fi
  done
  locked=$lock
  sign "$lock"
  return 0
}

# tidy PLACE: removes what starts that were killed have left: those known to be gone, and
# others after an hour.
tidy() {
  for old in "$1"/*.new.*; do
    [ -d "$old" ] || continue
    owner "$old"
    if gone || [ -n "$(find "$old" -prune -mmin +60 2>/dev/null)" ]; then rm -rf "$old"; fi
  done
}

# install PLACE: unpacks there unless it has been done; for nobody else to read.
install() {
  mask=$(umask)
  umask 077
  install_here "$1"
  set -- $?
  clean
  umask "$mask"
  return "$1"
}

install_here() {
  case $1 in
  *[:\;]*)
    why="a path with : or ; cannot be one of libraries"
    return 1
    ;;
  esac
  claim "$1" || return
  set -- "$real"
  lock "$1" || return
  ! ready "$1" || return 0
  tidy "$1"
  number=0
  until why=$(mkdir "$1/$hash.new.$$.$number" 2>&1); do
    [ -d "$1/$hash.new.$$.$number" ] && [ "$number" -lt 99 ] || return
    number=$((number + 1))
  done
  temporary=$1/$hash.new.$$.$number
  sign "$temporary"
  unpack || {
    ready "$1"
    return
  }
  ! ready "$1" || return 0
  rm -rf "${1:?}/$hash"
  why=$(mv -f "$temporary" "$1/$hash" 2>&1) || return
  # If another was there first, it went into theirs.
  rm -rf "$1/$hash/${temporary##*/}"
  temporary=
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

# stop SIGNAL: ends as if there were no trap, once all is tidy.
# Further signals are not heard meanwhile.
stop() {
  trap '' HUP INT TERM
  clean
  trap - "$1"
  kill -s "$1" $$
}
trap 'stop HUP' HUP
trap 'stop INT' INT
trap 'stop TERM' TERM

failures=
broken=
advice=
set -f
IFS=$newline
for place in $(places); do
  IFS=$blank$newline
  set +f
  # What the program is sent meanwhile is for the program.
  if install "$place" </dev/null; then
    trap - HUP INT TERM
    retire "$real" "$hash" "${self##*/}"
    start "$real/$hash" "$@"
  fi
  [ -n "$broken" ] || limited "$why"
  [ -z "$broken" ] || fail "norouter: cannot unpack $self: $broken" "$advice"
  failures="$failures$newline  $place: ${why##*"$newline"}"
done
fail "norouter: cannot unpack itself, for which it needs $need_mb MB on a disk from which" \
  "programs may be run. Tried:$failures" "Name a folder in the variable NOROUTER_CACHE."
exit 70
}
