"""Imported first in the process that workers are forked from: loads what grading needs, once for all of them.

Workers share that memory, and start within milliseconds. One thread each: there are as many workers as processors.
"""

import gc
import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before NumPy reads them

import hypothesis  # noqa: F401
import pytest  # noqa: F401
import torch

import grader.batch.unit  # noqa: F401

torch.set_num_threads(1)
gc.collect()
gc.freeze()  # what is never collected is never written to, and stays shared
