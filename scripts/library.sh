# Functions that the scripts share. Scripts source this file; the five programs must be in PATH.
#
# Every piece of work is a file that appears whole: started again after a kill, a script goes on where it was.

# Lets a command that fails within $(...) end the script too.
shopt -s inherit_errexit

say() { printf '%s\n' "$*" >&2; }

# quoted WORD: prints the word as any POSIX shell reads it back.
quoted() {
    if [[ $1 =~ ^[A-Za-z0-9_./:@%+=,-]+$ ]]; then printf %s "$1"; else printf "'%s'" "${1//\'/\'\\\'\'}"; fi
}

# number LEAST VARIABLE...: ends the script if a variable is given, and is no whole number from LEAST on.
number() {
    local least=$1 variable
    shift
    for variable in "$@"; do
        if [ -z "${!variable:-}" ]; then continue; fi
        if [[ ${!variable} =~ ^[1-9][0-9]{0,8}$ ]] && [ "${!variable}" -ge "$least" ]; then continue; fi
        say "${0##*/}: $variable=${!variable} is no whole number from $least on"
        exit 64
    done
}

# numbers VARIABLE: ends the script if the variable is given, and is no list of whole numbers from 1 on.
numbers() {
    if [ -z "${!1:-}" ] || [[ ${!1} =~ ^\ *[1-9][0-9]{0,8}(\ +[1-9][0-9]{0,8})*\ *$ ]]; then return; fi
    say "${0##*/}: $1=${!1} is no list of whole numbers from 1 on, such as '4 5 6'"
    exit 64
}

# member NAME: prints the number of that member of the JSON document on standard input.
member() { sed -n "/\"$1\":/{ s/.*\"$1\": *\([-0-9.e+]*\).*/\1/p; q }"; }

# without WORDS: prints the words of the line on standard input that are not among WORDS, at most 60 characters of them.
without() {
    awk -v words="$1" 'BEGIN { n = split(words, word, " "); for (i = 1; i <= n; i++) known[word[i]] }
        { for (i = 1; i <= NF; i++) if (!($i in known)) line = line (line == "" ? "" : " ") $i }
        END { if (line == "") line = "nothing"; print (length(line) > 60 ? substr(line, 1, 57) "..." : line) }'
}

# begin FOLDER SETTINGS: sends pieces to FOLDER, for one run at a time. SETTINGS, on which the pieces depend, must not
# change between runs.
begin() {
    local folder=$1 settings=$2
    mkdir -p "$folder"
    # Programs that a killed run left behind still hold the lock.
    exec 9> "$folder/lock"
    if ! flock -n 9; then
        say "${0##*/}: another run is at work in $folder: waiting for it"
        flock 9
    fi
    rm -f "$folder"/*.part.*
    if [ -e "$folder/settings" ] && [ "$(cat "$folder/settings")" != "$settings" ]; then
        say "${0##*/}: $folder was begun with other settings: $(without "$settings" < "$folder/settings")" \
            "instead of $(printf '%s\n' "$settings" | without "$(cat "$folder/settings")");" \
            "choose another RESULTS or remove it"
        exit 65
    fi
    piece "$folder/settings" printf '%s\n' "$settings"
}

# piece FILE COMMAND...: writes the command's output to the file, unless the file exists.
piece() {
    local file=$1
    shift
    if [ -s "$file" ]; then return; fi
    "$@" > "$file.part.$$"
    mv "$file.part.$$" "$file"
}

# need VARIABLE WHAT [PLACE]: ends the script if the file or folder that the variable names cannot be read. Embedded
# models and statistics are there.
need() {
    local path=${!1:-}
    case $path in mnist | mnist32 | digits64) return ;; esac
    if [ -n "$path" ] && [ -r "$path" ]; then return; fi
    if [ -n "$path" ]; then path="$1=$path cannot be read"; else path="$1=FILE is not given"; fi
    say "${0##*/}: $path: $2${3:+; people get it from $3}"
    exit 66
}

# clock COMMAND...: prints the nanoseconds that a command takes.
clock() {
    local start
    start=$(date +%s%N)
    "$@" > /dev/null
    echo $(($(date +%s%N) - start))
}

