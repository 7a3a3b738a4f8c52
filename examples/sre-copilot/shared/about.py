"""What every service says of itself at /health."""

VERSION = "1.0.0"
