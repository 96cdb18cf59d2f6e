#!/usr/bin/env bash
#SBATCH --job-name=loadgen
#SBATCH --array=0-3
#SBATCH --cpus-per-task=2
#SBATCH --time=00:10:00
#
# One client for each task of the array, all starting at the same time:
#
#   START=$(($(date +%s) + 120)) TARGET=server.example sbatch --export=ALL loadgen/deploy/slurm.sh --rate 50k -d 60s
#   loadgen merge results/*.json          # when all have ended
#
# The time until START must be enough for all tasks to be started; a task that comes late is told by `merge`.
set -euo pipefail

mkdir -p results
# Where there is no srun, as in a test of this script, the task is this process.
launcher=()
if command -v srun >/dev/null; then
    # From Slurm 22.05 on it does not take the number of cores over from the task.
    launcher=(srun --cpus-per-task="${SLURM_CPUS_PER_TASK:-2}")
fi
exec "${launcher[@]}" loadgen run "${TARGET:?the server, as a string binding}" "$@" \
    --start-at "${START:?when to start, in seconds since 1970}" \
    --agent "$SLURM_ARRAY_TASK_ID" \
    --out "results/$SLURM_ARRAY_TASK_ID.json" --quiet
