"""Predictors that compute what scikit-learn computes, in numpy alone, from fitted state that travels as plain data."""
