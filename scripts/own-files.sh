# How reproduce-pixel and reproduce-latent make one of the paper's tables from the user's own files. They source this file
# after library.sh, set the variables and functions that are named here, and call `reproduce`:
#
#   name, out                        the table, and the folder of its pieces
#   CHECKPOINT, INCEPTION, REFERENCE the model, the features and the statistics of the data
#   model, training, fresh           arrays: options of the model, and those of ld3-noise for pairs and for fresh seeds
#   solvers, budgets, schedules      rows and columns of the table; a solver has its order behind it: unipc-3
#   pairs, samples, block            numbers of pairs, of samples, and of samples in one piece of work
#   loss, passes                     options of ld3-fit, and its passes over the pairs, for the estimate
#   latent                           "yes" if samples are decoded to pictures
#   teaching NFE                     prints the options of the teacher for that budget, --nfe last
#   published SOLVER SCHEDULE        prints the paper's figures for all its budgets, if it has any
number 2 PAIRS SAMPLES
number 1 BLOCK
numbers BUDGETS
first=1000000 # the first fresh seed; fitting uses seeds from 0
inception="the weights of Inception-v3 for FID, pt_inception-2015-12-05-6726825d.pth"
inception_source=https://github.com/mseitzer/pytorch-fid/releases/tag/fid_weights

# need_loss: sets `loss` to $LOSS, or else to LPIPS-VGG. The latter needs two files.
need_loss() {
    # shellcheck disable=SC2206
    loss=(--loss ${LOSS:-lpips})
    if [ "${LOSS:-lpips}" != lpips ]; then return; fi
    need LPIPS "torchvision's VGG16, vgg16-397923af.pth" https://download.pytorch.org/models/vgg16-397923af.pth
    LPIPS_LINEAR=${LPIPS_LINEAR:-$(dirname "$LPIPS")/vgg.pth}
    need LPIPS_LINEAR "LPIPS' linear weights v0.1 for VGG, vgg.pth (looked for beside LPIPS)" \
        https://github.com/richzhang/PerceptualSimilarity/tree/master/lpips/weights/v0.1
    loss+=(--lpips-weights "$LPIPS" --lpips-linear "$LPIPS_LINEAR")
}

# noise OPTIONS...: draws noise for the model. Of the options in MODEL, ld3-noise takes those that name the file of the
# architecture or of the text encoder, and --weights.
# shellcheck disable=SC2086
noise() {
    local own=(--model "$CHECKPOINT") option= word
    for word in ${MODEL:-}; do
        case $word in --architecture=* | --text-encoder=* | --weights=*) own+=("$word") ;; esac
        case $option in --architecture | --text-encoder | --weights) own+=("$option" "$word") ;; esac
        option=$word
    done
    if [ -n "${NOISE:-}" ]; then own=($NOISE); fi
    ld3-noise "${own[@]}" "$@"
}
sample() { ld3-sample --quiet "${model[@]}" "$@"; }
# grade NFE: prints the evaluations of the teacher for that budget; pairs_for NFE the file of its pairs.
grade() {
    local options
    options=$(teaching "$1")
    echo "${options##*--nfe }"
}
pairs_for() { echo "$out/pairs-$(grade "$1").ld3"; }

