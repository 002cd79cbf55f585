# %% tags=["script-only"]
from conv_kernels import *  # noqa: F403

# %% [markdown]
# # Experiments

# %% [markdown] points=82 task="why_columns"
# **Why do columns pay?**
#
# YOUR ANSWER HERE
