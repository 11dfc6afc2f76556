"""What scripts/fase_0_5_forensic_canonical.sh makes of what it collected: redacted, indexed, in a folder."""
