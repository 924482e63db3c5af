"""Answer pictures on a SLURM cluster: jobs of Dask's workers, and the command that uses them.

    python slurm_predict.py 'archive/**/*.png' --output answers.parquet

What is behind the script's name goes to ``jarvis-stem predict``. Run it where jobs are submitted,
within tmux or itself as a job. After it was stopped, by whatever, run it again: it goes on. The
cluster's own settings (account, queue) are read from ~/.config/dask/jobqueue.yaml, as dask-jobqueue
does, or from the variables below.
"""

import os
import subprocess
import sys

from dask_jobqueue import SLURMCluster

JOBS = int(os.environ.get("JOBS", "4"))
CORES = int(os.environ.get("CORES", "16"))  # of a job: as many workers, of one thread each

if __name__ == "__main__":
    with SLURMCluster(
        cores=CORES,
        processes=CORES,
        memory=os.environ.get("MEMORY", f"{CORES} GB"),
        walltime=os.environ.get("WALLTIME", "04:00:00"),
        job_script_prologue=["export OMP_NUM_THREADS=1"],
        scheduler_options={"dashboard": False},
    ) as cluster:
        cluster.adapt(minimum_jobs=JOBS, maximum_jobs=JOBS)  # a job that ends is started again
        predict = [sys.executable, "-m", "jarvis_stem", "predict", *sys.argv[1:]]
        sys.exit(subprocess.run([*predict, "--scheduler", cluster.scheduler_address]).returncode)
