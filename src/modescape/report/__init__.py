"""The page: reads results only and writes one self-contained HTML file."""
