"""dynplan: compile TOML roles into a placement plan and one self-contained sbatch script."""

__version__ = "0.1.0"
