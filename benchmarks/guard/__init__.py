"""The guard of speed: a path of the engine that takes more than it did fails CI. See docs/speed-guard.md.

baseline.py, baseline_account.py   the frozen baseline: the same jobs in the plain way
workload.py   what is played, drawn from a seed
engine.py     the engine's side of each job
jobs.py       both sides of each, and what is counted of them
clock.py      what of a job is counted
worker.py     the process that is measured
measure.py    starting it, and reading what was counted
bounds.py     bounds.toml: what each path may take
__main__.py   the command
"""
