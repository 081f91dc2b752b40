"""Everything that needs torch or fastai: networks, weights, training data. Nothing outside imports them at its top."""

import warnings

# timm and fastai trip over torch's own deprecations while they are imported; users can do nothing about them.
warnings.filterwarnings("ignore", category=FutureWarning, module="torch.*")
