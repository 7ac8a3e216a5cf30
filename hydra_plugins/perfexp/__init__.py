"""Launchers: Slurm by submitit, Ray by its Hydra plugin; each returns one result a job."""