# ---- how long it will take -------------------------------------------------------------------------------------------
probe() { noise "${fresh[@]}" -n "$1" | sample --schedule uniform --solver euler --nfe "$2" "${@:3}"; }
features() { ld3-fid --quiet --features "$INCEPTION" --statistics "$out/probe.npz" "$out/probe-$1"; }
# estimate: prints the time of the whole work. Two runs that differ in evaluations, in decoding, or in the number of
# samples give the time of one evaluation, of one picture and of one sample's features.
estimate() {
    local short long few many bare=0 whole=0 nfe
    probe 2 1 > "$out/probe-2"
    probe 10 1 > "$out/probe-10"
    few=$(clock features 2)
    many=$(clock features 10)
    short=$(clock probe 4 1)
    long=$(clock probe 4 9)
    if [ "$latent" = yes ]; then
        bare=$(clock probe 10 1 --latents)
        whole=$(clock probe 10 1)
    fi
    # A reference that does not belong to the features is refused now, not when all samples are done.
    ld3-fid --quiet --merge --features "$INCEPTION" --reference "$REFERENCE" "$out/probe.npz" > "$out/probe.txt"
    rm -f "$out"/probe*
    for nfe in $budgets; do echo "$nfe $(grade "$nfe")"; done > "$out/budgets.part.txt"
    awk -v short="$short" -v long="$long" -v few="$few" -v many="$many" -v bare="$bare" -v whole="$whole" \
        -v pairs="$pairs" -v samples="$samples" -v passes="$passes" -v solvers="$(set -- $solvers; echo $#)" \
        -v schedules="$(set -- $schedules; echo $#)" '
        { cells++; total += $1; if (!($2 in known)) { known[$2]; teacher += $2 } }
        END {
            second = (long > short ? long - short : long) / 32 / 1e9     # an evaluation of one sample
            picture = (whole > bare ? whole - bare : 0) / 10 / 1e9
            teach = teacher * pairs * second
            # Starts, passes, validations and the polish make about as many solves; a gradient counts as two.
            fit = solvers * (4 * passes + 24) * pairs / 2 * (total * second + cells * picture)
            draw = solvers * schedules * samples * (total * second + cells * picture)
            judge = solvers * schedules * cells * samples * (many > few ? (many - few) / 8 : many / 10) / 1e9
            printf "%.3f s an evaluation; teacher %s, fits about %s, samples %s, features %s: together %s\n", second,
                span(teach), span(fit), span(draw), span(judge), span(teach + fit + draw + judge)
        }
        function span(s) {
            if (s < 90) return sprintf("%.0f s", s)
            if (s < 5400) return sprintf("%.0f min", s / 60)
            return s < 172800 ? sprintf("%.1f h", s / 3600) : sprintf("%.1f days", s / 86400)
        }' "$out/budgets.part.txt"
    rm -f "$out/budgets.part.txt"
}

# ---- teacher and fits --------------------------------------------------------------------------------------------------
# shellcheck disable=SC2046
teach() { noise "${training[@]}" -n "$pairs" | ld3-teacher --quiet "${model[@]}" $(teaching "$1"); }
# fit NFE OPTIONS...
# shellcheck disable=SC2086
fit() { ld3-fit --quiet "${model[@]}" --nfe "$1" "${@:2}" < "$(pairs_for "${1%%,*}")"; }
# fitted SCHEDULE SOLVER NFE: writes the file of a schedule, if it must be fitted. GITS and DMN ask for no solver.
fitted() {
    case $1 in ld3 | gits | dmn) ;; *) return ;; esac
    say "the schedule $1 of $2, $3 evaluations"
    piece "$(pairs_for "$3")" teach "$3"
    case $1 in
        # shellcheck disable=SC2046,SC2086
        ld3) piece "$out/$2-$3.safetensors" fit "$3" $(solver "$2") "${loss[@]}" ${FIT:-} ;;
        gits | dmn) piece "$out/$1.safetensors" fit "$(echo $budgets | tr ' ' ,)" --solver ddim --method "$1" ;;
    esac
}

# ---- samples and distances ---------------------------------------------------------------------------------------------
# cell SOLVER SCHEDULE NFE: writes the distance. One file, sum-b.npz, holds the statistics of the first b blocks; the file
# before it is then removed. A run that was killed may have left files that are no longer needed.
cell() {
    local here="$out/$1-$2-$3" file=$2 steps=(--nfe "$3") blocks=$(((samples + block - 1) / block)) b from to
    case $2 in
        ld3) file="$out/$1-$3.safetensors" ;;
        gits | dmn) file="$out/$2.safetensors" steps=(--steps "$3") ;;
    esac
    rm -f "$here".block-*.npz
    for ((b = blocks; b > 0; b--)); do [ -s "$here.sum-$b.npz" ] && break; done
    if [ -s "$here.json" ]; then b=$blocks; fi
    for (( ; b < blocks; b++)); do
        from=$((first + b * block)) to=$((first + (b + 1) * block - 1))
        [ $to -lt $((first + samples)) ] || to=$((first + samples - 1))
        say "$1 $2 nfe $3: samples $((b * block)) of $samples"
        # shellcheck disable=SC2046
        noise "${fresh[@]}" --seeds "$from-$to" | sample --schedule "$file" $(solver "$1") "${steps[@]}" \
            | ld3-fid --quiet --features "$INCEPTION" --statistics "$here.block-$b.npz"
        if [ "$b" -gt 0 ]; then
            ld3-fid --quiet --merge --features "$INCEPTION" --statistics "$here.sum-$((b + 1)).npz" \
                "$here.sum-$b.npz" "$here.block-$b.npz"
        else
            mv "$here.block-0.npz" "$here.sum-1.npz"
        fi
        rm -f "$here.sum-$b.npz" "$here.block-$b.npz"
    done
    piece "$here.json" ld3-fid --quiet --merge --features "$INCEPTION" --reference "$REFERENCE" --json \
        "$here.sum-$blocks.npz"
    rm -f "$here".sum-*.npz
}

