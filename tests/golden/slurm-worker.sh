#!/usr/bin/env bash

#SBATCH -J primacy
#SBATCH -e logs/primacy-%J.err
#SBATCH -o logs/primacy-%J.out
#SBATCH -n 1
#SBATCH --cpus-per-task=1
#SBATCH --mem=4G
#SBATCH -t 04:00:00

PYTHON -m distributed.cli.dask_worker tls://HOST:PORT --name dummy-name --nthreads 1 --memory-limit 3.73GiB --nanny --death-timeout 60 --protocol tls://
