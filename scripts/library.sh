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

# member NAME: prints the number of that member of the JSON document on standard input.
member() { sed -n "/\"$1\":/{ s/.*\"$1\": *\([-0-9.e+]*\).*/\1/p; q }"; }

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
        say "${0##*/}: $folder was begun with other settings: $(cat "$folder/settings");" \
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

# ---- reports on the embedded model -----------------------------------------------------------------------------------
# report NAME: begins a script whose tables, data and plots are $out/NAME.md, .csv and .png. Sizes can be changed by
# PAIRS (half train, half validate), FRESH (seeds that no fit has seen) and THREADS; RESULTS is the folder. Pairs, fresh
# seeds, fits and measured cells that two scripts need are one piece for both.
report() {
    export LC_ALL=C
    name=$1 out=${RESULTS:-results} pieces=${RESULTS:-results}/pieces
    pairs=${PAIRS:-32} fresh=${FRESH:-96} first=10000
    halves="$((pairs / 2)) + $((pairs - pairs / 2)) pairs"
    threads=${THREADS:+--threads $THREADS}
    local version build
    version=$(ld3-fit --version)
    build=$(sha256sum < "$(command -v ld3-fit)" | cut -c 1-12)
    begin "$pieces" "pairs=$pairs fresh=$fresh learned=$learned general=$general $version build=$build"
    trap spent EXIT
    piece "$pieces/pairs.ld3" teach "0-$((pairs - 1))"
    piece "$pieces/fresh.ld3" teach "$first-$((first + fresh - 1))"
}

# spent: appends the processor time of this run, user and system time of all its programs. `times` goes to a file, since
# within a pipe it would count the pipe alone.
spent() {
    times > "$pieces/times"
    awk -v name="$name" 'NR == 2 { split($0, part, /[ms ]+/)
        printf "%s,%.0f\n", name, 60 * (part[1] + part[3]) + part[2] + part[4] }' "$pieces/times" \
        >> "$out/processor-time.csv"
}

# teach SEEDS OPTIONS...: prints pairs of the teacher, UniPC-3 with 20 evaluations unless the options say otherwise.
teach() {
    local seeds=$1
    shift
    # shellcheck disable=SC2086
    ld3-noise --seeds "$seeds" | ld3-teacher --quiet $threads "$@"
}

# fit FILE OPTIONS...: writes the piece FILE, the schedule that ld3-fit finds from $input, else from all pairs.
fit() {
    local file=$1
    shift
    piece "$pieces/$file" fit_now "$@"
}
# shellcheck disable=SC2086
fit_now() { ld3-fit --quiet $threads "$@" < "${input:-$pieces/pairs.ld3}"; }

# The paper's own algorithm, except for the number of pairs and a validation at every fourth training step only.
learned="--validate-every 4 --soft-validation --polish 0"
general="--learn times,model-times,coefficients --iterations 6 --refit 2 --curvature-pairs 8"

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
        edm) echo EDM ;;
        logsnr) echo logSNR ;;
        gits | dmn | ays | ggdm) echo "$1" | tr a-z A-Z ;;
        *) echo "$1" ;;
    esac
}
# budgets SOLVER DISCRETIZATION: prints the budgets of a solver with a discretization. LD3 and the generalized fit are
# compared at all of them. Odd budgets are left out if a step takes two evaluations; GGDM's many evaluations are spent
# on one solver.
budgets() {
    case $2,$1 in
        ggdm,ipndm-3) echo 4 5 6 ;;
        ggdm,*) ;;
        polished,heun | polished,dpm-solver-2) echo 4 6 ;;
        polished,*) echo 4 5 6 ;;
        *,heun | *,dpm-solver-2) echo 4 6 8 10 ;;
        ld3,* | generalized,*) echo 3 4 5 6 7 8 9 10 ;;
        *) echo 4 5 6 8 10 ;;
    esac
}

