# Functions of the .sbatch scripts: an array whose tasks are shards, and a job that merges them. Sourced; the scripts set
# `work`, the words of scripts/shards that say what is done, and `folder`.

export LC_ALL=C
PATH=$PATH:$LD3/.build/release

lines() { "$LD3/scripts/shards" "${work[@]}" "$@"; }

# perform OPTIONS...: runs the lines that scripts/shards prints. A file holds them, since the line that merges thousands of
# parts is too long for an argument.
perform() {
    local printed
    printed=$(lines --threads "${SLURM_CPUS_PER_TASK:-1}" "$@")
    sh -e <(printf '%s\n' "$printed") < /dev/null
}

# blocks LIMIT: reads ranges of shards, such as 3,1001-1003, and prints a line for every array, whose tasks are numbered
# from 0 to LIMIT - 1: the shard of task 0, and the tasks.
blocks() {
    tr , '\n' | awk -F- -v limit="$1" '
        NF {
            for (low = $1 + 0; low <= $NF + 0; low = high + 1) {
                start = int(low / limit) * limit
                high = start + limit <= $NF + 0 ? start + limit - 1 : $NF + 0
                if (tasks != "" && start != first) { print first, tasks; tasks = "" }
                first = start
                tasks = tasks (tasks != "" ? "," : "") low - start (high > low ? "-" high - start : "")
            }
        }
        END { if (tasks != "") print first, tasks }'
}

# submit SCRIPT: submits arrays of the shards whose files are not there, one unless they are more than an array may have,
# and a job that waits for their end and merges, or names the shards that failed. With WAIT=1 it returns when that job has
# ended, with its status. JOBS tasks run at a time, so with JOBS an array waits for the one before it.
submit() {
    local limit missing arrays start tasks job="" all="" after=() status=0
    local options=(--parsable --export=ALL --chdir="$PWD" --output="${folder//%/%%}/log-%A-%a.txt"
        ${THREADS:+--cpus-per-task="$THREADS"})
    limit=$(scontrol show config | awk '$1 == "MaxArraySize" { print $3 }')
    missing=$(lines --missing)
    arrays=$(blocks "${limit:-1001}" <<< "$missing")
    while read -r start tasks; do
        if [ -z "$tasks" ]; then continue; fi
        if [ -n "$JOBS" ] && [ -n "$job" ]; then after=(--dependency="afterany:$job"); fi
        job=$(FIRST=$start sbatch "${options[@]}" "${after[@]}" --array="$tasks${JOBS:+%$JOBS}" "$1")
        job=${job%%;*} all=$all:${job%%;*}
        echo "array $job: tasks $tasks; task 0 is shard $start"
    done <<< "$arrays"
    job=$(sbatch "${options[@]}" ${all:+--dependency="afterany$all"} --array=0 ${WAIT:+--wait} "$1" merge) || status=$?
    [ -z "$job" ] || echo "merge ${job%%;*}: $folder/log-${job%%;*}-0.txt"
    return $status
}
