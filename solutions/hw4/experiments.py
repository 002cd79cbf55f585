# %% tags=["script-only"]
from conv_kernels import *  # noqa: F403

# %% [markdown]
# # Experiments

# %% [markdown] points=82 task="why_columns"
# **Why do columns pay?**
#
# ### BEGIN SOLUTION
# One large product reuses what it has loaded.
# ### END SOLUTION
