"""The emitter: a `Plan` in, the text of one sbatch script out."""
