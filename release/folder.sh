#!/bin/sh
# NoRouter from a folder. Without a shell, type what stands behind "exec", with this folder's
# name in place of "$dir".
case $0 in
*/*) self=$0 ;;
*) if [ -f "./$0" ]; then self=./$0; else self=$(command -v -- "$0"); fi ;;
esac
case $self in /*) ;; *) self=$PWD/$self ;; esac
file=$self
while [ -L "$file" ]; do
  link=$(readlink "$file")
  case $link in /*) file=$link ;; *) file=${file%/*}/$link ;; esac
done
dir=${file%/*}
case $dir in
*[:\;]*)
  printf '%s\n' "norouter: cannot run from $dir: a path with : or ; cannot be one of libraries" >&2
  exit 70
  ;;
esac

@ATTACH@

# As in the portable executable (launcher.sh): an agent that is still here is not started, an
# agent needs no library of this machine, the program's caches are its own, and it takes these
# variables out again.
if [ "$1 $2 $3 $#" = "agent --automated --attach 4" ]; then
  attach "$4" :
  [ -n "$attach" ] || set -- agent --automated
fi
[ "$1 $2" != "agent --automated" ] || unset LD_PRELOAD
NOROUTER_EXECUTABLE=$self NOROUTER_DENO_DIR=${DENO_DIR-} DENO_DIR=$dir/deno-dir
# Sockets are looked at in each round of the event loop: see link/pace.ts.
DENO_NO_UPDATE_CHECK=1 DENO_TOKIO_EVENT_INTERVAL=1
export NOROUTER_EXECUTABLE NOROUTER_DENO_DIR DENO_DIR DENO_NO_UPDATE_CHECK
export DENO_TOKIO_EVENT_INTERVAL
exec "$dir/ld.so" --library-path "$dir/lib" "$dir/deno" run --quiet --allow-all \
    --v8-flags=--max-semi-space-size=2 \
  --no-config --no-lock "$dir/app/cli.js" "$@"
