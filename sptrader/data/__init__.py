"""Market data at the door: files, checks, cleaning, resampling, samples, and where a component's data comes from."""
