"""Everything that touches files, processes, sockets and hardware."""
