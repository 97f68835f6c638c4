"""What dynplan costs; docs/performance.md holds the figures and says how each is taken."""
