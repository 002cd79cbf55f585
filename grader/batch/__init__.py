"""Many submissions: on all cores of this machine, or on a Dask cluster; results are kept as they come.

The unit of work is pure, assignment version + submission bytes → report (`unit`); `crew` hands units to workers and
gives those of a dead one to another; `pool` and `cluster` are such workers; `store` keeps results; `course` ties it up.
"""
