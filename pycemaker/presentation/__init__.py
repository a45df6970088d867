"""How a reader sees a period: figures, tables, the display helpers of the cells."""
