"""Where a version comes from: git, the notebook and its cells, the machine, who."""
