# Functions of the .sbatch scripts: an array whose tasks are shards, and a job that merges them. Sourced; the scripts set
# `work`, the words of scripts/shards that say what is done, and `folder`.

export LC_ALL=C
PATH=$PATH:$LD3/.build/release

lines() { "$LD3/scripts/shards" "${work[@]}" "$@"; }

# perform OPTIONS...: runs the lines that scripts/shards prints, each in a shell of its own.
perform() {
    local printed line
    printed=$(lines --threads "${SLURM_CPUS_PER_TASK:-1}" "$@")
    while IFS= read -r line; do
        if [ -n "$line" ]; then sh -c "$line" < /dev/null; fi
    done <<< "$printed"
}

# submit SCRIPT: submits an array of the shards whose files are not there, and a job that waits for it and merges. With
# WAIT=1 it returns when that job has ended, with its status.
submit() {
    local missing job after=() logs=(--chdir="$PWD" --output="$folder/log-%A-%a.txt")
    missing=$(lines --missing)
    if [ -n "$missing" ]; then
        job=$(sbatch --parsable "${logs[@]}" --array="$missing${JOBS:+%$JOBS}" "$1")
        after=(--dependency="afterok:${job%%;*}" --kill-on-invalid-dep=yes)
        echo "array ${job%%;*}: shards $missing"
    fi
    job=$(sbatch --parsable "${logs[@]}" "${after[@]}" --array=0 ${WAIT:+--wait} "$1" merge)
    echo "merge ${job%%;*}: $folder/log-${job%%;*}-0.txt"
}
