#!/bin/sh
# NoRouter from a folder. Without a shell, type what stands behind "exec", with this folder's
# name in place of "$dir".
case $0 in */*) dir=${0%/*} ;; *) dir=$(dirname "$(command -v -- "$0")") ;; esac
NOROUTER_EXECUTABLE=$dir/norouter DENO_NO_UPDATE_CHECK=1
export NOROUTER_EXECUTABLE DENO_NO_UPDATE_CHECK
exec "$dir/ld.so" --library-path "$dir/lib" "$dir/deno" run --quiet --allow-all \
  --no-config --no-lock "$dir/app/cli.js" "$@"
