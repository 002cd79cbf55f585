"""Hidden checks of assignment 3."""

import numpy as np
import pytest