# table BUDGETS: prints the distances, and beneath a row the paper's figures, which are for BUDGETS.
table() {
    local solver schedule nfe figure
    printf '%-14s %-10s' solver schedule
    for nfe in $budgets; do printf ' %9s' "NFE $nfe"; done
    printf '\n'
    for solver in $solvers; do
        for schedule in $schedules; do
            printf '%-14s %-10s' "$solver" "$schedule"
            for nfe in $budgets; do printf ' %9.4g' "$(member distance < "$out/$solver-$schedule-$nfe.json")"; done
            printf '\n'
            if [ "$budgets" = "$1" ] && [ -n "$(published "$solver" "$schedule")" ]; then
                printf '%-14s %-10s' "" "paper"
                for figure in $(published "$solver" "$schedule"); do printf ' %9s' "$figure"; done
                printf '\n'
            fi
        done
    done
}

# check_cell SOLVER SCHEDULE NFE: ends the script if the programs refuse the options of that cell. A fit that takes its
# options finds that it has no pairs.
check_cell() {
    local errors
    case $2 in
        gits | dmn) ;;
        ld3)
            # shellcheck disable=SC2046,SC2086
            errors=$(ld3-fit --quiet "${model[@]}" --nfe "$3" $(solver "$1") "${loss[@]}" ${FIT:-} < /dev/null 2>&1) || true
            case $errors in *"standard input: is empty"*) ;; *) say "$errors" && exit 64 ;; esac
            ;;
        *)
            # shellcheck disable=SC2046
            noise "${fresh[@]}" -n 0 | sample --schedule "$2" $(solver "$1") --nfe "$3" > /dev/null || exit
            ;;
    esac
}

# reproduce BUDGETS: does all that is left of the work. BUDGETS are the paper's.
reproduce() {
    local solver nfe schedule answer
    # All that is named is opened for no sample, so that a wrong file is told before anything is written.
    noise "${training[@]}" -n 0 > /dev/null || exit
    noise "${fresh[@]}" -n 0 > /dev/null || exit
    noise "${fresh[@]}" -n 0 | sample --schedule uniform --solver euler --nfe 1 > /dev/null || exit
    for solver in $solvers; do
        for nfe in $budgets; do
            for schedule in $schedules; do check_cell "$solver" "$schedule" "$nfe"; done
        done
    done
    begin "$out" "$CHECKPOINT $INCEPTION $REFERENCE ${model[*]} ${training[*]} ${fresh[*]} ${loss[*]} pairs=$pairs \
samples=$samples block=$block ${FIT:-}"
    piece "$out/estimate.txt" estimate
    say "$name: $(cat "$out/estimate.txt") (the whole work on this machine; $out holds what is done)"
    if [ -t 0 ] && [ -z "${YES:-}" ]; then
        read -r -p "Go on? [y/N] " answer
        [ "$answer" = y ] || exit 0
    fi
    for solver in $solvers; do
        for nfe in $budgets; do
            for schedule in $schedules; do fitted "$schedule" "$solver" "$nfe"; done
        done
    done
    for solver in $solvers; do
        for nfe in $budgets; do
            for schedule in $schedules; do cell "$solver" "$schedule" "$nfe"; done
        done
    done
    rm -f "$out/table.txt"
    piece "$out/table.txt" table "$1"
    cat "$out/table.txt"
}
