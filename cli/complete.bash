# Completion for bash 3.2 or later; needs no other package, and may be sourced again.
__norouter_complete() {
  local rest=$COMP_LINE word current before wanted reply i
  local -a words=()
  COMPREPLY=()
  # Bash also splits at "=" and ":"; words that no blank separates belong together.
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if ((i > 0)) && [[ $rest == [![:space:]]* ]]; then
      words[${#words[@]} - 1]+=$word
    else
      words+=("$word")
    fi
    rest=${rest#"${rest%%[![:space:]]*}"}
    rest=${rest#"$word"}
  done
  current=${COMP_WORDS[COMP_CWORD]}
  [[ $current == [=:] ]] && current=
  wanted=${words[${#words[@]} - 1]}
  # Of an option with "=", replies are its values.
  [[ $wanted == --*=* ]] && wanted=${wanted#*=}
  before=${wanted%"$current"}
  while IFS=$'\t' read -r reply _; do
    [[ $reply != "$wanted"* || $reply =~ ^:[0-9]+$ ]] && continue
    COMPREPLY+=("${reply#"$before"}")
  done < <(norouter complete -- "${words[@]:1}" 2>/dev/null)
  if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == */ ]]; then
    compopt -o nospace 2>/dev/null
  fi
  return 0
}
complete -o default -F __norouter_complete norouter
