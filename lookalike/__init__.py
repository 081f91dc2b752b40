"""From a few names to a working image classifier you can share."""

import os

__version__ = "0.1.0"

# onnxruntime 1.32 keeps a device id in the home folder and tells its maker how it is used, unless told not to.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
