"""Who runs the jobs: `local` in this process. An executor fills the store and returns nothing else."""
