"""Are the reasons true, quick and sure: the sample world's truth against what a user is told."""
