"""Is a model good, better than another, and fit to serve?"""
