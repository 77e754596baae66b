"""What was asked: the settings, and how YAML becomes settings."""