# A solver's name in the tables is --solver with the order behind it: dpm-solver++-3.
solver() {
    case $1 in
        *-[1-4]) echo "--solver ${1%-*} --order ${1##*-}" ;;
        *) echo "--solver $1" ;;
    esac
}
title() {
    case $1 in
        ddim) echo DDIM ;;
        heun) echo Heun ;;
        deis-tab-*) echo "tAB-DEIS-${1##*-}" ;;
        deis-rho-*) echo "rhoAB-DEIS-${1##*-}" ;;
        ipndm-v-*) echo "iPNDM-v-${1##*-}" ;;
        ipndm-*) echo "iPNDM-${1##*-}" ;;
        unipc-*) echo "UniPC-${1##*-}" ;;
        dpm-solver-*) echo "DPM-Solver-${1##*-}" ;;
        dpm-solver++-*) echo "DPM-Solver++(${1##*-}M)" ;;
        ld3) echo LD3 ;;
        polished) echo "LD3 polished" ;;
        l2) echo "LD3 l2" ;;
        edm) echo EDM ;;
        logsnr) echo logSNR ;;
        gits | dmn | ays | ggdm) echo "$1" | tr a-z A-Z ;;
        *) echo "$1" ;;
    esac
}

# ---- tables and plots from a CSV whose first line has the names ------------------------------------------------------
# where NAME VALUE: prints the lines with that value.
where() { awk -F, -v name="$1" -v value="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) c = i }
    NR == 1 || $c == value'; }

# An awk function that sorts the first n values of a list.
sorting='function rising(list, n, i, j, v) {
    for (i = 2; i <= n; i++) {
        v = list[i]
        for (j = i - 1; j > 0 && list[j] + 0 > v + 0; j--) list[j + 1] = list[j]
        list[j + 1] = v
    }
}'

# markdown ROW COLUMN VALUE...: prints a table of one line for each ROW and one column for each COLUMN, with / between
# VALUEs.
markdown() {
    awk -F, -v row="$1" -v column="$2" -v values="${*:3}" "$sorting"'
        NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; n = split(values, value, " "); next }
        {
            r = $at[row]; c = $at[column]; text = $at[value[1]]
            for (i = 2; i <= n; i++) text = text " / " $at[value[i]]
            if (!(r in knownRow)) { rows[++rowCount] = r; knownRow[r] }
            if (!(c in knownColumn)) { columns[++columnCount] = c; knownColumn[c] }
            cell[r, c] = text
        }
        END {
            if (column == "nfe") rising(columns, columnCount)
            head = "| |"; rule = "|---|"
            for (j = 1; j <= columnCount; j++) {
                head = head " " (column == "nfe" ? "NFE" : column) " " columns[j] " |"; rule = rule "---|"
            }
            print head; print rule
            for (i = 1; i <= rowCount; i++) {
                line = "| " rows[i] " |"
                for (j = 1; j <= columnCount; j++)
                    line = line " " ((rows[i], columns[j]) in cell ? cell[rows[i], columns[j]] : "") " |"
                print line
            }
        }'
}

# panels PANEL X SERIES VALUE [STRONG...]: prints tables for ld3-fid --chart, in which the STRONG series are emphasized.
panels() {
    awk -F, -v panel="$1" -v x="$2" -v series="$3" -v value="$4" -v strong="${*:5}" "$sorting"'
        NR == 1 {
            for (i = 1; i <= NF; i++) at[$i] = i
            n = split(strong, words, " "); for (i = 1; i <= n; i++) isStrong[words[i]]
            next
        }
        {
            p = $at[panel]; s = $at[series]; v = $at[x]
            if (!(p in knownPanel)) { panels[++panelCount] = p; knownPanel[p] }
            if (!(s in knownSeries)) { names[++seriesCount] = s; knownSeries[s] }
            if (!(v in knownX)) { places[++placeCount] = v; knownX[v] }
            number[p, v, s] = $at[value]; has[p, s]
        }
        END {
            if (x == "nfe") rising(places, placeCount)
            for (k = 1; k <= panelCount; k++) {
                p = panels[k]
                line = (x == "nfe" ? "NFE" : x)
                for (j = 1; j <= seriesCount; j++)
                    if ((p, names[j]) in has) line = line "," (names[j] in isStrong ? "*" : "") names[j]
                printf "%s# %s\n%s\n", (k > 1 ? "\n" : ""), p, line
                for (i = 1; i <= placeCount; i++) {
                    line = places[i]
                    any = 0
                    for (j = 1; j <= seriesCount; j++)
                        if ((p, names[j]) in has) {
                            line = line "," number[p, places[i], names[j]]
                            if ((p, places[i], names[j]) in number && number[p, places[i], names[j]] != "") any = 1
                        }
                    if (any) print line
                }
            }
        }'
}
