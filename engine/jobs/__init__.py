"""Long work in child processes: JSON lines on standard output, cancelled by SIGTERM."""
