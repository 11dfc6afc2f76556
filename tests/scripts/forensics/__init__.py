"""What the baseline before a change is made of."""
