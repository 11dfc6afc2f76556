"""From the YAML file to frozen `Settings`, or to every problem of it at once."""