# gits and dmn STEPS do not depend on the solver; ays is searched once, for DDIM at 40 steps, and interpolated
# (docs/methods/ays.md, "Other numbers of steps").
baseline() {
    case $1 in
        gits | dmn) fit "$1.safetensors" --solver ddim --nfe 2-6,8,10 --method "$1" ;;
        ays)
            fit ays.safetensors --solver ddim --steps 40 --method ays --ays-samples 8 --ays-sweeps 1
            piece "$pieces/ays-$2.txt" interpolated "$pieces/ays.safetensors" "$2"
            ;;
    esac
}
# Prints the noise levels of a schedule spread over STEPS steps; their logarithms are linear between those of the
# schedule.
interpolated() {
    ld3-fit --quiet --schedule "$1" --export kdiffusion --terminal keep | tr -d '[] ' | awk -F, -v steps="$2" '{
        for (i = 0; i <= steps; i++) {
            place = i / steps * (NF - 1); left = int(place); if (left > NF - 2) left = NF - 2
            part = place - left
            printf "%.9g\n", exp((1 - part) * log($(left + 1)) + part * log($(left + 2)))
        } }'
}

# ld3, polished, ggdm SOLVER NFE: fit one budget. generalized SOLVER fits all budgets in one run, in which each starts
# from the one before it too. Polished is ld3-fit's default: Gauss-Newton steps follow the passes of training.
# shellcheck disable=SC2046,SC2086
ld3() { fit "ld3-$1-$2.safetensors" $(solver "$1") --nfe "$2" $learned; }
# shellcheck disable=SC2046
polished() {
    ld3 "$1" "$2"
    fit "polished-$1-$2.safetensors" $(solver "$1") --nfe "$2" --rounds 0,0 --heuristics logsnr \
        --start "$pieces/ld3-$1-$2.safetensors"
}
# shellcheck disable=SC2046,SC2086
generalized() {
    fit "generalized-$1.safetensors" $(solver "$1") --nfe "$(budgets "$1" generalized | tr ' ' ',')" $general
}
# shellcheck disable=SC2046
ggdm() { fit "ggdm-$1-$2.safetensors" $(solver "$1") --nfe "$2" --method ggdm --ggdm-iterations 50; }

# along SOLVER SCHEDULE NFE: prints the options by which ld3-sample follows a named discretization, or the schedule of a
# method, which is fitted now unless it was before.
along() {
    local steps=$3
    case $1 in heun | dpm-solver-2) steps=$(($3 / 2)) ;; esac
    case $2 in
        ld3 | polished | ggdm)
            "$2" "$1" "$3"
            echo "--schedule $pieces/$2-$1-$3.safetensors"
            ;;
        generalized)
            generalized "$1"
            echo "--schedule $pieces/generalized-$1.safetensors --nfe $3"
            ;;
        gits | dmn)
            baseline "$2"
            echo "$(solver "$1") --schedule $pieces/$2.safetensors --steps $steps"
            ;;
        ays)
            baseline ays "$steps"
            echo "$(solver "$1") --schedule $pieces/ays-$steps.txt --steps $steps"
            ;;
        *) echo "$(solver "$1") --schedule $2 --steps $steps" ;;
    esac
}

# measure PIECE OPTIONS...: solves the fresh seeds, or $input, by ld3-sample OPTIONS, and prints the RMSD to the teacher
# and the FD with a comma between.
measure() {
    local file=$pieces/$1.json
    shift
    piece "$file" measure_now "$@"
    local rmsd distance
    rmsd=$(member rmsd < "$file") distance=$(member distance < "$file")
    printf '%.4f,%.2f\n' "${rmsd:?is not in $file}" "${distance:?is not in $file}"
}
# shellcheck disable=SC2086
measure_now() {
    ld3-sample --quiet $threads "$@" < "${input:-$pieces/fresh.ld3}" \
        | ld3-fid --quiet $threads --reference mnist --json
}
# shellcheck disable=SC2046
cell() { measure "$1-$2-$3" $(along "$1" "$2" "$3"); }

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

# panels PANEL X SERIES VALUE [STRONG...]: prints tables for ld3-fid --chart, in which the STRONG series are emphasised.
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
