# Reports on the embedded model. Scripts source this file after library.sh.
#
# report NAME: begins a script whose tables, data and plots are $out/NAME.md, .csv and .png. Sizes can be changed by
# PAIRS (half train, half validate), FRESH (seeds that no fit has seen) and THREADS; RESULTS is the folder. Pairs, fresh
# seeds, fits and measured cells that two scripts need are one piece for both.
report() {
    export LC_ALL=C
    number 2 PAIRS FRESH
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
