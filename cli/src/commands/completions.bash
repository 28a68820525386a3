# Owns how bash asks `ferrumdb` what may follow. It never decides what that is.
#
# Bash breaks a line into words at more letters than blanks, as at the colons that keys are full of, and puts an answer in the place
# of the last piece alone. So the pieces are put together again to ask, and what stands already is taken off the answers.

_ferrumdb_words() {
    local line=${COMP_LINE:0:COMP_POINT} index piece last=-1
    words=()
    for ((index = 0; index <= COMP_CWORD; index++)); do
        piece=${COMP_WORDS[index]}
        if ((index == COMP_CWORD)); then piece=${line#"${line%%[![:blank:]]*}"}; fi
        if ((last < 0)) || [[ $line == [[:blank:]]* || -z $line ]]; then words[++last]=; fi
        words[last]+=$piece
        line=${line#"${line%%[![:blank:]]*}"}
        line=${line#"$piece"}
    done
}

_ferrumdb() {
    local words standing quoted=false reply index
    _ferrumdb_words
    index=$((${#words[@]} - 1))
    case ${words[index]} in [\"\']*) quoted=true ;; esac
    standing=${words[index]%"$2"}
    # As the command would get them.
    words=("${words[@]//[\"\'\\]/}")
    standing=${standing//[\"\'\\]/}
    COMPREPLY=()
    while IFS= read -r reply; do
        if [[ -z $reply ]]; then continue; fi
        reply=${reply#"$standing"}
        if [[ $quoted == false && -n $reply ]]; then printf -v reply '%q' "$reply"; fi
        COMPREPLY+=("$reply")
    done < <(_CLAP_IFS=$'\n' _CLAP_COMPLETE_INDEX=$index _CLAP_COMPLETE_COMP_TYPE=$COMP_TYPE \
        _CLAP_COMPLETE_SPACE=false FERRUMDB_COMPLETE=bash ferrumdb -- "${words[@]}" && echo)
    # Behind the beginning of something else, nothing has ended.
    if ((${#COMPREPLY[@]} == 1)) && [[ $quoted == false && ${COMPREPLY[0]} != *[=/:] ]]; then
        COMPREPLY[0]+=' '
    fi
}

complete -o nospace -o bashdefault -F _ferrumdb ferrumdb
