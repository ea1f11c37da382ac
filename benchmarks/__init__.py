"""What produces the README's figures: ratios within one run on one machine."""
