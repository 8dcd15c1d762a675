"""`make soak`: mixed load on two workers with a reload a minute, and a plot of what they take meanwhile."""
