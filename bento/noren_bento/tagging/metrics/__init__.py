"""What a model scores on its splits, with confidence intervals."""
