"""Making and sharing models: calibrate, export, publish, import, choose the default."""
