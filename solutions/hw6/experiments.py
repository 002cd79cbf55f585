# %% [markdown]
# ## 10 · Experiments

# %% points=35 task="to_be_written"
### BEGIN SOLUTION
pass
### END SOLUTION
