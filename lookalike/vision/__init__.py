"""Everything that needs torch or fastai: networks, weights, training data. Nothing outside imports them at its top."""

import os
import warnings

# Threads that wait for each other must sleep, not spin: on a machine that others use too, spinning made a training
# step ten times slower (two cores, three busy processes: 474 ms a photo against 46 to 73). Read when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# timm and fastai trip over torch's own deprecations while they are imported; users can do nothing about them.
warnings.filterwarnings("ignore", category=FutureWarning, module="torch.*")
