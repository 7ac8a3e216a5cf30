"""Hydra plugins: the sweeper, and launchers for Slurm (submitit) and Ray (its Hydra plugin)."""
