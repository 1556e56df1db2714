#!/bin/bash
# A Slurm array of eight shares of one run: sbatch slurm-array.sh
# When it is done: primacy run complexity --seeds 1000 --out runs/complexity
#SBATCH --job-name=primacy
#SBATCH --array=0-7
#SBATCH --cpus-per-task=4
#SBATCH --mem=4G
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@60

# exec: the signal reaches primacy, which leaves what is whole in the inbox.
exec primacy work complexity --seeds 1000 --out runs/complexity --shard "$SLURM_ARRAY_TASK_ID/8"
